"""The static view: loans by the month in which the pool bought them, each month's fate by itself.

A pool that buys again always looks young: new loans hide how old ones end. Loans that were bought together are followed
together, and those repaid in full stay in the count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from mingqu.domain.abs_pool.loan import PooledLoan
from mingqu.domain.abs_pool.terms import Triggers
from mingqu.domain.cohort import month_on_book, share_ppm


@dataclass(frozen=True, slots=True, kw_only=True)
class Vintage:
    """Loans bought in one calendar month, in fen; `month` is its first day, `age` the months since then.

    `bought_fen` = `repaid_fen` + `performing_fen` + `unrecovered_fen`. `delinquent_fen` is a part of what performs.
    `defaulted_fen` is what was left as each loan went into default, `defaulted_ppm` its share of what was bought.
    """

    month: date
    age: int
    loans: int
    bought_fen: int
    repaid_fen: int
    performing_fen: int
    delinquent_fen: int
    defaulted_fen: int
    unrecovered_fen: int

    @property
    def defaulted_ppm(self) -> int:
        """The share of what was bought that went into default, in ppm, rounded down."""
        return share_ppm(part=self.defaulted_fen, whole=self.bought_fen)


def by_month_of_purchase(*, loans: Iterable[PooledLoan], triggers: Triggers, on: date) -> tuple[Vintage, ...]:
    """Return the vintages of a pool as a day begins, the oldest first.

    Example: a loan bought in August at 1 000.00, 400.00 of it repaid, 600.00 in default: 60 % of August defaulted.
    """
    months: dict[date, list[PooledLoan]] = {}
    for loan in loans:
        months.setdefault(loan.bought_on.replace(day=1), []).append(loan)
    return tuple(_vintage(month, months[month], triggers, on) for month in sorted(months))


def _vintage(month: date, loans: list[PooledLoan], triggers: Triggers, on: date) -> Vintage:
    bought_fen = sum(one.bought_fen for one in loans)
    left_fen = sum(one.principal_fen for one in loans)
    performing_fen = sum(one.performing_fen(triggers=triggers) for one in loans)
    return Vintage(
        month=month,
        age=month_on_book(started=month, on=on),
        loans=len(loans),
        bought_fen=bought_fen,
        repaid_fen=bought_fen - left_fen,
        performing_fen=performing_fen,
        delinquent_fen=sum(one.delinquent_fen(triggers=triggers) for one in loans),
        defaulted_fen=sum(one.lost_fen(triggers=triggers) for one in loans),
        unrecovered_fen=left_fen - performing_fen,
    )
