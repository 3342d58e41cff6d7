"""Payments and agreements that once went wrong by some fen, each in its smallest form."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mingqu.domain.calendar import MONTHLY, Period, PeriodUnit
from mingqu.domain.course.renew import equal_parts
from mingqu.domain.loan import (
    ChargedBack,
    Disbursed,
    Intent,
    InterestHandling,
    LoanTerms,
    Paused,
    ReAged,
    ReAmortized,
    Repaid,
    Rescheduled,
    Stage,
    payoff_fen,
)
from mingqu.domain.loan.terms import Component, Direction, Recalculation, Rest, Surplus, Timing
from mingqu.domain.money import Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method, Smoothing
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily


def opened(terms: LoanTerms, fen: int | None = None) -> Book:
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=fen or terms.principal_fen))
    return book


def pay_off(book: Book, *, lacking_fen: int = 0) -> int:
    """Pay what the quote says, or some fen less, and return it."""
    owed = payoff_fen(terms=book.terms, state=book.state, on=book.today)
    amount = owed - lacking_fen
    book.happen(Repaid(event_id=an_id(99), value_date=book.today, amount_fen=amount, intent=Intent.PAYOFF))
    book.check()
    return owed


@pytest.mark.parametrize("surplus", [Surplus.EVERY_INSTALMENT, Surplus.NEXT_INSTALMENT, Surplus.LAST_INSTALMENT])
def test_instalments_with_parts_of_interest_are_paid_off_whatever_the_order(surplus: Surplus) -> None:
    """The last one could not become smaller than its part of interest, and the one before it kept 0.08 too much."""
    terms = terms_daily(
        principal_fen=2_000,
        rate=Rate.per_year(ppm=72_000),
        interest_basis=InterestBasis.PERIOD,
        recalculation=Recalculation.EARLY,
        surplus=surplus,
    )
    book = opened(terms)
    book.live(31)
    split = InterestHandling.SPLIT_PAYABLE
    book.happen(ReAmortized(event_id=an_id(2), value_date=book.today, interest=split))
    assert pay_off(book) == 2_012
    assert (book.state.stage, book.state.overpayment_fen) == (Stage.SETTLED, 0)


def test_instalments_with_parts_of_interest_take_principal_first_and_keep_their_parts() -> None:
    order = tuple(
        (timing, component)
        for timing in Timing
        for component in (Component.PRINCIPAL, Component.INTEREST, Component.FEE, Component.PENALTY)
    )
    terms = terms_daily(recalculation=Recalculation.EARLY, surplus=Surplus.EVERY_INSTALMENT, allocation=order)
    book = opened(terms)
    book.live(31)
    split = InterestHandling.SPLIT_PAYABLE
    book.happen(ReAmortized(event_id=an_id(2), value_date=book.today, interest=split))
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    for number, fen in enumerate((60_000, 39_000, 900), start=3):
        book.happen(Repaid(event_id=an_id(number), value_date=book.today, amount_fen=fen, intent=Intent.PREPAY))
        book.check()
    assert payoff_fen(terms=terms, state=book.state, on=book.today) == owed - 99_900
    pay_off(book)
    assert (book.state.stage, book.state.overpayment_fen) == (Stage.SETTLED, 0)


@pytest.mark.parametrize("recalculation", [Recalculation.EARLY, Recalculation.DAILY])
def test_parts_of_interest_come_on_top_of_equal_principal_and_once(recalculation: Recalculation) -> None:
    terms = terms_daily(method=Method.EQUAL_PRINCIPAL, recalculation=recalculation)
    book = opened(terms)
    book.live(20)
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    book.happen(
        ReAged(
            event_id=an_id(2),
            value_date=book.today,
            first_due=book.today + timedelta(days=30),
            period=MONTHLY,
            instalments=4,
            interest=InterestHandling.SPLIT_PAYABLE,
        )
    )
    book.check()
    fresh = book.state.instalments[-4:]
    assert sum(line.due_fen for line in fresh) == owed
    # A quarter of all that is owed, less a quarter of the interest; the tail of principal is in the last.
    interest = (owed - 100_000 + 2) // 4
    assert [line.interest_fen for line in fresh[:3]] == [interest] * 3
    assert {line.principal_fen for line in fresh[:3]} == {(owed + 2) // 4 - interest}
    assert pay_off(book) == owed
    assert (book.state.stage, book.state.overpayment_fen) == (Stage.SETTLED, 0)


@pytest.mark.parametrize(
    ("fen", "count", "parts"),
    [
        (7, 5, [1, 1, 1, 1, 3]),
        (3, 5, [1, 1, 1, 0, 0]),  # four times 0.01 is more than there is
        (8, 3, [3, 3, 2]),
        (0, 2, [0, 0]),
        (5, 0, []),
    ],
)
def test_equal_parts_leave_no_tail_below_nothing(fen: int, count: int, parts: list[int]) -> None:
    assert equal_parts(fen, count, Rounding.HALF_UP) == parts


@pytest.mark.parametrize("recalculation", list(Recalculation))
def test_interest_in_many_parts_leaves_no_tail_below_nothing(recalculation: Recalculation) -> None:
    terms = terms_daily(principal_fen=9_130, disbursements_max=2, recalculation=recalculation)
    book = opened(terms)
    book.live(1)
    book.happen(
        ReAged(
            event_id=an_id(2),
            value_date=book.today,
            first_due=book.today + timedelta(days=27),
            period=MONTHLY,
            instalments=40,  # 2.29 of interest: forty times 0.06 would be 0.11 too much
            interest=InterestHandling.SPLIT_ALL,
        )
    )
    book.check()
    assert all(line.interest_fen >= 0 for line in book.state.instalments)


def test_principal_that_comes_first_takes_no_more_than_the_row_has_where_interest_is_on_top() -> None:
    terms = terms_daily(
        principal_fen=4_040,
        method=Method.EQUAL_PRINCIPAL,
        instalments=5,
        rate=Rate.per_year(ppm=360_000),
        direction=Direction.VERTICAL,
        recalculation=Recalculation.EARLY,
    )
    book = opened(terms)
    book.live(4)
    book.happen(Repaid(event_id=an_id(2), value_date=book.today, amount_fen=1, intent=Intent.PREPAY))
    book.live(3)
    book.happen(Repaid(event_id=an_id(3), value_date=book.today, amount_fen=1_008, intent=Intent.PREPAY))
    book.check()
    assert sum(line.paid_fen for line in book.state.instalments) == 1_009
    assert book.state.overpayment_fen == 0


@pytest.mark.parametrize("lacking", [1, 5, 11])
def test_a_fen_short_of_a_payoff_to_the_end_of_the_period_leaves_a_fen_owed(lacking: int) -> None:
    """20.00 at 7.2 % on the day it was lent: to the day 20.00 would do, to the period's end 20.12 are asked for."""
    terms = terms_daily(
        principal_fen=2_000,
        instalments=1,
        rate=Rate.per_year(ppm=72_000),
        interest_basis=InterestBasis.PERIOD,
        recalculation=Recalculation.EARLY,
        payoff_rest=Rest.PERIOD,
    )
    book = opened(terms)
    assert pay_off(book, lacking_fen=lacking) == 2_012
    assert book.state.stage is Stage.ACTIVE
    assert sum(line.unpaid_fen for line in book.state.instalments) == lacking
    assert book.state.overpayment_fen == 0


