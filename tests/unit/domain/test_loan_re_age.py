"""A plan that is ended for new instalments: nothing that is owed is lost on the way, and what follows goes on them."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.domain.calendar import MONTHLY
from mingqu.domain.loan import (
    ChargedBack,
    Disbursed,
    Event,
    FeeCharged,
    Instalment,
    InterestHandling,
    LoanTerms,
    Paused,
    RateChanged,
    ReAged,
    Repaid,
    Rescheduled,
)
from mingqu.domain.loan.agree import RescheduleImpossible
from mingqu.domain.loan.fee import FeeDue, FeeRule
from mingqu.domain.loan.terms import Recalculation
from mingqu.domain.rate import NO_RATE, Rate
from mingqu.domain.schedule import Smoothing
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily

PLAN = terms_daily(rate=NO_RATE, recalculation=Recalculation.PLAN, disbursements_max=2)
MARCH = date(2026, 3, 1)
FEE = FeeRule(due=FeeDue.DATE, amount_fen=1_000)


def re_aged(number: int, *, first: date, interest: InterestHandling = InterestHandling.ANEW) -> ReAged:
    return ReAged(
        event_id=an_id(number), value_date=MARCH, first_due=first, period=MONTHLY, instalments=4, interest=interest
    )


def told(terms: LoanTerms, *events: Event, lent_fen: int = 80_000) -> tuple[Instalment, ...]:
    """Return the instalments after events, each on its day, with books and groups checked."""
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=lent_fen))
    for event in events:
        book.live((event.value_date - book.today).days)
        book.happen(event)
        book.check()
    return book.state.instalments


def rows(lines: tuple[Instalment, ...]) -> list[tuple[str, str, int]]:
    return [(str(line.start), str(line.due), line.due_fen) for line in lines]


def test_the_running_period_of_a_plan_ends_on_the_day_and_those_after_it_are_gone() -> None:
    assert rows(told(PLAN, re_aged(2, first=date(2026, 3, 20)))) == [
        ("2026-01-15", "2026-02-15", 0),
        ("2026-02-15", "2026-03-01", 0),
        ("2026-03-01", "2026-03-20", 20_000),
        ("2026-03-20", "2026-04-20", 20_000),
        ("2026-04-20", "2026-05-20", 20_000),
        ("2026-05-20", "2026-06-20", 20_000),
    ]


@pytest.mark.parametrize("interest", list(InterestHandling))
@pytest.mark.parametrize("recalculation", list(Recalculation))
def test_a_down_payment_that_nobody_made_is_spread_with_the_rest(
    interest: InterestHandling, recalculation: Recalculation
) -> None:
    terms = terms_daily(rate=NO_RATE, recalculation=recalculation, down_payment_ppm=250_000, principal_fen=80_000)
    lines = told(terms, re_aged(2, first=date(2026, 3, 20), interest=interest))
    assert [line.due_fen for line in lines if line.due > MARCH] == [20_000] * 4
    assert sum(line.due_fen for line in lines) == 80_000


@pytest.mark.parametrize("recalculation", [Recalculation.PLAN, Recalculation.DAILY])
def test_a_fee_behind_the_last_instalment_is_asked_for_by_the_new_one_it_lies_in(recalculation: Recalculation) -> None:
    terms = terms_daily(rate=NO_RATE, recalculation=recalculation, instalments=2, principal_fen=80_000)
    fee = FeeCharged(event_id=an_id(2), value_date=START, rule=FEE, due=date(2026, 4, 1))
    lines = told(terms, fee, re_aged(3, first=date(2026, 3, 20)))
    assert [(str(line.due), line.fee_fen) for line in lines if line.fee_fen] == [("2026-04-20", 1_000)]
    assert not any(line.additional for line in lines)


@pytest.mark.parametrize("interest", list(InterestHandling))
def test_what_was_charged_back_behind_the_plan_is_spread_with_the_rest(interest: InterestHandling) -> None:
    terms = terms_daily(rate=NO_RATE, instalments=1, principal_fen=80_000)
    paid = Repaid(event_id=an_id(2), value_date=date(2026, 2, 15), amount_fen=40_000)
    back = ChargedBack(event_id=an_id(3), value_date=date(2026, 2, 20), amount_fen=4_000, target=an_id(2))
    lines = told(terms, paid, back, re_aged(4, first=date(2026, 3, 20), interest=interest))
    assert [line.due_fen for line in lines if line.due > MARCH] == [11_000] * 4


def test_money_lent_later_is_laid_on_the_new_instalments_alike() -> None:
    more = Disbursed(event_id=an_id(3), value_date=date(2026, 3, 25), amount_fen=10_000, tranche=2)
    lines = told(PLAN, re_aged(2, first=date(2026, 3, 20)), more)
    assert [line.due_fen for line in lines if line.due > MARCH] == [20_000, 23_333, 23_333, 23_334]


def test_new_instalments_are_moved_and_keep_their_distances() -> None:
    def moved(due: date, to: date | None, **more: int) -> Rescheduled:
        return Rescheduled(event_id=an_id(3), value_date=date(2026, 3, 2), due=due, due_to=to, **more)

    spread = re_aged(2, first=date(2026, 3, 20))
    lines = told(PLAN, spread, moved(date(2026, 4, 20), date(2026, 7, 31)))
    assert rows(lines)[2:] == [
        ("2026-03-01", "2026-03-20", 20_000),
        ("2026-03-20", "2026-07-31", 20_000),
        ("2026-07-31", "2026-08-31", 20_000),
        ("2026-08-31", "2026-09-30", 20_000),
    ]
    for event in (
        moved(date(2026, 4, 20), date(2026, 3, 20)),  # before the one before it
        moved(date(2026, 4, 20), None, added=1),
        moved(date(2027, 4, 20), date(2027, 4, 30)),  # there is none
    ):
        with pytest.raises(RescheduleImpossible):
            told(PLAN, spread, event)


def test_instalments_added_after_it_follow_each_other_by_whole_periods() -> None:
    more = Rescheduled(event_id=an_id(3), value_date=date(2026, 3, 2), due=date(2026, 5, 20), added=2)
    lines = told(terms_daily(principal_fen=80_000), re_aged(2, first=date(2026, 3, 20)), more)
    assert [str(line.due) for line in lines[-4:]] == ["2026-05-20", "2026-06-20", "2026-07-20", "2026-08-20"]


def test_a_pause_makes_the_last_new_instalment_smaller_and_not_all() -> None:
    terms = terms_daily(principal_fen=80_000, smoothing=Smoothing.EVEN_OUT)
    pause = Paused(event_id=an_id(2), value_date=START, since=date(2026, 4, 1), until=date(2026, 5, 1))
    spread = re_aged(3, first=date(2026, 3, 20))
    plain, paused = told(terms, spread)[-4:], told(terms, pause, spread)[-4:]
    assert [line.due_fen for line in paused[:3]] == [line.due_fen for line in plain[:3]]
    assert 500 < plain[3].due_fen - paused[3].due_fen < 700  # a month of about 600.00 at 1 %
    assert abs(plain[3].due_fen - plain[2].due_fen) <= 2


def test_a_new_rate_counts_for_nothing_where_interest_was_cut_into_parts_and_nothing_bears() -> None:
    spread = re_aged(2, first=date(2026, 3, 20), interest=InterestHandling.SPLIT_PAYABLE)
    rate = RateChanged(event_id=an_id(3), value_date=date(2026, 3, 2), since=MARCH, rate=Rate.per_year(ppm=240_000))
    terms = terms_daily(principal_fen=80_000)
    assert told(terms, spread, rate) == told(terms, spread)


def test_on_the_day_of_the_money_an_empty_period_ends_and_is_not_evened_out() -> None:
    terms = terms_daily(principal_fen=80_000, smoothing=Smoothing.EVEN_OUT)
    spread = ReAged(event_id=an_id(2), value_date=START, first_due=START, period=MONTHLY, instalments=4)
    lines = told(terms, spread)
    assert (lines[0].due_fen, lines[0].due, len(lines)) == (0, START, 5)
    assert max(line.due_fen for line in lines[1:]) - min(line.due_fen for line in lines[1:]) <= 2


@pytest.mark.parametrize("interest", list(InterestHandling))
def test_a_second_one_with_nothing_between_ends_the_same_period(interest: InterestHandling) -> None:
    terms = terms_daily(principal_fen=80_000)
    first = re_aged(2, first=date(2026, 3, 20), interest=interest)
    second = ReAged(
        event_id=an_id(3),
        value_date=date(2026, 3, 3),
        first_due=date(2026, 3, 25),
        period=MONTHLY,
        instalments=3,
        interest=interest,
    )
    lines = told(terms, first, second)
    assert [(str(line.start), str(line.due)) for line in lines[:3]] == [
        ("2026-01-15", "2026-02-15"),
        ("2026-02-15", "2026-03-03"),
        ("2026-03-03", "2026-03-25"),
    ]
    assert len(lines) == 5
    assert sum(line.principal_fen for line in lines) == 80_000


def test_a_fee_between_two_of_them_is_not_lost() -> None:
    fee = FeeCharged(event_id=an_id(3), value_date=date(2026, 3, 2), rule=FEE, due=date(2026, 3, 2))
    second = ReAged(
        event_id=an_id(4), value_date=date(2026, 3, 3), first_due=date(2026, 3, 25), period=MONTHLY, instalments=3
    )
    lines = told(terms_daily(principal_fen=80_000), re_aged(2, first=date(2026, 3, 20)), fee, second)
    assert [(str(line.due), line.fee_fen) for line in lines if line.fee_fen] == [("2026-03-03", 1_000)]
    assert sum(line.principal_fen for line in lines) == 80_000
