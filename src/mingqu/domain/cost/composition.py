"""The all-in cost of a loan: every part, who collects it, and the one rate that covers them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from mingqu.domain.calendar import MONTHLY, Period
from mingqu.domain.cost.annual import AnnualCost, annual_cost
from mingqu.domain.cost.delay import DelayCost, DelayTerms, cost_of_delay
from mingqu.domain.cost.item import CostItem, CostItemMalformed
from mingqu.domain.money import Rounding
from mingqu.domain.schedule import Schedule

INTEREST: Final = "interest"
# What being late costs is shown for these days: a week, a month, and where a loan stops counting as income.
DELAY_DAYS_SHOWN: Final = (7, 30, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllInCost:
    """What the disclosure table shows: principal, each part of the cost, their sum and the yearly rate of all.

    `on_default` stands beside them: what being late would cost is in no sum, flow or rate.
    """

    principal_fen: int
    items: tuple[CostItem, ...]
    cost_fen: int
    annual: AnnualCost
    flows: tuple[tuple[date, int], ...]
    on_default: tuple[DelayCost, ...] = ()


def all_in_cost(
    *,
    schedule: Schedule,
    lender: str,
    interest_standard: str,
    fees: Sequence[CostItem] = (),
    period: Period = MONTHLY,
    rounding: Rounding = Rounding.HALF_UP,
    delay: DelayTerms | None = None,
    delay_days: Sequence[int] = DELAY_DAYS_SHOWN,
) -> AllInCost:
    """Return the cost of a schedule with every fee on top of it, for a borrower who pays as agreed.

    Interest is the first item, collected by `lender`; then the fees in the order given. The flows are the
    borrower's: principal received, everything else paid. With `delay` it also says what falling behind from the
    first instalment on, for each of `delay_days`, would cost; that changes nothing else.
    Source: 《个人贷款业务明示综合融资成本规定》, 2026-03-15 (each part, how it is charged and who collects it);
    金规〔2025〕9号, 2025-04-03 (credit enhancement fees count in).
    Example: 10,000.00 in 12 instalments of 888.49 is 12.00 %; with a guarantee fee of 60.00 a month 24.60 %.
    Errors: CostItemMalformed (also a code used twice); those of `annual_cost`.
    """
    interest = CostItem(
        code=INTEREST,
        collector=lender,
        standard=interest_standard,
        charges=tuple((row.due, row.interest_fen) for row in schedule.rows if row.interest_fen),
    )
    items = (interest, *fees)
    codes = [item.code for item in items]
    if len(set(codes)) != len(codes):
        raise CostItemMalformed("Each part of the cost is named once.")
    flows = _flows(schedule, fees)
    return AllInCost(
        principal_fen=schedule.principal_fen,
        items=items,
        cost_fen=sum(item.amount_fen for item in items),
        annual=annual_cost(flows=flows, period=period, rounding=rounding),
        flows=flows,
        on_default=()
        if delay is None
        else tuple(
            cost_of_delay(schedule=schedule, first_missed=schedule.rows[0].number, days=days, terms=delay)
            for days in delay_days
        ),
    )


def _flows(schedule: Schedule, fees: Sequence[CostItem]) -> tuple[tuple[date, int], ...]:
    by_day: dict[date, int] = {schedule.rows[0].start: schedule.principal_fen}
    for row in schedule.rows:
        by_day[row.due] = by_day.get(row.due, 0) - row.payment_fen
    for fee in fees:
        for day, fen in fee.charges:
            by_day[day] = by_day.get(day, 0) - fen
    return tuple(sorted(by_day.items()))
