"""The quick ways of schedules give what the long ways give."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.calendar import Period, PeriodUnit, add_periods, due_dates
from mingqu.domain.loan.terms import ALLOCATION_USUAL, LoanTerms, LoanTermsImpossible
from mingqu.domain.schedule.spreading import exact_instalment
from tests.models.loan_terms import monthly_terms

NUMBERS = st.integers(1, 10**9)


@given(
    principal=NUMBERS,
    ratio=st.tuples(st.integers(0, 10**6), NUMBERS),
    accrued=st.tuples(st.integers(0, 10**9), NUMBERS),
    periods=st.integers(1, 40),
)
def test_equal_periods_by_the_formula_are_what_summing_period_by_period_gives(
    principal: int, ratio: tuple[int, int], accrued: tuple[int, int], periods: int
) -> None:
    equal = [ratio] * periods
    written_otherwise = [*equal[:-1], (3 * ratio[0], 3 * ratio[1])] if periods > 1 else equal
    by_formula = exact_instalment(principal_fen=principal, ratios=equal, accrued=accrued)
    by_summing = exact_instalment(principal_fen=principal, ratios=written_otherwise, accrued=accrued)
    assert Fraction(*by_formula) == Fraction(*by_summing)
    value, rate = principal * (1 + Fraction(*ratio)) + Fraction(*accrued), Fraction(*ratio)
    assert Fraction(*by_formula) * sum((1 + rate) ** power for power in range(periods)) == (
        value * (1 + rate) ** (periods - 1)
    )


@given(
    start=st.dates(date(1999, 12, 1), date(2030, 12, 31)),
    unit=st.sampled_from((PeriodUnit.MONTH, PeriodUnit.WEEK, PeriodUnit.DAY)),
    every=st.integers(1, 14),
    count=st.integers(1, 30),
    anchor_day=st.sampled_from((None, 1, 28, 29, 30, 31)),
)
def test_due_dates_are_the_periods_added_one_by_one(
    start: date, unit: PeriodUnit, every: int, count: int, anchor_day: int | None
) -> None:
    period = Period(every=every, unit=unit)
    assert due_dates(start=start, period=period, instalments=count, anchor_day=anchor_day) == tuple(
        add_periods(day=start, period=period, times=times, anchor_day=anchor_day) for times in range(1, count + 1)
    )


def test_an_order_with_a_hole_is_refused_also_after_a_whole_one_was_accepted() -> None:
    whole = monthly_terms(principal_fen=1_000, months=3, ppm=0)
    for order in (ALLOCATION_USUAL[1:], (*ALLOCATION_USUAL, ALLOCATION_USUAL[0])):
        values = {name: getattr(whole, name) for name in LoanTerms.__slots__} | {"allocation": order}
        try:
            LoanTerms(**values)
        except LoanTermsImpossible:
            continue
        raise AssertionError(f"accepted {order}")
