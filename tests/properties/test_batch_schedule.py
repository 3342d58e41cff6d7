"""A batch of schedules is, loan by loan and to the fen, what the scalar reference makes; nothing wraps on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.batch import LoansToSchedule, ScheduleColumns, build_all
from mingqu.domain.batch.quotient import FACTOR_AMOUNT_MAX, Factors
from mingqu.domain.calendar import DayCount, Holidays, Period, PeriodUnit, Shift
from mingqu.domain.money import AMOUNT_FEN_MAX, Money, Rounding, divide
from mingqu.domain.rate import DENOMINATOR_MAX, Rate, RateUnit
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import InterestBasis, Method, Smoothing, Tail, Terms, build
from tests.soak import examples

START = date(2026, 1, 31)
NO_DAY = np.datetime64("NaT", "D")
RATES = st.one_of(
    st.builds(lambda ppm: Rate.per_year(ppm=ppm), st.integers(0, 600_000)),
    st.builds(lambda ppm: Rate.per_month(ppm=ppm), st.integers(0, 50_000)),
    st.builds(lambda ppm: Rate.per_day(ppm=ppm), st.integers(0, 1_500)),
    st.just(Rate.per_year(ppm=0)),
    st.builds(
        lambda numerator: Rate(numerator=numerator, denominator=DENOMINATOR_MAX - 11, unit=RateUnit.YEAR),
        st.integers(1, 10**12),
    ),
)
PERIODS = st.one_of(
    st.builds(lambda every: Period(every=every), st.integers(1, 12)),
    st.builds(lambda every: Period(every=every, unit=PeriodUnit.WEEK), st.integers(1, 8)),
    st.builds(lambda every: Period(every=every, unit=PeriodUnit.DAY), st.integers(1, 90)),
)
HOLIDAYS = Holidays(closed=frozenset({date(2026, 2, 16) + timedelta(days=day) for day in range(8)}))


@st.composite
def templates(draw: st.DrawFn) -> Terms:
    """Terms of every kind that can be made, but for amount and dates."""
    method = draw(st.sampled_from(Method))
    equal_parts = method in (Method.EQUAL_PRINCIPAL, Method.FLAT)
    agreed = method in (Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL) and draw(st.integers(0, 5)) == 0
    return Terms(
        principal=Money(1),
        method=method,
        rate=draw(RATES),
        start=START,
        instalments=draw(st.integers(1, 40)),
        day_count=draw(st.sampled_from(DayCount)),
        period=draw(PERIODS),
        anchor_day=draw(st.none() | st.integers(1, 31)),
        basis=draw(st.sampled_from(InterestBasis)),
        rounding=draw(st.sampled_from(Rounding)),
        multiple_fen=draw(st.sampled_from((1, 1, 100, 10_000))),
        smoothing=draw(st.sampled_from(Smoothing)) if method is Method.EQUAL_INSTALMENT else Smoothing.NONE,
        tail=draw(st.sampled_from(Tail)) if equal_parts else Tail.LAST,
        instalment_fen=draw(st.integers(1, 10**6)) if agreed else None,
        shift=draw(st.sampled_from((Shift.NONE, Shift.NONE, *Shift))),
        shift_bears_interest=draw(st.booleans()),
        holidays=HOLIDAYS,
    )


@st.composite
def books(draw: st.DrawFn) -> LoansToSchedule:
    """A few dozen loans over a few kinds of terms, with some amounts and dates that cannot be."""
    kinds = tuple(draw(st.lists(templates(), min_size=1, max_size=4)))
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, 40))
    bits = seed.integers(1, draw(st.sampled_from((24, 40, 63))), count)
    start = np.datetime64(draw(st.dates(date(1900, 1, 1), date(2199, 12, 31)))) + seed.integers(0, 40, count)
    first_due = start + seed.integers(-1, 100, count)
    first_due[seed.random(count) < 0.5] = NO_DAY
    return LoansToSchedule(
        templates=kinds,
        template=seed.integers(0, len(kinds), count),
        principal_fen=(1 << bits) + seed.integers(-1, 1 << 20, count) * (bits < 60),
        start=start,
        first_due=draw(st.sampled_from((None, first_due))),
    )


def assert_the_same(loans: LoansToSchedule, made: ScheduleColumns) -> None:
    """Compare every loan of a batch with the reference; what the reference refuses, the batch refused alike."""
    refused = dict(made.refused)
    assert list(refused) == sorted(refused)
    for loan in range(len(loans)):
        rows, code = built(loans, loan)
        assert made.rows_of(loan) == rows
        assert (refused[loan].code if loan in refused else None) == code


def built(loans: LoansToSchedule, loan: int) -> tuple[list[tuple[date, int, int]], str | None]:
    """Return what the reference makes of one loan: its rows, or no rows and the code of the refusal."""
    try:
        rows = build(terms=loans.terms_of(loan)).rows
    except Refusal as refusal:
        return [], refusal.code
    return [(row.due, row.principal_fen, row.interest_fen) for row in rows], None


def a_book(*, terms: tuple[Terms, ...], loans: int, days: int, amount_max: int = 20_000_000) -> LoansToSchedule:
    """Return loans spread over the terms and over some days from START."""
    seed = np.random.default_rng(loans)
    return LoansToSchedule(
        templates=terms,
        template=seed.integers(0, len(terms), loans),
        principal_fen=seed.integers(100_000, amount_max, loans),
        start=np.datetime64(START) + seed.integers(0, days, loans),
    )


def some_terms(
    *,
    method: Method = Method.EQUAL_INSTALMENT,
    basis: InterestBasis = InterestBasis.PERIOD,
    rounding: Rounding = Rounding.HALF_UP,
    instalments: int = 12,
    ppm: int = 180_000,
    multiple_fen: int = 1,
) -> Terms:
    """Return terms as Chinese products have them."""
    return Terms(
        principal=Money(1),
        method=method,
        rate=Rate.per_year(ppm=ppm),
        start=START,
        instalments=instalments,
        day_count=DayCount.ACT_365,
        basis=basis,
        rounding=rounding,
        multiple_fen=multiple_fen,
    )


@settings(max_examples=examples(150), deadline=None)
@given(loans=books())
def test_every_loan_of_a_batch_has_the_rows_of_the_reference(loans: LoansToSchedule) -> None:
    assert_the_same(loans, build_all(loans=loans))


@pytest.mark.parametrize("rounding", [Rounding.HALF_UP, Rounding.HALF_EVEN])
def test_a_usual_book_of_thirty_products_never_needs_the_reference(rounding: Rounding) -> None:
    terms = tuple(
        some_terms(method=method, basis=basis, rounding=rounding, instalments=6 + 3 * step, ppm=90_000 + 7_300 * step)
        for step, basis in enumerate((InterestBasis.PERIOD, InterestBasis.DAILY, InterestBasis.PERIOD))
        for method in Method
        for _ in range(2)
    )
    loans = a_book(terms=terms, loans=1_500, days=60)
    made = build_all(loans=loans)
    assert not made.scalar.any()
    assert_the_same(loans, made)


@pytest.mark.parametrize("ppm", [0, 1, 239_999, 100_000_000])
@pytest.mark.parametrize("basis", list(InterestBasis))
def test_twelve_hundred_instalments_and_the_largest_amounts_agree_and_none_wraps(
    ppm: int, basis: InterestBasis
) -> None:
    terms = tuple(some_terms(method=method, basis=basis, instalments=1_200, ppm=ppm) for method in Method)
    amounts = [2_000, 10**8, 10**13, 2**59, 2**62 // 1_200, AMOUNT_FEN_MAX // 2, AMOUNT_FEN_MAX]
    loans = LoansToSchedule(
        templates=terms,
        template=np.repeat(np.arange(len(terms)), len(amounts)),
        principal_fen=np.array(amounts * len(terms), dtype=np.int64),
        start=np.full(len(terms) * len(amounts), START, dtype="datetime64[D]"),
    )
    made = build_all(loans=loans)
    assert_the_same(loans, made)
    assert made.scalar[loans.principal_fen == AMOUNT_FEN_MAX].all(), "such amounts do not fit and are known not to"
    usual = loans.principal_fen == 10**8
    assert ppm > 10**6 or not made.scalar[usual].any(), "and usual ones do"


@pytest.mark.parametrize("ppm", [0, 150_000, 180_000, 239_999, 365_000, 100_000_000])
@pytest.mark.parametrize("instalments", [1, 2, 3])
def test_few_instalments_of_huge_amounts_at_any_rate_agree(ppm: int, instalments: int) -> None:
    terms = tuple(some_terms(ppm=ppm, instalments=instalments, rounding=rounding) for rounding in Rounding)
    amounts = [2**power + more for power in range(1, 63) for more in (-1, 0, 1)]
    # Where a cut factor is too coarse: beyond this span there is a bound, and this is where it would show.
    amounts += np.random.default_rng(instalments).integers(2**57, 2**61, 200).tolist()
    loans = LoansToSchedule(
        templates=terms,
        template=np.repeat(np.arange(len(terms)), len(amounts)),
        principal_fen=np.array(amounts * len(terms), dtype=np.int64),
        start=np.full(len(terms) * len(amounts), START, dtype="datetime64[D]"),
    )
    assert_the_same(loans, build_all(loans=loans))


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("multiple_fen", [1, 10])
def test_interest_free_instalments_that_end_on_half_a_fen_are_rounded_as_named(
    rounding: Rounding, multiple_fen: int
) -> None:
    terms = some_terms(ppm=0, rounding=rounding, multiple_fen=multiple_fen)
    loans = LoansToSchedule(
        templates=(terms,),
        template=np.zeros(600, dtype=np.int64),
        principal_fen=np.arange(6_000, 6_600, dtype=np.int64),
        start=np.full(600, START, dtype="datetime64[D]"),
    )
    made = build_all(loans=loans)
    assert not made.scalar.any()
    assert_the_same(loans, made)


def test_a_first_period_that_bears_more_than_an_instalment_is_left_to_the_reference() -> None:
    terms = replace(some_terms(instalments=40, ppm=600_000), period=Period(unit=PeriodUnit.WEEK))
    loans = LoansToSchedule(
        templates=(terms,),
        template=np.zeros(3, dtype=np.int64),
        principal_fen=np.array([1_000_000, 1_000_000, 50_000], dtype=np.int64),
        start=np.full(3, START, dtype="datetime64[D]"),
        first_due=np.array([START + timedelta(days=7), *[START + timedelta(days=100)] * 2], dtype="datetime64[D]"),
    )
    made = build_all(loans=loans)
    assert made.scalar.tolist() == [False, True, True]
    assert_the_same(loans, made)


def test_one_impossible_loan_does_not_spoil_the_others() -> None:
    terms = (some_terms(), some_terms(multiple_fen=1_000_000))
    loans = LoansToSchedule(
        templates=terms,
        template=np.array([0, 1, 0, 0], dtype=np.int64),
        principal_fen=np.array([1_000_000, 1_000_000, -5, 1_000_000], dtype=np.int64),
        start=np.array(["2026-08-15", "2026-08-15", "2026-08-15", "2200-12-31"], dtype="datetime64[D]"),
    )
    made = build_all(loans=loans)
    codes = [(loan, refusal.code) for loan, refusal in made.refused]
    assert codes == [(1, "multiple_above_instalment"), (2, "terms_impossible"), (3, "date_out_of_range")]
    assert made.offsets.tolist() == [0, 12, 12, 12, 12]
    assert made.rows_of(0)[-1] == (date(2027, 8, 15), 90_326, 1_355)


@settings(max_examples=examples(300), deadline=None)
@given(
    numerator=st.integers(1, 10**30),
    denominator=st.integers(1, 10**30),
    near=st.integers(-2, 2),
    amount=st.integers(1, FACTOR_AMOUNT_MAX),
    halves=st.integers(1, 10**6),
    rounding=st.sampled_from(Rounding),
)
def test_an_amount_times_a_cut_factor_is_rounded_like_the_exact_product(
    numerator: int, denominator: int, near: int, amount: int, halves: int, rounding: Rounding
) -> None:
    # The second is a hair from `halves` halves of a fen for this very amount, on either side of it or exactly there.
    tied = Fraction(halves, 2 * amount) + Fraction(near, 10**60)
    exact = [ratio for ratio in ((numerator, denominator), (tied.numerator, tied.denominator)) if ratio[0] > 0]
    factors = Factors.of(exact)
    for which in np.flatnonzero(factors.fits).tolist():
        rounded = factors.times(
            amount_fen=np.array([amount], dtype=np.int64), which=np.array([which]), rounding=rounding
        )
        assert rounded.tolist() == [divide(amount * exact[which][0], exact[which][1], rounding)]