def test_a_payment_well_short_of_the_payoff_still_counts_to_its_day() -> None:
    terms = terms_daily(recalculation=Recalculation.EARLY, payoff_rest=Rest.PERIOD)
    book = opened(terms)
    book.live(10)
    book.happen(Repaid(event_id=an_id(2), value_date=book.today, amount_fen=50_000, intent=Intent.PREPAY))
    plain = opened(terms_daily(recalculation=Recalculation.EARLY))
    plain.live(10)
    plain.happen(Repaid(event_id=an_id(2), value_date=plain.today, amount_fen=50_000, intent=Intent.PREPAY))
    assert book.state.instalments == plain.state.instalments


def test_a_further_amount_with_a_full_term_falls_due_on_the_dates_that_were_moved() -> None:
    terms = terms_daily(instalments=2, disbursements_max=2, full_term_each=True)
    book = opened(terms, 50_000)
    first, second = (line.due for line in book.state.instalments)
    book.live(5)
    moved = first + timedelta(days=3)
    book.happen(Rescheduled(event_id=an_id(2), value_date=book.today, due=first, due_to=moved))
    book.live(40)
    book.happen(Disbursed(event_id=an_id(3), value_date=book.today, amount_fen=40_000, tranche=2))
    book.check()
    assert (first, second) == (date(2026, 2, 15), date(2026, 3, 15))
    assert [line.due for line in book.state.instalments] == [moved, date(2026, 3, 18), date(2026, 4, 18)]
    assert sum(line.principal_fen for line in book.state.instalments) == 90_000


