"""What becomes of a loan that goes badly: income stops, a guarantor pays, a loss turns out to be none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import (
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Intent,
    LoanNotActive,
    LoanTerms,
    NotChargedOff,
    OverpaymentReturned,
    Receipt,
    Repaid,
    Reversed,
    Stage,
    WrittenOff,
    payoff_fen,
)
from mingqu.domain.loan.receive import NothingToChargeBack
from mingqu.domain.loan.terms import ChargeOffRule, Recalculation
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_daily
from tests.models.loan_terms import monthly_terms

PLAN = monthly_terms(principal_fen=1_200_000, months=12)
SUSPENDS = replace(PLAN, suspends_income=True)
EITHER = pytest.mark.parametrize(
    "terms",
    [
        PLAN,
        *(
            terms_daily(recalculation=recalculation, charge_off=rule, disbursements_max=2)
            for recalculation in Recalculation
            for rule in ChargeOffRule
        ),
    ],
    ids=lambda terms: f"{terms.recalculation.value}-{terms.charge_off.value}-{terms.instalments}",
)


def opened(terms: LoanTerms, days: int) -> Book:
    """Return the book of a loan of which nothing was paid, some days after its payout."""
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=terms.principal_fen))
    book.live(days)
    book.look()
    return book


def pay(book: Book, number: int, fen: int, receipt: Receipt = Receipt.REPAYMENT, intent: Intent = Intent.DUE) -> Repaid:
    event = Repaid(event_id=an_id(number), value_date=book.today, amount_fen=fen, receipt=receipt, intent=intent)
    book.happen(event)
    book.check()
    return event


def earned(book: Book) -> int:
    """Return interest and penalty that were income, with what rounding left over, in fen."""
    return -sum(book.accounts[code] for code in (Code.INTEREST_INCOME, Code.PENALTY_INCOME, Code.ROUNDING_DIFFERENCE))


def unpaid_interest(book: Book) -> int:
    """Return what is billed and unpaid of interest and penalty, in fen."""
    return book.state.payable.interest_fen + book.state.payable.penalty_fen


# --- income that stops -----------------------------------------------------------------------------------------------


def test_income_stops_on_the_ninety_first_day_and_the_claim_stays() -> None:
    first_due = date(2026, 2, 15)
    book = opened(SUSPENDS, (first_due - START).days + 90)
    before = book.state.payable
    assert not book.state.suspended
    assert book.accounts[Code.INTEREST_SUSPENDED] == 0
    book.live(1)
    book.check()
    assert book.state.suspended
    assert book.state.payable == before, "nothing of the claim is given up"
    book.live(1)  # the close takes back what had accrued since the last bill
    assert abs(earned(book)) <= 1, "what a group carries is below a fen"
    assert -1 <= book.accounts[Code.ACCRUED_INTEREST] <= book.accounts[Code.ACCRUED_PENALTY] == 0
    assert -book.accounts[Code.INTEREST_SUSPENDED] == before.interest_fen


def test_what_is_billed_and_paid_meanwhile_is_income_as_it_is_paid_and_not_before() -> None:
    book = opened(SUSPENDS, 122)
    owed = book.state.payable
    assert owed.penalty_fen == 0
    pay(book, 2, owed.total_fen - 20_000)
    paid = owed.interest_fen + sum(line.penalty_fen for line in book.state.instalments) - unpaid_interest(book)
    assert 0 < paid < owed.interest_fen
    book.live(1)
    assert 0 < book.state.overdue_days(book.today) < 90
    assert book.state.suspended, "less late, but not cured"
    book.live(40)
    book.check()
    assert abs(earned(book) - paid) <= 1, "another bill is no income, and what a group carries is below a fen"


def test_a_loan_that_is_cured_earns_again_with_all_it_had_borne() -> None:
    cured, never = opened(SUSPENDS, 130), opened(PLAN, 130)
    for book in (cured, never):
        owed = book.state.payable.total_fen + 100_000
        pay(book, 2, owed)
        book.live(20)
        book.check()
        assert not book.state.suspended
    income = {code: cured.accounts[code] for code in (Code.INTEREST_INCOME, Code.PENALTY_INCOME, Code.ACCRUED_INTEREST)}
    assert income == {code: never.accounts[code] for code in income}
    assert cured.accounts[Code.INTEREST_SUSPENDED] == 0


def test_interest_that_was_never_income_is_no_loss_either() -> None:
    book = opened(SUSPENDS, 130)
    owed = book.state.payable
    book.happen(ChargedOff(event_id=an_id(2), value_date=book.today))
    book.happen(WrittenOff(event_id=an_id(3), value_date=book.today))
    book.check()
    lost = book.accounts[Code.CREDIT_LOSS]
    assert book.accounts[Code.INTEREST_SUSPENDED] == 0
    assert lost >= SUSPENDS.principal_fen
    without = opened(PLAN, 130)
    without.happen(ChargedOff(event_id=an_id(2), value_date=without.today))
    without.happen(WrittenOff(event_id=an_id(3), value_date=without.today))
    penalty = book.state.instalments[0].penalty_fen
    assert penalty > 0
    assert without.accounts[Code.CREDIT_LOSS] - lost >= owed.interest_fen + penalty


def test_terms_that_do_not_ask_for_it_never_stop_income() -> None:
    book = opened(PLAN, 200)
    assert not book.state.suspended
    assert book.accounts[Code.INTEREST_SUSPENDED] == 0


# --- a guarantor pays ------------------------------------------------------------------------------------------------


@EITHER
def test_who_pays_for_the_borrower_holds_the_claim_and_the_lender_bears_no_more_interest(terms: LoanTerms) -> None:
    book = opened(terms, 75)
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    pay(book, 2, owed, Receipt.COMPENSATION, Intent.PAYOFF)
    assert (book.state.stage, book.state.guarantor_claim_fen) == (Stage.SETTLED, owed)
    book.live(60)
    assert book.state.payable.total_fen == book.state.principal_outstanding_fen == 0
    pay(book, 3, 1_000, Receipt.SUBROGATION)
    assert book.state.guarantor_claim_fen == owed - 1_000
    assert -book.accounts[Code.DUE_TO_GUARANTOR] == 1_000
    pay(book, 4, owed, Receipt.SUBROGATION)
    assert (book.state.guarantor_claim_fen, book.state.overpayment_fen) == (0, 1_000)
    assert -book.accounts[Code.DUE_TO_GUARANTOR] == owed


def test_a_part_that_the_guarantor_paid_stops_bearing_and_the_rest_goes_on() -> None:
    book = opened(PLAN, 40)
    due = book.state.payable
    pay(book, 2, due.total_fen, Receipt.COMPENSATION)
    penalty = book.state.instalments[0].penalty_fen
    assert penalty > 0
    assert book.state.guarantor_claim_fen == due.total_fen
    assert book.state.payable.total_fen == penalty, "the penalty of ten days came first, and principal is left for it"
    assert book.state.stage is Stage.ACTIVE
    paid = pay(book, 3, 500, Receipt.SUBROGATION)
    assert book.state.payable.total_fen == penalty, "the lender gets nothing of what is the guarantor's"
    with pytest.raises(NothingToChargeBack, match="reversed"):
        book.happen(ChargedBack(event_id=an_id(4), value_date=book.today, amount_fen=1, target=paid.event_id))
    book.happen(Reversed(event_id=an_id(5), value_date=book.today, target=an_id(2)))
    book.check()
    assert (book.state.guarantor_claim_fen, book.state.overpayment_fen) == (0, 0), "it is the lender's"
    assert book.state.payable.total_fen == due.total_fen + penalty - 500


def test_a_loan_that_its_guarantor_paid_is_called_settled_once_the_guarantor_is_paid_back() -> None:
    book = opened(PLAN, 40)
    owed = payoff_fen(terms=PLAN, state=book.state, on=book.today)
    paid = Repaid(
        event_id=an_id(2),
        value_date=book.today,
        amount_fen=owed,
        receipt=Receipt.COMPENSATION,
        intent=Intent.PAYOFF,
    )
    assert "settled" not in [one.kind.value for one in book.happen(paid).happenings]
    back = replace(paid, event_id=an_id(3), receipt=Receipt.SUBROGATION)
    assert [one.kind.value for one in book.happen(back).happenings] == ["settled"]


# --- a loss that is none ---------------------------------------------------------------------------------------------


@EITHER
def test_a_loss_that_is_undone_leaves_what_would_be_owed_without_it(terms: LoanTerms) -> None:
    book, never = opened(terms, 75), opened(terms, 75)
    book.happen(ChargedOff(event_id=an_id(2), value_date=book.today))
    for one in (book, never):
        one.live(10)
        receipt = Receipt.RECOVERY if one is book else Receipt.REPAYMENT
        pay(one, 3, 30_000, receipt)
        one.live(25)
    assert book.state.stage is Stage.CHARGED_OFF
    book.happen(ChargeOffUndone(event_id=an_id(4), value_date=book.today))
    book.check()
    never.look()
    assert book.state.stage is Stage.ACTIVE
    assert book.state.otherwise is None
    assert book.state.instalments == never.state.instalments
    for one in (book, never):
        one.live(40)
        one.check()
    assert book.state.instalments == never.state.instalments
    assert {code: book.accounts[code] for code in Code} == {code: never.accounts[code] for code in Code}


def test_the_days_of_the_loss_stay_days_of_a_loss() -> None:
    book = opened(PLAN, 75)
    lost_on = book.today
    book.happen(ChargedOff(event_id=an_id(2), value_date=lost_on))
    book.live(20)
    book.happen(ChargeOffUndone(event_id=an_id(3), value_date=book.today))
    undone = [one for one in book.postings if one.value_date == book.today]
    assert book.state.stage is Stage.ACTIVE
    assert all(lost_on <= one.value_date for one in book.postings if one in undone)
    book.happen(ChargedOff(event_id=an_id(4), value_date=book.today))
    assert book.state.stage is Stage.CHARGED_OFF
    book.check()


def test_what_was_recovered_too_much_goes_back_and_what_was_returned_is_owed_again() -> None:
    terms = terms_daily(charge_off=ChargeOffRule.ZERO_INTEREST)
    book = opened(terms, 75)
    book.happen(ChargedOff(event_id=an_id(2), value_date=book.today))
    book.live(30)
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    pay(book, 3, owed - 1 + 0, Receipt.RECOVERY, Intent.PAYOFF)
    book.happen(ChargeOffUndone(event_id=an_id(4), value_date=book.today))
    book.check()
    assert book.state.stage is Stage.ACTIVE
    assert payoff_fen(terms=terms, state=book.state, on=book.today) > 1, "interest that the loss had stopped is owed"


def test_only_what_was_taken_for_lost_is_found_again() -> None:
    book = opened(PLAN, 75)
    with pytest.raises(NotChargedOff) as refused:
        book.happen(ChargeOffUndone(event_id=an_id(2), value_date=book.today))
    assert refused.value.code == "loan_not_charged_off"
    book.happen(ChargedOff(event_id=an_id(3), value_date=book.today))
    with pytest.raises(LoanNotActive, match="already"):
        book.happen(ChargedOff(event_id=an_id(4), value_date=book.today))
    book.happen(ChargeOffUndone(event_id=an_id(5), value_date=book.today))
    book.happen(Reversed(event_id=an_id(6), value_date=book.today, target=an_id(3)))
    book.check()
    assert book.state.stage is Stage.ACTIVE, "the undoing has nothing left to undo, and lapses"


@EITHER
def test_what_is_charged_back_after_a_lost_loan_was_paid_is_lost_as_well(terms: LoanTerms) -> None:
    book = opened(terms, 20)
    book.happen(ChargedOff(event_id=an_id(2), value_date=book.today))
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    paid = pay(book, 3, owed, Receipt.RECOVERY, Intent.PAYOFF)
    assert book.state.stage is Stage.SETTLED
    book.happen(ChargedBack(event_id=an_id(4), value_date=book.today, amount_fen=20, target=paid.event_id))
    book.check()
    assert book.state.stage is Stage.CHARGED_OFF
    assert payoff_fen(terms=terms, state=book.state, on=book.today) == 20
    pay(book, 5, 20, Receipt.RECOVERY, Intent.PAYOFF)
    assert (book.state.stage, book.state.overpayment_fen) == (Stage.SETTLED, 0)


def test_money_returned_after_a_loss_is_told_again_without_it() -> None:
    book = opened(PLAN, 75)
    book.happen(ChargedOff(event_id=an_id(2), value_date=book.today))
    pay(book, 3, 2_000_000, Receipt.RECOVERY)
    too_much = book.state.overpayment_fen
    assert too_much > 0
    book.happen(OverpaymentReturned(event_id=an_id(4), value_date=book.today, amount_fen=too_much))
    book.check()
