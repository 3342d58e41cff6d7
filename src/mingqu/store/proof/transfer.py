"""What each transfer means: one of the ways in which money moves here, for a cause that stands in the book."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import HELD, WAYS, AccountCode, Reason, TransferKind
from mingqu.store.ledgers import accrual
from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

_OTHER_WAYS: Final[LiteralString] = """
    SELECT format('transfer %%s/%%s moves money in a way that there is none of', t.cell, t.id)
    FROM transfer t
    LEFT JOIN unnest(%(debits)s::smallint[], %(credits)s::smallint[], %(reasons)s::smallint[])
        AS way (debit, credit, reason)
        ON way.debit = t.debit_code AND way.credit = t.credit_code AND way.reason = t.reason
    WHERE way.reason IS NULL OR t.amount_fen <= 0 OR t.kind NOT BETWEEN 1 AND 5
       OR (t.kind <> 1 AND t.reason <> ALL (%(held)s::smallint[]))"""

# Bills and income that stops are asked loan by loan, for a morning has no row of its own; a funding is its own cause,
# and money between cells is held against its other half (`crossing`).
_CAUSELESS: Final[LiteralString] = """
    WITH cause AS (
        SELECT e.cell, e.event_id AS reference, l.loan_id, l.facility_id, l.person_id
        FROM loan_event e JOIN loan l ON l.cell = e.cell AND l.loan_id = e.loan_id
        UNION
        SELECT o.cell, o.order_id, l.loan_id, l.facility_id, l.person_id
        FROM channel_order o JOIN loan l ON l.cell = o.cell AND l.loan_id = o.loan_id
        UNION
        SELECT a.cell, s.reference, a.account_id, a.account_id, a.person_id
        FROM spend_account a JOIN (
            SELECT cell, account_id, account_id AS reference FROM spend_account
            UNION ALL SELECT cell, account_id, event_id FROM spend_event
            UNION ALL SELECT cell, account_id, purchase_id FROM spend_purchase
            UNION ALL SELECT cell, account_id, order_id FROM spend_order
        ) s ON s.cell = a.cell AND s.account_id = a.account_id
    )
    SELECT format('transfer %%s/%%s has no cause in the book', t.cell, t.id)
    FROM transfer t
    LEFT JOIN cause c ON c.cell = t.cell AND c.reference = t.reference
    LEFT JOIN decision d ON d.cell = t.cell AND d.decision_id = t.reference AND d.outcome = 'approved'
    LEFT JOIN facility f ON f.cell = t.cell AND f.facility_id = t.debit_owner
    LEFT JOIN limit_change l ON l.cell = t.cell AND l.decision_id = t.reference AND l.owner = t.debit_owner
    WHERE NOT coalesce(CASE
        WHEN t.reason = 1 THEN left(t.id::text, 34) = left(t.reference::text, 34)
        WHEN t.reason = 4 THEN t.debit_owner = t.credit_owner AND EXISTS (
            SELECT FROM lender_funding f
            WHERE f.cell = t.cell AND f.reference = t.reference AND f.lender_id = t.debit_owner
              AND f.amount_fen = t.amount_fen AND f.called_off_at IS NOT NULL)
        WHEN t.reason = 40 THEN t.debit_owner = t.credit_owner
                            AND (t.debit_owner = d.person_id OR f.decision_id = d.decision_id
                                 OR (f.purpose_bound AND f.facility_id = t.reference)
                                 OR t.debit_owner = c.loan_id
                                 OR l.after_fen > l.before_fen)
        WHEN t.reason = 41 THEN t.debit_owner = t.credit_owner
                            AND (l.after_fen < l.before_fen OR t.debit_owner = c.loan_id)
        WHEN t.reason BETWEEN 42 AND 45 THEN t.debit_owner = t.credit_owner
                                         AND (t.debit_owner IN (c.facility_id, c.person_id)
                                              OR (t.reason = 45 AND l.after_fen > l.before_fen))
        WHEN t.reason = 80 THEN t.debit_owner = t.credit_owner AND EXISTS (
            SELECT FROM purpose_card p WHERE p.cell = t.cell AND p.card_id = t.reference AND p.card_id = t.debit_owner)
        WHEN t.reason IN (81, 82) THEN t.debit_owner = t.credit_owner AND EXISTS (
            SELECT FROM purpose_spend s WHERE s.cell = t.cell AND s.spend_id = t.reference
                                          AND s.card_id = t.debit_owner)
        WHEN t.reason = 83 THEN t.debit_owner = t.credit_owner AND EXISTS (
            SELECT FROM placed_receipt r WHERE r.cell = t.cell AND r.proposal_id = t.reference
                AND r.amount_fen = t.amount_fen
                AND r.source = 'purpose card ' || replace(t.debit_owner::text, '-', ''))
        WHEN t.reason BETWEEN 100 AND 105 THEN t.debit_owner = t.credit_owner AND EXISTS (
            SELECT FROM loan_funding f
            WHERE f.cell = t.cell AND f.loan_id = c.loan_id AND t.debit_owner = ANY (f.slices)
            UNION ALL
            SELECT FROM spend_funding f
            WHERE f.cell = t.cell AND f.account_id = c.loan_id AND t.debit_owner = ANY (f.slices))
        WHEN t.reason = 106 THEN t.debit_owner = t.credit_owner AND EXISTS (
            SELECT FROM loan_buy_back b
            WHERE b.cell = t.cell AND b.proposal_id = t.reference AND b.slice = t.debit_owner)
        WHEN t.reason BETWEEN 150 AND 155 THEN t.debit_owner = t.credit_owner AND EXISTS (
            SELECT FROM pool_day d WHERE d.day_id = t.reference)
        WHEN t.reason = 51 THEN EXISTS (SELECT FROM recut r WHERE r.recut_id = t.reference)
        WHEN t.reason IN (60, 61) THEN EXISTS (
            SELECT FROM settlement s WHERE s.cell = t.cell AND s.settlement_id = t.reference)
        WHEN t.reason IN (131, 132) THEN EXISTS (
            SELECT FROM partner_settled s WHERE s.cell = t.cell AND s.settled_id = t.reference
                AND (t.reason = 132 OR s.loan_id IN (t.debit_owner, t.credit_owner)))
        WHEN t.reason BETWEEN 10 AND 13 OR t.reason IN (33, 50, 130) THEN true
        WHEN t.reason BETWEEN 30 AND 32 THEN EXISTS (
            SELECT FROM accrual_group g WHERE g.cell = t.cell AND g.group_id IN (t.debit_owner, t.credit_owner))
        WHEN 2002 IN (t.debit_code, t.credit_code) THEN c.reference IS NOT NULL
        ELSE c.loan_id IN (t.debit_owner, t.credit_owner)
    END, false)"""

# What a recut took out of one cell it put into another. Money on its way between cells is proved in `crossing`.
_UNCLEARED: Final[LiteralString] = """
    SELECT format('clearing of %%s in %%s does not net to zero over the cells after a recut', owner, currency)
    FROM (
        SELECT debit_owner AS owner, currency, amount_fen FROM transfer WHERE debit_code = 2101 AND reason = 51
        UNION ALL
        SELECT credit_owner, currency, -amount_fen FROM transfer WHERE credit_code = 2101 AND reason = 51
    ) AS side GROUP BY owner, currency HAVING sum(amount_fen) <> 0"""

_OF_LOANS: Final[LiteralString] = """
    WITH wanted AS (
        SELECT * FROM unnest(%(loans)s::uuid[], %(facilities)s::uuid[], %(people)s::uuid[])
            AS w (loan_id, facility_id, person_id)
    ), own AS (
        SELECT w.loan_id, t.* FROM wanted w JOIN transfer t
            ON t.cell = %(cell)s AND t.debit_owner = w.loan_id AND t.amount_fen > 0
        UNION ALL
        SELECT w.loan_id, t.* FROM wanted w JOIN transfer t
            ON t.cell = %(cell)s AND t.credit_owner = w.loan_id AND t.amount_fen > 0 AND t.debit_owner <> t.credit_owner
        UNION ALL
        SELECT w.loan_id, t.* FROM wanted w CROSS JOIN LATERAL (VALUES (w.facility_id), (w.person_id)) AS whose (owner)
        JOIN transfer t ON t.cell = %(cell)s AND t.debit_owner = whose.owner AND t.amount_fen > 0
        JOIN loan_event e ON e.cell = t.cell AND e.loan_id = w.loan_id AND e.event_id = t.reference
        WHERE t.kind IN (1, 3) AND whose.owner <> w.loan_id
    )
    SELECT loan_id, id, kind, debit_owner, debit_code, credit_owner, credit_code, currency, amount_fen, reason,
           value_date, posted_on, reference
    FROM own"""

_OF_GROUPS: Final[LiteralString] = f"""
    SELECT id, debit_owner, credit_owner, debit_code, reason, value_date, posted_on, reference
    FROM transfer WHERE cell = %(cell)s AND debit_owner = %(group)s AND amount_fen > 0 AND reason BETWEEN 30 AND 32
    UNION ALL
    SELECT id, debit_owner, credit_owner, credit_code, reason, value_date, posted_on, reference
    FROM {CREDITED}
    WHERE cell = %(cell)s AND credit_owner = %(group)s AND amount_fen > 0 AND reason BETWEEN 30 AND 32"""  # noqa: S608  Our own part of a statement.
_ACCRUED: Final = {accrual.INTEREST: AccountCode.ACCRUED_INTEREST, accrual.PENALTY: AccountCode.ACCRUED_PENALTY}


# What a lender puts in comes from nowhere in the book; the request that asked for it says how much it was.
_FUNDED: Final[LiteralString] = """
    SELECT t.cell, t.id, t.debit_owner, t.credit_owner, t.amount_fen, t.currency, i.body_hash
    FROM transfer t
    LEFT JOIN idempotency i ON i.cell = t.cell AND i.caller = 'fund_lender'
                           AND i.key = 'fund ' || replace(t.reference::text, '-', '')
    WHERE t.reason = 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One transfer as it stands in the books."""

    id: UUID
    kind: TransferKind
    debit_owner: UUID
    debit: AccountCode
    credit_owner: UUID
    credit: AccountCode
    currency: str
    amount_fen: int
    reason: Reason
    value_date: date
    posted_on: date
    reference: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanBooks:
    """What the books hold of one loan: its transfers, those on its limits, and when each event was booked."""

    moved: list[Moved] = field(default_factory=list)
    booked: dict[UUID, tuple[date, datetime]] = field(default_factory=dict)


def meanings(tx: Transaction) -> list[str]:
    """Return a sentence for each transfer that goes a way there is none of, or has no cause."""
    ways = sorted(WAYS)
    parameters: dict[str, object] = {
        "debits": [int(debit) for debit, _, _ in ways],
        "credits": [int(credit) for _, credit, _ in ways],
        "reasons": [int(reason) for _, _, reason in ways],
        "held": sorted(int(reason) for reason in HELD),
    }
    other = tx.execute(_OTHER_WAYS, parameters).fetchmany(FINDINGS_MAX)
    causeless = tx.execute(_CAUSELESS, ()).fetchmany(FINDINGS_MAX)
    uncleared = tx.execute(_UNCLEARED, ()).fetchmany(FINDINGS_MAX)
    return [sentence for (sentence,) in (*other, *causeless, *uncleared)] + list(islice(_fundings(tx), FINDINGS_MAX))


def _fundings(tx: Transaction) -> Iterator[str]:
    for cell, transfer_id, debit_owner, credit_owner, amount_fen, currency, body_hash in tx.execute(_FUNDED, ()):
        asked = canonical({"lender_id": debit_owner.hex, "fen": amount_fen, "currency": currency})
        if debit_owner != credit_owner or body_hash is None or hashlib.sha256(asked).digest() != bytes(body_hash):
            yield f"transfer {cell}/{transfer_id} is not what a lender was asked to put in"


def loan_books(tx: Transaction, *, loans: Sequence[Loan]) -> dict[UUID, LoanBooks]:
    """Return the books of loans of one cell, in two queries. Transfers of no known way are left to `meanings`."""
    found = {loan.loan_id: LoanBooks() for loan in loans}
    parameters = {
        "cell": loans[0].cell,
        "loans": list(found),
        "facilities": [loan.facility_id for loan in loans],
        "people": [loan.person_id for loan in loans],
    }
    for loan_id, *row in tx.execute(_OF_LOANS, parameters):
        if (row[3], row[5], row[8]) in WAYS:
            found[loan_id].moved.append(_moved(*row))
    for loan_id, event_id, posted_on, posted_at in tx.execute(
        "SELECT loan_id, event_id, posted_on, posted_at FROM loan_event WHERE cell = %s AND loan_id = ANY (%s)",
        (loans[0].cell, list(found)),
    ):
        found[loan_id].booked[event_id] = (posted_on, posted_at)
    return found


def _moved(
    transfer_id: UUID, kind: int, debit_owner: UUID, debit_code: int, credit_owner: UUID, credit_code: int,
    currency: str, amount_fen: int, reason: int, value_date: date, posted_on: date, reference: UUID,
) -> Moved:  # fmt: skip
    return Moved(
        id=transfer_id,
        kind=TransferKind(kind),
        debit_owner=debit_owner,
        debit=AccountCode(debit_code),
        credit_owner=credit_owner,
        credit=AccountCode(credit_code),
        currency=currency,
        amount_fen=amount_fen,
        reason=Reason(reason),
        value_date=value_date,
        posted_on=posted_on,
        reference=reference,
    )


def group_days(tx: Transaction) -> list[str]:
    """Return a sentence for each accrual that is not the one line of its group, kind and day."""
    groups: dict[tuple[int, UUID], dict[str, tuple[UUID, date]]] = defaultdict(dict)
    for cell, group_id, kind, lender_id, accrued_to in tx.execute(
        "SELECT cell, group_id, kind, lender_id, accrued_to FROM accrual_group ORDER BY 1, 2, 3"
    ).fetchall():
        groups[cell, group_id][kind] = (lender_id, accrued_to)
    found = [sentence for (cell, group), kinds in groups.items() for sentence in _group(tx, cell, group, kinds)]
    return found[:FINDINGS_MAX]


def _group(tx: Transaction, cell: int, group: UUID, kinds: dict[str, tuple[UUID, date]]) -> Iterator[str]:
    kind_of = {int(_ACCRUED[kind]): kind for kind in kinds}
    for transfer_id, debit_owner, credit_owner, code, reason, value_date, posted_on, reference in tx.execute(
        _OF_GROUPS, {"cell": cell, "group": group}
    ):
        kind = kind_of.get(code)
        lender_id, accrued_to = kinds.get(kind or "", (None, date.min))
        cause = dated(group, on=posted_on, purpose=kind or "")
        right = (
            {debit_owner, credit_owner} == {group, lender_id}
            and reference == cause
            # Each day has one place for income and one for rounding, so no id can stand for a second line.
            and transfer_id == derived(cause, 2 if reason == Reason.ROUNDING else 1)
            and value_date == posted_on <= accrued_to
        )
        if not right:
            yield f"transfer {cell}/{transfer_id} is not the accrual of its group on its day"
