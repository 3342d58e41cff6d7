"""Dated terms: agreement with a model that lives every day, with regular schedules, and with themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import gcd

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount, Period, PeriodUnit, days_in_month
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import (
    Cycle,
    DatedTerms,
    Due,
    InstalmentBelowInterest,
    InterestBasis,
    InterestPeriod,
    Method,
    PrincipalDue,
    PrincipalMovement,
    RateChange,
    Rates,
    Redemption,
    Repricing,
    Stub,
    Terms,
    TermsImpossible,
    build,
    cycle_dates,
    dated,
    interest_periods,
    interest_sum,
    owed_on,
    unfold,
    varying_ratio,
)
from tests.properties.dated_model import DatedModel, TooLittlePaidError, TooMuchRepaidError
from tests.soak import examples

START = date(2023, 11, 17)
FIXED_YEARS = (DayCount.ACT_360, DayCount.ACT_364, DayCount.ACT_365)
YEARLY = st.builds(lambda ppm: Rate.per_year(ppm=ppm), st.sampled_from((0, 30_000, 36_000, 180_000, 600_000)))


def _day(offset: int) -> date:
    return START + timedelta(days=offset)


@st.composite
def rates(draw: st.DrawFn, *, last: int = 400) -> Rates:
    """Rates with up to four changes, some of them to the same rate."""
    days = sorted(draw(st.sets(st.integers(0, last), max_size=4)))
    changes = [RateChange(day=_day(day), rate=draw(YEARLY), keeps_instalment=draw(st.booleans())) for day in days]
    return Rates(first=draw(YEARLY), changes=tuple(changes))


@st.composite
def dated_terms(draw: st.DrawFn) -> DatedTerms:
    """Dated terms of every kind over a year and a bit; holidays move payments by up to two days."""
    end = draw(st.integers(40, 130)) * 3
    bears = draw(st.booleans())

    def due(offset: int) -> Due:
        moved = offset * 7 % 3 if offset else 0
        return Due(_day(offset + moved), _day(offset + moved if bears else offset))

    offsets = st.integers(0, 130).map(lambda third: third * 3)
    interest = sorted(draw(st.sets(offsets.filter(lambda offset: offset < end), max_size=8)))
    principal = sorted(draw(st.sets(offsets, max_size=8)))
    own = st.none() | st.integers(1, 300_000)
    bearing = draw(st.none() | st.just(()) | st.tuples(st.integers(1, end - 1).map(_day)))
    # Repayments are small beside the loan: most terms can be lived to their end.
    amounts = st.integers(1, 500_000) | st.integers(-50_000, -1)
    movements = st.builds(PrincipalMovement, day=st.integers(0, end - 1).map(_day), amount_fen=amounts)
    return DatedTerms(
        principal=Money(draw(st.integers(10_000, 10**9))),
        start=START,
        end=due(end),
        rates=draw(rates()),
        day_count=draw(st.sampled_from(FIXED_YEARS)),
        interest_dues=tuple(due(offset) for offset in interest),
        principal_dues=tuple(PrincipalDue(due(offset), draw(own)) for offset in principal),
        redemption=draw(st.sampled_from(Redemption)),
        instalment_fen=draw(st.none() | st.integers(1, 10**8)),
        capitalized_until=draw(st.none() | st.integers(0, end).map(_day)),
        movements=tuple(draw(st.lists(movements, max_size=3))),
        base_days=bearing,
        accrued=draw(st.sampled_from(((0, 1), (1_234, 1), (55_555, 7)))),
        rounding=Rounding.HALF_EVEN,
    )


@settings(max_examples=examples(200), deadline=None)
@given(terms=dated_terms())
def test_rows_agree_with_a_model_that_lives_every_day(terms: DatedTerms) -> None:
    try:
        expected = DatedModel(terms).lines_until(terms.end.counted)
    except (TooMuchRepaidError, TooLittlePaidError) as error:
        refusal = TermsImpossible if isinstance(error, TooMuchRepaidError) else InstalmentBelowInterest
        try:
            unfold(terms=terms)
        except refusal:
            return
        raise AssertionError("the model refuses, and the walk does not") from None
    assert [tuple(row) for row in unfold(terms=terms)] == expected


def _unfolded(terms: DatedTerms) -> tuple[tuple[object, ...], ...]:
    try:
        return tuple(tuple(row) for row in unfold(terms=terms))
    except Refusal:
        assume(False)
        raise


@settings(max_examples=examples(100), deadline=None)
@given(terms=dated_terms(), at=st.integers(0, 400))
def test_principal_sums_and_what_is_owed_on_a_day_is_what_the_rows_leave(terms: DatedTerms, at: int) -> None:
    _unfolded(terms)
    rows = unfold(terms=terms)
    lent = terms.principal.fen + sum(row.drawn_fen + row.capitalized_fen for row in rows)
    assert sum(row.principal_fen for row in rows) == lent
    assert rows[0].opening_fen == terms.principal.fen
    assert all(before.closing_fen == after.opening_fen for before, after in pairwise(rows))
    assert min(min(row[1:]) for row in rows) >= 0
    assert rows[-1].closing_fen == 0
    day = min(_day(at), terms.end.counted)
    model = DatedModel(terms)
    model.lines_until(day)
    assert owed_on(terms=terms, day=day) == (model.owed, (model.borne.numerator, model.borne.denominator))


@settings(max_examples=examples(100), deadline=None)
@given(terms=dated_terms(), at=st.integers(0, 400), day_count=st.sampled_from(DayCount))
def test_a_change_to_the_same_rate_changes_nothing(terms: DatedTerms, at: int, day_count: DayCount) -> None:
    plain = replace(terms, day_count=day_count)
    day = _day(at)
    assume(all(change.day != day for change in terms.rates.changes))
    same = RateChange(day=day, rate=terms.rates.on(day=day))
    changes = tuple(sorted((*terms.rates.changes, same), key=lambda change: change.day))
    split = replace(plain, rates=Rates(first=terms.rates.first, changes=changes))
    assert _unfolded(split) == _unfolded(plain)


@settings(max_examples=examples(60), deadline=None)
@given(terms=dated_terms())
def test_interest_added_to_principal_costs_more_than_interest_paid(terms: DatedTerms) -> None:
    paid = replace(terms, capitalized_until=None, base_days=None, principal_dues=(), movements=())
    added = replace(paid, capitalized_until=terms.end.counted)
    rows, added_rows = unfold(terms=paid), unfold(terms=added)
    simple = sum(row.interest_fen for row in rows)
    compound = sum(row.interest_fen + row.capitalized_fen for row in added_rows)
    assert compound >= simple
    assert added_rows[-1].principal_fen == terms.principal.fen + sum(row.capitalized_fen for row in added_rows)
    assert sum(row.payment_fen for row in added_rows) == terms.principal.fen + compound


@st.composite
def regular_terms(draw: st.DrawFn) -> Terms:
    """Regular terms that can be told date by date."""
    basis = draw(st.sampled_from(InterestBasis))
    methods = [method for method in Method if basis is InterestBasis.DAILY or method is not Method.SINGLE_PAYMENT]
    start = draw(st.dates(date(1990, 1, 1), date(2090, 12, 31)))
    period = st.builds(lambda every: Period(every=every), st.integers(1, 6)) | st.builds(
        lambda every: Period(every=every, unit=PeriodUnit.DAY), st.integers(7, 90)
    )
    return Terms(
        principal=Money(draw(st.integers(10_000, 10**12))),
        method=draw(st.sampled_from(methods)),
        rate=draw(YEARLY | st.builds(lambda ppm: Rate.per_day(ppm=ppm), st.integers(0, 1_000))),
        start=start,
        instalments=draw(st.integers(1, 40)),
        day_count=draw(st.sampled_from(DayCount)),
        period=draw(period),
        first_due=draw(st.none() | st.integers(1, 120).map(lambda days: start + timedelta(days=days))),
        basis=basis,
        rounding=draw(st.sampled_from((Rounding.HALF_UP, Rounding.HALF_EVEN))),
    )


@settings(max_examples=examples(150), deadline=None)
@given(terms=regular_terms())
def test_regular_terms_told_date_by_date_make_the_same_rows(terms: Terms) -> None:
    expected = [
        (row.due, row.opening_fen, row.principal_fen, row.interest_fen)
        for row in build(terms=terms).rows
        if row.opening_fen
    ]
    # Some day counts do not add up: there one span is not the sum of the periods that `build` counts.
    assume(terms.method is not Method.SINGLE_PAYMENT or terms.day_count in FIXED_YEARS)
    rows = unfold(terms=dated(terms=terms))
    assert [(row.due, row.opening_fen, row.principal_fen, row.interest_fen) for row in rows] == expected


@st.composite
def movements(draw: st.DrawFn) -> list[PrincipalMovement]:
    """Draws and repayments that never repay more than is owed."""
    made: list[PrincipalMovement] = []
    balance = 0
    for offset in sorted(draw(st.sets(st.integers(-50, 300), max_size=8))):
        amount = draw(st.integers(-balance, 10**9).filter(bool))
        balance += amount
        made.append(PrincipalMovement(day=_day(offset), amount_fen=amount))
    return made


@settings(max_examples=examples(150), deadline=None)
@given(
    made=movements(),
    changing=rates(),
    day_count=st.sampled_from(FIXED_YEARS),
    cuts=st.tuples(*[st.integers(-60, 400)] * 3),
    order=st.randoms(use_true_random=False),
)
def test_a_moving_principal_bears_day_by_day_whatever_the_window(
    made: list[PrincipalMovement], changing: Rates, day_count: DayCount, cuts: tuple[int, int, int], order: object
) -> None:
    shuffled = sorted(made, key=lambda _: order.random())  # type: ignore[attr-defined]  # a random.Random
    start, middle, end = (_day(offset) for offset in sorted(cuts))

    def window(first: date, last: date) -> tuple[InterestPeriod, ...]:
        return interest_periods(movements=shuffled, rates=changing, day_count=day_count, start=first, end=last)

    whole = window(start, end)
    year = {DayCount.ACT_360: 360, DayCount.ACT_364: 364, DayCount.ACT_365: 365}[day_count]
    expected, day = Fraction(0), start
    while day < end:
        owed = sum(movement.amount_fen for movement in made if movement.day <= day)
        rate = changing.on(day=day)
        expected += owed * Fraction(rate.numerator, rate.denominator * year)
        day += timedelta(days=1)
    assert Fraction(*interest_sum(periods=whole)) == expected
    parts = (*window(start, middle), *window(middle, end))
    assert Fraction(*interest_sum(periods=parts)) == expected
    assert all(period.start < period.end and period.principal_fen > 0 for period in whole)
    assert all(before.end <= after.start for before, after in pairwise(whole))


@settings(max_examples=examples(100), deadline=None)
@given(
    anchor=st.dates(date(1990, 1, 1), date(2090, 12, 31)),
    every=st.integers(1, 12),
    days=st.integers(1, 3000),
    month_end=st.booleans(),
)
def test_a_cycle_keeps_its_day_and_a_long_stub_is_never_shorter_than_a_period(
    anchor: date, every: int, days: int, month_end: bool
) -> None:
    end = anchor + timedelta(days=days)
    cycle = Cycle(anchor=anchor, period=Period(every=every), month_end=month_end)
    dates = cycle_dates(cycle=cycle, end=end)
    assert dates[0] == anchor
    assert dates[-1] < end
    last_day = month_end and anchor.day == days_in_month(year=anchor.year, month=anchor.month)
    for times, day in enumerate(dates):
        assert (day.year - anchor.year) * 12 + day.month - anchor.month == times * every
        most = days_in_month(year=day.year, month=day.month)
        assert day.day == (most if last_day else min(anchor.day, most))
    joined = cycle_dates(cycle=replace(cycle, stub=Stub.LONG), end=end)
    on_cycle = cycle_dates(cycle=cycle, end=end + timedelta(days=1))[-1] == end
    assert joined == (dates if on_cycle or len(dates) == 1 else dates[:-1])


@settings(max_examples=examples(100), deadline=None)
@given(
    reference=st.integers(0, 200_000),
    before=st.integers(0, 200_000),
    spread=st.integers(-20_000, 100_000),
    bounds=st.tuples(st.integers(0, 100_000), st.integers(0, 100_000)),
    steps=st.tuples(st.none() | st.integers(0, 50_000), st.none() | st.integers(0, 50_000)),
)
def test_a_new_rate_lies_within_its_bounds_and_steps(
    reference: int, before: int, spread: int, bounds: tuple[int, int], steps: tuple[int | None, int | None]
) -> None:
    floor, cap = sorted(bounds)
    assume(floor <= before <= cap)
    repricing = Repricing(spread_ppm=spread, floor_ppm=floor, cap_ppm=cap, fall_ppm_max=steps[0], rise_ppm_max=steps[1])
    new = repricing.rate(reference=Rate.per_year(ppm=reference), before=Rate.per_year(ppm=before))
    ppm = Fraction(new.numerator * 10**6, new.denominator)
    assert floor <= ppm <= cap
    assert steps[0] is None or before - ppm <= steps[0]
    assert steps[1] is None or ppm - before <= steps[1]
    wanted = min(max(reference + spread, floor), cap)
    assert min(before, wanted) <= ppm <= max(before, wanted)
    if steps == (None, None):
        assert ppm == wanted


@settings(max_examples=examples(60), deadline=None)
@given(changing=rates(), cuts=st.tuples(*[st.integers(-10, 410)] * 3))
def test_varying_rates_add_up_over_a_cut(changing: Rates, cuts: tuple[int, int, int]) -> None:
    start, middle, end = (_day(offset) for offset in sorted(cuts))

    def bears(first: date, last: date) -> Fraction:
        ratio = varying_ratio(rates=changing, day_count=DayCount.ACT_365, start=first, end=last)
        assert gcd(*ratio) == 1
        return Fraction(*ratio)

    assert bears(start, end) == bears(start, middle) + bears(middle, end)
    spans = changing.spans(start=start, end=end)
    assert (spans[0].start, spans[-1].end) == (start, end)
    assert all(before.end == after.start and before.rate != after.rate for before, after in pairwise(spans))
