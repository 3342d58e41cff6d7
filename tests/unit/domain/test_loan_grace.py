"""Grace agreed on while the loan runs: principal and interest of some instalments come later, and nothing is lost."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.domain.loan import Disbursed, Event, Instalment, LoanTerms, RateChanged, Repaid, Rescheduled, fold
from mingqu.domain.loan.agree import RescheduleImpossible
from mingqu.domain.loan.grace import GraceImpossible
from mingqu.domain.loan.terms import Recalculation
from mingqu.domain.rate import NO_RATE, Rate
from mingqu.domain.schedule import InterestBasis, Method
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily

PLAN = {"recalculation": Recalculation.PLAN, "disbursements_max": 2, "interest_basis": InterestBasis.PERIOD}
FLAT = terms_daily(**PLAN, method=Method.FLAT, principal_fen=400_000)
MARCH = date(2026, 3, 15)


def grace(number: int = 2, *, due: date = MARCH, principal: int = 0, interest: int = 0) -> Rescheduled:
    return Rescheduled(
        event_id=an_id(number), value_date=START, due=due, principal_grace=principal, interest_grace=interest
    )


def told(terms: LoanTerms, *events: Event) -> tuple[Instalment, ...]:
    """Return the instalments after events, with books and groups checked."""
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen))
    for event in events:
        book.happen(event)
        book.check()
    return book.state.instalments


def test_principal_is_put_off_and_the_plan_is_so_much_longer() -> None:
    lines = told(terms_daily(**PLAN, rate=NO_RATE, instalments=3, principal_fen=300_000), grace(principal=1))
    assert [line.principal_fen for line in lines] == [100_000, 0, 100_000, 100_000]
    assert [str(line.due) for line in lines] == ["2026-02-15", "2026-03-15", "2026-04-15", "2026-05-15"]
    assert [line.paid_on for line in lines] == [None, START, None, None]  # what asks for nothing is not waited for


@pytest.mark.parametrize("recalculation", list(Recalculation))
@pytest.mark.parametrize("method", [Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY])
def test_what_is_put_off_bears_and_instalments_stay(method: Method, recalculation: Recalculation) -> None:
    terms = terms_daily(**{**PLAN, "recalculation": recalculation}, method=method)
    plain, lines = told(terms), told(terms, grace(principal=2))
    graced = lines[1:3]
    assert [line.principal_fen for line in graced] == [0, 0]
    owed = terms.principal_fen - lines[0].principal_fen
    assert [line.interest_fen for line in graced] == [(owed + 50) // 100] * 2  # 1 % a month of what is owed
    assert [line.principal_fen for line in lines[3:]] == [line.principal_fen for line in plain[1:]]
    assert len(lines) == len(plain) + 2


def test_a_single_payment_may_be_put_off_for_its_interest() -> None:
    lines = told(terms_daily(**PLAN, method=Method.SINGLE_PAYMENT, instalments=1), grace(due=START, principal=1))
    assert [(line.principal_fen, line.interest_fen) for line in lines] == [(0, 1_000), (100_000, 1_000)]


def test_a_new_rate_leaves_the_grace_and_works_the_others_out() -> None:
    rate = RateChanged(event_id=an_id(3), value_date=START, since=date(2026, 2, 15), rate=Rate.per_year(ppm=240_000))
    lines = told(terms_daily(**{**PLAN, "recalculation": Recalculation.EARLY}), grace(principal=1), rate)
    assert (lines[1].principal_fen, lines[1].interest_fen) == (0, (100_000 - lines[0].principal_fen + 25) // 50)
    assert len({line.due_fen for line in lines[2:4]}) == 1


def test_interest_waits_for_the_instalment_after_the_grace() -> None:
    lines = told(FLAT, grace(interest=2))
    assert [line.principal_fen for line in lines] == [100_000] * 4
    assert [line.interest_fen for line in lines] == [4_000, 0, 0, 12_000]
    rate = RateChanged(event_id=an_id(3), value_date=START, since=START, rate=Rate.per_year(ppm=240_000))
    assert sum(line.interest_fen for line in told(FLAT, grace(interest=2), rate)) == 32_000


def test_both_wait_together() -> None:
    lines = told(terms_daily(**PLAN), grace(due=date(2026, 2, 15), principal=1, interest=1))
    assert (lines[0].due_fen, lines[0].paid_on, len(lines)) == (0, START, 5)
    assert lines[1].interest_fen == 2_000  # of two months
    assert [line.due_fen for line in lines[2:4]] == [line.due_fen for line in told(terms_daily(**PLAN))[1:3]]


@pytest.mark.parametrize(
    ("terms", "event"),
    [
        (FLAT, grace(principal=1)),  # a longer flat loan is another loan
        (FLAT, grace(interest=3)),  # nothing is left to wait for
        (terms_daily(), grace(interest=1)),  # its interest follows the debt
        (FLAT, grace(principal=-1)),
        (terms_daily(), grace(due=date(2027, 1, 1), principal=1)),
    ],
    ids=["flat", "last", "recalculated", "negative", "no such"],
)
def test_grace_that_nobody_can_give_is_refused(terms: LoanTerms, event: Rescheduled) -> None:
    with pytest.raises((GraceImpossible, RescheduleImpossible)):
        told(terms, event)


def test_an_instalment_paid_in_advance_or_due_needs_no_grace() -> None:
    terms, first = terms_daily(), Disbursed(event_id=an_id(1), value_date=START, amount_fen=100_000)
    paid = Repaid(event_id=an_id(2), value_date=START, amount_fen=1_000)
    wanted = Rescheduled(event_id=an_id(3), value_date=date(2026, 1, 16), due=date(2026, 2, 15), principal_grace=1)
    state, change = fold(terms=terms, events=(first, paid, wanted), as_of=MARCH)
    assert (change.lapsed, len(state.instalments)) == ([wanted.event_id], 4)
    due = Rescheduled(event_id=an_id(3), value_date=MARCH, due=MARCH, principal_grace=1)
    state, change = fold(terms=terms, events=(first, due), as_of=MARCH)
    assert (change.lapsed, len(state.instalments)) == ([due.event_id], 4)
