"""Schedules an accountant can read, and the figures of the worked vectors they must show."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mingqu.domain.calendar import DayCount, add_months
from mingqu.domain.cost import AnnualCost, CostItem, all_in_cost, annual_cost
from mingqu.domain.money import Money, Rounding, divide
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import Method, Terms, accrued_ratio, build
from tests.golden.scenarios import BUILT, EQUAL_INSTALMENT, THIRTY_DAYS, after_prepayment, all_schedules, written

FOLDER = Path(__file__).with_name("schedules")


@pytest.mark.parametrize("name", sorted(all_schedules()))
def test_the_schedule_is_the_one_written_down(name: str) -> None:
    assert written(*all_schedules()[name]) == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_every_golden_file_has_its_schedule() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(all_schedules())


def test_equal_instalments_of_ten_thousand_at_eighteen_per_cent() -> None:
    schedule = build(terms=EQUAL_INSTALMENT)
    assert [row.payment_fen for row in schedule.rows] == [91_680] * 11 + [91_681]
    assert [row.interest_fen for row in schedule.rows] == [
        *(15_000, 13_850, 12_682, 11_497, 10_295, 9_074),
        *(7_835, 6_577, 5_301, 4_005, 2_690, 1_355),
    ]
    assert schedule.interest_fen == 100_161


def test_equal_principal_bears_interest_for_the_days_of_each_month() -> None:
    schedule = build(terms=BUILT["equal-principal-daily"][1])
    assert [row.interest_fen for row in schedule.rows] == [
        *(13_950, 11_340, 11_160, 9_450, 8_370),
        *(6_750, 5_580, 4_185, 2_700, 1_395),
    ]
    assert schedule.interest_fen == 74_880


def test_equal_principal_in_months_of_31_days_gives_the_published_interest() -> None:
    assert [row.interest_fen for row in build(terms=THIRTY_DAYS).rows] == [3875, 3100, 2325, 1550, 775]


def test_interest_only_depends_on_the_year_it_counts() -> None:
    by_360 = build(terms=BUILT["interest-only-360"][1])
    assert by_360.interest_fen == 547_500
    assert sorted(row.interest_fen for row in by_360.rows) == [42_000] + [45_000] * 4 + [46_500] * 7
    assert build(terms=BUILT["interest-only-365"][1]).interest_fen == 540_002


@pytest.mark.parametrize(
    ("months", "fee_ppm", "simple", "effective"),
    [(3, 25_000, 1494, 1600), (6, 45_000, 1527, 1638), (9, 65_000, 1534, 1647), (12, 88_000, 1586, 1707)],
)
def test_an_instalment_fee_costs_far_more_a_year_than_it_says(
    months: int, fee_ppm: int, simple: int, effective: int
) -> None:
    principal = 36_000_000
    start = date(2026, 1, 31)
    instalment = (principal + principal * fee_ppm // 1_000_000) // months
    flows = [(start, principal)]
    flows += [(add_months(day=start, months=count), -instalment) for count in range(1, months + 1)]
    cost = annual_cost(flows=flows)
    assert (_hundredths(cost.simple_ppm), _hundredths(cost.effective_ppm)) == (simple, effective)


def _hundredths(ppm: int) -> int:
    """Hundredths of a per cent, as a rate is printed."""
    return divide(ppm, 100, Rounding.HALF_UP)


def _twelve_per_cent() -> Terms:
    return Terms(
        principal=Money(1_000_000),
        method=Method.EQUAL_INSTALMENT,
        rate=Rate.per_year(ppm=120_000),
        start=date(2026, 8, 15),
        instalments=12,
        day_count=DayCount.ACT_365,
    )


def test_fees_of_others_count_in_the_disclosed_rate() -> None:
    schedule = build(terms=_twelve_per_cent())
    guarantee = CostItem(
        code="guarantee_fee",
        collector="guarantor",
        standard="60.00 a month",
        charges=tuple((row.due, 6_000) for row in schedule.rows),
    )
    membership = CostItem(
        code="membership", collector="platform", standard="99.00 once", charges=((date(2026, 8, 15), 9_900),)
    )
    rates = []
    for fees in ((), (guarantee,), (guarantee, membership)):
        cost = all_in_cost(schedule=schedule, lender="bank", interest_standard="12 % a year", fees=fees)
        assert cost.cost_fen == schedule.interest_fen + sum(fee.amount_fen for fee in fees)
        assert [item.collector for item in cost.items] == ["bank", *(fee.collector for fee in fees)]
        rates.append(_hundredths(cost.annual.simple_ppm))
    assert rates == [1200, 2460, 2655]


def test_a_flat_one_per_cent_a_month_is_21_46_per_cent_a_year() -> None:
    cost = all_in_cost(schedule=build(terms=BUILT["flat"][1]), lender="bank", interest_standard="1 % a month")
    assert _hundredths(cost.annual.simple_ppm) == 2146
    assert isinstance(cost.annual, AnnualCost)


def test_a_joint_loan_splits_each_line_to_the_fen() -> None:
    assert Money(78_434).allocate((30, 70)) == (Money(23_530), Money(54_904))


@pytest.mark.parametrize(("day_count", "interest"), [(DayCount.ACT_360, 3_832), (DayCount.ACT_365, 3_780)])
def test_prepaying_ten_days_into_a_month_bears_ten_days(day_count: DayCount, interest: int) -> None:
    third, fourth = build(terms=EQUAL_INSTALMENT).rows[2:4]
    assert third.closing_fen == 766_492
    numerator, denominator = accrued_ratio(
        principal_fen=third.closing_fen,
        terms=_with_day_count(day_count),
        period_start=fourth.start,
        period_due=fourth.due,
        whole=True,
        start=fourth.start,
        end=date(2026, 4, 25),
    )
    assert divide(numerator, denominator, Rounding.HALF_UP) == interest


def _with_day_count(day_count: DayCount) -> Terms:
    return Terms(
        principal=EQUAL_INSTALMENT.principal,
        method=EQUAL_INSTALMENT.method,
        rate=EQUAL_INSTALMENT.rate,
        start=EQUAL_INSTALMENT.start,
        instalments=EQUAL_INSTALMENT.instalments,
        day_count=day_count,
    )


def test_an_early_repayment_lowers_the_instalment_or_shortens_the_term() -> None:
    lower, shorter = after_prepayment(instalment_fen=None), after_prepayment(instalment_fen=91_680)
    assert lower.principal_fen == shorter.principal_fen == 566_492
    assert len(lower.rows) == 9
    assert len(shorter.rows) < 9
    assert {row.payment_fen for row in shorter.rows[:-1]} == {91_680}
    assert shorter.interest_fen < lower.interest_fen
