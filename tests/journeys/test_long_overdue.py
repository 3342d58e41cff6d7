"""Loans that are long overdue, found again, paid by a guarantor or taken over: the book is true after each of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.loan import (
    ChargedOff,
    ChargeOffUndone,
    Event,
    Intent,
    LoanState,
    Receipt,
    Repaid,
    Stage,
)
from mingqu.services.changes.change_loan import OrderNeeded, change_loan
from mingqu.services.contracts.sign_contract import open_accounts_of
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.evidence.witness_change import witness_change
from mingqu.services.house import House
from mingqu.services.loans.record_event import record_event
from mingqu.services.reports.report_days import Asked, report_portfolio
from mingqu.store.ledgers import ledger
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from tests.journeys.reading import arrive, assert_coherent, borrow, house_fen, limit_of, live_until
from tests.journeys.test_loan_events import in_arrears, lender_fen
from tests.models.taken_over import handed_over
from tests.world import OpenWorld


def loan_fen(world: OpenWorld, loan_id: UUID, code: AccountCode) -> int:
    """What a loan's own account has, in fen on its normal side."""
    with world.house.database.transaction() as tx:
        cell = tx.cell_of(loan_id)
    return house_fen(world.house, cell=cell, owner=loan_id, code=code)


def test_income_of_a_loan_ninety_one_days_overdue_stops_and_a_loss_of_it_is_undone(world: OpenWorld) -> None:
    known, borrowed, change = in_arrears(world, date(2026, 12, 14))
    loan_id = borrowed.signed.loan_id
    assert change.state.overdue_days(date(2026, 12, 14)) == 90
    assert not change.state.suspended
    live_until(world, date(2026, 12, 16))
    owed = change.state.payable
    assert change.state.suspended
    for on, counted in ((date(2026, 12, 14), ("61-90", False)), (date(2026, 12, 15), ("90+", True))):
        (row,) = report_portfolio(world.house, asked=Asked(as_of=on))
        assert (row.arrears, row.non_accrual) == counted
    assert loan_fen(world, loan_id, AccountCode.INTEREST_SUSPENDED) == owed.interest_fen + owed.penalty_fen > 0
    assert abs(lender_fen(world, borrowed, AccountCode.INTEREST_INCOME)) <= 1, "what rounding left over"
    assert_coherent(world.house)
    change(ChargedOff)
    live_until(world, date(2026, 12, 20))
    change(Repaid, amount_fen=2_500, receipt=Receipt.GOODWILL)
    change(ChargeOffUndone)
    assert (change.state.stage, change.state.suspended) == (Stage.ACTIVE, True)
    live_until(world, date(2027, 1, 20))
    assert_coherent(world.house)
    change(Repaid, amount_fen=change.state.payable.total_fen + 50_000, receipt=Receipt.GOODWILL)
    assert not change.state.suspended
    assert loan_fen(world, loan_id, AccountCode.INTEREST_SUSPENDED) == 0
    assert limit_of(world.house, known.person_id).drawn == change.state.principal_outstanding_fen


def record_here(world: OpenWorld, of: Loan, event: Event) -> Loan:
    """Record an event for which there is no door yet, with the leaf that a door would leave."""
    house = world.house
    with house.database.transaction() as tx:
        tx.lock_cell(of.cell)
        after, _ = record_event(tx, house, before=of, event=event)
        witness_change(tx, house, of=of, event=event)
        tx.commit()
    return after


def assert_only_its_file_is_missing(house: House) -> None:
    """Assert that the book is true but for one thing: a loan says it was taken over, and no file brought it."""
    publish_evidence(house)
    found = verify_book(database=house.database, keyring=house.keyring).findings
    assert {number for number, sentences in found.items() if sentences} == {4}
    for sentence in found[4]:
        assert any(part in sentence for part in ("do not belong together", "taken over", "were taken over with"))


def test_a_loan_that_no_file_brought_is_not_taken_over_by_hand_and_verify_names_it(world: OpenWorld) -> None:
    known, borrowed, _ = in_arrears(world, date(2026, 10, 20))
    house, today = world.house, date(2026, 10, 20)
    with house.database.transaction() as tx:
        ours = loan.get_for(tx, person_id=known.person_id, loan_id=borrowed.signed.loan_id)
        made = replace(
            ours, loan_id=house.id_for(known.person_id), contract_id=house.id_for(known.person_id), state=LoanState()
        )
        loan.insert(tx, loan=made)
        open_accounts_of(tx, made)
        tx.commit()
    event = handed_over(terms=ours.terms, state=ours.state, on=today, event_id=house.id_for(known.person_id))
    assert event is not None
    with pytest.raises(OrderNeeded):
        change_loan(house, loan_id=made.loan_id, event=event, key="by hand")
    record_here(world, made, event)
    brought = event.principal_due_fen + event.interest_due_fen + event.penalty_due_fen + event.principal_unbilled_fen
    assert lender_fen(world, borrowed, AccountCode.MIGRATION_CLEARING) == -(brought + event.accrued_fen)
    assert_only_its_file_is_missing(house)


def test_the_guarantor_s_claim_stands_in_the_ledger_and_verify_compares_it(world: OpenWorld) -> None:
    known = arrive(world)
    borrowed = borrow(world, known)
    house, loan_id = world.house, borrowed.signed.loan_id
    live_until(world, date(2026, 9, 20))
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=known.person_id, loan_id=loan_id)
    paid = Repaid(
        event_id=house.id_for(known.person_id),
        value_date=house.clock.business_date(),
        amount_fen=100_000,
        receipt=Receipt.COMPENSATION,
        intent=Intent.PREPAY,
    )
    after = record_here(world, of, paid)
    assert after.state.guarantor_claim_fen == loan_fen(world, loan_id, AccountCode.GUARANTOR_CLAIM) == 100_000
    world.go_to(house.clock.now() + timedelta(minutes=1))  # ids of one moment have no order among them
    back = replace(paid, event_id=house.id_for(known.person_id), amount_fen=30_000, receipt=Receipt.SUBROGATION)
    after = record_here(world, after, back)
    assert after.state.guarantor_claim_fen == loan_fen(world, loan_id, AccountCode.GUARANTOR_CLAIM) == 70_000
    assert loan_fen(world, loan_id, AccountCode.DUE_TO_GUARANTOR) == 30_000
    # No channel has a word for a guarantor yet, which is what the fifth invariant says; all others hold.
    found = verify_book(database=house.database, keyring=house.keyring).findings
    assert {number for number, sentences in found.items() if sentences} <= {5, 8}
    with house.database.transaction() as tx:
        account = Account(owner=loan_id, code=AccountCode.GUARANTOR_CLAIM, currency="CNY")
        assert ledger.balance(tx, cell=of.cell, account=account).posted_fen == 70_000
        tx.execute(
            """UPDATE loan_snapshot SET state = jsonb_set(state::jsonb, '{guarantor_claim_fen}', '1')::json
               WHERE loan_id = %s""",
            (loan_id,),
        )
        tx.commit()
    found = verify_book(database=house.database, keyring=house.keyring).findings
    assert any("the claim of its guarantor" in sentence for sentence in found[4])
