"""Closed days added up: the ledger by day and lender, and where the loans stood at the end of each day.

Nothing that is booked on a closed day ever changes, so a day is added up after it was marked, without the cell's lock,
once, in one transaction. Killed before that, whoever adds the next day does both.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.abs_pool import TRUST_CODES
from mingqu.domain.funding import SALE_CODES, SHARE_CODES
from mingqu.domain.identifier import SLOTS
from mingqu.domain.ledger import AccountCode
from mingqu.store.loans.overview import BUCKETS
from mingqu.store.server.database import Transaction

# Whose an account is follows from its code: a loan's, a revolving account's, an accrual group's, a limit's; all others
# are lenders', and what clears between cells is whose the other side is.
_OF_LOANS: Final = (
    AccountCode.LOAN_PRINCIPAL,
    AccountCode.LOAN_PRINCIPAL_DUE,
    AccountCode.LOAN_INTEREST_DUE,
    AccountCode.LOAN_PENALTY_DUE,
    AccountCode.LOAN_FEE_DUE,
    AccountCode.OVERPAYMENT,
    AccountCode.DUE_TO_GUARANTOR,
    AccountCode.DUE_GUARANTEE_FEE,
    AccountCode.DUE_PREMIUM,
    AccountCode.PARTNER_FEE,
    AccountCode.INTEREST_SUSPENDED,
    AccountCode.GUARANTOR_CLAIM,
    AccountCode.GUARANTOR,
)
_OF_SPEND: Final = (
    AccountCode.SPEND_PRINCIPAL,
    AccountCode.SPEND_INTEREST_DUE,
    AccountCode.SPEND_FEE_DUE,
    AccountCode.SPEND_PENALTY_DUE,
    AccountCode.SPEND_CREDIT,
    AccountCode.SPEND_RETURNING,
)
_OF_GROUPS: Final = (AccountCode.ACCRUED_INTEREST, AccountCode.ACCRUED_PENALTY)
_OF_LIMITS: Final = (
    AccountCode.LIMIT_GRANTED,
    AccountCode.LIMIT_AVAILABLE,
    AccountCode.LIMIT_DRAWN,
    AccountCode.LIMIT_OVER,
    # Memoranda beside a joint loan, which stands in its lender's books whole: nobody's, so that nothing counts twice.
    *SHARE_CODES,
    *SALE_CODES,
    *TRUST_CODES,  # nor is a pool's money its lender's
)
NOBODY: Final = UUID(int=0)  # in place of a lender: a person's own limit
WHOSE: Final[dict[str, object]] = {
    "of_loans": [int(code) for code in _OF_LOANS],
    "of_spend": [int(code) for code in _OF_SPEND],
    "of_groups": [int(code) for code in _OF_GROUPS],
    "of_limits": [int(code) for code in _OF_LIMITS],
    "clearing": int(AccountCode.CLEARING),
    "nobody": NOBODY,
}
# What transfers moved, by day, lender, product, currency and account code: `day`, made of `moved`, which is put before
# it. Both sides of a transfer are one lender's, so each lender's part balances by itself; transfers between the same
# two codes are added up before they are taken apart into sides. A group's id is the same in every cell, and it may be
# gone from a cell that is there no more, where its transfers stay.
PLACED_BY_DAY: Final[LiteralString] = """, placed AS (
        SELECT m.cell, m.posted_on, m.currency, m.debit_code, m.credit_code, m.fen,
               coalesce(l.product_id, s.product_id, g.product_id, f.product_id, '') AS product_id,
               coalesce(l.lender_id, s.lender_id, g.lender_id, f.lender_id,
                        CASE WHEN m.debit_code = ANY (%(of_limits)s) THEN %(nobody)s
                             WHEN m.debit_code = %(clearing)s THEN m.credit_owner ELSE m.debit_owner END) AS lender_id
        FROM moved m
        LEFT JOIN loan l ON l.cell = m.cell AND l.loan_id = CASE
            WHEN m.debit_code = ANY (%(of_loans)s) THEN m.debit_owner
            WHEN m.credit_code = ANY (%(of_loans)s) THEN m.credit_owner END
        LEFT JOIN spend_account s ON s.cell = m.cell AND s.account_id = CASE
            WHEN m.debit_code = ANY (%(of_spend)s) OR m.debit_code = ANY (%(of_limits)s) THEN m.debit_owner
            WHEN m.credit_code = ANY (%(of_spend)s) THEN m.credit_owner END
        LEFT JOIN (SELECT DISTINCT group_id, lender_id, product_id FROM accrual_group) g ON g.group_id = CASE
            WHEN m.debit_code = ANY (%(of_groups)s) THEN m.debit_owner
            WHEN m.credit_code = ANY (%(of_groups)s) THEN m.credit_owner END
        LEFT JOIN facility f ON f.cell = m.cell AND f.facility_id = CASE
            WHEN m.debit_code = ANY (%(of_limits)s) THEN m.debit_owner END
    ), pair AS (
        SELECT cell, posted_on, lender_id, product_id, currency, debit_code, credit_code, sum(fen) AS fen
        FROM placed GROUP BY debit_code, credit_code, lender_id, product_id, currency, cell, posted_on
    ), side AS (
        SELECT cell, posted_on, lender_id, product_id, currency, debit_code AS code, fen AS debits, 0 AS credits
        FROM pair
        UNION ALL
        SELECT cell, posted_on, lender_id, product_id, currency, credit_code, 0, fen FROM pair
    ), day AS (
        SELECT cell, posted_on, lender_id, product_id, currency, code, sum(debits) AS debits, sum(credits) AS credits
        FROM side GROUP BY 1, 2, 3, 4, 5, 6
    )"""
# The planner does not see by itself that these are the loans of the cells whose transfers are added up: it would read
# all loans of all cells for the day of each.
_PLACED_BY_CELL: Final[LiteralString] = PLACED_BY_DAY.replace(
    "LEFT JOIN loan l ON l.cell = m.cell", "LEFT JOIN loan l ON l.cell = ANY (%(cells)s) AND l.cell = m.cell"
)
assert _PLACED_BY_CELL != PLACED_BY_DAY, "the line that is replaced stands above"
_INSERT: Final[LiteralString] = f"""
    INSERT INTO day_balance
    WITH moved AS (
        SELECT cell, posted_on, debit_owner, debit_code, credit_owner, credit_code, currency, amount_fen AS fen
        FROM transfer WHERE cell = ANY (%(cells)s) AND posted_on = %(on)s AND amount_fen > 0 AND kind IN (1, 3)
    ){_PLACED_BY_CELL}
    SELECT * FROM day"""  # noqa: S608  Our own text.
_CLASS: Final[LiteralString] = "cell, lender_id, product_id, currency, stage, non_accrual, overdue_since"
_SUMS: Final = (
    "loans",
    "principal_unbilled_fen",
    "principal_billed_fen",
    "interest_fen",
    "penalty_fen",
    "fee_fen",
    "interest_slope",
    "interest_zero",
    "penalty_slope",
    "penalty_zero",
)
_ALL_SUMS: Final[LiteralString] = ", ".join(_SUMS)
_ADDED: Final[LiteralString] = ", ".join([f"sum({name})" for name in _SUMS])
_GROWN: Final[LiteralString] = ", ".join([f"{name} = c.{name} + EXCLUDED.{name}" for name in _SUMS])
_NOTHING: Final[LiteralString] = " AND ".join([f"{name} = 0" for name in _SUMS])


def sum_next_day(tx: Transaction, *, cell: int) -> date | None:
    """Add up the next closed day of a cell, and return it; None when every closed day is added up.

    Two that add up the same cell take turns. The caller commits.
    """
    locked = _locked(tx, cell=cell)
    if locked is None:
        tx.execute(
            """INSERT INTO day_sum (cell, summed_to, portfolio_from) SELECT %s, opened_on - 1, opened_on FROM book
               ON CONFLICT (cell) DO NOTHING""",
            (cell,),
        )
        locked = _locked(tx, cell=cell)
    closed = tx.execute("SELECT last_closed_on FROM cell WHERE cell = %s", (cell,)).fetchone()
    assert locked is not None
    assert closed is not None
    on: date = locked[0] + timedelta(days=1)
    if on > closed[0]:
        return None
    # What evened out a cell that a recut took away was posted there; nobody else would add that up.
    gone = range(tx.cells, SLOTS) if cell == 0 else range(0)
    tx.execute(_INSERT, {"cells": [cell, *gone], "on": on, **WHOSE})
    if on >= locked[1]:
        _sum_portfolio(tx, cell=cell, on=on)
    tx.execute("UPDATE day_sum SET summed_to = %s WHERE cell = %s", (on, cell))
    return on


def _locked(tx: Transaction, *, cell: int) -> tuple[date, date] | None:
    """Lock a cell's row; return its last summed day and its first with a portfolio, or None before its first sum."""
    return tx.execute("SELECT summed_to, portfolio_from FROM day_sum WHERE cell = %s FOR UPDATE", (cell,)).fetchone()


