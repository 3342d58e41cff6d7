"""One-time codes in the book: the last one for each phone and purpose, known by keyed hashes only.

The row lies in the cell of the phone's hash, for at the first sign-in there is no person yet. Take it after any
cell's lock, so that two transactions never wait for each other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from mingqu.domain import one_time_code
from mingqu.domain.identifier import cell_of_slot
from mingqu.domain.one_time_code import CodeMissing, CodePurpose, OneTimeCode
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.people.instrument import slot_of_hash
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_PHONE: Final = "code_phone"


def issue(
    tx: Transaction,
    *,
    keyring: Keyring,
    phone: Personal[str],
    purpose: CodePurpose,
    digits: Personal[str],
    at: datetime,
    subject: str = "",
) -> OneTimeCode:
    """Store a new code in place of the last one; commit before it is sent.

    `subject` names the one thing that the code is for, if there is one: no other code opens it, and it opens nothing
    else. Errors: CodeTooSoon, CodeSendsExhausted.
    """
    phone_hash = keyring.lookup_hash(kind=_PHONE, value=phone)
    code = one_time_code.issue(
        previous=_load(tx, phone_hash=phone_hash, purpose=purpose),
        code_hash=_code_hash(keyring, phone=phone, purpose=purpose, digits=digits, subject=subject),
        at=at,
    )
    stored = tx.execute(
        """
        INSERT INTO one_time_code
            (cell, phone_hash, purpose, code_hash, sent_at, tries, used_at, day_began_at, day_sends)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (cell, phone_hash, purpose) DO UPDATE SET
            code_hash = EXCLUDED.code_hash, sent_at = EXCLUDED.sent_at, tries = EXCLUDED.tries,
            used_at = EXCLUDED.used_at, day_began_at = EXCLUDED.day_began_at, day_sends = EXCLUDED.day_sends
        -- Of two first requests at the same moment, the second finds the first here and changes nothing.
        WHERE one_time_code.sent_at <= EXCLUDED.sent_at - %s * interval '1 second'
        """,
        (
            _cell(tx, phone_hash),
            phone_hash,
            purpose.value,
            code.code_hash,
            code.sent_at,
            code.tries,
            code.used_at,
            code.day_began_at,
            code.day_sends,
            one_time_code.RESEND_SECONDS_MIN,
        ),
    )
    if stored.rowcount == 0:
        raise one_time_code.CodeTooSoon(
            "A code is on its way: ask for another in a minute.",
            retry_after_seconds=one_time_code.RESEND_SECONDS_MIN,
        )
    return code


def attempt(
    tx: Transaction,
    *,
    keyring: Keyring,
    phone: Personal[str],
    purpose: CodePurpose,
    digits: Personal[str],
    at: datetime,
    subject: str = "",
) -> Refusal | None:
    """Try the digits and return the refusal, or None when they are right, now used up.

    The caller commits in either case and raises the refusal afterwards: a wrong try counts.
    Refusals: CodeMissing, CodeUsed, CodeTriesExhausted, CodeExpired, CodeWrong (details: tries_left).
    """
    phone_hash = keyring.lookup_hash(kind=_PHONE, value=phone)
    code = _load(tx, phone_hash=phone_hash, purpose=purpose)
    if code is None:
        return CodeMissing("No code was sent to this phone: ask for one.")
    given_hash = _code_hash(keyring, phone=phone, purpose=purpose, digits=digits, subject=subject)
    verdict = one_time_code.attempt(code=code, given_hash=given_hash, at=at)
    tx.execute(
        """
        UPDATE one_time_code SET tries = %s, used_at = %s WHERE cell = %s AND phone_hash = %s AND purpose = %s
        """,
        (verdict.code.tries, verdict.code.used_at, _cell(tx, phone_hash), phone_hash, purpose.value),
    )
    return verdict.refusal


def forget(tx: Transaction, *, keyring: Keyring, phone: Personal[str]) -> None:
    """Forget every code that was sent to a phone: part of an erasure."""
    phone_hash = keyring.lookup_hash(kind=_PHONE, value=phone)
    tx.execute("DELETE FROM one_time_code WHERE cell = %s AND phone_hash = %s", (_cell(tx, phone_hash), phone_hash))


def _load(tx: Transaction, *, phone_hash: bytes, purpose: CodePurpose) -> OneTimeCode | None:
    row = tx.execute(
        """
        SELECT code_hash, sent_at, tries, used_at, day_began_at, day_sends FROM one_time_code
        WHERE cell = %s AND phone_hash = %s AND purpose = %s FOR UPDATE
        """,
        (_cell(tx, phone_hash), phone_hash, purpose.value),
    ).fetchone()
    if row is None:
        return None
    return OneTimeCode(
        code_hash=bytes(row[0]), sent_at=row[1], tries=row[2], used_at=row[3], day_began_at=row[4], day_sends=row[5]
    )


def _cell(tx: Transaction, phone_hash: bytes) -> int:
    return cell_of_slot(slot_of_hash(phone_hash), cells=tx.cells)


def _code_hash(
    keyring: Keyring, *, phone: Personal[str], purpose: CodePurpose, digits: Personal[str], subject: str
) -> bytes:
    # The phone is part of the hash: equal digits of two phones look different.
    parts = (phone.reveal(), digits.reveal().strip(), *([subject] if subject else []))
    value = Personal("/".join(parts))
    return keyring.lookup_hash(kind=f"code/{purpose.value}", value=value)
