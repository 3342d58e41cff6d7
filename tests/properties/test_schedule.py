"""What holds for every schedule, and agreement with an independent model."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount, Period, PeriodUnit
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import (
    BrokenPeriod,
    InterestBasis,
    Method,
    MultipleAboveInstalment,
    Schedule,
    Smoothing,
    Tail,
    Terms,
    accrued_ratio,
    build,
    rebuild,
)
from mingqu.domain.schedule.spreading import exact_instalment
from tests.properties import schedule_model as model
from tests.soak import examples

STARTS = st.dates(date(1990, 1, 1), date(2090, 12, 31))
RATES = st.one_of(
    st.builds(lambda ppm: Rate.per_year(ppm=ppm), st.integers(0, 600_000)),
    st.builds(lambda ppm: Rate.per_month(ppm=ppm), st.integers(0, 50_000)),
    st.builds(lambda ppm: Rate.per_day(ppm=ppm), st.integers(0, 1_500)),
)
PERIODS = st.one_of(
    st.builds(lambda every: Period(every=every), st.integers(1, 12)),
    st.builds(lambda every: Period(every=every, unit=PeriodUnit.WEEK), st.integers(1, 8)),
    st.builds(lambda every: Period(every=every, unit=PeriodUnit.DAY), st.integers(1, 90)),
)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Terms of every kind that can be made."""
    method = draw(st.sampled_from(Method))
    start = draw(STARTS)
    first_due = draw(st.none() | st.integers(1, 120).map(lambda days: start + timedelta(days=days)))
    equal_parts = method in (Method.EQUAL_PRINCIPAL, Method.FLAT)
    return Terms(
        principal=Money(draw(st.integers(10_000, 10**12))),
        method=method,
        rate=draw(RATES),
        start=start,
        instalments=draw(st.integers(1, 60)),
        day_count=draw(st.sampled_from(DayCount)),
        period=draw(PERIODS),
        first_due=first_due,
        basis=draw(st.sampled_from(InterestBasis)),
        broken_period=draw(st.sampled_from(BrokenPeriod)),
        rounding=draw(st.sampled_from((Rounding.HALF_UP, Rounding.HALF_EVEN))),
        multiple_fen=draw(st.sampled_from((1, 100))),
        smoothing=draw(st.sampled_from(Smoothing)) if method is Method.EQUAL_INSTALMENT else Smoothing.NONE,
        tail=draw(st.sampled_from(Tail)) if equal_parts else Tail.LAST,
    )


def _built(agreed: Terms) -> Schedule:
    try:
        return build(terms=agreed)
    except MultipleAboveInstalment:
        assume(False)
        raise


@settings(max_examples=examples(150), deadline=None)
@given(agreed=terms())
def test_every_schedule_repays_the_loan_without_ever_growing(agreed: Terms) -> None:
    schedule = _built(agreed)
    assert schedule.principal_fen == agreed.principal.fen
    opening, opened = agreed.principal.fen, agreed.start
    for number, row in enumerate(schedule.rows, start=1):
        assert (row.number, row.opening_fen, row.start) == (number, opening, opened)
        assert row.days == (row.due - row.start).days > 0
        assert row.principal_fen >= 0
        assert row.interest_fen >= 0
        assert row.payment_fen == row.principal_fen + row.interest_fen
        assert row.closing_fen == row.opening_fen - row.principal_fen
        opening, opened = row.closing_fen, row.due
    assert opening == 0


@settings(max_examples=examples(100), deadline=None)
@given(agreed=terms())
def test_only_the_tail_differs_from_the_equal_part(agreed: Terms) -> None:
    assume(agreed.method in (Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL))
    rows = _built(agreed).rows
    if rows[0].principal_fen == 0:
        return  # a long first period asks for its interest only
    if agreed.tail is Tail.FIRST:
        parts = [row.principal_fen for row in rows][::-1]
        equal = [part for number, part in enumerate(parts) if sum(parts[: number + 1]) < agreed.principal.fen]
    else:
        # Whole yuan may end the debt before the last row, and a row never asks for less than its interest.
        full = [row for row in rows if row.closing_fen > 0 and row.principal_fen > 0]
        equal = [row.payment_fen if agreed.method is Method.EQUAL_INSTALMENT else row.principal_fen for row in full]
    assert len(set(equal)) <= 1
    assert all(part % agreed.multiple_fen == 0 for part in equal)


