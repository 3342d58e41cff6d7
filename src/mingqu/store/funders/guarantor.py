"""What guarantors paid in borrowers' places, what moved between lenders and partners of a day, and what was settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode, Reason
from mingqu.store.server.database import Transaction

_C: Final = AccountCode


@dataclass(frozen=True, slots=True, kw_only=True)
class GuarantorPayment:
    """A loan that its guarantor paid for, by which version of its rule; the amount in fen."""

    loan_id: UUID
    event_id: UUID
    partner: str
    partner_version: int
    overdue_days: int
    amount_fen: int
    value_date: date
    paid_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerLine:
    """What moved for a partner on one loan and day, in fen; below zero where more was taken back than came."""

    cell: int
    loan_id: UUID
    lender_id: UUID
    currency: str
    fee_fen: int
    recovered_fen: int
    compensated_fen: int


def insert_payment(tx: Transaction, *, cell: int, payment: GuarantorPayment) -> None:
    """Store a payment of a guarantor's; the caller holds the cell's lock."""
    tx.execute(
        """INSERT INTO guarantor_payment (cell, loan_id, event_id, partner, partner_version, overdue_days, amount_fen,
               value_date, paid_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            cell,
            payment.loan_id,
            payment.event_id,
            payment.partner,
            payment.partner_version,
            payment.overdue_days,
            payment.amount_fen,
            payment.value_date,
            payment.paid_at,
        ),
    )


def due_for(tx: Transaction, *, cell: int, partner: str, since: date, after: UUID, limit: int) -> list[UUID]:
    """Return loans that a guarantor guarantees as a whole, late since `since` or longer.

    They come by their ids, behind `after`.
    """
    rows = tx.execute(
        """SELECT l.loan_id FROM loan l JOIN loan_snapshot s ON s.cell = l.cell AND s.loan_id = l.loan_id
           WHERE l.cell = %s AND l.loan_id > %s AND l.overdue_since <= %s AND l.stage = 'active'
             AND (s.terms -> 'bill_guarantee' ->> 'after_days') IS NULL
             AND EXISTS (SELECT FROM json_array_elements(s.terms -> 'fees') f
                         WHERE f ->> 'partner' = %s AND f ->> 'taker' = 'guarantor')
           ORDER BY l.loan_id LIMIT %s""",
        (cell, after, since, partner, limit),
    )
    return [loan_id for (loan_id,) in rows]


def moved_on(tx: Transaction, *, cell: int, partner: str, account: AccountCode, on: date) -> list[PartnerLine]:
    """Return what moved for a partner (by code, whose fees wait on an account) on a day and is not settled yet."""
    rows = tx.execute(
        """
        WITH moved AS (
            SELECT credit_owner AS loan_id, credit_code AS code, reason, amount_fen AS fen FROM transfer
            WHERE cell = %(cell)s AND posted_on = %(on)s AND reason = ANY (%(reasons)s)
              AND credit_code = ANY (%(codes)s)
            UNION ALL
            SELECT debit_owner, debit_code, reason, -amount_fen FROM transfer
            WHERE cell = %(cell)s AND posted_on = %(on)s AND reason = ANY (%(reasons)s) AND debit_code = ANY (%(codes)s)
        )
        SELECT l.cell, l.loan_id, l.lender_id, l.currency,
               coalesce(sum(m.fen) FILTER (WHERE m.code = %(fee)s AND m.reason = %(owe)s), 0)::bigint,
               coalesce(sum(m.fen) FILTER (WHERE m.code = %(recovered)s AND m.reason = %(recover)s), 0)::bigint,
               coalesce(sum(m.fen) FILTER (WHERE m.code = %(claim)s AND m.reason = %(compensate)s), 0)::bigint
        FROM moved m JOIN loan l ON l.cell = %(cell)s AND l.loan_id = m.loan_id
        JOIN loan_snapshot s ON s.cell = l.cell AND s.loan_id = l.loan_id
        WHERE EXISTS (SELECT FROM json_array_elements(s.terms -> 'fees') f WHERE f ->> 'partner' = %(partner)s)
          AND NOT EXISTS (SELECT FROM partner_settled p WHERE p.cell = l.cell AND p.loan_id = l.loan_id
                              AND p.partner = %(partner)s AND p.on_date = %(on)s)
        GROUP BY 1, 2, 3, 4 ORDER BY 2
        """,
        {
            "cell": cell,
            "on": on,
            "partner": partner,
            "fee": int(account),
            "recovered": int(_C.DUE_TO_GUARANTOR),
            "claim": int(_C.GUARANTOR),
            "owe": int(Reason.OWE_PARTNER),
            "recover": int(Reason.RECOVER_CLAIM),
            "compensate": int(Reason.COMPENSATE),
            "reasons": [int(Reason.OWE_PARTNER), int(Reason.RECOVER_CLAIM), int(Reason.COMPENSATE)],
            "codes": _codes(account),
        },
    )
    lines = [PartnerLine(**dict(zip(PartnerLine.__slots__, row, strict=True))) for row in rows]
    return [one for one in lines if one.fee_fen or one.recovered_fen or one.compensated_fen]


def _codes(account: AccountCode) -> list[int]:
    """Return on which accounts a partner's money shows: an insurer has fees alone."""
    guarantor = (_C.DUE_TO_GUARANTOR, _C.GUARANTOR) if account is _C.DUE_GUARANTEE_FEE else ()
    return [int(account), *map(int, guarantor)]


def is_settled(tx: Transaction, *, loan_id: UUID, partner: str, on: date) -> bool:
    """Return whether a loan's day was settled with a partner."""
    return (
        tx.execute(
            "SELECT FROM partner_settled WHERE cell = %s AND loan_id = %s AND partner = %s AND on_date = %s",
            (tx.cell_of(loan_id), loan_id, partner, on),
        ).fetchone()
        is not None
    )


def insert_settled(
    tx: Transaction, *, partner: str, on: date, posted_on: date, settled: Sequence[tuple[UUID, PartnerLine]]
) -> None:
    """Store what was settled with a partner of a day, each with the id its transfers refer to."""
    tx.executemany(
        """INSERT INTO partner_settled (cell, loan_id, partner, on_date, settled_id, fee_fen, recovered_fen,
               compensated_fen, posted_on) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            (
                one.cell,
                one.loan_id,
                partner,
                on,
                settled_id,
                one.fee_fen,
                one.recovered_fen,
                one.compensated_fen,
                posted_on,
            )
            for settled_id, one in settled
        ],
    )
