"""Pools of securities that live in the book: their days, the loans they bought, and what each of these brought."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.server.database import Transaction

# What came of a loan's principal and of all else, by what stands on the other side. Principal that moved against
# anything but itself, a concession or a loss is money. Loans of which a partner has fees are not sold, so fees count.
MOVED: Final[LiteralString] = f"""
    SELECT p.cell, p.loan_id, t.posted_on,
           coalesce(-sum(t.fen) FILTER (WHERE t.own <= 1102 AND t.other NOT IN (1101, 1102, 4101, 4201)), 0)::bigint
               AS principal_fen,
           coalesce(-sum(t.fen) FILTER (WHERE t.own >= 1103 AND t.other IN (1001, 1002, 1101, 1102, 2001)), 0)::bigint
               AS other_fen,
           coalesce(-sum(t.fen) FILTER (WHERE t.own <= 1102 AND t.other IN (4101, 4201)), 0)::bigint AS given_up_fen
    FROM pool_loan p CROSS JOIN LATERAL (
        SELECT posted_on, debit_code AS own, credit_code AS other, amount_fen AS fen FROM transfer
        WHERE cell = p.cell AND debit_owner = p.loan_id AND kind IN (1, 3) AND amount_fen > 0
        UNION ALL
        SELECT posted_on, credit_code, debit_code, -amount_fen FROM {CREDITED}
        WHERE cell = p.cell AND credit_owner = p.loan_id AND kind IN (1, 3) AND amount_fen > 0
    ) t
    WHERE t.posted_on >= p.bought_on AND (p.returned_on IS NULL OR t.posted_on < p.returned_on)
      AND t.own BETWEEN 1101 AND 1105"""  # noqa: S608  Our own part of a statement.


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool that was opened, and the first day whose money it distributes."""

    pool_id: str
    opened_on: date
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDay:
    """One closed day of a pool, in fen; `cash_fen` is what is left after buying. `left_out` counts loans by reason.

    `returned_fen` and `returned_other_fen` are what its originator paid for loans that went back, on top of the rest.
    """

    pool_id: str
    on_date: date
    day_id: UUID
    terms_version: int
    phase: str
    causes: list[str]
    opening_cash_fen: int
    interest_fen: int
    repaid_fen: int
    returned_fen: int
    returned_other_fen: int
    fees: list[str]
    fees_due_fen: list[int]
    fees_paid_fen: list[int]
    senior_interest_due_fen: int
    senior_interest_paid_fen: int
    senior_principal_fen: int
    subordinate_principal_fen: int
    excess_fen: int
    loans: int
    performing_fen: int
    delinquent_fen: int
    defaulted_fen: int
    bought_ever_fen: int
    bought: int
    spent_fen: int
    left_out: Mapping[str, int]
    senior_fen: int
    subordinate_fen: int
    cash_fen: int
    amortizing_since: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A loan of a pool: its principal in fen as a day began, and what it brought on that day."""

    cell: int
    loan_id: UUID
    person_id: UUID
    product_id: str
    bought_on: date
    bought_fen: int
    defaulted_fen: int
    opening_fen: int
    principal_fen: int
    other_fen: int
    given_up_fen: int
    given_up_before_fen: int
    overdue_since: date | None
    told_since: bool  # something became known of it after that day
    reaches_back: bool  # of the day's news some is of a day before it was bought


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A loan that nobody but its lender has a part of, and nothing was paid of since a day, with how it was routed."""

    cell: int
    loan_id: UUID
    product_id: str
    plan_version: int | None
    source_id: str | None


_DAY_COLUMNS: Final[LiteralString] = """pool_id, on_date, day_id, terms_version, phase, causes, opening_cash_fen,
    interest_fen, repaid_fen, returned_fen, returned_other_fen, fees, fees_due_fen, fees_paid_fen,
    senior_interest_due_fen, senior_interest_paid_fen,
    senior_principal_fen, subordinate_principal_fen, excess_fen, loans, performing_fen, delinquent_fen, defaulted_fen,
    bought_ever_fen, bought, spent_fen, left_out, senior_fen, subordinate_fen, cash_fen, amortizing_since"""
