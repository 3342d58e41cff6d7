"""What a lender's revolving accounts owed and were owed as a day ended, by what was booked until then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.store.server.database import Transaction

_CODES: Final = {
    "principal": int(AccountCode.SPEND_PRINCIPAL),
    "interest": int(AccountCode.SPEND_INTEREST_DUE),
    "penalty": int(AccountCode.SPEND_PENALTY_DUE),
    "fee": int(AccountCode.SPEND_FEE_DUE),
    "credit": int(AccountCode.SPEND_CREDIT),
}
# The balance now, less what was booked since: a day that is closed long ago is told as fast as yesterday.
_AS_OF: Final[LiteralString] = """
    WITH since AS (
        SELECT debit_owner AS owner, debit_code AS code, amount_fen AS fen FROM transfer
        WHERE cell = %(cell)s AND posted_on > %(on)s AND debit_code = ANY (%(codes)s) AND kind IN (1, 3)
        UNION ALL
        SELECT credit_owner, credit_code, -amount_fen FROM transfer
        WHERE cell = %(cell)s AND posted_on > %(on)s AND credit_code = ANY (%(codes)s) AND kind IN (1, 3)
    ), stood AS (
        SELECT s.account_id, b.code, b.debits_posted_fen - b.credits_posted_fen AS fen
        FROM spend_account s JOIN account b ON b.cell = s.cell AND b.owner = s.account_id AND b.code = ANY (%(codes)s)
        WHERE s.cell = %(cell)s AND s.lender_id = %(lender)s
        UNION ALL
        SELECT owner, code, -fen FROM since
    ), told AS (
        SELECT account_id, coalesce(sum(fen) FILTER (WHERE code = %(principal)s), 0)::bigint AS principal,
               coalesce(sum(fen) FILTER (WHERE code = %(interest)s), 0)::bigint AS interest,
               coalesce(sum(fen) FILTER (WHERE code = %(penalty)s), 0)::bigint AS penalty,
               coalesce(sum(fen) FILTER (WHERE code = %(fee)s), 0)::bigint AS fee,
               coalesce(-sum(fen) FILTER (WHERE code = %(credit)s), 0)::bigint AS credit
        FROM stood GROUP BY 1
    )
    SELECT s.account_id, s.person_id, s.product_id, s.currency, t.principal, t.interest, t.penalty, t.fee, t.credit
    FROM told t JOIN spend_account s ON s.cell = %(cell)s AND s.account_id = t.account_id
    WHERE s.lender_id = %(lender)s AND (t.principal, t.interest, t.penalty, t.fee, t.credit) <> (0, 0, 0, 0, 0)
    ORDER BY s.account_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStanding:
    """One revolving account as a day ended, in fen: what it owes, and `credit_fen`, which is its owner's own."""

    account_id: UUID
    person_id: UUID
    product_id: str
    currency: str
    principal_fen: int
    interest_fen: int
    penalty_fen: int
    fee_fen: int
    credit_fen: int


def standing_on(tx: Transaction, *, lender_id: UUID, on: date) -> list[AccountStanding]:
    """Return each of a lender's revolving accounts that owed or was owed anything as a day ended, by cell and id."""
    asked = {"lender": lender_id, "on": on, "codes": list(_CODES.values()), **_CODES}
    return [
        AccountStanding(**dict(zip(AccountStanding.__slots__, row, strict=True)))
        for cell in range(tx.cells)
        for row in tx.execute(_AS_OF, {**asked, "cell": cell})
    ]
