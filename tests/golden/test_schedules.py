"""Schedules an accountant can read, and what a fee or an early repayment does to them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mingqu.domain.calendar import DayCount
from mingqu.domain.cost import CostItem, all_in_cost
from mingqu.domain.money import Money, Rounding, divide
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import Method, Terms, build
from tests.golden.scenarios import after_prepayment, all_schedules, written

FOLDER = Path(__file__).with_name("schedules")


@pytest.mark.parametrize("name", sorted(all_schedules()))
def test_the_schedule_is_the_one_written_down(name: str) -> None:
    assert written(*all_schedules()[name]) == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_every_golden_file_has_its_schedule() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(all_schedules())


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


def test_an_early_repayment_lowers_the_instalment_or_shortens_the_term() -> None:
    lower, shorter = after_prepayment(instalment_fen=None), after_prepayment(instalment_fen=91_680)
    assert lower.principal_fen == shorter.principal_fen == 566_492
    assert len(lower.rows) == 9
    assert len(shorter.rows) < 9
    assert {row.payment_fen for row in shorter.rows[:-1]} == {91_680}
    assert shorter.interest_fen < lower.interest_fen
