"""Idempotency: the same request with the same key is answered once, and answered the same for ever.

The key, the hash of the request's body and the response are written in the transaction of the effect,
so that either all of them are there or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from psycopg import errors
from psycopg.types.json import Jsonb

from mingqu.domain.refusal import Refusal
from mingqu.store.database import Transaction

KEY_LENGTH_MAX: Final = 255
# Longer than any use case holds its transaction.
_RETRY_AFTER_SECONDS: Final = 1


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


def begin(tx: Transaction, *, cell: int, caller: str, key: str, body_hash: bytes) -> Replay | None:
    """Claim a key of a caller, or return the response it was answered with before.

    None means: the key is new, do the work, then call `finish`. Call it first in the transaction, also
    before the cell's lock, so that a second request hears "busy" and does not queue.

    Errors: IdempotencyKeyMalformed, IdempotencyKeyReused (another body), IdempotencyKeyBusy (the first
    request is still running); the transaction must be rolled back then.
    """
    if not 1 <= len(key) <= KEY_LENGTH_MAX or "\x00" in key:
        raise IdempotencyKeyMalformed(f"An idempotency key has 1 to {KEY_LENGTH_MAX} characters.")
    try:
        row = tx.execute(
            "SELECT is_new, body_hash, response FROM claim_idempotency_key(%s::smallint, %s, %s, %s)",
            (cell, caller, key, body_hash),
        ).fetchone()
    except errors.LockNotAvailable as error:
        raise IdempotencyKeyBusy(
            "A request with this idempotency key is still running.", retry_after_seconds=_RETRY_AFTER_SECONDS
        ) from error
    assert row is not None
    is_new, hash_before, response = row
    if is_new:
        return None
    if hash_before != body_hash:
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
