"""What an erasure touches beyond the vault: codes sent to a phone, tries of a card; and erasures that wait."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.domain.personal import Personal
from mingqu.store.messages import message_code
from mingqu.store.people import instrument, one_time_code
from mingqu.store.purposes.purpose import CAME_BACK
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

ERASE: Final = "erase_person"  # the kind of work that waits until the law lets go
WITHDRAWN: Final = "data.erasure_withdrawn"  # the template by which somebody hears that their wish is gone


def waiting_until(tx: Transaction, *, person_id: UUID) -> datetime | None:
    """Return when a person who asked for it will be erased, or None if nobody asked."""
    row = tx.execute(
        "SELECT run_at FROM work WHERE cell = %s AND kind = %s AND subject_id = %s AND done_at IS NULL LIMIT 1",
        (tx.cell_of(person_id), ERASE, person_id),
    ).fetchone()
    return None if row is None else row[0]


def withdraw(tx: Transaction, *, person_id: UUID) -> bool:
    """Take a wish to be erased back, and return whether there was one. The caller holds the cell's lock."""
    gone = tx.execute(
        "DELETE FROM work WHERE cell = %s AND kind = %s AND subject_id = %s AND done_at IS NULL",
        (tx.cell_of(person_id), ERASE, person_id),
    )
    return gone.rowcount > 0


def last_business_on(tx: Transaction, *, person_id: UUID) -> date | None:
    """Return the last day on which money of a person moved or was booked, or None if none ever was."""
    row = tx.execute(
        """SELECT greatest(
               (SELECT max(value_date) FROM channel_order
                WHERE cell = %(cell)s AND person_id = %(person)s AND state = 'PAID'),
               (SELECT max(e.posted_on) FROM loan l JOIN loan_event e ON e.cell = l.cell AND e.loan_id = l.loan_id
                WHERE l.cell = %(cell)s AND l.person_id = %(person)s),
               (SELECT max(e.on_date) FROM spend_account a
                JOIN spend_event e ON e.cell = a.cell AND e.account_id = a.account_id
                WHERE a.cell = %(cell)s AND a.person_id = %(person)s))""",
        {"cell": tx.cell_of(person_id), "person": person_id},
    ).fetchone()
    last: date | None = None if row is None else row[0]
    return last


def has_holds(tx: Transaction, *, person_id: UUID) -> bool:
    """Return whether something is held on a person's limits or on a card of theirs whose money has a purpose."""
    row = tx.execute(
        """SELECT FROM account WHERE cell = %(cell)s AND debits_pending_fen + credits_pending_fen > 0
           AND owner IN (SELECT card_id FROM purpose_card WHERE cell = %(cell)s AND person_id = %(person)s
                         UNION ALL SELECT %(person)s) LIMIT 1""",
        {"cell": tx.cell_of(person_id), "person": person_id},
    )
    return row.fetchone() is not None


def has_unspent(tx: Transaction, *, person_id: UUID) -> bool:
    """Return whether money with a purpose lies unspent on a card of a person; what came back lies on none."""
    row = tx.execute(
        """SELECT FROM purpose_card c JOIN account a ON a.cell = c.cell AND a.owner = c.card_id AND a.code = %s
           WHERE c.cell = %s AND c.person_id = %s AND c.frozen_for IS DISTINCT FROM %s
             AND a.credits_posted_fen > a.debits_posted_fen LIMIT 1""",
        (int(AccountCode.PURPOSE_AVAILABLE), tx.cell_of(person_id), person_id, CAME_BACK),
    )
    return row.fetchone() is not None


def has_disputes(tx: Transaction, *, person_id: UUID) -> bool:
    """Return whether a channel said of an order of a person what cannot be, and nobody has decided."""
    row = tx.execute(
        """SELECT FROM channel_order WHERE cell = %s AND person_id = %s AND conflict_code IS NOT NULL
           AND decided_at IS NULL LIMIT 1""",
        (tx.cell_of(person_id), person_id),
    )
    return row.fetchone() is not None


def has_grievances(tx: Transaction, *, person_id: UUID) -> bool:
    """Return whether a complaint or a dispute that a person raised waits for its answer."""
    row = tx.execute(
        "SELECT FROM grievance WHERE cell = %s AND person_id = %s AND answered_at IS NULL LIMIT 1",
        (tx.cell_of(person_id), person_id),
    )
    return row.fetchone() is not None


def forget_traces(
    tx: Transaction, *, keyring: Keyring, phone: Personal[str] | None, card_numbers: list[Personal[str]]
) -> None:
    """Forget keyed hashes that lie with nobody: of the phone that codes went to, of cards that were tried."""
    if phone is not None:
        one_time_code.forget(tx, keyring=keyring, phone=phone)
        message_code.forget(tx, keyring=keyring, phone=phone)
    for number in card_numbers:
        instrument.forget_attempts(tx, keyring=keyring, number=number)


def events_of(tx: Transaction, *, person_id: UUID) -> list[tuple[UUID, str, str, int | None]]:
    """Return what happened to a person's loans, in order: loan, kind, value date, amount in fen where it has one."""
    rows = tx.execute(
        """SELECT e.loan_id, e.kind, e.value_date::text, e.amount_fen FROM loan_event e
           JOIN loan l ON l.cell = e.cell AND l.loan_id = e.loan_id
           WHERE l.cell = %s AND l.person_id = %s ORDER BY e.loan_id, e.value_date, e.event_id""",
        (tx.cell_of(person_id), person_id),
    )
    return list(rows.fetchall())


def decisions_of(tx: Transaction, *, person_id: UUID) -> list[bytes]:
    """Return the records of a person's decisions in their canonical bytes, the oldest first."""
    rows = tx.execute(
        "SELECT record FROM decision WHERE cell = %s AND person_id = %s ORDER BY decided_at",
        (tx.cell_of(person_id), person_id),
    )
    return [bytes(record) for (record,) in rows]


def contracts_of(tx: Transaction, *, person_id: UUID) -> list[tuple[UUID, bytes, datetime]]:
    """Return a person's contracts: id, canonical bytes, when it was signed."""
    rows = tx.execute(
        "SELECT contract_id, body, signed_at FROM contract WHERE cell = %s AND person_id = %s ORDER BY signed_at",
        (tx.cell_of(person_id), person_id),
    )
    return [(contract_id, bytes(body), signed_at) for contract_id, body, signed_at in rows]
