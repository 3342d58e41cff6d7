"""Referrals to banks at rest. The caller holds the lock of the person's cell for every write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from mingqu.domain.cash_advance import Referral, ReferralState, Repayment, Wish
from mingqu.domain.evidence import LeafKind
from mingqu.domain.ownership import NotFound
from mingqu.store import evidence
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

REFERRALS_SHOWN_MAX: Final = 200  # of a person, or of the house on one page: the latest
_COLUMNS: Final = """referral_id, person_id, bank, entry_version, entry_hash, instrument_id, amount_fen, repayment,
    months, consent_id, guidance_hash, state, made_on, made_at, heard_at, amount_paid_fen, refusal_code, address"""


def insert(tx: Transaction, *, keyring: Keyring, referral: Referral) -> None:
    """Store a referral with its leaf of evidence: whom we sent where, with which wish, on which consent."""
    cell, wish = tx.cell_of(referral.person_id), referral.wish
    tx.execute(
        f"""INSERT INTO referral (cell, {_COLUMNS})
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",  # noqa: S608
        (
            cell,
            referral.referral_id,
            referral.person_id,
            referral.bank,
            referral.entry_version,
            bytes.fromhex(referral.entry_hash),
            referral.instrument_id,
            wish.amount_fen,
            wish.repayment.value,
            wish.months,
            referral.consent_id,
            bytes.fromhex(referral.guidance_hash),
            referral.state.value,
            referral.made_on,
            referral.made_at,
            referral.heard_at,
            referral.amount_paid_fen,
            referral.refusal_code,
            referral.address,
        ),
    )
    evidence.append(
        tx,
        keyring=keyring,
        cell=cell,
        person_id=referral.person_id,
        kind=LeafKind.REFERRAL,
        subject_id=referral.referral_id,
        at=referral.made_at,
        facts={
            "bank": referral.bank,
            "entry_hash": referral.entry_hash,
            "amount_fen": wish.amount_fen,
            "repayment": wish.repayment.value,
            "months": wish.months,
            "consent_id": referral.consent_id.hex,
            "guidance_hash": referral.guidance_hash,
        },
    )


def update(tx: Transaction, *, referral: Referral) -> None:
    """Store what was heard of a referral."""
    tx.execute(
        """UPDATE referral SET state = %s, heard_at = %s, amount_paid_fen = %s, refusal_code = %s, address = %s
           WHERE cell = %s AND referral_id = %s""",
        (
            referral.state.value,
            referral.heard_at,
            referral.amount_paid_fen,
            referral.refusal_code,
            referral.address,
            tx.cell_of(referral.person_id),
            referral.referral_id,
        ),
    )


def load(tx: Transaction, *, referral_id: UUID, person_id: UUID | None = None) -> Referral:
    """Return a referral; with a person, their own. Errors: NotFound, for somebody else's as for none."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM referral WHERE cell = %s AND referral_id = %s",  # noqa: S608
        (tx.cell_of(referral_id), referral_id),
    ).fetchone()
    if row is None or (person_id is not None and row[1] != person_id):
        raise NotFound
    return _referral(row)


def of_person(tx: Transaction, *, person_id: UUID) -> list[Referral]:
    """Return a person's referrals, the latest first, REFERRALS_SHOWN_MAX at most."""
    rows = tx.execute(
        f"""SELECT {_COLUMNS} FROM referral WHERE cell = %s AND person_id = %s
            ORDER BY made_at DESC, referral_id LIMIT %s""",  # noqa: S608
        (tx.cell_of(person_id), person_id, REFERRALS_SHOWN_MAX),
    )
    return [_referral(row) for row in rows]


def latest(tx: Transaction) -> list[Referral]:
    """Return the latest referrals of the whole book, REFERRALS_SHOWN_MAX at most."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM referral ORDER BY made_at DESC, referral_id LIMIT %s",  # noqa: S608
        (REFERRALS_SHOWN_MAX,),
    )
    return [_referral(row) for row in rows]


def counts(tx: Transaction) -> dict[tuple[str, str], int]:
    """Return how many referrals each bank has in each state."""
    rows = tx.execute("SELECT bank, state, count(*) FROM referral GROUP BY bank, state ORDER BY bank, state")
    return {(bank, state): number for bank, state, number in rows}


def _referral(row: Sequence[Any]) -> Referral:
    return Referral(
        referral_id=row[0],
        person_id=row[1],
        bank=row[2],
        entry_version=row[3],
        entry_hash=bytes(row[4]).hex(),
        instrument_id=row[5],
        wish=Wish(amount_fen=row[6], repayment=Repayment(row[7]), months=row[8]),
        consent_id=row[9],
        guidance_hash=bytes(row[10]).hex(),
        state=ReferralState(row[11]),
        made_on=row[12],
        made_at=row[13],
        heard_at=row[14],
        amount_paid_fen=row[15],
        refusal_code=row[16],
        address=row[17],
    )
