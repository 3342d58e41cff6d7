"""What the fund centre shows of the whole book: loans by source, limits in use, people, lines, what is offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.store.server.database import Transaction

_C: Final = AccountCode
SourceKey = tuple[str, str]  # a product and a source of its plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTotal:
    """How many loans and revolving accounts a source funds that owe something, and their principal in fen."""

    loans: int
    principal_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """People with a line, lines, and what they were granted and have drawn, in fen."""

    people: int
    lines: int
    granted_fen: int
    drawn_fen: int


def source_totals(tx: Transaction) -> dict[SourceKey, SourceTotal]:
    """Return what each source has out, over all cells; a part that was bought back is its buyer's, not the source's."""
    rows = tx.execute(
        """SELECT product_id, source_id, count(*) FILTER (WHERE fen > 0), coalesce(sum(fen), 0)::bigint FROM (
               SELECT f.product_id, f.source_id, l.principal_unbilled_fen + l.payable_principal_fen
                      - coalesce(a.debits_posted_fen - a.credits_posted_fen, 0) AS fen
               FROM loan_funding f JOIN loan l ON l.cell = f.cell AND l.loan_id = f.loan_id
               LEFT JOIN loan_buy_back b ON b.cell = f.cell AND b.loan_id = f.loan_id
               LEFT JOIN account a ON a.cell = b.cell AND a.owner = b.slice AND a.code = %s
               UNION ALL
               SELECT f.product_id, f.source_id, a.used_fen
               FROM spend_funding f JOIN spend_account a ON a.cell = f.cell AND a.account_id = f.account_id
           ) one GROUP BY 1, 2""",
        (int(_C.SHARE_PRINCIPAL),),
    )
    return {(row[0], row[1]): SourceTotal(loans=row[2], principal_fen=row[3]) for row in rows}


def used_fen(tx: Transaction, *, headroom_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how much of each limit is used over all cells; one that nobody used yet is left out."""
    rows = tx.execute(
        """SELECT headroom_id, sum(used_fen)::bigint FROM headroom_slice WHERE headroom_id = ANY (%s) GROUP BY 1""",
        (list(headroom_ids),),
    )
    return dict(rows.fetchall())


def lines(tx: Transaction, *, lender_id: UUID | None) -> Lines:
    """Return people and lines of the book, or of one lender."""
    row = tx.execute(
        """SELECT count(DISTINCT f.person_id), count(*), coalesce(sum(b.granted), 0)::bigint,
                  coalesce(sum(b.drawn), 0)::bigint
           FROM facility f JOIN (
               SELECT cell, owner,
                      sum(debits_posted_fen - credits_posted_fen) FILTER (WHERE code = %(granted)s) AS granted,
                      sum(credits_posted_fen - debits_posted_fen) FILTER (WHERE code = %(drawn)s) AS drawn
               FROM account WHERE code IN (%(granted)s, %(drawn)s) GROUP BY 1, 2
           ) b ON b.cell = f.cell AND b.owner = f.facility_id
           WHERE %(lender)s::uuid IS NULL OR f.lender_id = %(lender)s""",
        {"granted": int(_C.LIMIT_GRANTED), "drawn": int(_C.LIMIT_DRAWN), "lender": lender_id},
    ).fetchone()
    assert row is not None
    return Lines(people=row[0], lines=row[1], granted_fen=row[2], drawn_fen=row[3])


def offered(tx: Transaction, *, at: datetime) -> dict[str, tuple[int, int]]:
    """Return how many offers of each product stand unsigned at a moment, and their principal; one a person and line."""
    rows = tx.execute(
        """SELECT product_id, count(*), sum(fen)::bigint FROM (
               SELECT DISTINCT ON (o.cell, o.person_id) f.product_id,
                      (o.terms::jsonb ->> 'principal_fen')::bigint AS fen
               FROM offer o JOIN facility f ON f.cell = o.cell AND f.facility_id = o.facility_id
               LEFT JOIN contract c ON c.cell = o.cell AND c.offer_id = o.offer_id
               WHERE o.expires_at > %s AND c.offer_id IS NULL
               ORDER BY o.cell, o.person_id, o.created_at DESC) one GROUP BY 1""",
        (at,),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def dues(tx: Transaction) -> dict[SourceKey, dict[date, int]]:
    """Return what comes back to each source by week, as it was last added up."""
    found: dict[SourceKey, dict[date, int]] = {}
    for product_id, source_id, week_on, fen in tx.execute(
        "SELECT product_id, source_id, week_on, sum(principal_fen)::bigint FROM funding_due GROUP BY 1, 2, 3"
    ):
        found.setdefault((product_id, source_id), {})[week_on] = fen
    return found


def replace_dues(tx: Transaction, *, cell: int, dues: Mapping[SourceKey, Mapping[date, int]]) -> None:
    """Write what comes back to each source out of one cell in place of what was written before."""
    tx.execute("DELETE FROM funding_due WHERE cell = %s", (cell,))
    tx.executemany(
        "INSERT INTO funding_due (cell, product_id, source_id, week_on, principal_fen) VALUES (%s, %s, %s, %s, %s)",
        [(cell, *key, week_on, fen) for key, weeks in dues.items() for week_on, fen in weeks.items() if fen],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A loan that was routed, what it owes and holds of principal in the ledger, and what it uses of each limit."""

    loan_id: UUID
    key: SourceKey
    plan_version: int
    principal_fen: int
    uses: dict[UUID, int]
    in_pool: bool
    bought: tuple[UUID, UUID] | None = None  # the seller and the buyer of a part that was bought back


def routed(tx: Transaction, *, cell: int, after: UUID | None, limit: int) -> list[Routed]:
    """Return the next loans of a cell that use some limit, in the order of their ids, behind `after`."""
    rows = tx.execute(
        """SELECT f.loan_id, f.product_id, f.source_id, f.plan_version,
                  (SELECT coalesce(sum(debits_posted_fen - credits_posted_fen + debits_pending_fen), 0)::bigint
                   FROM account a WHERE a.cell = f.cell AND a.owner = f.loan_id AND a.code IN (%(unbilled)s, %(due)s)),
                  u.ids, u.fen,
                  EXISTS (SELECT FROM pool_loan p
                          WHERE p.cell = f.cell AND p.loan_id = f.loan_id AND p.returned_on IS NULL),
                  b.seller, b.buyer
           FROM loan_funding f LEFT JOIN loan_buy_back b ON b.cell = f.cell AND b.loan_id = f.loan_id
           CROSS JOIN LATERAL (
               SELECT array_agg(headroom_id) AS ids, array_agg(amount_fen) AS fen
               FROM headroom_use WHERE cell = f.cell AND use_id = f.loan_id AND headroom_id = ANY (%(limits)s)) u
           WHERE f.cell = %(cell)s AND (%(after)s::uuid IS NULL OR f.loan_id > %(after)s)
           ORDER BY f.loan_id LIMIT %(most)s""",
        {
            "cell": cell,
            "after": after,
            "most": limit,
            "unbilled": int(_C.LOAN_PRINCIPAL),
            "due": int(_C.LOAN_PRINCIPAL_DUE),
            "limits": [row[0] for row in tx.execute("SELECT headroom_id FROM headroom").fetchall()],
        },
    )
    return [
        Routed(
            loan_id=row[0],
            key=(row[1], row[2]),
            plan_version=row[3],
            principal_fen=row[4],
            uses=dict(zip(row[5] or (), row[6] or (), strict=True)),
            in_pool=row[7],
            bought=None if row[8] is None else (row[8], row[9]),
        )
        for row in rows
    ]