def test_a_further_amount_lent_from_a_month_s_last_day_keeps_to_it() -> None:
    terms = terms_daily(instalments=3, disbursements_max=2, full_term_each=True)
    book = Book(terms)
    book.live(16)
    book.happen(Disbursed(event_id=an_id(1), value_date=date(2026, 1, 31), amount_fen=50_000))
    book.live(30)
    book.happen(Disbursed(event_id=an_id(2), value_date=book.today, amount_fen=40_000, tranche=2))
    book.check()
    dues = [line.due.isoformat() for line in book.state.instalments]
    assert dues == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]


def test_principal_repaid_at_once_with_the_last_instalment_leaves_none_to_even_out() -> None:
    """There was no later instalment to look at, and the payment was not recorded at all."""
    terms = terms_daily(instalments=1, surplus=Surplus.PRINCIPAL_LOWER, smoothing=Smoothing.EVEN_OUT)
    book = opened(terms)
    book.live(10)
    book.happen(Repaid(event_id=an_id(2), value_date=book.today, amount_fen=40_000))
    book.check()
    assert sum(line.principal_fen - line.principal_paid_fen for line in book.state.instalments) == 60_000


def test_interest_charged_back_stays_owed_when_the_instalment_is_spread_anew() -> None:
    """It was owed again in an instalment that the agreement closed, and was lost with it."""
    terms = terms_daily(interest_basis=InterestBasis.PERIOD, chargeback_order=(Component.INTEREST, Component.PRINCIPAL))
    book = opened(terms)
    book.live(31)
    first = book.state.instalments[0].due_fen
    book.happen(Repaid(event_id=an_id(2), value_date=book.today, amount_fen=first))
    book.happen(ChargedBack(event_id=an_id(3), value_date=book.today, amount_fen=first, target=an_id(2)))
    book.live(40)
    book.happen(ReAmortized(event_id=an_id(4), value_date=book.today))
    book.check()
    # 10.00 charged back, 10.00 borne until the instalment that was spread, 10.00 borne since.
    assert [line.interest_fen for line in book.state.instalments[:3]] == [1_000, 0, 3_000]
    assert sum(line.unpaid_fen for line in book.state.instalments if line.due == date(2026, 3, 15)) == 0


def pay(book: Book, number: int, fen: int, on: date | None = None) -> None:
    """Pay an amount as it may come, today or on a day before."""
    book.happen(Repaid(event_id=an_id(number), value_date=on or book.today, amount_fen=fen))
    book.check()


def settled(book: Book) -> bool:
    return (book.state.stage, book.state.overpayment_fen) == (Stage.SETTLED, 0)


