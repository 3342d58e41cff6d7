"""Codes of messages in the book: keyed hashes, in the cell of the code's hash, for whoever asks names nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mingqu.domain.identifier import cell_of_slot
from mingqu.domain.message_code import KEPT_FOR, MessageAbout
from mingqu.domain.personal import Personal
from mingqu.store.people.instrument import slot_of_hash
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

SWEEP_ROWS_MAX: Final = 5_000  # of one transaction: some ten milliseconds
_CODE: Final = "message_code"
_PHONE: Final = "message_phone"  # hashed apart from logins and signals, so that no two tables can be joined by it


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """What is kept of a message: when, about what, and the keyed hash of where to."""

    sent_at: datetime
    about: MessageAbout
    phone_hash: bytes

    def went_to(self, *, keyring: Keyring, phone: Personal[str]) -> bool:
        """Return whether the message went to a phone."""
        return self.phone_hash == keyring.lookup_hash(kind=_PHONE, value=phone)


def digest_of(*, keyring: Keyring, number: str) -> bytes:
    """Return the keyed digest from which the code of a message with this number follows."""
    return keyring.lookup_hash(kind="message_number", value=Personal(number))


def keep(
    tx: Transaction,
    *,
    keyring: Keyring,
    code: Personal[str],
    about: MessageAbout,
    phone: Personal[str],
    at: datetime,
) -> None:
    """Keep the code of a message before it is sent; the same again changes nothing."""
    code_hash = keyring.lookup_hash(kind=_CODE, value=code)
    tx.execute(
        """
        INSERT INTO message_code (cell, code_hash, sent_at, about, phone_hash) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (cell, code_hash) DO NOTHING
        """,
        (_cell(tx, code_hash), code_hash, at, about.value, keyring.lookup_hash(kind=_PHONE, value=phone)),
    )


def find(tx: Transaction, *, keyring: Keyring, code: Personal[str], at: datetime) -> SentMessage | None:
    """Return the message that carries a code, or None when none of the last ninety days does."""
    code_hash = keyring.lookup_hash(kind=_CODE, value=code)
    row = tx.execute(
        "SELECT sent_at, about, phone_hash FROM message_code WHERE cell = %s AND code_hash = %s AND sent_at > %s",
        (_cell(tx, code_hash), code_hash, at - KEPT_FOR),
    ).fetchone()
    if row is None:
        return None
    return SentMessage(sent_at=row[0], about=MessageAbout(row[1]), phone_hash=bytes(row[2]))


def sweep(tx: Transaction, *, cell: int, now: datetime) -> int:
    """Delete codes that are answered no more, at most SWEEP_ROWS_MAX of them; return how many."""
    return tx.execute(
        """
        DELETE FROM message_code WHERE cell = %(cell)s AND ctid = ANY (ARRAY(
            SELECT ctid FROM message_code WHERE cell = %(cell)s AND sent_at <= %(before)s LIMIT %(limit)s))
        """,
        {"cell": cell, "before": now - KEPT_FOR, "limit": SWEEP_ROWS_MAX},
    ).rowcount


def _cell(tx: Transaction, code_hash: bytes) -> int:
    return cell_of_slot(slot_of_hash(code_hash), cells=tx.cells)


def forget(tx: Transaction, *, keyring: Keyring, phone: Personal[str]) -> None:
    """Forget what was sent to a phone: part of an erasure. It reads the table whole, once for an erasure."""
    tx.execute("DELETE FROM message_code WHERE phone_hash = %s", (keyring.lookup_hash(kind=_PHONE, value=phone),))