@settings(max_examples=examples(120), deadline=None)
@given(
    principal=st.integers(10_000, 10**11),
    ppm=st.integers(0, 600_000),
    start=STARTS,
    instalments=st.integers(1, 60),
    days_in_year=st.sampled_from((None, 360, 365)),
    half_even=st.booleans(),
    equal=st.booleans(),
)
def test_rows_agree_with_a_model_of_present_values(
    principal: int,
    ppm: int,
    start: date,
    instalments: int,
    days_in_year: int | None,
    half_even: bool,
    equal: bool,
) -> None:
    agreed = Terms(
        principal=Money(principal),
        method=Method.EQUAL_INSTALMENT if equal else Method.EQUAL_PRINCIPAL,
        rate=Rate.per_year(ppm=ppm),
        start=start,
        instalments=instalments,
        day_count=DayCount.ACT_360 if days_in_year == 360 else DayCount.ACT_365,
        basis=InterestBasis.PERIOD if days_in_year is None else InterestBasis.DAILY,
        rounding=Rounding.HALF_EVEN if half_even else Rounding.HALF_UP,
    )
    rates = model.period_rates(
        start=start, instalments=instalments, yearly=Fraction(ppm, 10**6), days_in_year=days_in_year
    )
    expected = (model.equal_instalment if equal else model.equal_principal)(
        principal=principal, rates=rates, half_even=half_even
    )
    rows = build(terms=agreed).rows
    assert [(row.principal_fen, row.interest_fen) for row in rows] == expected
    assert [row.due for row in rows] == [model.month_later(start, count) for count in range(1, instalments + 1)]


@settings(max_examples=examples(150), deadline=None)
@given(
    principal=st.integers(1, 10**15),
    ratios=st.lists(st.tuples(st.integers(0, 500), st.just(10_000)), min_size=1, max_size=40),
    accrued=st.tuples(st.integers(0, 10**6), st.integers(1, 1000)),
)
def test_the_exact_instalment_repays_principal_and_what_had_accrued(
    principal: int, ratios: list[tuple[int, int]], accrued: tuple[int, int]
) -> None:
    instalment = Fraction(*exact_instalment(principal_fen=principal, ratios=ratios, accrued=accrued))
    balance = Fraction(principal)
    for number, ratio in enumerate(ratios):
        balance += balance * Fraction(*ratio) + (Fraction(*accrued) if number == 0 else 0) - instalment
    assert balance == 0


@settings(max_examples=examples(100), deadline=None)
@given(
    agreed=terms(),
    cuts=st.lists(st.integers(0, 400), max_size=4),
)
def test_interest_of_parts_sums_to_the_whole_where_each_day_bears_the_same(agreed: Terms, cuts: list[int]) -> None:
    assume(agreed.day_count in (DayCount.ACT_360, DayCount.ACT_364, DayCount.ACT_365))
    assume(agreed.basis is InterestBasis.DAILY or agreed.broken_period is BrokenPeriod.PRO_RATA)
    row = _built(agreed).rows[0]
    whole = agreed.first_due is None
    days = sorted({0, row.days, *(cut % (row.days + 1) for cut in cuts)})

    def accrued(begin: int, end: int) -> Fraction:
        numerator, denominator = accrued_ratio(
            principal_fen=agreed.principal.fen,
            terms=agreed,
            period_start=row.start,
            period_due=row.due,
            whole=whole,
            start=row.start + timedelta(days=begin),
            end=row.start + timedelta(days=end),
        )
        return Fraction(numerator, denominator)

    assert sum((accrued(begin, end) for begin, end in pairwise(days)), Fraction(0)) == accrued(0, row.days)


@settings(max_examples=examples(80), deadline=None)
@given(agreed=terms(), paid_part=st.integers(0, 99))
def test_what_is_left_after_an_early_repayment_ends_at_zero(agreed: Terms, paid_part: int) -> None:
    rows = _built(agreed).rows
    half = len(rows) // 2
    left = rows[half].opening_fen * (100 - paid_part) // 100
    assume(left > 0)
    again = rebuild(
        terms=agreed,
        principal_fen=left,
        start=rows[half].start,
        dues=[row.due for row in rows[half:]],
        first_number=half + 1,
    )
    assert again.principal_fen == left
    assert again.rows[0].number == half + 1
    assert again.rows[-1].closing_fen == 0
    assert all(row.principal_fen >= 0 for row in again.rows)