@pytest.mark.parametrize("direction", list(Direction))
def test_early_money_that_repays_principal_at_once_pays_no_interest_before_it(direction: Direction) -> None:
    """Down the components interest came first: 10.19 were paid of a period that then bore 5.02, and it was refused."""
    to_the_end = {"rest": Rest.PERIOD, "payoff_rest": Rest.PERIOD, "recalculation": Recalculation.EARLY}
    terms = terms_daily(instalments=2, surplus=Surplus.PRINCIPAL_LOWER, direction=direction, **to_the_end)
    book = opened(terms)
    pay(book, 2, 51_755)
    first = book.state.instalments[0]
    assert (first.principal_paid_fen, first.interest_paid_fen) == (51_755, 0)


def test_a_payoff_to_the_end_of_the_period_takes_more_than_an_instalment_that_asks_for_less_now() -> None:
    terms = terms_daily(
        instalments=3, surplus=Surplus.PRINCIPAL_NEXT, payoff_rest=Rest.PERIOD, recalculation=Recalculation.EARLY
    )
    book = opened(terms)
    pay(book, 2, book.state.instalments[0].due_fen)
    pay_off(book)
    assert settled(book)


def test_a_payoff_to_the_end_of_a_period_that_was_made_longer_settles_from_the_last_instalment_on() -> None:
    """Counted to the day on which the last one begins, its agreed amount was paid, and nobody asked it for the rest."""
    terms = terms_daily(
        instalments=2, surplus=Surplus.LAST_INSTALMENT, payoff_rest=Rest.PERIOD, recalculation=Recalculation.EARLY
    )
    book = opened(terms)
    book.happen(Rescheduled(event_id=an_id(2), value_date=START, due=date(2026, 2, 15), due_to=date(2026, 3, 2)))
    assert pay_off(book) == 101_512  # 46 days of 1,000.00 at 12 %
    assert settled(book)


def test_principal_repaid_at_once_on_the_day_of_an_agreement_may_be_what_was_charged_back() -> None:
    terms = terms_daily(instalments=1, surplus=Surplus.PRINCIPAL_LOWER, recalculation=Recalculation.EARLY)
    book = opened(terms)
    pay(book, 2, 1)
    book.happen(ChargedBack(event_id=an_id(3), value_date=START, amount_fen=1, target=an_id(2)))
    tomorrow, split = START + timedelta(days=1), InterestHandling.SPLIT_ALL
    book.happen(
        ReAged(event_id=an_id(4), value_date=START, first_due=tomorrow, period=MONTHLY, instalments=1, interest=split)
    )
    pay(book, 5, 1)
    assert sum(line.principal_fen - line.principal_paid_fen for line in book.state.instalments) == 99_999


def test_an_instalment_paid_early_that_a_pause_turns_into_principal_is_not_called_paid() -> None:
    """The last one bears less and asks for so much more principal; interest paid in it goes to the second."""
    terms = terms_daily(surplus=Surplus.NEXT_THEN_LAST, recalculation=Recalculation.PLAN)
    book = opened(terms)
    pay(book, 2, 77_882)
    book.live(1)
    book.happen(Paused(event_id=an_id(3), value_date=book.today, since=book.today, until=START + timedelta(days=4)))
    book.check()
    assert [line.paid_on for line in book.state.instalments if line.unpaid_fen] == [None, None]


def test_interest_paid_behind_the_plan_s_last_open_instalment_is_not_asked_for_as_principal() -> None:
    """13,107 fen are owed a day too long and bear 4: paid, they came back as principal the day after."""
    book = opened(terms_daily(principal_fen=1_310_734, instalments=2))
    pay_off(book)
    book.happen(ChargedBack(event_id=an_id(100), value_date=START, amount_fen=13_107, target=an_id(99)))
    book.live(33)
    pay(book, 101, 139, on=date(2026, 2, 16))
    assert [line.principal_fen for line in book.state.instalments] == [678_187, 645_654]
    assert book.state.instalments[0].interest_fen == 143  # 134 for the month, 9 for two days


