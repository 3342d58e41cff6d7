"""What became of loans since they began: read from their turns, in sets, so that no loan is told again for it.

Each question reads `loan_turn` once (a few rows a loan, in the order of its key) and `loan` for whose a loan is. The
funnel reads the times of applications, decisions, offers and contracts, and sorts them by person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.moment import MARKET_TIME, start_of
from mingqu.store.loans.overview import BUCKETS
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Of:
    """Whose loans are meant: one lender's or everybody's, one product's or all."""

    lender_id: UUID | None = None
    product_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Loans that were paid out in one month, and what was paid out for them."""

    month: date  # its first day
    currency: str
    loans: int
    started_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """How many loans of a month of start were late by more than 30, 60 and 90 days as a day ended.

    Loans that were written off count as late beyond all of them; their principal is gone and in no sum.
    """

    month: date
    currency: str
    on: date
    loans: tuple[int, int, int]
    principal_fen: tuple[int, int, int]
    written_off: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Loans that stood in one class as one day ended and in another as a later one did."""

    before: str
    after: str
    loans: int
    principal_fen: int  # as it was when the first day ended, of loans late then; of others that of their last turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Applications of one month, and how many of them came how far."""

    month: date
    applied: int
    decided: int
    approved: int
    offered: int
    signed: int
    paid: int
    repaid: int


_NAMED: Final[dict[str, object]] = {
    "names": [name for name, _, _ in BUCKETS],
    "least": [least for _, least, _ in BUCKETS],
    "most": [most for _, _, most in BUCKETS],
}
_OF: Final[LiteralString] = """(%(lender_id)s::uuid IS NULL OR l.lender_id = %(lender_id)s)
    AND (%(product_id)s::text IS NULL OR l.product_id = %(product_id)s)"""
# What came back did not start: only the last start of a loan counts, and none behind which it is planned again, or
# called off already by the end of that day.
_STARTED: Final[LiteralString] = f"""
    SELECT date_trunc('month', t.started_on)::date, l.currency, count(*), sum(t.started_fen)::bigint
    FROM loan_turn t JOIN loan l ON l.cell = t.cell AND l.loan_id = t.loan_id
    WHERE t.started_on IS NOT NULL AND t.on_date <= %(last)s AND t.stage NOT IN ('planned', 'cancelled')
        AND NOT EXISTS (
            SELECT FROM loan_turn b WHERE b.cell = t.cell AND b.loan_id = t.loan_id AND b.on_date > t.on_date
                AND b.on_date <= %(last)s AND (b.stage IN ('planned', 'cancelled') OR b.started_on IS NOT NULL)
        ) AND {_OF}
    GROUP BY 1, 2 ORDER BY 2, 1"""  # noqa: S608  Our own text, here and below.
# A turn holds until the next one of its loan. Only those of late and written-off loans meet the days asked about.
_LATE: Final[LiteralString] = f"""
    WITH turn AS (
        SELECT cell, loan_id, on_date, stage, overdue_since, principal_fen,
               lead(on_date, 1, 'infinity') OVER each AS until, max(started_on) OVER each_whole AS started_on
        FROM loan_turn WHERE on_date <= %(last)s
        WINDOW each AS (PARTITION BY cell, loan_id ORDER BY on_date), each_whole AS (PARTITION BY cell, loan_id)
    ), stood AS (
        SELECT date_trunc('month', t.started_on)::date AS month, l.currency, d.day, t.stage, t.principal_fen,
               CASE t.stage WHEN 'written_off' THEN 1000000 ELSE d.day - t.overdue_since END AS late_days
        FROM turn t JOIN unnest(%(days)s::date[]) AS d (day) ON d.day >= t.on_date AND d.day < t.until
        JOIN loan l ON l.cell = t.cell AND l.loan_id = t.loan_id
        WHERE (t.stage = 'written_off' OR (t.stage IN ('active', 'charged_off') AND t.overdue_since IS NOT NULL))
          AND {_OF}
    )
    SELECT month, currency, day, count(*) FILTER (WHERE late_days > 30), count(*) FILTER (WHERE late_days > 60),
           count(*) FILTER (WHERE late_days > 90),
           coalesce(sum(principal_fen) FILTER (WHERE late_days > 30 AND stage <> 'written_off'), 0)::bigint,
           coalesce(sum(principal_fen) FILTER (WHERE late_days > 60 AND stage <> 'written_off'), 0)::bigint,
           coalesce(sum(principal_fen) FILTER (WHERE late_days > 90 AND stage <> 'written_off'), 0)::bigint,
           count(*) FILTER (WHERE stage = 'written_off')
    FROM stood GROUP BY 1, 2, 3 ORDER BY 2, 1, 3"""  # noqa: S608
_AS_OF: Final[LiteralString] = """
        SELECT DISTINCT ON (t.cell, t.loan_id) t.cell, t.loan_id, t.stage, t.overdue_since, t.principal_fen
        FROM loan_turn t WHERE t.on_date <= {day} ORDER BY t.cell, t.loan_id, t.on_date DESC"""
_CLASS: Final[LiteralString] = """CASE
            WHEN {turn}.stage = 'written_off' THEN 'written_off'
            WHEN {turn}.stage NOT IN ('active', 'charged_off') THEN 'ended'
            ELSE (SELECT b.name FROM bucket b
                  WHERE coalesce(greatest(0, {day} - {turn}.overdue_since), 0) BETWEEN b.least AND b.most) END"""
