"""Agreements about loans of which something was paid ahead or charged back, each in its smallest form."""

from __future__ import annotations

from datetime import date

from mingqu.domain.calendar import MONTHLY
from mingqu.domain.loan import (
    ChargedBack,
    Disbursed,
    Intent,
    InterestHandling,
    LoanTerms,
    ReAged,
    Repaid,
    Rescheduled,
    Stage,
    payoff_fen,
)
from mingqu.domain.loan.terms import Recalculation, Rest, Surplus
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily


def opened(terms: LoanTerms, fen: int) -> Book:
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=fen))
    return book


def re_aged(number: int, instalments: int, interest: InterestHandling) -> ReAged:
    return ReAged(
        event_id=an_id(number),
        value_date=START,
        first_due=START,
        period=MONTHLY,
        instalments=instalments,
        interest=interest,
    )


def test_money_lent_later_asks_for_no_less_than_was_paid_ahead() -> None:
    """All was paid, an instalment added and 0.01 lent: a third of it was less than stood paid in the first."""
    book = opened(terms_daily(instalments=2, disbursements_max=2, recalculation=Recalculation.EARLY), 44_000)
    owed = payoff_fen(terms=book.terms, state=book.state, on=START)
    book.happen(Repaid(event_id=an_id(2), value_date=START, amount_fen=owed, intent=Intent.PAYOFF))
    book.happen(Rescheduled(event_id=an_id(3), value_date=START, due=date(2026, 3, 15), added=1))
    book.happen(Disbursed(event_id=an_id(4), value_date=START, amount_fen=1, tranche=2))
    book.check()
    book.happen(Repaid(event_id=an_id(5), value_date=START, amount_fen=1))
    book.check()
    assert (book.state.stage, book.state.overpayment_fen) == (Stage.SETTLED, 0)


def test_an_instalment_added_on_the_day_more_is_lent_leaves_what_was_paid_ahead_where_it_is() -> None:
    to_the_end = {"rest": Rest.PERIOD, "payoff_rest": Rest.PERIOD, "surplus": Surplus.LAST_INSTALMENT}
    book = opened(terms_daily(instalments=2, disbursements_max=2, **to_the_end), 17_673)
    book.happen(Repaid(event_id=an_id(2), value_date=START, amount_fen=5_609))
    book.live(32)
    book.happen(Disbursed(event_id=an_id(3), value_date=book.today, amount_fen=1, tranche=2))
    book.happen(Rescheduled(event_id=an_id(4), value_date=book.today, due=date(2026, 3, 15), added=1))
    book.check()
    assert book.state.instalments[1].principal_paid_fen == 5_609
    assert sum(line.principal_fen for line in book.state.instalments) == 17_674


def test_what_was_charged_back_is_owed_after_its_period_was_dropped_by_another_agreement() -> None:
    """10.05 stood in the period that the second agreement ended before it began, and the debt did not add up."""
    book = opened(terms_daily(instalments=1, recalculation=Recalculation.EARLY), 100_000)
    book.happen(re_aged(2, 2, InterestHandling.ANEW))
    paid = sum(line.unpaid_fen for line in book.state.instalments)
    book.happen(Repaid(event_id=an_id(3), value_date=START, amount_fen=paid))
    book.happen(ChargedBack(event_id=an_id(4), value_date=START, amount_fen=1_005, target=an_id(3)))
    book.check()
    owed = book.state.principal_outstanding_fen
    assert owed == 100_000 + 1_005 - paid
    book.happen(re_aged(5, 1, InterestHandling.SPLIT_PAYABLE))
    book.check()
    assert book.state.principal_outstanding_fen == owed