def test_interest_that_principal_paid_ahead_left_no_room_for_is_asked_for_with_the_last_open_instalment() -> None:
    """What is overdue bears to the end of the next period: 2.29 there, of which 2.23 remained for interest."""
    terms = terms_daily(instalments=2, surplus=Surplus.EVERY_INSTALMENT, rest=Rest.PERIOD, payoff_rest=Rest.PERIOD)
    book = opened(terms)
    pay(book, 2, 76_111)
    book.happen(Rescheduled(event_id=an_id(3), value_date=START, due=date(2026, 3, 15), added=1))
    book.live(32)
    book.check()
    second = book.state.instalments[1]
    assert (second.principal_fen, second.interest_fen) == (25_248, 229)


def test_no_money_is_too_much_while_principal_is_owed_and_principal_comes_first() -> None:
    terms = terms_daily(instalments=2, surplus=Surplus.LAST_INSTALMENT, direction=Direction.VERTICAL)
    book = opened(terms)
    pay(book, 2, 65_567)
    book.live(30)
    pay(book, 3, 19_957)
    assert book.state.overpayment_fen == 0
    assert book.state.principal_outstanding_fen == 100_000 + 340 - 65_567 - 19_957


def test_money_lent_behind_a_plan_that_had_ended_is_owed_though_all_was_paid() -> None:
    fortnight = Period(every=15, unit=PeriodUnit.DAY)
    terms = terms_daily(instalments=1, period=fortnight, disbursements_max=2, start=START - timedelta(days=20))
    book = opened(terms, 63_000)
    pay_off(book)
    assert settled(book)
    book.happen(Disbursed(event_id=an_id(100), value_date=START, amount_fen=1, tranche=2))
    book.check()
    assert (book.state.stage, book.state.payable.principal_fen) == (Stage.ACTIVE, 1)


def test_added_instalments_take_what_is_not_overdue_and_a_late_payoff_pays_what_is_borne_behind_the_plan() -> None:
    """What was overdue was asked for twice: the third instalment took all that was left, and the added one nothing."""
    book = opened(terms_daily(instalments=3, period=Period(every=15, unit=PeriodUnit.DAY)))
    book.live(31)
    book.happen(Rescheduled(event_id=an_id(2), value_date=book.today, due=book.state.instalments[2].due, added=1))
    book.check()
    third, fourth = book.state.instalments[2:]
    assert (third.principal_fen, fourth.principal_fen) == (16_684, 16_976)
    book.live(15)
    pay_off(book)
    assert settled(book)


def test_a_payoff_after_the_last_open_instalment_fell_due_pays_interest_of_the_days_since() -> None:
    """Paying principal as of its due date forgot them: what had been quoted was 0.06 too much."""
    book = opened(terms_daily(principal_fen=1_825_608, instalments=2))
    pay_off(book)
    book.happen(ChargedBack(event_id=an_id(100), value_date=START, amount_fen=18_256, target=an_id(99)))
    book.live(32)
    owed = payoff_fen(terms=book.terms, state=book.state, on=book.today)
    assert owed == 18_256 + 192
    split = InterestHandling.SPLIT_ALL
    book.happen(ReAmortized(event_id=an_id(101), value_date=book.today, interest=split))
    owed = payoff_fen(terms=book.terms, state=book.state, on=book.today)
    book.happen(Repaid(event_id=an_id(102), value_date=book.today, amount_fen=owed, intent=Intent.PAYOFF))
    book.check()
    assert settled(book)


def test_the_next_instalments_ask_for_no_less_than_what_was_paid_of_them() -> None:
    terms = terms_daily(instalments=1, surplus=Surplus.PRINCIPAL_NEXT, recalculation=Recalculation.EARLY)
    book = opened(terms)
    split = InterestHandling.SPLIT_ALL
    book.happen(
        ReAged(event_id=an_id(2), value_date=START, first_due=START, period=MONTHLY, instalments=2, interest=split)
    )
    pay(book, 3, 88_349)
    assert book.state.principal_outstanding_fen == 101_019 - 88_349 - 509