_MOVED: Final[LiteralString] = f"""
    WITH bucket AS (
        SELECT * FROM unnest(%(names)s::text[], %(least)s::int[], %(most)s::int[]) AS b (name, least, most)
    ), first AS ({_AS_OF.replace("{day}", "%(first)s")}
    ), last AS ({_AS_OF.replace("{day}", "%(last)s")}
    ), stood AS (
        SELECT {_CLASS.replace("{turn}", "f").replace("{day}", "%(first)s")} AS before,
               {_CLASS.replace("{turn}", "n").replace("{day}", "%(last)s")} AS after, f.principal_fen
        FROM first f JOIN last n ON n.cell = f.cell AND n.loan_id = f.loan_id
        JOIN loan l ON l.cell = f.cell AND l.loan_id = f.loan_id
        WHERE f.stage IN ('active', 'charged_off') AND {_OF}
    )
    SELECT before, after, count(*), sum(principal_fen)::bigint FROM stood GROUP BY 1, 2"""  # noqa: S608
# An application reaches as far as what its person did before applying again. Times are compared, never days.
_FUNNEL: Final[LiteralString] = f"""
    WITH said AS (
        SELECT cell, person_id, applied_at AS at, 0 AS step, NULL::uuid AS loan_id FROM application
        UNION ALL
        SELECT a.cell, a.person_id, a.applied_at, CASE d.outcome WHEN 'approved' THEN 2 ELSE 1 END, NULL
        FROM decision d JOIN application a ON a.cell = d.cell AND a.application_id = d.application_id
        WHERE d.decided_at < %(until)s
        UNION ALL
        SELECT o.cell, o.person_id, o.created_at, 3, NULL FROM offer o JOIN facility l
            ON l.cell = o.cell AND l.facility_id = o.facility_id WHERE {_OF}
        UNION ALL
        SELECT c.cell, c.person_id, c.signed_at, 4, c.loan_id FROM contract c JOIN loan l
            ON l.cell = c.cell AND l.loan_id = c.loan_id WHERE {_OF}
    ), placed AS (
        SELECT cell, person_id, at, step, loan_id,
               count(*) FILTER (WHERE step = 0) OVER (PARTITION BY cell, person_id ORDER BY at, step) AS application
        FROM said WHERE at < %(until)s
    ), loan_came AS (
        SELECT cell, loan_id, bool_or(started_on IS NOT NULL)
                   AND (array_agg(stage ORDER BY on_date DESC))[1] NOT IN ('planned', 'cancelled') AS paid,
               (array_agg(stage ORDER BY on_date DESC))[1] = 'settled' AS repaid
        FROM loan_turn WHERE on_date <= %(last)s GROUP BY 1, 2
    ), one AS (
        SELECT min(p.at) FILTER (WHERE p.step = 0) AS applied_at, bool_or(p.step IN (1, 2)) AS decided,
               bool_or(p.step = 2) AS approved, bool_or(p.step = 3) AS offered, bool_or(p.step = 4) AS signed,
               bool_or(coalesce(t.paid, false)) AS paid, bool_or(coalesce(t.repaid, false)) AS repaid
        FROM placed p LEFT JOIN loan_came t ON t.cell = p.cell AND t.loan_id = p.loan_id
        WHERE p.application > 0 GROUP BY p.cell, p.person_id, p.application
    )
    SELECT date_trunc('month', applied_at AT TIME ZONE %(market)s)::date, count(*), count(*) FILTER (WHERE decided),
           count(*) FILTER (WHERE approved), count(*) FILTER (WHERE offered), count(*) FILTER (WHERE signed),
           count(*) FILTER (WHERE paid), count(*) FILTER (WHERE repaid)
    FROM one GROUP BY 1 ORDER BY 1"""  # noqa: S608


def started(tx: Transaction, *, last: date, of: Of) -> list[Started]:
    """Return how many loans began in each month up to a day, and with how much."""
    rows = tx.execute(_STARTED, {"last": last, **_whose(of)})
    return [Started(month=row[0], currency=row[1], loans=row[2], started_fen=row[3]) for row in rows]


def late(tx: Transaction, *, days: Sequence[date], of: Of) -> list[Late]:
    """Return how many loans of each month of start were late as each day ended; where none was, nothing."""
    rows = tx.execute(_LATE, {"days": list(days), "last": max(days), **_whose(of)})
    return [
        Late(month=row[0], currency=row[1], on=row[2], loans=row[3:6], principal_fen=row[6:9], written_off=row[9])
        for row in rows
    ]


def moved(tx: Transaction, *, first: date, last: date, of: Of) -> list[Moved]:
    """Return from which class to which the loans that were running as the first day ended had moved by the last."""
    rows = tx.execute(_MOVED, {"first": first, "last": last, **_NAMED, **_whose(of)})
    return [Moved(before=row[0], after=row[1], loans=row[2], principal_fen=row[3]) for row in rows]


def funnel(tx: Transaction, *, last: date, of: Of) -> list[Step]:
    """Return how far the applications of each month had come when a day ended."""
    until = start_of(date.fromordinal(last.toordinal() + 1))
    rows = tx.execute(_FUNNEL, {"until": until, "last": last, "market": str(MARKET_TIME), **_whose(of)})
    return [
        Step(
            month=row[0],
            applied=row[1],
            decided=row[2],
            approved=row[3],
            offered=row[4],
            signed=row[5],
            paid=row[6],
            repaid=row[7],
        )
        for row in rows
    ]


def _whose(of: Of) -> dict[str, object]:
    return {"lender_id": of.lender_id, "product_id": of.product_id}
