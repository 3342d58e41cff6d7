"""Dated terms: refusals, and the examples a reader meets in the docstrings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from mingqu.domain.calendar import DateOutOfRange, DatesOutOfOrder, DayCount, Holidays, Period, PeriodUnit, Shift
from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange, Money
from mingqu.domain.rate import Rate, RateOutOfRange
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import (
    Cycle,
    DatedTerms,
    Due,
    InstalmentBelowInterest,
    InterestBasis,
    Method,
    PrincipalDue,
    PrincipalMovement,
    RateChange,
    Rates,
    Redemption,
    Repricing,
    Smoothing,
    Stub,
    Tail,
    Terms,
    TermsImpossible,
    TooManyInstalments,
    build,
    cycle_dates,
    dated,
    due_on,
    interest_periods,
    interest_sum,
    owed_on,
    unfold,
    varying_ratio,
)
from mingqu.domain.schedule.repricing import RATE_CHANGES_MAX
from mingqu.domain.schedule.running import MOVEMENTS_MAX
from mingqu.domain.schedule.timetable import CYCLE_DATES_MAX

SIX = Rate.per_year(ppm=60_000)
FIVE = Rate.per_year(ppm=50_000)


def _due(month: int, day: int = 1) -> Due:
    return Due(date(2026, month, day), date(2026, month, day))


TERMS = DatedTerms(
    principal=Money(1_000_000),
    start=date(2026, 1, 1),
    end=_due(3),
    rates=Rates(first=SIX),
    day_count=DayCount.ACT_360,
    interest_dues=(_due(2),),
)
REGULAR = Terms(
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
        ({"start": date(1899, 1, 1)}, DateOutOfRange),
        ({"end": Due(date(2201, 1, 1), date(2201, 1, 1))}, DateOutOfRange),
        ({"start": date(2026, 3, 1)}, DatesOutOfOrder),
        ({"start": date(2026, 2, 2)}, DatesOutOfOrder),
        ({"interest_dues": (_due(2), _due(2))}, DatesOutOfOrder),
        ({"interest_dues": (_due(2), Due(date(2026, 2, 1), date(2026, 2, 5)))}, DatesOutOfOrder),
        ({"interest_dues": (_due(2), _due(3))}, DatesOutOfOrder),
        ({"interest_dues": (_due(2),) * (CYCLE_DATES_MAX + 1)}, TooManyInstalments),
        ({"principal_dues": (PrincipalDue(_due(2)), PrincipalDue(_due(1, 5)))}, DatesOutOfOrder),
        ({"principal_dues": (PrincipalDue(Due(date(2026, 2, 3), date(2026, 2, 1))),)}, TermsImpossible),
        ({"principal_dues": (PrincipalDue(_due(2), 0),)}, TermsImpossible),
        ({"instalment_fen": 0}, TermsImpossible),
        ({"accrued": (-1, 1)}, TermsImpossible),
        ({"accrued": (1, 0)}, TermsImpossible),
        ({"movements": (PrincipalMovement(day=date(2025, 12, 31), amount_fen=1),)}, DatesOutOfOrder),
        ({"movements": (PrincipalMovement(day=date(2026, 3, 1), amount_fen=1),)}, DatesOutOfOrder),
        (
            {"movements": (PrincipalMovement(day=date(2026, 1, 1), amount_fen=1),) * (MOVEMENTS_MAX + 1)},
            TermsImpossible,
        ),
    ],
)
def test_impossible_dated_terms_are_refused(changes: dict[str, Any], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        replace(TERMS, **changes)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"movements": (PrincipalMovement(day=date(2026, 1, 9), amount_fen=-1_000_001),)}, TermsImpossible),
        ({"movements": (PrincipalMovement(day=date(2026, 1, 9), amount_fen=AMOUNT_FEN_MAX),)}, AmountOutOfRange),
        ({"principal_dues": (PrincipalDue(_due(2)),), "instalment_fen": 5_166}, InstalmentBelowInterest),
        ({"principal_dues": (PrincipalDue(_due(2), 5_166),)}, InstalmentBelowInterest),
    ],
)
def test_terms_that_cannot_be_lived_are_refused(changes: dict[str, Any], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        unfold(terms=replace(TERMS, **changes))


def test_an_agreed_instalment_of_just_the_interest_repays_nothing() -> None:
    rows = unfold(terms=replace(TERMS, principal_dues=(PrincipalDue(_due(2)),), instalment_fen=5_167))
    assert [(row.principal_fen, row.interest_fen) for row in rows] == [(0, 5_167), (1_000_000, 4_667)]


def test_capitalized_interest_bears_interest() -> None:
    rows = unfold(terms=replace(TERMS, capitalized_until=date(2026, 2, 1)))
    assert [(row.capitalized_fen, row.principal_fen, row.interest_fen) for row in rows] == [
        (5_167, 0, 0),
        (0, 1_005_167, 4_691),
    ]


def test_without_capitalizing_interest_is_paid_on_the_principal_alone() -> None:
    assert [row.payment_fen for row in unfold(terms=TERMS)] == [5_167, 1_004_667]


def test_what_is_owed_on_a_day_counts_its_interest_from_the_start() -> None:
    terms = DatedTerms(
        principal=Money(500_000),
        start=date(2013, 1, 1),
        end=Due(date(2014, 1, 1), date(2014, 1, 1)),
        rates=Rates(first=Rate.per_year(ppm=100_000)),
        day_count=DayCount.ACT_365,
    )
    principal, (numerator, denominator) = owed_on(terms=terms, day=date(2013, 5, 18))
    assert (principal, numerator * 100 // denominator) == (500_000, 1_876_712)
    for day in (date(2012, 12, 31), date(2014, 1, 2)):
        with pytest.raises(DatesOutOfOrder):
            owed_on(terms=terms, day=day)


def test_a_repriced_loan_keeps_its_dates_and_computes_its_instalment_anew() -> None:
    first = build(terms=REGULAR).rows
    changes = (RateChange(day=date(2026, 7, 15), rate=Rate.per_year(ppm=120_000)),)
    rows = unfold(terms=replace(dated(terms=REGULAR), rates=Rates(first=REGULAR.rate, changes=changes)))
    assert [row.due for row in rows] == [row.due for row in first]
    assert {row.payment_fen for row in rows[:6]} == {91_680}
    # 5,223.18 are left after six of twelve months; at 1 % a month over six that is 5,223.18 × 0.172548… a month.
    assert rows[6].opening_fen == first[6].opening_fen == 522_318
    assert {row.payment_fen for row in rows[6:11]} == {90_125}
    kept = tuple(replace(change, keeps_instalment=True) for change in changes)
    rows = unfold(terms=replace(dated(terms=REGULAR), rates=Rates(first=REGULAR.rate, changes=kept)))
    assert {row.payment_fen for row in rows[:11]} == {91_680}
    assert rows[11].payment_fen < 91_680


def test_a_rate_that_changes_inside_a_month_splits_the_month_by_days() -> None:
    changes = (RateChange(day=date(2026, 1, 25), rate=Rate.per_year(ppm=120_000)),)
    row = unfold(terms=replace(dated(terms=REGULAR), rates=Rates(first=REGULAR.rate, changes=changes)))[0]
    # 10 days at 18 % and 21 days at 12 %, act/365: 49.32 + 69.04.
    assert row.interest_fen == 11_836


def test_instalments_each_quarter_count_whole_months_of_interest() -> None:
    months = tuple(_due(month)._replace(whole=True) for month in range(2, 8))
    terms = DatedTerms(
        principal=Money(900_000),
        start=date(2026, 1, 1),
        end=months[-1],
        rates=Rates(first=Rate.per_year(ppm=120_000)),
        day_count=DayCount.ACT_365,
        interest_dues=months[:-1],
        principal_dues=(PrincipalDue(months[2]), PrincipalDue(months[5])),
    )
    rows = unfold(terms=terms)
    # The first instalment: (9,000.00 + 90.00 of the month) ÷ (1 + 1 ÷ 1.03).
    assert rows[2].payment_fen == 461_217
    assert [row.interest_fen for row in rows] == [9_000] * 3 + [4_478] * 3
    assert sum(row.principal_fen for row in rows) == 900_000


def test_a_plan_written_by_hand_pays_what_it_says_and_the_rest_at_the_end() -> None:
    dues = (PrincipalDue(_due(1, 20), 300_000), PrincipalDue(_due(2), 100_000))
    rows = unfold(terms=replace(TERMS, principal_dues=dues, redemption=Redemption.PRINCIPAL))
    assert [(row.due, row.principal_fen, row.interest_fen) for row in rows] == [
        (date(2026, 1, 20), 300_000, 0),
        (date(2026, 2, 1), 100_000, 4_567),
        (date(2026, 3, 1), 600_000, 2_800),
    ]


def test_a_plan_longer_than_the_loan_leaves_a_balloon() -> None:
    days = [_due(month) for month in range(2, 13)]
    terms = replace(TERMS, principal_dues=tuple(PrincipalDue(due) for due in days), redemption=Redemption.PRINCIPAL)
    assert [row.principal_fen for row in unfold(terms=terms)] == [90_909, 909_091]


def test_a_draw_between_two_dates_raises_the_parts_after_it() -> None:
    days = tuple(PrincipalDue(_due(1, day)) for day in (10, 20, 30))
    draw = PrincipalMovement(day=date(2026, 1, 15), amount_fen=300_000)
    terms = replace(TERMS, principal_dues=days, redemption=Redemption.PRINCIPAL, interest_dues=(), movements=(draw,))
    rows = unfold(terms=terms)
    assert [(row.drawn_fen, row.principal_fen) for row in rows] == [
        (0, 250_000),
        (300_000, 0),
        (0, 350_000),
        (0, 350_000),
        (0, 350_000),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"smoothing": Smoothing.EVEN_OUT},
        {"method": Method.FLAT, "tail": Tail.FIRST},
        {"multiple_fen": 100},
        {"method": Method.SINGLE_PAYMENT},
    ],
)
def test_what_only_whole_schedules_have_is_refused_date_by_date(changes: dict[str, Any]) -> None:
    with pytest.raises(TermsImpossible):
        dated(terms=replace(REGULAR, **changes))


def test_a_holiday_moves_the_payment_and_its_interest_only_if_agreed() -> None:
    regular = replace(
        REGULAR,
        method=Method.INTEREST_ONLY,
        start=date(2026, 1, 1),
        instalments=2,
        basis=InterestBasis.DAILY,
        shift=Shift.FOLLOWING,
    )
    # 1 February and 1 March 2026 are Sundays.
    for moves, interest in ((True, [15_781, 13_808]), (False, [15_288, 13_808])):
        agreed = replace(regular, shift_bears_interest=moves)
        rows = unfold(terms=dated(terms=agreed))
        assert [row.due for row in rows] == [date(2026, 2, 2), date(2026, 3, 2)]
        assert [row.interest_fen for row in rows] == interest
        assert interest == [row.interest_fen for row in build(terms=agreed).rows]


def test_due_days_move_off_sundays() -> None:
    sunday = date(2013, 9, 1)
    assert due_on(day=sunday, shift=Shift.FOLLOWING, holidays=Holidays(), shift_bears_interest=True) == Due(
        date(2013, 9, 2), date(2013, 9, 2)
    )
    assert due_on(day=sunday, shift=Shift.FOLLOWING, holidays=Holidays(), shift_bears_interest=False) == Due(
        date(2013, 9, 2), sunday
    )


def test_a_cycle_ends_with_a_short_or_a_long_stub() -> None:
    cycle = Cycle(anchor=date(2026, 1, 15))
    short = cycle_dates(cycle=cycle, end=date(2026, 4, 1))
    assert short == (date(2026, 1, 15), date(2026, 2, 15), date(2026, 3, 15))
    assert cycle_dates(cycle=replace(cycle, stub=Stub.LONG), end=date(2026, 4, 1)) == short[:2]
    for stub in Stub:  # nothing is left before an end that the cycle meets
        assert cycle_dates(cycle=replace(cycle, stub=stub), end=date(2026, 4, 15)) == short
    assert cycle_dates(cycle=cycle, end=date(2026, 1, 15)) == ()


def test_a_cycle_that_never_ends_is_refused() -> None:
    daily = Cycle(anchor=date(2026, 1, 1), period=Period(every=1, unit=PeriodUnit.DAY))
    with pytest.raises(TooManyInstalments):
        cycle_dates(cycle=daily, end=date(2026, 1, 1) + timedelta(days=CYCLE_DATES_MAX + 1))


def test_impossible_rates_are_refused() -> None:
    change = RateChange(day=date(2026, 1, 16), rate=FIVE)
    with pytest.raises(DatesOutOfOrder):
        Rates(first=SIX, changes=(change, change))
    with pytest.raises(DateOutOfRange):
        Rates(first=SIX, changes=(replace(change, day=date(1800, 1, 1)),))
    with pytest.raises(TooManyInstalments):
        Rates(first=SIX, changes=(change,) * (RATE_CHANGES_MAX + 1))
    with pytest.raises(DatesOutOfOrder):
        Rates(first=SIX).spans(start=date(2026, 1, 2), end=date(2026, 1, 1))


def test_changing_rates_bear_span_by_span() -> None:
    rates = Rates(first=SIX, changes=(RateChange(day=date(2026, 1, 16), rate=FIVE),))
    span = {"start": date(2026, 1, 1), "end": date(2026, 2, 1)}
    assert varying_ratio(rates=rates, day_count=DayCount.ACT_360, **span) == (17, 3600)


@pytest.mark.parametrize(
    "changes",
    [{"multiplier": (-1, 1)}, {"multiplier": (1, 0)}, {"floor_ppm": 2, "cap_ppm": 1}, {"fall_ppm_max": -1}],
)
def test_an_impossible_repricing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TermsImpossible):
        Repricing(**changes)


def test_a_reference_rate_makes_the_rate_of_the_loan() -> None:
    prime = Rate.per_year(ppm=30_000)
    assert Repricing(spread_ppm=6_000).rate(reference=prime, before=SIX) == Rate.per_year(ppm=36_000)
    stepped = Repricing(spread_ppm=6_000, fall_ppm_max=5_000)
    assert stepped.rate(reference=prime, before=Rate.per_year(ppm=45_000)) == Rate.per_year(ppm=40_000)
    assert Repricing(multiplier=(11, 10)).rate(reference=prime, before=SIX) == Rate.per_year(ppm=33_000)
    with pytest.raises(RateOutOfRange):
        Repricing(spread_ppm=-30_001).rate(reference=prime, before=SIX)


def test_credit_without_a_plan_bears_for_the_days_it_was_owed() -> None:
    movements = (
        PrincipalMovement(day=date(2026, 3, 1), amount_fen=1_000_000),
        PrincipalMovement(day=date(2026, 3, 11), amount_fen=-400_000),
    )
    rates = Rates(first=Rate.per_day(ppm=500))
    window = {"start": date(2026, 3, 1), "end": date(2026, 3, 21)}
    periods = interest_periods(movements=movements, rates=rates, day_count=DayCount.ACT_365, **window)
    assert [(period.principal_fen, period.interest[0] // period.interest[1]) for period in periods] == [
        (1_000_000, 5_000),
        (600_000, 3_000),
    ]
    assert interest_sum(periods=periods) == (8_000, 1)


def test_impossible_movements_are_refused() -> None:
    def owed(*amounts: int) -> None:
        made = [PrincipalMovement(day=date(2026, 3, day), amount_fen=fen) for day, fen in enumerate(amounts, start=1)]
        window = {"start": date(2026, 3, 1), "end": date(2026, 3, 21)}
        interest_periods(movements=made, rates=Rates(first=SIX), day_count=DayCount.ACT_365, **window)

    with pytest.raises(TermsImpossible):
        owed(0)
    with pytest.raises(TermsImpossible):
        owed(5, -6)
    with pytest.raises(AmountOutOfRange):
        owed(AMOUNT_FEN_MAX, 1)
    many = [PrincipalMovement(day=date(2026, 3, 1), amount_fen=1)] * (MOVEMENTS_MAX + 1)
    span = {"start": date(2026, 3, 1), "end": date(2026, 3, 2)}
    with pytest.raises(TermsImpossible):
        interest_periods(movements=many, rates=Rates(first=SIX), day_count=DayCount.ACT_365, **span)
    span["end"] = date(2026, 2, 1)
    with pytest.raises(DatesOutOfOrder):
        interest_periods(movements=(), rates=Rates(first=SIX), day_count=DayCount.ACT_365, **span)
