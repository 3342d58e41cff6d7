"""What a pool is told of a loan of the book, and which loans are not for sale."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from mingqu.domain.abs_pool import OfferedLoan
from mingqu.domain.loan import Repaid, fold
from mingqu.services.pools.offer_to_pool import may_be_sold, offered_loan
from tests.unit.domain.test_loan_terms import TERMS, paid_out

PAID_LATE = Repaid(event_id=UUID(int=2), value_date=date(2026, 9, 20), amount_fen=95_000)


def test_what_is_offered_is_what_the_schedule_says() -> None:
    state, _ = fold(terms=TERMS, events=[paid_out(), PAID_LATE], as_of=date(2026, 9, 20))
    told = offered_loan(
        loan_id="x", borrower="b", region="CN-31", product="p", terms=TERMS, state=state, on=date(2026, 9, 21)
    )
    assert told == OfferedLoan(
        id="x",
        borrower="b",
        region="CN-31",
        product="p",
        principal_fen=state.principal_outstanding_fen,
        rate_ppm=180_000,
        paid_instalments=1,
        overdue_days=0,
        overdue_days_ever=5,
        last_due=state.instalments[-1].due,
    )
    assert told.principal_fen == 1_000_000 - state.instalments[0].principal_fen
    unpaid, _ = fold(terms=TERMS, events=[paid_out()], as_of=date(2026, 9, 21))
    late = offered_loan(
        loan_id="x", borrower="b", region="CN-31", product="p", terms=TERMS, state=unpaid, on=date(2026, 9, 21)
    )
    assert (late.paid_instalments, late.overdue_days, late.overdue_days_ever) == (0, 6, 6)


@pytest.mark.parametrize("change", [{"ended": True}, {"lost": True}, {"guarantor_claim_fen": 1}, {"disbursed_fen": 1}])
def test_what_does_not_run_as_agreed_is_not_sold(change: dict[str, int]) -> None:
    state, _ = fold(terms=TERMS, events=[paid_out()], as_of=date(2026, 9, 1))
    assert may_be_sold(terms=TERMS, state=state)
    assert not may_be_sold(terms=TERMS, state=replace(state, **change))  # type: ignore[arg-type]
