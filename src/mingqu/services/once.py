"""A command is carried out once, however often it is sent: its key and its effect are one transaction.

`once` is for what one transaction does. What needs several (a channel is asked in between) takes `once_done`: it is
carried out again until it ended well, so it must do no harm when it is done again, and from then on it is remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.identifier import dated
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.server import idempotency
from mingqu.store.server.database import DatabaseUnavailable as DatabaseUnavailable
from mingqu.store.server.database import Transaction
from mingqu.store.server.idempotency import KEY_LENGTH_MAX as KEY_LENGTH_MAX
from mingqu.store.server.idempotency import Claim as Claim
from mingqu.store.server.idempotency import IdempotencyKeyBusy as IdempotencyKeyBusy
from mingqu.store.server.idempotency import IdempotencyKeyMalformed as IdempotencyKeyMalformed
from mingqu.store.server.idempotency import IdempotencyKeyReused as IdempotencyKeyReused

Response = dict[str, object]
_NO_DAY: Final = date(1970, 1, 1)  # an id made of a key must not depend on when the key was sent


def once(
    house: House,
    *,
    person_id: UUID,
    command: str,
    key: str,
    request: Mapping[str, Canonical],
    work: Callable[[Transaction], Response | Refusal],
) -> Response:
    """Carry out `work` under the lock of the person's cell, or return what it answered the first time.

    `key` is the caller's, one for each command it means; `request` is what the caller sent, by which the same
    key with another body is told apart. `work` gets the transaction and returns the response; a refusal that it raises
    changes nothing, one that it returns is raised once what it wrote stands (a wrong code counts), its key free again.
    Errors: IdempotencyKeyReused, IdempotencyKeyBusy, and those of `work`.
    """
    body_hash = hashlib.sha256(canonical({"command": command, "request": dict(request)})).digest()

    def carry_out(tx: Transaction) -> Response | Refusal:
        cell = tx.cell_of(person_id)
        replay = idempotency.begin(tx, cell=cell, caller=person_id.hex, key=key, body_hash=body_hash)
        if replay is not None:
            return replay.response
        tx.lock_cell(cell)
        response = work(tx)
        if isinstance(response, Refusal):
            idempotency.forget(tx, cell=cell, caller=person_id.hex, key=key)
        else:
            idempotency.finish(tx, cell=cell, caller=person_id.hex, key=key, response=response)
        return response

    ended = house.database.run(carry_out)
    if isinstance(ended, Refusal):
        raise ended
    return ended


def once_done(
    house: House,
    *,
    scope: UUID,
    command: str,
    key: str,
    request: Mapping[str, Canonical],
    act: Callable[[], Response],
) -> Response:
    """Carry out `act`, which makes transactions of its own, or return what it answered when it ended well.

    `scope` is whose key it is, a person or a session. `request` may hold personal data: only its keyed hash is kept,
    and `act` returns none. Errors: IdempotencyKeyReused, IdempotencyKeyBusy, and those of `act`, which are not kept.
    """
    body_hash = claim_of(house, scope=scope, command=command, key=key, request=request).body_hash
    with house.database.transaction() as tx:
        replay = idempotency.begin(tx, cell=tx.cell_of(scope), caller=scope.hex, key=key, body_hash=body_hash)
    if replay is not None:
        return replay.response
    response = act()

    def remember(tx: Transaction) -> Response:
        cell = tx.cell_of(scope)
        replay = idempotency.begin(tx, cell=cell, caller=scope.hex, key=key, body_hash=body_hash)
        if replay is not None:
            return replay.response
        idempotency.finish(tx, cell=cell, caller=scope.hex, key=key, response=response)
        return response

    return house.database.run(remember)


def claim_of(house: House, *, scope: UUID, command: str, key: str, request: Mapping[str, Canonical]) -> Claim:
    """Return the claim of a command that looks at its key and answers it in transactions of its own.

    `request` may hold personal data: only its keyed hash is kept.
    """
    written = canonical({"command": command, "request": dict(request)}).decode()
    body_hash = house.keyring.lookup_hash(kind="request", value=Personal(written))
    return Claim(caller=scope.hex, key=key, body_hash=body_hash)


def id_of_key(*, scope: UUID, command: str, key: str) -> UUID:
    """Return the id that a key stands for: the same each time it is sent, in the slot of `scope`."""
    return dated(scope, on=_NO_DAY, purpose=f"{command} {key}")
