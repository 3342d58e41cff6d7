"""What being late would cost: beside the all-in cost, equal to what the loan would charge, and refused when unnamed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from mingqu.domain.calendar import DayCount
from mingqu.domain.cost import (
    DELAY_DAYS_SHOWN,
    CostItemMalformed,
    DelayFee,
    DelayTerms,
    all_in_cost,
    cost_of_delay,
)
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import Method, Terms, build

SCHEDULE = build(
    terms=Terms(
        principal=Money(1_000_000),
        method=Method.EQUAL_INSTALMENT,
        rate=Rate.per_year(ppm=180_000),
        start=date(2026, 8, 15),
        instalments=12,
        day_count=DayCount.ACT_360,
    )
)
TERMS = DelayTerms(
    collector="bank",
    standard="one and a half times the rate on overdue principal",
    rate=Rate.per_year(ppm=180_000),
    multiple_ppm=1_500_000,
    day_count=DayCount.ACT_360,
    rounding=Rounding.HALF_UP,
)
FEE = DelayFee(
    code="late_fee", collector="bank", standard="5.00 and 1 % of the instalment", flat_fen=500, share_ppm=10_000
)


def test_instalments_that_fall_due_meanwhile_are_late_as_well() -> None:
    cost = cost_of_delay(schedule=SCHEDULE, first_missed=1, days=45, terms=TERMS)
    # 766.80 for 45 days from 15 September, 778.30 for 15 days from 15 October; both paid on 30 October.
    assert cost.items[0].charges == ((date(2026, 10, 30), 2_588), (date(2026, 10, 30), 876))
    assert (cost.days, cost.cost_fen) == (45, 2_588 + 876)


def test_an_instalment_paid_on_its_due_date_costs_nothing_more() -> None:
    assert cost_of_delay(schedule=SCHEDULE, first_missed=3, days=0, terms=replace(TERMS, fees=(FEE,))).cost_fen == 0


def test_within_grace_nothing_is_charged_and_after_it_every_day_is() -> None:
    terms = replace(TERMS, grace_days=3, fees=(FEE,))
    within, after = (cost_of_delay(schedule=SCHEDULE, first_missed=1, days=days, terms=terms) for days in (3, 4))
    assert within.cost_fen == 0
    assert [item.amount_fen for item in after.items] == [230, 500 + 917]  # four days of 766.80, and 916.80 × 1 %


def test_each_part_names_its_collector_and_how_it_is_charged() -> None:
    cost = cost_of_delay(schedule=SCHEDULE, first_missed=1, days=45, terms=replace(TERMS, fees=(FEE,)))
    assert [(item.code, item.collector, item.standard) for item in cost.items] == [
        ("penalty", "bank", TERMS.standard),
        ("late_fee", "bank", FEE.standard),
    ]
    assert len(cost.items[1].charges) == 2


def test_what_being_late_costs_is_in_no_sum_flow_or_rate() -> None:
    usual = all_in_cost(schedule=SCHEDULE, lender="bank", interest_standard="18 % a year")
    warned = all_in_cost(schedule=SCHEDULE, lender="bank", interest_standard="18 % a year", delay=TERMS)
    assert replace(warned, on_default=()) == usual
    assert [cost.days for cost in warned.on_default] == list(DELAY_DAYS_SHOWN)
    assert [cost.cost_fen for cost in warned.on_default] == [403, 1_725, 10_396]


def test_the_penalty_rate_is_shown_for_a_year() -> None:
    assert TERMS.yearly_ppm == 270_000
    assert replace(TERMS, rate=Rate.per_day(ppm=500)).yearly_ppm == 273_750


@pytest.mark.parametrize(("number", "days"), [(0, 1), (13, 1), (1, -1), (1, 36_601)])
def test_an_instalment_or_a_time_that_is_not_there_is_refused(number: int, days: int) -> None:
    with pytest.raises(CostItemMalformed):
        cost_of_delay(schedule=SCHEDULE, first_missed=number, days=days, terms=TERMS)


def test_terms_of_delay_that_cannot_be_are_refused() -> None:
    for changes in ({"collector": ""}, {"multiple_ppm": -1}, {"grace_days": -1}, {"fees": (FEE, FEE)}):
        with pytest.raises(CostItemMalformed):
            replace(TERMS, **changes)
    for fee in ({"code": ""}, {"code": "penalty"}, {"collector": ""}, {"flat_fen": -1}, {"share_ppm": 1_000_001}):
        with pytest.raises(CostItemMalformed):
            replace(FEE, **fee)
