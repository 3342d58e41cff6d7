"""Yearly cost: rates that are proved, counting of time by each rule, parts of the cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from mingqu.domain.calendar import MONTHLY, DayCount, Period, PeriodUnit, add_months
from mingqu.domain.cost import (
    CostItem,
    CostItemMalformed,
    RateBeyondReach,
    RateNotUnique,
    RateUndefined,
    all_in_cost,
    annual_cost,
    european_rate,
    european_years,
    extended_irr,
    irr_period,
    regulation_z_times,
)
from mingqu.domain.cost.annual import periods_between
from mingqu.domain.money import Money
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import Method, Terms, build


def test_a_rate_that_is_exact_is_found_exactly() -> None:
    assert irr_period(flows=[10_000, -10_100]) == Decimal("0.01")
    assert irr_period(flows=[-10_000, 0, 12_100]) == Decimal("0.1")
    assert irr_period(flows=[10_000, -5_000, -5_000]) == 0


def test_paying_back_less_than_was_received_is_a_negative_rate() -> None:
    assert irr_period(flows=[10_000, -9_900]) == Decimal("-0.01")


@pytest.mark.parametrize("flows", [[1, 2], [0, 0], [-1, -1], [5], []])
def test_money_that_goes_one_way_has_no_rate(flows: list[int]) -> None:
    with pytest.raises(RateUndefined):
        irr_period(flows=flows)


def test_flows_that_two_rates_explain_are_refused() -> None:
    with pytest.raises(RateNotUnique):
        irr_period(flows=[-1_600, 10_000, -10_000])


def test_a_second_draw_between_repayments_still_has_one_rate() -> None:
    assert irr_period(flows=[10_000, -2_000, 5_000, -14_000]) > 0


def test_a_rate_beyond_reach_is_refused() -> None:
    with pytest.raises(RateBeyondReach):
        extended_irr(flows=[(date(2026, 1, 1), 1_000), (date(2026, 1, 2), -2_000)])


@pytest.mark.parametrize("start_day", [15, 28, 29, 30, 31])
def test_due_dates_of_whole_months_are_whole_periods(start_day: int) -> None:
    start = date(2026, 1, start_day)
    for months in range(1, 25):
        end = add_months(day=start, months=months)
        assert periods_between(start=start, end=end, period=MONTHLY) == (months, (0, 1))


def test_days_left_over_stand_at_the_beginning() -> None:
    assert periods_between(start=date(2026, 1, 10), end=date(2026, 3, 25), period=MONTHLY) == (2, (15, 31))
    quarter = Period(every=3)
    assert periods_between(start=date(2026, 1, 10), end=date(2026, 4, 10), period=quarter) == (1, (0, 1))
    fortnight = Period(every=2, unit=PeriodUnit.WEEK)
    assert periods_between(start=date(2026, 1, 1), end=date(2026, 1, 22), period=fortnight) == (1, (1, 2))


def test_simple_and_effective_cost_of_a_weekly_loan() -> None:
    start = date(2026, 8, 15)
    flows = [(start, 100_000), (date(2026, 8, 22), -101_000)]
    cost = annual_cost(flows=flows, period=Period(every=1, unit=PeriodUnit.WEEK))
    assert (cost.simple_ppm, cost.effective_ppm) == (520_000, 677_689)


def test_the_european_year_looks_back_for_its_leap_day() -> None:
    start = date(2013, 1, 12)
    assert Fraction(*european_years(start=start, end=date(2013, 2, 15), unit=PeriodUnit.MONTH)) == (
        Fraction(1, 12) + Fraction(3, 366)
    )
    assert Fraction(*european_years(start=start, end=date(2013, 1, 27), unit=PeriodUnit.WEEK)) == (
        Fraction(2, 52) + Fraction(1, 366)
    )
    assert Fraction(*european_years(start=start, end=date(2013, 1, 22), unit=PeriodUnit.DAY)) == Fraction(10, 366)


def test_a_fee_on_the_first_day_makes_the_loan_smaller() -> None:
    kept_back = european_rate(flows=[((0, 1), 294_000), ((1, 2), -313_209)])
    paid_at_once = european_rate(flows=[((0, 1), 300_000), ((0, 1), -6_000), ((1, 2), -313_209)])
    assert kept_back == paid_at_once


def test_regulation_z_counts_a_quarter_in_months_of_thirty_days() -> None:
    unit = Period(every=3)
    assert regulation_z_times(start=date(1978, 5, 23), end=date(1978, 10, 1), unit=unit) == (1, (13, 30))


def _schedule_of_three() -> Terms:
    return Terms(
        principal=Money(300_000),
        method=Method.EQUAL_INSTALMENT,
        rate=Rate.per_year(ppm=120_000),
        start=date(2026, 8, 15),
        instalments=3,
        day_count=DayCount.ACT_365,
    )


def test_a_part_of_the_cost_names_itself_its_collector_and_no_gift() -> None:
    day = date(2026, 8, 15)
    for code, collector, fen in (("", "bank", 1), ("fee", "", 1), ("fee", "bank", -1)):
        with pytest.raises(CostItemMalformed):
            CostItem(code=code, collector=collector, standard="", charges=((day, fen),))


def test_a_part_of_the_cost_is_named_once() -> None:
    fee = CostItem(code="fee", collector="bank", standard="", charges=())
    with pytest.raises(CostItemMalformed):
        all_in_cost(schedule=build(terms=_schedule_of_three()), lender="bank", interest_standard="", fees=(fee, fee))


def test_the_flows_of_the_disclosure_are_the_borrowers() -> None:
    schedule = build(terms=_schedule_of_three())
    cost = all_in_cost(schedule=schedule, lender="bank", interest_standard="12 % a year")
    assert cost.flows[0] == (date(2026, 8, 15), 300_000)
    assert sum(amount for _, amount in cost.flows) == -schedule.interest_fen == -cost.cost_fen
