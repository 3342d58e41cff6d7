"""A command is carried out once, however often it is sent: its key and its effect are one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.services.house import House
from mingqu.store import idempotency
from mingqu.store.database import Transaction

Response = dict[str, object]


def once(
    house: House,
    *,
    person_id: UUID,
    command: str,
    key: str,
    request: Mapping[str, Canonical],
    work: Callable[[Transaction], Response],
) -> Response:
    """Carry out `work` under the lock of the person's cell, or return what it answered the first time.

    `key` is the caller's, one for each command it means; `request` is what the caller sent, by which the same
    key with another body is told apart. `work` gets the transaction and returns the response.
    Errors: IdempotencyKeyReused, IdempotencyKeyBusy, and those of `work`, after which nothing has changed.
    """
    body_hash = hashlib.sha256(canonical({"command": command, "request": dict(request)})).digest()

    def carry_out(tx: Transaction) -> Response:
        cell = tx.cell_of(person_id)
        replay = idempotency.begin(tx, cell=cell, caller=person_id.hex, key=key, body_hash=body_hash)
        if replay is not None:
            return replay.response
        tx.lock_cell(cell)
        response = work(tx)
        idempotency.finish(tx, cell=cell, caller=person_id.hex, key=key, response=response)
        return response

    return house.database.run(carry_out)