def recut(tx: Transaction, *, cells: int) -> None:
    """Follow a book that is cut into `cells` cells: before any row moves, add up every closed day of the old ones.

    Sums are the whole book's, in whichever cells they lie, so what is closed stays; the classes go on in cells that are
    there, and a cell may count some that another one lacks.
    """
    for (cell,) in tx.execute("SELECT cell FROM cell ORDER BY cell").fetchall():
        while sum_next_day(tx, cell=cell) is not None:
            pass
    tx.execute(
        f"""WITH gone AS (DELETE FROM portfolio_class WHERE cell >= %(cells)s RETURNING *)
            INSERT INTO portfolio_class AS c ({_CLASS}, {_ALL_SUMS})
            SELECT cell %% %(cells)s, {_CLASS.removeprefix("cell, ")}, {_ADDED} FROM gone
            GROUP BY cell %% %(cells)s, {_CLASS.removeprefix("cell, ")}
            ON CONFLICT ({_CLASS}) DO UPDATE SET {_GROWN}""",  # noqa: S608  Our own lists of columns.
        {"cells": cells},
    )
    tx.execute("UPDATE portfolio_delta SET cell = cell %% %(cells)s WHERE cell >= %(cells)s", {"cells": cells})
    tx.execute(
        """INSERT INTO day_sum (cell, summed_to, portfolio_from, turns_from)
           SELECT n, max(summed_to), max(portfolio_from), max(turns_from)
           FROM day_sum CROSS JOIN generate_series(0, %(cells)s - 1) AS n
           GROUP BY n ON CONFLICT (cell) DO NOTHING""",
        {"cells": cells},
    )
    tx.execute("DELETE FROM day_sum WHERE cell >= %(cells)s", {"cells": cells})


