"""What a loan refuses, and what it makes of news that come when nothing is owed any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from mingqu.domain.calendar import DateOutOfRange, Period
from mingqu.domain.loan import (
    Accelerated,
    Cancelled,
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    FeeCharged,
    FeeWaived,
    Intent,
    LoanTerms,
    NothingToReverse,
    OverpaymentReturned,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Repaid,
    Rescheduled,
    Reversed,
    Stage,
    WrittenOff,
    fold,
    payoff_fen,
    preview,
)
from mingqu.domain.loan.agree import RateOutOfBounds
from mingqu.domain.loan.fee import FeeDue, FeeRule
from mingqu.domain.loan.terms import Recalculation
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily
from tests.unit.domain.test_loan_terms import TERMS

FEE = FeeRule(due=FeeDue.DATE, amount_fen=5_000)


def opened(terms: LoanTerms) -> Book:
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen))
    return book


def repaid(number: int, on: date, fen: int, intent: Intent = Intent.DUE) -> Repaid:
    return Repaid(event_id=an_id(number), value_date=on, amount_fen=fen, intent=intent)


@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
@pytest.mark.parametrize("fen", [0, -1])
def test_money_of_nothing_or_less_is_refused(terms: LoanTerms, fen: int) -> None:
    book = opened(terms)
    book.happen(repaid(2, START, 100))
    for event in (
        repaid(9, START, fen),
        OverpaymentReturned(event_id=an_id(9), value_date=START, amount_fen=fen),
        ChargedBack(event_id=an_id(9), value_date=START, amount_fen=fen, target=an_id(2)),
    ):
        with pytest.raises(Refusal) as refused:
            book.happen(event)
        assert refused.value.code == "loan_amount_not_positive"


def test_more_than_was_paid_cannot_be_charged_back_and_then_the_payment_cannot_bounce() -> None:
    book = opened(terms_daily())
    book.happen(repaid(2, START, 1_000))
    with pytest.raises(Refusal, match="less of it is left"):
        book.happen(ChargedBack(event_id=an_id(3), value_date=START, amount_fen=1_001, target=an_id(2)))
    book.happen(ChargedBack(event_id=an_id(4), value_date=START, amount_fen=600, target=an_id(2)))
    with pytest.raises(Refusal, match="less of it is left"):
        book.happen(ChargedBack(event_id=an_id(5), value_date=START, amount_fen=401, target=an_id(2)))
    book.check()
    with pytest.raises(NothingToReverse, match="charged back"):
        book.happen(Reversed(event_id=an_id(6), value_date=START, target=an_id(2)))


def test_an_agreement_that_would_make_or_lose_principal_is_refused_and_changes_nothing() -> None:
    """7.00 in whole yuan over twelve instalments: eleven of 1.00 leave -4.00 for the last."""
    terms = terms_daily(recalculation=Recalculation.PLAN, principal_fen=700, multiple_fen=100, multiple_gives_way=True)
    book = opened(terms)
    before = book.state
    event = ReAged(event_id=an_id(2), value_date=START, first_due=START, period=Period(), instalments=12)
    with pytest.raises(Refusal) as refused:
        book.happen(event)
    assert refused.value.code == "loan_unsound"
    assert book.state == before
    book.check()


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (
            ReAged(event_id=UUID(int=9), value_date=START, first_due=START, period=Period(), instalments=0),
            "reschedule_impossible",
        ),
        (
            ReAged(
                event_id=UUID(int=9),
                value_date=START,
                first_due=START - timedelta(days=1),
                period=Period(),
                instalments=3,
            ),
            "reschedule_impossible",
        ),
        (Rescheduled(event_id=UUID(int=9), value_date=START, due=START, added=-1), "reschedule_impossible"),
        (
            Rescheduled(event_id=UUID(int=9), value_date=START, due=START, due_to=START - timedelta(days=1)),
            "reschedule_impossible",
        ),
        (Rescheduled(event_id=UUID(int=9), value_date=START, due=date.min, added=1), "date_out_of_range"),
        (FeeWaived(event_id=UUID(int=9), value_date=START, target=UUID(int=77)), "nothing_to_waive"),
    ],
)
def test_agreements_that_cannot_be_are_refused(event: Event, code: str) -> None:
    state, _ = fold(terms=terms_daily(), events=[_paid_out(terms_daily())], as_of=None)
    with pytest.raises(Refusal) as refused:
        preview(terms=terms_daily(), state=state, event=event)
    assert refused.value.code == code


def _paid_out(terms: LoanTerms) -> Disbursed:
    return Disbursed(event_id=UUID(int=1), value_date=START, amount_fen=terms.principal_fen)


def test_a_day_no_calendar_has_is_refused() -> None:
    with pytest.raises(DateOutOfRange):
        opened(TERMS).happen(repaid(2, date.max, 1))


@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
def test_money_after_a_write_off_is_owed_back_and_none_of_it_pays_a_debt_that_is_no_more(terms: LoanTerms) -> None:
    book = opened(terms)
    book.live(40)
    book.look()
    book.happen(WrittenOff(event_id=an_id(2), value_date=book.today))
    book.happen(repaid(3, book.today, 30_000, Intent.PREPAY))
    book.check()
    assert (book.state.stage, book.state.overpayment_fen) == (Stage.WRITTEN_OFF, 30_000)
    book.happen(OverpaymentReturned(event_id=an_id(4), value_date=book.today, amount_fen=30_001))
    book.check()
    assert book.state.overpayment_fen == 0  # a fen too many went out: a loss, not a new debt


@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
def test_the_payoff_of_a_charged_off_loan_is_everything_and_settles_it(terms: LoanTerms) -> None:
    book = opened(terms)
    book.live(40)
    book.look()
    book.happen(ChargedOff(event_id=an_id(2), value_date=book.today))
    book.live(30)
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    book.happen(repaid(3, book.today, owed, Intent.PAYOFF))
    book.check()
    assert (book.state.stage, book.state.overpayment_fen) == (Stage.SETTLED, 0)


@pytest.mark.parametrize("intent", [Intent.PREPAY, Intent.PAYOFF])
def test_an_early_repayment_pays_the_fees_that_were_charged_to_later_instalments(intent: Intent) -> None:
    book = opened(TERMS)
    book.happen(FeeCharged(event_id=an_id(2), value_date=START, rule=FEE, due=START + timedelta(days=20)))
    book.live(5)
    owed = payoff_fen(terms=TERMS, state=book.state, on=book.today)
    assert owed == 1_000_000 + 2_500 + 5_000  # 10,000.00 × 18 % × 5 days / 360, and the fee
    book.happen(repaid(3, book.today, owed if intent is Intent.PAYOFF else 500_000, intent))
    book.check()
    early = book.state.instalments[0]
    assert (early.fee_fen, early.fee_paid_fen) == (5_000, 5_000)
    assert early.unpaid_fen == 0
    assert early.principal_fen == (1_000_000 if intent is Intent.PAYOFF else 500_000 - 2_500 - 5_000)
    assert book.state.overpayment_fen == 0
    assert (book.state.stage is Stage.SETTLED) == (intent is Intent.PAYOFF)


def test_a_fee_of_every_instalment_is_part_of_the_terms() -> None:
    rule = FeeRule(due=FeeDue.INSTALMENT, amount_fen=100)
    for recalculation in Recalculation:
        book = opened(replace(TERMS, fees=(rule,), recalculation=recalculation))
        assert [line.fee_fen for line in book.state.instalments] == [100] * 12
        book.check()


def every_event(on: date, target: UUID) -> list[Event]:
    """Return one of each kind of event that can follow a payout."""
    known: dict[str, Any] = {"event_id": an_id(50), "value_date": on}
    return [
        repaid(50, on, 100),
        ChargedBack(**known, amount_fen=1, target=target),
        OverpaymentReturned(**known, amount_fen=1),
        FeeCharged(**known, rule=FEE, due=on),
        FeeWaived(**known, target=target),
        RateChanged(**known, since=on, rate=Rate.per_year(ppm=1)),
        Paused(**known, since=on, until=on + timedelta(days=1)),
        Rescheduled(**known, due=on, added=1),
        ReAged(**known, first_due=on + timedelta(days=1), period=Period(), instalments=2),
        ReAmortized(**known),
        Accelerated(**known),
        ChargedOff(**known),
        ChargeOffUndone(**known),
        WrittenOff(**known),
    ]


CODES_CLOSED = {"loan_not_active", "nothing_to_charge_back", "loan_not_charged_off"}


@pytest.mark.parametrize("place", range(len(every_event(START, an_id(1)))))
@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
def test_nothing_happens_to_a_loan_before_its_payout_or_after_its_cancellation(terms: LoanTerms, place: int) -> None:
    for cancelled in (False, True):
        book = Book(terms)
        if cancelled:
            book.happen(Cancelled(event_id=an_id(1), value_date=START))
        before, history = book.state, list(book.history)
        with pytest.raises(Refusal) as refused:
            book.happen(every_event(START, an_id(1))[place])
        assert refused.value.code in CODES_CLOSED
        assert (book.state, book.history, book.postings) == (before, history, [])


@pytest.mark.parametrize("place", range(len(every_event(START, an_id(1)))))
@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
def test_a_claim_that_was_given_up_is_closed_to_all_but_money(terms: LoanTerms, place: int) -> None:
    book = opened(terms)
    book.live(20)
    book.happen(WrittenOff(event_id=an_id(2), value_date=book.today))
    book.live(1)
    event = every_event(book.today, an_id(1))[place]
    if isinstance(event, Repaid | OverpaymentReturned):
        return  # money that moved is a fact, whatever the loan is
    before, posted = book.state, len(book.postings)
    with pytest.raises(Refusal) as refused:
        book.happen(event)
    assert refused.value.code in CODES_CLOSED
    assert (book.state, len(book.postings)) == (before, posted)


@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
def test_nothing_about_a_debt_is_agreed_once_there_is_none(terms: LoanTerms) -> None:
    book = opened(terms)
    book.live(5)
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    book.happen(repaid(2, book.today, owed, Intent.PAYOFF))
    assert book.state.stage is Stage.SETTLED
    book.live(1)
    settled = book.state
    for event in every_event(book.today, an_id(1)):
        if isinstance(event, ReAged | ReAmortized | Rescheduled | Paused | Accelerated | ChargedOff | ChargeOffUndone):
            with pytest.raises(Refusal):
                book.happen(event)
            assert book.state == settled
    book.check()


@pytest.mark.parametrize("terms", [TERMS, terms_daily(disbursements_max=2)], ids=["plan", "course"])
def test_no_more_is_paid_out_than_was_agreed_and_no_first_payout_comes_twice(terms: LoanTerms) -> None:
    book = Book(terms)
    more = Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen + 1)
    with pytest.raises(Refusal) as refused:
        book.happen(more)
    assert refused.value.code in {"disbursed_amount_differs", "disbursement_not_allowed"}
    assert (book.state.stage, book.postings) == (Stage.PLANNED, [])
    book = opened(terms)
    before = book.state
    for tranche in (1, 2):
        with pytest.raises(Refusal) as refused:
            book.happen(Disbursed(event_id=an_id(9), value_date=START, amount_fen=1, tranche=tranche))
        assert refused.value.code in {"loan_not_active", "disbursement_not_allowed"}
        assert book.state == before


@pytest.mark.parametrize("recalculation", list(Recalculation))
def test_a_first_due_date_before_the_money_is_refused(recalculation: Recalculation) -> None:
    for first_due in (START, START - timedelta(days=1)):
        terms = replace(TERMS, first_due=first_due, recalculation=recalculation)
        with pytest.raises(Refusal) as refused:
            opened(terms)
        assert refused.value.code in {"dates_out_of_order", "terms_impossible"}


@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
def test_what_is_not_there_or_undone_already_is_not_reversed(terms: LoanTerms) -> None:
    book = opened(terms)
    book.happen(repaid(2, START, 100))
    with pytest.raises(NothingToReverse):  # a repayment rests on it
        book.happen(Reversed(event_id=an_id(4), value_date=START, target=an_id(1)))
    book.happen(Reversed(event_id=an_id(3), value_date=START, target=an_id(2)))
    before = book.state
    for target in (an_id(77), an_id(2), an_id(3)):
        with pytest.raises(NothingToReverse) as refused:
            book.happen(Reversed(event_id=an_id(4), value_date=START, target=target))
        assert refused.value.code == "nothing_to_reverse"
        assert book.state == before


@pytest.mark.parametrize(
    ("rate", "allowed"),
    [
        (Rate.per_year(ppm=29_999), False),
        (Rate.per_year(ppm=30_000), True),
        (Rate.per_year(ppm=180_000), True),
        (Rate.per_month(ppm=15_000), True),
        (Rate.per_day(ppm=500), False),  # 18.25 % a year
    ],
)
def test_a_new_rate_lies_within_the_bounds_of_the_contract(rate: Rate, allowed: bool) -> None:
    terms = terms_daily(rate_min=Rate.per_year(ppm=30_000), rate_max=Rate.per_year(ppm=180_000))
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=100_000))
    event = RateChanged(event_id=an_id(2), value_date=START, since=START, rate=rate)
    if allowed:
        book.happen(event)
        return
    with pytest.raises(RateOutOfBounds):
        book.happen(event)
