"""What a cost means: the worked example to the fen, and that the rate shown is a rate of what is owed on average."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount
from mingqu.domain.cost import all_in_cost
from mingqu.domain.cost.meaning import CostMeaning, meaning
from mingqu.domain.money import Money
from mingqu.domain.rate import PPM, Rate
from mingqu.domain.schedule import Method, Terms, build


def of(
    principal_fen: int, *, month_ppm: int, instalments: int, method: Method = Method.EQUAL_INSTALMENT
) -> CostMeaning:
    """Return what the cost of a loan with a monthly rate means."""
    plan = build(
        terms=Terms(
            principal=Money(principal_fen, "CNY"),
            method=method,
            rate=Rate.per_month(ppm=month_ppm),
            instalments=instalments,
            start=date(2026, 8, 15),
            day_count=DayCount.THIRTY_360,
        )
    )
    return meaning(schedule=plan, cost=all_in_cost(schedule=plan, lender="某行", interest_standard="按月"))


def test_ten_thousand_in_twelve_months_is_as_the_page_says() -> None:
    found = of(1_000_000, month_ppm=15_000, instalments=12)
    assert (found.received_fen, found.paid_back_fen, found.cost_fen) == (1_000_000, 1_100_161, 100_161)
    assert (found.average_fen, found.each_hundred_fen, found.annual.simple_ppm) == (556_444, 1_002, 180_002)


@settings(max_examples=40)
@given(
    principal_fen=st.integers(500_000, 20_000_000),
    month_ppm=st.integers(3_000, 20_000),
    instalments=st.integers(2, 36),
    method=st.sampled_from([Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY]),
)
def test_the_cost_is_the_rate_of_what_is_owed_on_average(
    principal_fen: int, month_ppm: int, instalments: int, method: Method
) -> None:
    found = of(principal_fen, month_ppm=month_ppm, instalments=instalments, method=method)
    assert found.paid_back_fen - found.received_fen == found.cost_fen
    yearly_fen = found.average_fen * found.annual.simple_ppm * instalments // (12 * PPM)
    assert abs(yearly_fen - found.cost_fen) <= instalments + found.cost_fen // 1_000, (
        "each payment is rounded by itself"
    )
