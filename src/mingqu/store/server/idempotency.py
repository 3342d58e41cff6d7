"""Idempotency: the same request with the same key is answered once, and answered the same for ever.

The key, the hash of the request's body and the response are written in the transaction of the effect,
so that either all of them are there or none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import errors
from psycopg.types.json import Jsonb

from mingqu.domain.refusal import Refusal
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

KEY_LENGTH_MAX: Final = 255
# Longer than any use case holds its transaction.
_RETRY_AFTER_SECONDS: Final = 1

BUSY: Final = (errors.LockNotAvailable,)
_CLAIM: Final = """
    SELECT c.is_new, c.body_hash = k.body_hash
    FROM unnest($2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY AS k (caller, key, body_hash, place)
    CROSS JOIN LATERAL claim_idempotency_key($1::smallint, k.caller, k.key, k.body_hash) AS c
    ORDER BY k.place"""
_LOOK_UP: Final = """
    SELECT body_hash, response FROM idempotency
    WHERE cell = $1::smallint AND caller = $2::text AND key = $3::text"""
_FINISH: Final = """
    UPDATE idempotency AS i SET response = k.response::jsonb
    FROM unnest($2::text[], $3::text[], $4::text[]) AS k (caller, key, response)
    WHERE i.cell = $1::smallint AND i.caller = k.caller AND i.key = k.key AND i.response IS NULL"""


class IdempotencyKeyMalformed(Refusal):
    """A key has 1 to 255 characters."""

    code = "idempotency_key_malformed"


class IdempotencyKeyReused(Refusal):
    """The key came with another request before: take a new key for a new request."""

    code = "idempotency_key_reused"
    status = 422


class IdempotencyKeyBusy(Refusal):
    """A request with this key is still running: ask again after `retry_after_seconds`."""

    code = "idempotency_key_busy"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The request was answered before, with this response."""

    response: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A caller's key, and the hash of what came with it."""

    caller: str
    key: str
    body_hash: bytes


def is_well_formed(key: str) -> bool:
    """Return whether a text can be a key."""
    return 1 <= len(key) <= KEY_LENGTH_MAX and "\x00" not in key


def claimed(*, cell: int, claims: Sequence[Claim]) -> Statement:
    """Return the statement that claims several keys at once, each another one; `news_in` reads its answer.

    It fails with one of BUSY if one of them is claimed by somebody else at this moment.
    """
    callers, keys = [claim.caller for claim in claims], [claim.key for claim in claims]
    assert len(set(zip(callers, keys, strict=True))) == len(claims)
    hashes = column.of_bytes_or_nulls([claim.body_hash for claim in claims])
    texts = (column.of_texts_or_nulls(callers), column.of_texts_or_nulls(keys))
    return Statement(_CLAIM, (column.smallint(cell), *(each.packed for each in texts), hashes.packed))


def news_in(answer: Answer) -> list[bool | None]:
    """Return of each claim whether its key is new; None if it came with something else before."""
    return [True if is_new else (False if same else None) for is_new, same in answer]


def finished(*, cell: int, claims: Sequence[Claim], responses: Sequence[dict[str, object]]) -> Statement:
    """Return the statement that keeps the responses to keys claimed in this transaction, as `finish` does."""
    values = (
        column.of_texts_or_nulls([claim.caller for claim in claims]),
        column.of_texts_or_nulls([claim.key for claim in claims]),
        column.of_texts_or_nulls([json.dumps(response) for response in responses]),
    )
    return Statement(_FINISH, (column.smallint(cell), *(each.packed for each in values)))


def begin(tx: Transaction, *, cell: int, caller: str, key: str, body_hash: bytes) -> Replay | None:
    """Claim a key of a caller, or return the response it was answered with before.

    None means: the key is new, do the work, then call `finish`. Call it first in the transaction, also
    before the cell's lock, so that a second request hears "busy" and does not queue.

    Errors: IdempotencyKeyMalformed, IdempotencyKeyReused (another body), IdempotencyKeyBusy (the first
    request is still running); the transaction must be rolled back then.
    """
    if not is_well_formed(key):
        raise IdempotencyKeyMalformed(f"An idempotency key has 1 to {KEY_LENGTH_MAX} characters.")
    try:
        row = tx.execute(
            "SELECT is_new, body_hash, response FROM claim_idempotency_key(%s::smallint, %s, %s, %s)",
            (cell, caller, key, body_hash),
        ).fetchone()
    except BUSY as error:
        raise still_running() from error
    assert row is not None
    is_new, hash_before, response = row
    if is_new:
        return None
    if hash_before != body_hash:
        raise IdempotencyKeyReused("This idempotency key came with another request before.")
    assert response is not None, "a key was committed without its response"
    return Replay(response=response)


def still_running() -> IdempotencyKeyBusy:
    """Return what a caller hears whose key is claimed by somebody else at this moment."""
    return IdempotencyKeyBusy(
        "A request with this idempotency key is still running.", retry_after_seconds=_RETRY_AFTER_SECONDS
    )


def looked_up(*, cell: int, claim: Claim) -> Statement:
    """Return the statement that asks whether a key was answered, without claiming it; `replay_in` reads its answer.

    Errors: IdempotencyKeyMalformed.
    """
    if not is_well_formed(claim.key):
        raise IdempotencyKeyMalformed(f"An idempotency key has 1 to {KEY_LENGTH_MAX} characters.")
    return Statement(_LOOK_UP, (column.smallint(cell), claim.caller.encode(), claim.key.encode()))


def replay_in(answer: Answer, *, claim: Claim) -> Replay | None:
    """Return what a key was answered with, or None when it is new. Errors: IdempotencyKeyReused."""
    row = answer.fetchone()
    if row is None:
        return None
    hash_before, response = row
    if bytes(hash_before) != claim.body_hash:
        raise IdempotencyKeyReused("This idempotency key came with another request before.")
    assert response is not None, "a key was committed without its response"
    return Replay(response=response)


def finish(tx: Transaction, *, cell: int, caller: str, key: str, response: dict[str, object]) -> None:
    """Keep the response of the request that claimed the key in this transaction.

    The response holds identifiers and numbers, not personal data: it is kept as long as the money.
    """
    found = tx.execute(
        "UPDATE idempotency SET response = %s WHERE cell = %s AND caller = %s AND key = %s AND response IS NULL",
        (Jsonb(response), cell, caller, key),
    )
    assert found.rowcount == 1, "only the request that claimed a key finishes it, once"


def forget(tx: Transaction, *, cell: int, caller: str, key: str) -> None:
    """Give up a key claimed in this transaction: what it was claimed for was refused, and may be tried again."""
    tx.execute(
        "DELETE FROM idempotency WHERE cell = %s AND caller = %s AND key = %s AND response IS NULL",
        (cell, caller, key),
    )
