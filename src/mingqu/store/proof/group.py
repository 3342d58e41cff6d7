"""Accrual groups against the lines of all their loans, to the micro-fen: one scan of the loans, no snapshot opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString

from mingqu.domain.accrual import GroupTotal
from mingqu.store.server.database import Transaction

# A line of a loan is its base and what it grew by since its own day; as many days as the groups' day is behind the same
# first day for all are added by the sum of the slopes, so that no day has to be brought to every loan.
# Products of days and slopes within this fit 64 bits for any date there is; the others are taken as numbers without
# end, which cost five times as much. Sums never overflow: PostgreSQL adds whole numbers in 128 bits.
_SLOPE_MAX: Final = 2**40
_TOTALS: Final[LiteralString] = """
    WITH day AS (
        SELECT c.cell, greatest(c.last_closed_on + 1, max(d.on_date)) AS on_day, c.last_closed_on + 1 AS open_day
        FROM cell c LEFT JOIN accrual_delta d ON d.cell = c.cell AND d.on_date > c.last_closed_on
        WHERE c.cell = ANY (%(cells)s) GROUP BY c.cell, c.last_closed_on
    ), pending AS (
        SELECT d.cell, d.group_id, d.kind, sum(d.income_micro + d.rounding_micro) AS micro,
               sum(d.slope_micro) AS slope, sum(d.slope_micro * (day.on_day - d.on_date)) AS grown
        FROM accrual_delta d JOIN day ON day.cell = d.cell
        WHERE d.cell = ANY (%(cells)s) AND d.on_date >= day.open_day GROUP BY 1, 2, 3
    ), total AS (
        SELECT l.cell, l.group_id,
               sum(interest_daily_micro) AS interest_slope, sum(penalty_daily_micro) AS penalty_slope,
               sum(interest_base_micro) FILTER (WHERE interest_on IS NOT NULL) AS interest_base,
               sum(interest_daily_micro * (interest_on - date '2000-01-01'))
                   FILTER (WHERE interest_daily_micro BETWEEN -%(most)s AND %(most)s) AS interest_grown,
               sum(interest_daily_micro::numeric * (interest_on - date '2000-01-01'))
                   FILTER (WHERE interest_daily_micro NOT BETWEEN -%(most)s AND %(most)s) AS interest_grown_steeply,
               sum(penalty_base_micro) FILTER (WHERE penalty_on IS NOT NULL) AS penalty_base,
               sum(penalty_daily_micro * (penalty_on - date '2000-01-01'))
                   FILTER (WHERE penalty_on IS NOT NULL
                           AND penalty_daily_micro BETWEEN -%(most)s AND %(most)s) AS penalty_grown,
               sum(penalty_daily_micro::numeric * (penalty_on - date '2000-01-01'))
                   FILTER (WHERE penalty_on IS NOT NULL
                           AND penalty_daily_micro NOT BETWEEN -%(most)s AND %(most)s) AS penalty_grown_steeply
        FROM loan l
        WHERE l.cell = ANY (%(cells)s) AND (l.interest_on IS NOT NULL OR l.penalty_on IS NOT NULL) GROUP BY 1, 2
    ), added AS (
        SELECT cell, group_id, interest_slope, penalty_slope,
               coalesce(interest_base, 0) + interest_slope * (on_day - date '2000-01-01')
                   - coalesce(interest_grown, 0) - coalesce(interest_grown_steeply, 0) AS interest,
               coalesce(penalty_base, 0) + penalty_slope * (on_day - date '2000-01-01')
                   - coalesce(penalty_grown, 0) - coalesce(penalty_grown_steeply, 0) AS penalty
        FROM total JOIN day USING (cell)
    ), lines AS (
        SELECT cell, group_id, 'interest' AS kind, interest_slope AS slope, interest AS micro FROM added
        UNION ALL
        SELECT cell, group_id, 'penalty', penalty_slope, penalty FROM added
    ), named AS (
        SELECT cell, group_id, kind FROM accrual_group WHERE cell = ANY (%(cells)s)
        UNION SELECT cell, group_id, kind FROM pending
        UNION SELECT cell, group_id, kind FROM lines
    )
    SELECT n.cell, n.group_id, n.kind,
           (coalesce(a.debits_posted_fen, 0) - coalesce(a.credits_posted_fen, 0))::numeric * 1000000
               + coalesce(g.income_carry_micro, 0) + coalesce(g.rounding_carry_micro, 0)
               + coalesce(p.micro, 0) + coalesce(p.grown, 0)
               + coalesce(g.slope_micro, 0)::numeric * (day.on_day - day.open_day),
           coalesce(l.micro, 0), coalesce(g.slope_micro, 0) + coalesce(p.slope, 0), coalesce(l.slope, 0),
           g.group_id IS NOT NULL
    FROM named n
    JOIN day ON day.cell = n.cell
    LEFT JOIN accrual_group g ON g.cell = n.cell AND g.group_id = n.group_id AND g.kind = n.kind
    LEFT JOIN account a ON a.cell = n.cell AND a.owner = n.group_id AND a.currency = g.currency
        AND a.code = CASE n.kind WHEN 'interest' THEN 1131 ELSE 1132 END
    LEFT JOIN pending p ON p.cell = n.cell AND p.group_id = n.group_id AND p.kind = n.kind
    LEFT JOIN lines l ON l.cell = n.cell AND l.group_id = n.group_id AND l.kind = n.kind"""


def group_totals(tx: Transaction, *, cells: Sequence[int] | None = None) -> list[GroupTotal]:
    """Return, for each group and kind, what its account and carries hold and what its loans' lines add up to.

    Both are taken on one day: the first that is open, or a later one on which something was booked already. Of the
    whole book, or of some cells, whose loans are found by the cell in front of their key. A group that loans name and
    that has no row, or whose account has none, is there as well, with nothing in its books.
    """
    asked = [row[0] for row in tx.execute("SELECT cell FROM cell").fetchall()] if cells is None else list(cells)
    rows = tx.execute(_TOTALS, {"cells": asked, "most": _SLOPE_MAX})
    return [
        GroupTotal(
            cell=row[0],
            group_id=row[1],
            kind=row[2],
            books_micro=int(row[3]),
            loans_micro=int(row[4]),
            books_slope_micro=int(row[5]),
            loans_slope_micro=int(row[6]),
            is_kept=row[7],
        )
        for row in rows
    ]