_NAMES: Final = tuple(name.strip() for name in _DAY_COLUMNS.split(","))


def insert_pool(tx: Transaction, *, pool: Pool) -> bool:
    """Open a pool; return False when it is open already."""
    done = tx.execute(
        "INSERT INTO pool (pool_id, opened_on, opened_at) VALUES (%s, %s, %s) ON CONFLICT (pool_id) DO NOTHING",
        (pool.pool_id, pool.opened_on, pool.opened_at),
    )
    return done.rowcount == 1


def pools(tx: Transaction) -> list[Pool]:
    """Return the pools of the book, in the order of their ids."""
    rows = tx.execute("SELECT pool_id, opened_on, opened_at FROM pool ORDER BY pool_id")
    return [Pool(pool_id=row[0], opened_on=row[1], opened_at=row[2]) for row in rows]


def holds(tx: Transaction, *, cell: int, loan_id: UUID) -> bool:
    """Return whether a pool bought a loan and still has it."""
    row = tx.execute(
        "SELECT EXISTS (SELECT FROM pool_loan WHERE cell = %s AND loan_id = %s AND returned_on IS NULL)",
        (cell, loan_id),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def last_day(tx: Transaction, *, pool_id: str) -> PoolDay | None:
    """Return a pool's last day, or None before its first."""
    row = tx.execute(
        f"SELECT {_DAY_COLUMNS} FROM pool_day WHERE pool_id = %s ORDER BY on_date DESC LIMIT 1",  # noqa: S608
        (pool_id,),
    ).fetchone()
    return None if row is None else PoolDay(**dict(zip(_NAMES, row, strict=True)))


def insert_day(tx: Transaction, *, day: PoolDay) -> None:
    """Store a day of a pool."""
    values = [json.dumps(dict(day.left_out)) if name == "left_out" else getattr(day, name) for name in _NAMES]
    places: LiteralString = ", ".join(["%s"] * len(_NAMES))
    tx.execute(f"INSERT INTO pool_day ({_DAY_COLUMNS}) VALUES ({places})", values)  # noqa: S608


def holdings(tx: Transaction, *, pool_id: str, on: date) -> list[Holding]:
    """Return the loans that a pool had bought by a day, those repaid included, with what the ledger moved on it."""
    rows = tx.execute(
        f"""WITH moved AS ({MOVED} AND t.posted_on = %(on)s AND p.pool_id = %(pool)s GROUP BY 1, 2, 3)
            SELECT p.cell, p.loan_id, l.person_id, l.product_id, p.bought_on, p.bought_fen, p.defaulted_fen,
                   p.bought_fen - coalesce(r.principal_fen, 0)
                       - CASE WHEN p.returned_on <= %(on)s THEN p.returned_fen ELSE 0 END,
                   coalesce(m.principal_fen, 0), coalesce(m.other_fen, 0),
                   coalesce(m.given_up_fen, 0), coalesce(r.given_up_fen, 0), l.overdue_since,
                   EXISTS (SELECT FROM loan_event e
                           WHERE e.cell = p.cell AND e.loan_id = p.loan_id AND e.posted_on > %(on)s),
                   p.returned_on IS NULL AND EXISTS (
                       SELECT FROM loan_event e
                       WHERE e.cell = p.cell AND e.loan_id = p.loan_id AND e.posted_on = %(on)s
                         AND (e.value_date < p.bought_on OR e.kind = 'reversed'))
            FROM pool_loan p JOIN loan l ON l.cell = p.cell AND l.loan_id = p.loan_id
            LEFT JOIN moved m ON m.cell = p.cell AND m.loan_id = p.loan_id
            LEFT JOIN LATERAL (
                SELECT sum(principal_fen)::bigint AS principal_fen, sum(given_up_fen)::bigint AS given_up_fen
                FROM pool_receipt WHERE cell = p.cell AND loan_id = p.loan_id AND on_date < %(on)s) r ON true
            WHERE p.pool_id = %(pool)s AND p.bought_on <= %(on)s ORDER BY p.loan_id""",  # noqa: S608
        {"pool": pool_id, "on": on},
    )
    names = Holding.__slots__
    return [Holding(**dict(zip(names, row, strict=True))) for row in rows]


def offered(
    tx: Transaction, *, product_ids: Sequence[str], least_fen: int, most_fen: int, on: date, limit: int
) -> list[Offered]:
    """Return running loans of products that are in no pool, the largest first; one that money moved on since waits.

    `least_fen` and `most_fen` are bounds of the principal, both included.
    """
    rows = tx.execute(
        """SELECT l.cell, l.loan_id, l.product_id, f.plan_version, f.source_id
           FROM loan l LEFT JOIN loan_funding f ON f.cell = l.cell AND f.loan_id = l.loan_id
           WHERE l.product_id = ANY (%(products)s) AND l.stage = 'active'
             AND l.principal_unbilled_fen + l.payable_principal_fen BETWEEN %(least)s AND %(most)s
             AND coalesce(cardinality(f.slices), 0) = 0
             AND NOT EXISTS (SELECT FROM pool_loan p WHERE p.cell = l.cell AND p.loan_id = l.loan_id)
             AND NOT EXISTS (SELECT FROM loan_event e
                             WHERE e.cell = l.cell AND e.loan_id = l.loan_id AND e.posted_on > %(on)s)
           ORDER BY l.principal_unbilled_fen + l.payable_principal_fen DESC, l.loan_id LIMIT %(limit)s""",
        {"products": list(product_ids), "least": least_fen, "most": most_fen, "on": on, "limit": limit},
    )
    return [
        Offered(cell=row[0], loan_id=row[1], product_id=row[2], plan_version=row[3], source_id=row[4]) for row in rows
    ]


def insert_receipts(tx: Transaction, *, on: date, moved: Sequence[Holding]) -> None:
    """Store what loans brought on a day."""
    tx.executemany(
        """INSERT INTO pool_receipt (cell, loan_id, on_date, principal_fen, other_fen, given_up_fen)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        [(one.cell, one.loan_id, on, one.principal_fen, one.other_fen, one.given_up_fen) for one in moved],
    )


def insert_loans(tx: Transaction, *, pool_id: str, on: date, loans: Sequence[tuple[int, UUID, int]]) -> None:
    """Store loans (cell, id, principal in fen) that a pool buys on the morning of a day."""
    tx.executemany(
        "INSERT INTO pool_loan (cell, loan_id, pool_id, bought_on, bought_fen) VALUES (%s, %s, %s, %s, %s)",
        [(cell, loan_id, pool_id, on, fen) for cell, loan_id, fen in loans],
    )


def mark_returned(tx: Transaction, *, on: date, loans: Sequence[tuple[int, UUID, int, int, Sequence[str]]]) -> None:
    """Mark loans (cell, id, principal and all else in fen, why) as their originator's again from a day on."""
    tx.executemany(
        """UPDATE pool_loan SET returned_on = %s, returned_fen = %s, returned_other_fen = %s, returned_for = %s
           WHERE cell = %s AND loan_id = %s""",
        [(on, fen, other_fen, list(why), cell, loan_id) for cell, loan_id, fen, other_fen, why in loans],
    )


def mark_defaults(tx: Transaction, *, on: date, loans: Sequence[tuple[int, UUID, int]]) -> None:
    """Mark loans (cell, id, principal in fen) as in default from a day on."""
    tx.executemany(
        "UPDATE pool_loan SET defaulted_on = %s, defaulted_fen = %s WHERE cell = %s AND loan_id = %s",
        [(on, fen, cell, loan_id) for cell, loan_id, fen in loans],
    )
