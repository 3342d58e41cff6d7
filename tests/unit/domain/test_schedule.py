"""Schedules: refusals, shapes of each method, odd periods, what is left after a repayment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from mingqu.domain.calendar import DateOutOfRange, DatesOutOfOrder, DayCount, Period, PeriodUnit, Shift
from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange, Money
from mingqu.domain.rate import Rate, RateOutOfRange
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import (
    INSTALMENTS_MAX,
    BrokenPeriod,
    InstalmentBelowInterest,
    InterestBasis,
    Method,
    MultipleAboveInstalment,
    Tail,
    Terms,
    TermsImpossible,
    TooManyInstalments,
    accrued_ratio,
    build,
    rebuild,
)

TERMS = Terms(
    principal=Money(1_000_000),
    method=Method.EQUAL_INSTALMENT,
    rate=Rate.per_year(ppm=180_000),
    start=date(2026, 1, 15),
    instalments=12,
    day_count=DayCount.ACT_365,
)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"principal": Money(0)}, TermsImpossible),
        ({"principal": Money(-1)}, TermsImpossible),
        ({"instalments": 0}, TermsImpossible),
        ({"instalments": INSTALMENTS_MAX + 1}, TooManyInstalments),
        ({"first_due": date(2026, 1, 15)}, TermsImpossible),
        ({"first_due": date(2201, 1, 1)}, DateOutOfRange),
        ({"start": date(1899, 1, 1)}, DateOutOfRange),
        ({"anchor_day": 32}, TermsImpossible),
        ({"multiple_fen": 0}, TermsImpossible),
        ({"instalment_fen": 0}, TermsImpossible),
        ({"tail": Tail.FIRST}, TermsImpossible),
        ({"method": Method.FLAT, "instalment_fen": 1}, TermsImpossible),
    ],
)
def test_impossible_terms_are_refused(changes: dict[str, Any], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        replace(TERMS, **changes)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"multiple_fen": 91_681}, MultipleAboveInstalment),
        ({"principal": Money(11), "method": Method.EQUAL_PRINCIPAL}, MultipleAboveInstalment),
        ({"instalment_fen": 14_999}, InstalmentBelowInterest),
        ({"principal": Money(AMOUNT_FEN_MAX)}, AmountOutOfRange),
        ({"start": date(2200, 6, 1)}, DateOutOfRange),
        ({"period": Period(every=1, unit=PeriodUnit.DAY), "shift": Shift.FOLLOWING}, TermsImpossible),
    ],
)
def test_terms_without_a_schedule_are_refused(changes: dict[str, Any], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        build(terms=replace(TERMS, **changes))


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(RateOutOfRange):
        Rate.per_year(ppm=-1)


def test_the_longest_schedule_ends_at_zero() -> None:
    terms = replace(TERMS, instalments=INSTALMENTS_MAX, principal=Money(10**12), basis=InterestBasis.DAILY)
    assert build(terms=terms).rows[-1].closing_fen == 0


def test_interest_only_pays_principal_at_the_end() -> None:
    rows = build(terms=replace(TERMS, method=Method.INTEREST_ONLY)).rows
    assert [row.principal_fen for row in rows] == [0] * 11 + [1_000_000]
    assert {row.interest_fen for row in rows} == {15_000}


def test_a_single_payment_bears_simple_interest_for_every_period() -> None:
    (row,) = build(terms=replace(TERMS, method=Method.SINGLE_PAYMENT)).rows
    assert (row.due, row.days) == (date(2027, 1, 15), 365)
    assert (row.principal_fen, row.interest_fen) == (1_000_000, 180_000)


def test_equal_parts_leave_their_tail_to_the_last_or_the_first() -> None:
    last = build(terms=replace(TERMS, method=Method.EQUAL_PRINCIPAL)).rows
    first = build(terms=replace(TERMS, method=Method.EQUAL_PRINCIPAL, tail=Tail.FIRST)).rows
    assert [row.principal_fen for row in last] == [83_333] * 11 + [83_337]
    assert [row.principal_fen for row in first] == [83_337] + [83_333] * 11


def test_a_multiple_rounds_every_instalment_but_the_last() -> None:
    rows = build(terms=replace(TERMS, multiple_fen=1_000)).rows
    assert {row.payment_fen for row in rows[:-1]} == {92_000}
    assert rows[-1].payment_fen < 92_000


def test_an_agreed_instalment_leaves_a_balloon_to_the_last() -> None:
    rows = build(terms=replace(TERMS, instalment_fen=20_000)).rows
    assert {row.payment_fen for row in rows[:-1]} == {20_000}
    assert rows[-1].payment_fen > 900_000


def test_a_very_long_first_period_asks_for_its_interest_only() -> None:
    rows = build(terms=replace(TERMS, first_due=date(2031, 1, 15))).rows
    assert (rows[0].principal_fen, rows[0].interest_fen) == (0, 900_493)  # 1,826 days
    assert len({row.payment_fen for row in rows[1:-1]}) == 1


def test_an_odd_first_period_bears_its_days_and_the_others_their_twelfth() -> None:
    rows = build(terms=replace(TERMS, first_due=date(2026, 2, 25), method=Method.INTEREST_ONLY)).rows
    assert rows[0].interest_fen == round(Fraction(1_000_000 * 18 * 41, 100 * 365))
    assert {row.interest_fen for row in rows[1:]} == {15_000}


def test_due_dates_move_off_weekends_with_or_without_their_interest() -> None:
    daily = replace(TERMS, method=Method.INTEREST_ONLY, basis=InterestBasis.DAILY, shift=Shift.FOLLOWING)
    moved, kept = (build(terms=replace(daily, shift_bears_interest=flag)).rows for flag in (True, False))
    # 15 February 2026 is a Sunday.
    assert moved[0].due == kept[0].due == date(2026, 2, 16)
    assert (moved[0].interest_fen, kept[0].interest_fen) == (15_781, 15_288)


def _accrued(terms: Terms, start: date, end: date) -> Fraction:
    numerator, denominator = accrued_ratio(
        principal_fen=1_000_000,
        terms=terms,
        period_start=date(2026, 1, 15),
        period_due=date(2026, 2, 15),
        whole=True,
        start=start,
        end=end,
    )
    return Fraction(numerator, denominator)


def test_part_of_a_period_bears_its_days_or_its_share() -> None:
    middle = date(2026, 1, 25)
    assert _accrued(TERMS, TERMS.start, middle) == Fraction(1_000_000 * 18 * 10, 100 * 365)
    share = replace(TERMS, broken_period=BrokenPeriod.PRO_RATA)
    assert _accrued(share, TERMS.start, middle) == Fraction(15_000 * 10, 31)
    parts = _accrued(share, TERMS.start, middle) + _accrued(share, middle, date(2026, 2, 15))
    assert parts == _accrued(share, TERMS.start, date(2026, 2, 15)) == 15_000


def test_days_outside_the_period_are_refused() -> None:
    with pytest.raises(DatesOutOfOrder):
        _accrued(TERMS, date(2026, 1, 14), date(2026, 1, 20))


def test_rebuilding_over_the_same_dates_gives_the_same_rows() -> None:
    for method in (Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY):
        terms = replace(TERMS, method=method)
        built = build(terms=terms)
        again = rebuild(terms=terms, principal_fen=1_000_000, start=terms.start, dues=[row.due for row in built.rows])
        assert again == built


def test_interest_of_days_before_an_early_repayment_falls_due_with_the_first_row() -> None:
    terms = replace(TERMS, broken_period=BrokenPeriod.PRO_RATA)
    middle = date(2026, 1, 25)
    accrued = _accrued(terms, terms.start, middle)
    rows = rebuild(
        terms=terms,
        principal_fen=500_000,
        start=middle,
        period_start=terms.start,
        dues=[row.due for row in build(terms=terms).rows],
        accrued=(accrued.numerator, accrued.denominator),
    ).rows
    assert rows[0].interest_fen == round(Fraction(15_000 * 10, 31) + Fraction(7_500 * 21, 31))
    assert len({row.payment_fen for row in rows[:-1]}) == 1


def test_an_odd_first_period_stays_odd_when_it_is_rebuilt() -> None:
    terms = replace(TERMS, first_due=date(2026, 2, 25), method=Method.INTEREST_ONLY)
    built = build(terms=terms)
    dues = [row.due for row in built.rows]
    again = rebuild(terms=terms, principal_fen=1_000_000, start=terms.start, dues=dues, first_is_whole=False)
    assert again == built
    as_whole = rebuild(terms=terms, principal_fen=1_000_000, start=terms.start, dues=dues)
    assert as_whole.rows[0].interest_fen == 15_000


def test_a_remainder_of_a_few_fen_is_still_a_schedule() -> None:
    dues = [row.due for row in build(terms=TERMS).rows]
    rows = rebuild(terms=replace(TERMS, multiple_fen=100), principal_fen=5, start=TERMS.start, dues=dues).rows
    assert sum(row.principal_fen for row in rows) == 5


@pytest.mark.parametrize(
    ("principal_fen", "dues", "refusal"),
    [
        (0, [date(2026, 2, 15)], TermsImpossible),
        (1, [], TermsImpossible),
        (1, [date(2026, 1, 14)], DatesOutOfOrder),
        (1, [date(2026, 2, 15), date(2026, 2, 15)], DatesOutOfOrder),
        (1, [date(2026, 2, 15)] * (INSTALMENTS_MAX + 1), TooManyInstalments),
    ],
)
def test_what_cannot_be_rebuilt_is_refused(principal_fen: int, dues: list[date], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        rebuild(terms=TERMS, principal_fen=principal_fen, start=TERMS.start, dues=dues)


def test_periods_that_bear_more_than_an_instalment_ask_for_interest_only_however_many_there_are() -> None:
    """4.93 % a week for 1,200 weeks: in whole yuan an instalment is its interest, or less, 1,050 times."""
    rate = Rate(numerator=18, denominator=7, unit=TERMS.rate.unit)
    week = Period(every=7, unit=PeriodUnit.DAY)
    terms = replace(TERMS, rate=rate, instalments=INSTALMENTS_MAX, period=week, multiple_fen=100)
    schedule = build(terms=terms)
    assert {(row.principal_fen, row.interest_fen) for row in schedule.rows[:1_050]} == {(0, 49_315)}
    assert schedule.rows[1_050].principal_fen > 0
    assert (len(schedule.rows), schedule.principal_fen) == (INSTALMENTS_MAX, 1_000_000)