def unsummed(tx: Transaction) -> list[int]:
    """Return the cells with a closed day that is not added up."""
    rows = tx.execute(
        """SELECT c.cell FROM cell c LEFT JOIN day_sum s ON s.cell = c.cell CROSS JOIN book b
           WHERE c.last_closed_on > coalesce(s.summed_to, b.opened_on - 1) ORDER BY c.cell"""
    )
    return [row[0] for row in rows]


def _sum_portfolio(tx: Transaction, *, cell: int, on: date) -> None:
    """Bring the classes to the end of a day, and keep how they stand, by how late they are then."""
    day = {"cell": cell, "on": on}
    tx.execute(
        f"""WITH gone AS (DELETE FROM portfolio_delta WHERE cell = %(cell)s AND on_date <= %(on)s RETURNING *)
            INSERT INTO portfolio_class AS c ({_CLASS}, {_ALL_SUMS})
            SELECT {_CLASS}, {_ADDED} FROM gone GROUP BY {_CLASS}
            ON CONFLICT ({_CLASS}) DO UPDATE SET {_GROWN}""",  # noqa: S608  Our own lists of columns.
        day,
    )
    tx.execute(f"DELETE FROM portfolio_class WHERE cell = %(cell)s AND {_NOTHING}", day)  # noqa: S608  The same.
    tx.execute(
        """INSERT INTO day_portfolio (cell, on_date, lender_id, product_id, currency, stage, non_accrual, arrears,
               loans, principal_unbilled_fen, principal_billed_fen, principal_overdue_fen, interest_fen, penalty_fen,
               fee_fen, accrued_interest_micro, accrued_penalty_micro)
           SELECT cell, %(on)s, lender_id, product_id, currency, stage, non_accrual, b.name, sum(loans),
                  sum(principal_unbilled_fen), sum(principal_billed_fen),
                  sum(CASE WHEN b.least > 0 THEN principal_billed_fen ELSE 0 END), sum(interest_fen),
                  sum(penalty_fen), sum(fee_fen),
                  sum(interest_zero + interest_slope * (%(on)s + 1 - date '2000-01-01')),
                  sum(penalty_zero + penalty_slope * (%(on)s + 1 - date '2000-01-01'))
           FROM portfolio_class c JOIN unnest(%(names)s::text[], %(least)s::int[], %(most)s::int[])
                AS b (name, least, most)
             ON CASE WHEN overdue_since = '-infinity' THEN 0 ELSE greatest(0, %(on)s - overdue_since) END
                BETWEEN b.least AND b.most
           WHERE cell = %(cell)s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8""",
        {
            **day,
            "names": [name for name, _, _ in BUCKETS],
            "least": [least for _, least, _ in BUCKETS],
            "most": [most for _, _, most in BUCKETS],
        },
    )
