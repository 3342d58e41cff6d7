"""A first payout that came back leaves nothing behind, and the loan begins with its new payout as if with its first."""

from __future__ import annotations

import pytest

from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Disbursed, LoanTerms, Reversed, Stage
from tests.models.loan_on_course_book import START, Book, an_id
from tests.unit.domain.test_loan_refusals import TERMS, opened, terms_daily

_ACCRUED = {
    AccountCode.ACCRUED_INTEREST,
    AccountCode.ACCRUED_PENALTY,
    AccountCode.INTEREST_INCOME,
    AccountCode.PENALTY_INCOME,
    AccountCode.ROUNDING_DIFFERENCE,
}


@pytest.mark.parametrize("terms", [TERMS, terms_daily()], ids=["plan", "course"])
@pytest.mark.parametrize("days", [0, 5, 31, 70])
def test_a_payout_that_came_back_was_never_owed(terms: LoanTerms, days: int) -> None:
    book = opened(terms)
    book.live(days)
    book.happen(Reversed(event_id=an_id(4), value_date=book.today, target=an_id(1)))
    assert (book.state.stage, book.state.disbursements, book.state.disbursed_fen) == (Stage.PLANNED, 0, 0)
    assert {code: fen for code, fen in book.accounts.items() if fen and code not in _ACCRUED} == {}
    book.live(1)
    assert all(abs(book.accounts[code]) <= 1 for code in _ACCRUED), book.accounts  # the carries are below a fen each
    anew, paid_on = Book(terms), book.today
    anew.live((paid_on - START).days)
    for one in (book, anew):
        one.happen(Disbursed(event_id=an_id(5), value_date=paid_on, amount_fen=terms.principal_fen))
        one.live(40)
    assert book.state.instalments == anew.state.instalments
    assert book.state.payable == anew.state.payable
