"""Conventions that a product may name and that are off otherwise, each by an example that can be done by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mingqu.domain.course.bearing import to_digits
from mingqu.domain.loan import (
    Disbursed,
    Event,
    FeeCharged,
    Intent,
    LoanState,
    RateChanged,
    Receipt,
    Repaid,
    Rescheduled,
    fold,
)
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule
from mingqu.domain.loan.terms import LoanTerms, LoanTermsImpossible, Recalculation, Surplus
from mingqu.domain.rate import NO_RATE, Rate
from mingqu.domain.schedule import InterestBasis, Method
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily

EARLY = date(2026, 1, 25)
FREE = {"rate": NO_RATE, "recalculation": Recalculation.PLAN, "instalments": 3}
WHOLE = terms_daily(**FREE, principal_fen=200_000, disbursements_max=3, whole_plan_each=True, down_payment_ppm=250_000)


def lent(number: int, on: date, fen: int) -> Disbursed:
    return Disbursed(event_id=an_id(number), value_date=on, amount_fen=fen, tranche=number)


def paid(number: int, on: date, fen: int, receipt: Receipt = Receipt.REPAYMENT) -> Repaid:
    return Repaid(event_id=an_id(number), value_date=on, amount_fen=fen, receipt=receipt)


def told(terms: LoanTerms, *events: Event, as_of: date | None = None) -> LoanState:
    return fold(terms=terms, events=events, as_of=as_of)[0]


def rows(state: LoanState) -> list[tuple[str, int, int]]:
    return [(str(line.due), line.due_fen, line.paid_fen) for line in state.instalments]


def test_money_spread_over_the_whole_plan_lies_on_instalments_already_past() -> None:
    state = told(
        WHOLE,
        lent(1, START, 100_000),
        paid(2, START, 25_000),
        paid(3, date(2026, 2, 15), 25_000),
        lent(4, date(2026, 3, 1), 100_000),
    )
    assert rows(state) == [
        ("2026-01-15", 25_000, 25_000),
        ("2026-02-15", 50_000, 25_000),  # was paid in full on its day, and is half unpaid since
        ("2026-03-01", 25_000, 0),
        ("2026-03-15", 50_000, 0),
        ("2026-04-15", 50_000, 0),
    ]
    assert state.overdue_days(date(2026, 3, 1)) == 14


def test_what_was_paid_pays_anew_as_of_its_own_day() -> None:
    state = told(WHOLE, lent(1, START, 100_000), paid(2, START, 50_000), lent(3, date(2026, 1, 25), 100_000))
    second = state.instalments[1]
    assert (second.due, second.paid_on, second.advance_fen) == (date(2026, 1, 25), START, 25_000)
    assert rows(state)[2] == ("2026-02-15", 50_000, 0)  # its 250.00 in advance went to the down payment before it


def test_a_down_payment_is_served_before_the_instalment_of_its_day_where_payments_pay_anew() -> None:
    day = date(2026, 2, 15)
    state = told(
        WHOLE,
        lent(1, START, 100_000),
        paid(2, START, 25_000),
        lent(3, day, 100_000),
        paid(4, day, 25_000, Receipt.DOWN_PAYMENT),
    )
    assert [(line.down_payment, line.paid_fen) for line in state.instalments[1:3]] == [(True, 25_000), (False, 0)]


def test_paying_anew_uses_what_was_overpaid_and_keeps_the_books() -> None:
    book = Book(WHOLE)
    book.happen(lent(1, START, 40_000))
    book.happen(
        FeeCharged(event_id=an_id(2), value_date=START, rule=FeeRule(due=FeeDue.DATE, amount_fen=700), due=START)
    )
    book.happen(paid(3, START, 50_000))
    assert book.state.overpayment_fen == 9_300
    book.live(40)
    book.happen(lent(4, START + timedelta(days=40), 20_000))
    book.check()
    assert book.state.overpayment_fen == 0
    assert sum(line.paid_fen for line in book.state.instalments) == 50_000
    assert sum(fee.paid_fen for fee in book.state.fees) == 700


def test_a_fee_whose_money_is_needed_elsewhere_is_unpaid_again() -> None:
    rule = FeeRule(due=FeeDue.DATE, amount_fen=700)
    fee = FeeCharged(event_id=an_id(2), value_date=START, rule=rule, due=date(2026, 2, 15))
    begun = (lent(1, START, 40_000), fee, paid(3, START, 10_700))
    assert told(WHOLE, *begun).fees[0].paid_fen == 700
    state = told(WHOLE, *begun, lent(4, date(2026, 1, 20), 40_000))
    assert (state.fees[0].paid_fen, state.instalments[1].paid_fen) == (0, 700)


def test_flat_interest_of_money_spread_over_the_whole_plan_is_for_the_whole_plan() -> None:
    terms = terms_daily(
        method=Method.FLAT,
        recalculation=Recalculation.PLAN,
        instalments=3,
        principal_fen=150_000,
        disbursements_max=2,
        whole_plan_each=True,
    )
    later = told(terms, lent(1, START, 100_000), lent(2, date(2026, 2, 1), 50_000))
    at_once = told(terms, lent(1, START, 150_000))
    assert sum(line.interest_fen for line in later.instalments) == sum(
        line.interest_fen for line in at_once.instalments
    )


def test_money_lent_later_bears_from_its_own_day_where_interest_declines() -> None:
    terms = terms_daily(
        recalculation=Recalculation.PLAN, principal_fen=150_000, disbursements_max=2, whole_plan_each=True
    )
    later = told(terms, lent(1, START, 100_000), lent(2, date(2026, 2, 1), 50_000))
    at_once = told(terms, lent(1, START, 150_000))
    saved = 50_000 * 12 * 17 / 100 / 365  # 500.00 over the 17 days to 1 February
    less = sum(line.interest_fen for line in at_once.instalments) - sum(line.interest_fen for line in later.instalments)
    assert saved <= less <= saved * 1.1  # what it did not bear repaid principal instead, which bears nothing either
    assert later.instalments[-1].due_fen < at_once.instalments[-1].due_fen


@pytest.mark.parametrize("changes", [{"full_term_each": True}, {"recalculation": Recalculation.DAILY}], ids=repr)
def test_spreading_over_the_whole_plan_goes_with_a_plan_alone(changes: dict[str, object]) -> None:
    with pytest.raises(LoanTermsImpossible):
        replace(WHOLE, **changes)  # type: ignore[arg-type]  # names of fields, checked by the dataclass itself


def test_an_opening_fee_is_charged_with_the_first_money_only() -> None:
    fee = FeeRule(due=FeeDue.OPENING, basis=FeeBasis.PRINCIPAL, share_ppm=20_000)
    terms = terms_daily(principal_fen=100_000, disbursements_max=2, fees=(fee,))
    state = told(terms, lent(1, START, 70_000), lent(2, date(2026, 2, 15), 30_000))
    assert [(part.due, part.amount_fen) for part in state.fees] == [(START, 1_400)]
    each = replace(terms, fees=(replace(fee, due=FeeDue.DISBURSEMENT),))
    state = told(each, lent(1, START, 70_000), lent(2, date(2026, 2, 15), 30_000))
    assert [part.amount_fen for part in state.fees] == [1_400, 600]


def test_a_fee_that_is_a_share_of_its_instalment_follows_it_until_it_is_paid() -> None:
    fee = FeeRule(due=FeeDue.INSTALMENT, basis=FeeBasis.PRINCIPAL, share_ppm=10_000)
    terms = terms_daily(rate=NO_RATE, principal_fen=200_000, disbursements_max=2, fees=(fee,))
    first_due = date(2026, 2, 15)
    state = told(terms, lent(1, START, 80_000), paid(2, first_due, 20_200), lent(3, date(2026, 2, 20), 60_000))
    assert [line.fee_fen for line in state.instalments] == [200, 400, 400, 400]
    assert [part.amount_fen for part in state.fees] == [200, 400, 400, 400]
    state = told(terms, lent(1, START, 80_000), paid(2, first_due, 20_300), lent(3, date(2026, 2, 20), 60_000))
    assert [part.amount_fen for part in state.fees] == [200, 200, 400, 400]  # of the second, half was paid already


def test_a_fee_behind_the_last_instalment_moves_into_one_that_comes_to_reach_over_its_date() -> None:
    terms = terms_daily(rate=NO_RATE, instalments=2, principal_fen=200_000, disbursements_max=2, full_term_each=True)
    rule = FeeRule(due=FeeDue.DATE, amount_fen=1_000)
    state = told(
        terms,
        lent(1, START, 100_000),
        FeeCharged(event_id=an_id(2), value_date=START, rule=rule, due=date(2026, 4, 1)),
        FeeCharged(event_id=an_id(3), value_date=START, rule=rule, due=date(2026, 6, 1)),
        lent(4, date(2026, 2, 15), 100_000),
    )
    assert [(str(line.due), line.fee_fen, line.additional) for line in state.instalments] == [
        ("2026-02-15", 0, False),
        ("2026-03-15", 0, False),
        ("2026-04-15", 1_000, False),
        ("2026-06-01", 1_000, True),
    ]
    assert state.instalments[-1].start == date(2026, 4, 15)
    assert [str(part.line_due) for part in state.fees] == ["2026-04-15", "2026-06-01"]


def test_the_first_periods_may_bear_nothing_and_instalments_know_it() -> None:
    state = told(terms_daily(interest_free=2), lent(1, START, 100_000))
    assert [line.interest_fen > 0 for line in state.instalments] == [False, False, True, True]
    assert len({line.due_fen for line in state.instalments[:3]}) == 1


def test_interest_free_periods_are_some_of_several() -> None:
    for changes in ({"interest_free": 4}, {"interest_free": 1, "method": Method.SINGLE_PAYMENT}):
        with pytest.raises(LoanTermsImpossible):
            terms_daily(**changes)


def test_a_last_period_cut_short_keeps_its_days_when_due_dates_move() -> None:
    terms = terms_daily(recalculation=Recalculation.PLAN, instalments=3, length_days=70)
    moved = Rescheduled(event_id=an_id(2), value_date=START, due=date(2026, 3, 15), due_to=date(2026, 3, 25))
    before, after = told(terms, lent(1, START, 100_000)), told(terms, lent(1, START, 100_000), moved)
    assert [str(line.due) for line in before.instalments] == ["2026-02-15", "2026-03-15", "2026-03-26"]
    assert [str(line.due) for line in after.instalments] == ["2026-02-15", "2026-03-25", "2026-04-05"]


@pytest.mark.parametrize(
    ("days", "dues"),
    [
        (59, ["2026-02-15", "2026-03-15"]),  # the day itself falls due once
        (60, ["2026-02-15", "2026-03-15", "2026-03-16"]),
        (90, ["2026-02-15", "2026-03-15", "2026-04-15"]),
        (100, ["2026-02-15", "2026-03-15", "2026-04-25"]),
        (119, ["2026-02-15", "2026-03-15", "2026-05-14"]),
        (120, None),  # a fourth instalment would be due that day
        (140, None),
    ],
)
def test_a_length_of_its_own_makes_the_last_period_shorter_or_longer_by_less_than_a_period(
    days: int, dues: list[str] | None
) -> None:
    terms = terms_daily(instalments=3, length_days=days)
    if dues is not None:
        assert [str(line.due) for line in told(terms, lent(1, START, 100_000)).instalments] == dues
        return
    with pytest.raises(LoanTermsImpossible):
        told(terms, lent(1, START, 100_000))


def test_a_line_that_asks_for_nothing_has_nothing_to_wait_for() -> None:
    state = told(replace(WHOLE, principal_fen=200), lent(1, START, 1))
    assert [(line.due_fen, line.paid_on) for line in state.instalments] == [(0, START)] * 3 + [(1, None)]
    assert state.instalments[0].down_payment  # of a quarter of a fen
    state = told(replace(WHOLE, principal_fen=200), lent(1, START, 1), lent(2, EARLY, 120))
    assert [line.paid_on for line in state.instalments if line.due_fen] == [None] * 4


@pytest.mark.parametrize(
    ("numerator", "denominator", "digits", "expected"),
    [
        (7, 1_200, 19, "0.005833333333333333333"),
        (2, 300, 6, "0.00666667"),
        (1, 8, 6, "0.125000"),
        (999_999_9, 10_000_000, 6, "1.00000"),
        (0, 7, 6, "0"),
    ],
)
def test_a_ratio_is_rounded_to_digits(numerator: int, denominator: int, digits: int, expected: str) -> None:
    n, d = to_digits(numerator, denominator, digits)
    whole, _, decimals = expected.partition(".")
    assert n * 10 ** len(decimals) == int(whole + decimals) * d


def test_a_rate_of_nineteen_digits_may_fall_below_a_half_fen() -> None:
    exact = terms_daily(rate=Rate.per_year(ppm=70_000), principal_fen=75_000, interest_basis=InterestBasis.PERIOD)
    assert told(exact, lent(1, START, 75_000)).instalments[0].interest_fen == 438  # 4.375, half up
    digits = replace(exact, rate_digits=19)
    assert told(digits, lent(1, START, 75_000)).instalments[0].interest_fen == 437
    with pytest.raises(LoanTermsImpossible):
        replace(exact, rate_digits=5)


AT_ONCE = terms_daily(surplus=Surplus.PRINCIPAL_LOWER)


def shapes(state: LoanState) -> list[tuple[int, int, int]]:
    return [(line.principal_fen, line.interest_fen, line.paid_fen) for line in state.instalments]


def test_early_money_repays_principal_with_the_running_instalment_and_lowers_all_later_ones() -> None:
    plain = told(AT_ONCE, lent(1, START, 100_000))
    state = told(AT_ONCE, lent(1, START, 100_000), paid(2, EARLY, 40_000))
    # Of 1,000.00 for ten days and 600.00 for twenty-one at 12 % a year: 3.29 and 4.14. They stay due on the due date.
    assert shapes(state)[0] == (40_000, 743, 40_000)
    assert state.instalments[0].advance_fen == 40_000
    assert len({line.due_fen for line in state.instalments[1:3]}) == 1
    assert state.instalments[1].due_fen < plain.instalments[1].due_fen
    assert sum(line.principal_fen for line in state.instalments) == 100_000


def test_early_money_below_the_instalment_leaves_the_instalments_as_they_are() -> None:
    plain = told(AT_ONCE, lent(1, START, 100_000))
    state = told(AT_ONCE, lent(1, START, 100_000), paid(2, EARLY, 10_000))
    assert [line.due_fen for line in state.instalments[:3]] == [line.due_fen for line in plain.instalments[:3]]
    assert state.instalments[0].interest_fen < plain.instalments[0].interest_fen


def test_money_above_an_instalment_due_today_stays_with_it() -> None:
    due = date(2026, 2, 15)
    state = told(AT_ONCE, lent(1, START, 100_000), paid(2, due, 50_000))
    assert shapes(state)[0] == (48_981, 1_019, 50_000)  # interest 10.19 is paid first
    assert (state.instalments[0].advance_fen, state.instalments[0].paid_on) == (0, due)


def test_the_next_instalments_may_ask_for_less_instead_and_then_for_their_interest_only() -> None:
    terms = replace(AT_ONCE, surplus=Surplus.PRINCIPAL_NEXT)
    plain = told(terms, lent(1, START, 100_000))
    state = told(terms, lent(1, START, 100_000), paid(2, date(2026, 2, 15), 60_000))
    surplus = 60_000 - plain.instalments[0].due_fen
    second, third = state.instalments[1:3]
    assert (second.principal_fen, second.interest_fen > 0) == (0, True)
    assert surplus == plain.instalments[1].due_fen - second.due_fen + plain.instalments[2].due_fen - third.due_fen
    assert third.principal_fen > 0


def test_a_pay_off_pays_the_interest_borne_whatever_early_money_does() -> None:
    book = Book(AT_ONCE)
    book.happen(lent(1, START, 100_000))
    book.live(10)
    book.happen(paid(2, EARLY, 100_329))
    book.check()
    assert sum(line.unpaid_fen for line in book.state.instalments) == 0


def test_a_surplus_that_changes_the_interest_needs_a_loan_that_recalculates() -> None:
    with pytest.raises(LoanTermsImpossible):
        replace(AT_ONCE, recalculation=Recalculation.PLAN)


def test_instalments_may_be_worked_out_as_if_every_period_were_as_long_as_the_first() -> None:
    exact = terms_daily(principal_fen=500_000, instalments=6)
    alike = replace(exact, periods_alike=True)
    # 120 per mille a year for the 31 days from 15 January is 1.0192 % a period: 863.31; the real days make it 862.55.
    assert told(alike, lent(1, START, 500_000)).instalments[0].due_fen == 86_331
    assert told(exact, lent(1, START, 500_000)).instalments[0].due_fen < 86_300


def test_interest_may_be_rounded_whenever_what_bears_it_changes() -> None:
    terms = terms_daily(rate=Rate.per_year(ppm=100_000), surplus=Surplus.PRINCIPAL_LOWER)
    events = (lent(1, START, 100_000), paid(2, date(2026, 1, 18), 10_000))
    # 1,000.00 for 3 days at 10 % bear 0.8219, 900.00 for 28 days 6.9041: together 7.73, each alone 0.82 and 6.90.
    assert told(terms, *events).instalments[0].interest_fen == 773
    assert told(replace(terms, rounded_at_changes=True), *events).instalments[0].interest_fen == 772


def test_a_new_rate_makes_no_instalment_higher_for_being_late() -> None:
    terms = terms_daily(interest_basis=InterestBasis.PERIOD, recalculation=Recalculation.DAILY)
    changed_on = date(2026, 4, 14)
    new = Rate.per_year(ppm=240_000)
    change = RateChanged(event_id=an_id(9), value_date=changed_on, since=changed_on, rate=new)
    late = told(terms, lent(1, START, 100_000), change)
    plain = told(replace(terms, recalculation=Recalculation.EARLY), lent(1, START, 100_000), change)
    assert late.instalments[2].due_fen == plain.instalments[2].due_fen
    assert late.instalments[1].interest_fen > plain.instalments[1].interest_fen


def test_early_money_on_a_loan_without_interest_lowers_what_is_asked_for_at_the_end() -> None:
    terms = terms_daily(
        principal_fen=2_000,
        method=Method.INTEREST_ONLY,
        rate=Rate.per_year(ppm=0),
        instalments=2,
        interest_basis=InterestBasis.PERIOD,
        surplus=Surplus.PRINCIPAL_LOWER,
        recalculation=Recalculation.EARLY,
    )
    events: tuple[Event, ...] = (
        Disbursed(event_id=an_id(1), value_date=date(2026, 1, 15), amount_fen=2_000),
        Repaid(event_id=an_id(2), value_date=date(2026, 1, 20), amount_fen=1, intent=Intent.DUE),
    )
    state, _ = fold(terms=terms, events=events, as_of=date(2026, 1, 25))
    assert [line.principal_fen for line in state.instalments] == [1, 1_999]


def test_early_money_that_leaves_one_fen_leaves_it_to_the_last_instalment() -> None:
    terms = terms_daily(
        principal_fen=2_584,
        method=Method.EQUAL_INSTALMENT,
        rate=Rate.per_year(ppm=0),
        instalments=4,
        interest_basis=InterestBasis.PERIOD,
        surplus=Surplus.PRINCIPAL_LOWER,
        recalculation=Recalculation.EARLY,
    )
    events: tuple[Event, ...] = (
        Disbursed(event_id=an_id(1), value_date=date(2026, 1, 15), amount_fen=2_584),
        Repaid(event_id=an_id(2), value_date=date(2026, 1, 15), amount_fen=2_583, intent=Intent.DUE),
    )
    state, _ = fold(terms=terms, events=events, as_of=date(2026, 1, 25))
    assert [line.principal_fen for line in state.instalments] == [2_583, 0, 0, 1]
