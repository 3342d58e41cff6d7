"""Somebody falls behind: their case is worked at the console within the rules, promised, handed over, and relieved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.demo.journey import Known, pay_by_hand, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.canonical import Canonical
from mingqu.domain.classification import AssetClass
from mingqu.domain.collection import (
    AgencyNotListed,
    Bucket,
    CaseElsewhere,
    NotOverdue,
    PromiseMalformed,
    PromiseState,
    StepKind,
)
from mingqu.domain.grievance import GrievanceKind
from mingqu.domain.loan import Intent, LoanTerms
from mingqu.domain.loan.terms import Recalculation
from mingqu.domain.moment import start_of
from mingqu.domain.operator import OperatorForbidden
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed, MakerIsChecker
from mingqu.domain.spend import PaymentWish
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.appeals.raise_grievance import raise_grievance
from mingqu.services.collection import collect
from mingqu.services.collection.list_overdue import list_overdue
from mingqu.services.collection.read_collection import read_case, read_worklist
from mingqu.services.house import House
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.proposals.propose import approve, propose
from mingqu.services.repayment.repay import open_page, quote_repayment
from mingqu.services.repayment.repay_spend import repay_spend
from mingqu.store.decisions import policy
from mingqu.store.lenders.institution import load_directory
from mingqu.store.overdue import collection, contact_denial
from mingqu.store.revolving import spend
from tests.console import employ, visitor
from tests.journeys.reading import arrive, assert_coherent, facts_of, live_until, rows_of
from tests.journeys.test_bill_reminders import bill_of
from tests.journeys.test_loan_events import borrow_on_course
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

AGENCY = "和远催收服务有限公司"
LATE = date(2026, 9, 20)


def on_course(terms: LoanTerms) -> LoanTerms:
    """The product's terms, but interest follows the debt: such a loan can be spread anew."""
    return replace(terms, recalculation=Recalculation.DAILY)


def counts(house: House) -> dict[str, int]:
    seen = read_worklist(house, seat=seat_of(house, "operations"), bucket=Bucket.M1)
    return {bucket.value: loans for bucket, (loans, _) in seen.counts.items() if loans}


def promise_of(house: House, loan_id: UUID) -> PromiseState | None:
    seen = read_case(house, seat=seat_of(house, "operations"), debt_id=loan_id)
    return next((one.promise for one in seen.steps if one.promise is not None), None)


def calls(world: OpenWorld, house: House, known: Known, seat: Seat, loan_id: UUID) -> None:
    # Three conversations a day; the fourth is denied, kept, and counted nowhere. Nobody else is called.
    for number in range(3):
        collect.log_call(house, seat=seat, debt_id=loan_id, spoken=True, to_debtor=True, key=f"call {number}")
    for key, to_debtor, reason in (("fourth", True, "calls_of_the_day"), ("mother", False, "not_the_debtor")):
        with pytest.raises(collect.ContactDenied) as denied:
            collect.log_call(house, seat=seat, debt_id=loan_id, spoken=True, to_debtor=to_debtor, key=key)
        assert (denied.value.details["reason"], denied.value.details["document"]) == (reason, "GB/T 45251-2025")
    seen = read_case(house, seat=seat, debt_id=loan_id)
    assert (seen.gate.allowed, seen.gate.spoken_today, seen.gate.next_at) == (
        False,
        3,
        start_of(LATE + timedelta(days=1)) + timedelta(hours=8),
    )
    with house.database.transaction() as tx:
        kept = contact_denial.of_person(tx, person_id=known.person_id)
        assert sorted(one.reason.value for one in kept) == ["calls_of_the_day", "not_the_debtor"]
        with pytest.raises(psycopg.errors.RaiseException):
            tx.execute("DELETE FROM collection_step")


def promises(world: OpenWorld, house: House, known: Known, seat: Seat, loan_id: UUID) -> None:
    # A promise: the ledger says what became of it.
    until = LATE + timedelta(days=2)
    collect.note_promise(house, seat=seat, debt_id=loan_id, amount_fen=30_000, until=until, key="promise")
    words = Personal("他说二十二号发工资")
    collect.note_word(house, seat=seat, debt_id=loan_id, text=words, key="word")
    assert not [row for rows in rows_of(house).values() for row in rows if words.reveal() in row], "it is sealed"
    assert promise_of(house, loan_id) is PromiseState.OPEN
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=20_000)
    assert promise_of(house, loan_id) is PromiseState.OPEN
    live_until(world, until)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=10_000)
    assert promise_of(house, loan_id) is PromiseState.KEPT
    collect.note_promise(house, seat=seat, debt_id=loan_id, amount_fen=30_000, until=until, key="another")
    live_until(world, until + timedelta(days=1))
    assert promise_of(house, loan_id) is PromiseState.BROKEN


def hand_over(world: OpenWorld, house: House, known: Known, seat: Seat, loan_id: UUID) -> None:
    # To an agency of the lender's list, and back; one party at a time.
    day = house.clock.business_date() + timedelta(days=30)
    with pytest.raises(AgencyNotListed):
        collect.hand_over(house, seat=seat, debt_id=loan_id, agency="别家", until=day, key="other agency")
    collect.hand_over(house, seat=seat, debt_id=loan_id, agency=AGENCY, until=day, key="agency")
    with pytest.raises(CaseElsewhere):
        collect.log_call(house, seat=seat, debt_id=loan_id, spoken=False, to_debtor=True, key="call again")
    collect.call_back(house, seat=seat, debt_id=loan_id, key="back")
    with house.database.transaction() as tx, pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "STEPS_MAX", 2)  # of a case with more steps than are read it is the last that count
        told = collection.of_debts(tx, cell=tx.cell_of(loan_id), debt_ids=[loan_id])[loan_id]
    assert {one.kind for one in told} == {StepKind.TO_AGENCY, StepKind.CALLED_BACK}  # of one moment by this clock


def relief(world: OpenWorld, house: House, known: Known, seat: Seat, loan_id: UUID) -> None:
    # Relief by two people: the penalty is waived.
    def relieve(relief: str, key: str) -> UUID:
        asked: dict[str, Canonical] = {"relief": relief}
        return propose(
            house, seat=seat, deed=Deed.RELIEVE_LOAN, subject_id=loan_id, asked=asked, reason="失业，已核实", key=key
        )

    owed = quote_repayment(house, person_id=known.person_id, loan_id=loan_id).due
    assert owed.penalty_fen > 0
    approve(house, seat=seat_of(house, "operations", name="second"), proposal_id=relieve("waive", "waive"))
    left = quote_repayment(house, person_id=known.person_id, loan_id=loan_id).due
    assert (left.penalty_fen, left.interest_fen, left.principal_fen) == (0, owed.interest_fen, owed.principal_fen)

    # And at the console: one proposes, another approves, and the rest is spread over eighteen instalments.
    desk = visitor(house)
    assert desk.sign_in(employ(house, "operations", name="collector")).status_code == 303
    page = f"/console/collection/{loan_id.hex}"
    assert "承诺还款" in desk.get(page).text
    text = desk.get(page).text
    key = text.split('name="key" value="')[1][:32]
    sent = desk.post(f"{page}/relief", seen_on=page, relief="spread", instalments="18", reason="失业，已核实", key=key)
    assert sent.status_code == 303, sent.text
    proposal_id = UUID(sent.headers["location"].rsplit("/", 1)[1])
    maker = seat_of(house, "operations", name="collector")
    with pytest.raises(MakerIsChecker):
        approve(house, seat=maker, proposal_id=proposal_id)
    approve(house, seat=seat, proposal_id=proposal_id)
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    assert state.overdue_days(house.clock.business_date()) == 0
    assert sum(line.paid_on is None for line in state.instalments) == 18
    assert counts(house) == {}


def test_a_case_is_worked_from_the_first_call_to_a_plan_that_two_people_agreed(world: OpenWorld) -> None:
    house, known = replace(world.house, directory=load_directory(policy.policy_folder())), arrive(world)
    loan_id = borrow_on_course(world, known, payout_fen=1_000_000, told=on_course)
    seat = seat_of(house, "operations")
    live_until(world, date(2026, 9, 13))
    assert counts(house) == {"m0": 1}, "it falls due on the fifteenth"
    with pytest.raises(NotOverdue):
        collect.take_case(house, seat=seat, debt_id=loan_id, key="early")
    live_until(world, LATE)
    assert counts(house) == {"m1": 1}
    (line,) = read_worklist(house, seat=seat, bucket=Bucket.M1).lines
    assert (line.overdue.debt_id, line.overdue_days, line.assigned_to) == (loan_id, 5, None)

    # Who may look is not who may act; what was refused left nothing.
    before = rows_of(house)
    with pytest.raises(OperatorForbidden):
        collect.take_case(house, seat=seat_of(house, "auditor"), debt_id=loan_id, key="take")
    assert {name for name, rows in rows_of(house).items() if rows != before[name]} <= {"operator"}
    first = collect.take_case(house, seat=seat, debt_id=loan_id, key="take")
    assert collect.take_case(house, seat=seat, debt_id=loan_id, key="take") == first, "sent twice it is one step"
    calls(world, house, known, seat, loan_id)
    promises(world, house, known, seat, loan_id)
    hand_over(world, house, known, seat, loan_id)
    relief(world, house, known, seat, loan_id)
    steps = [fact["step"] for fact in facts_of(house, known.person_id, "collection")]
    assert steps == ["assigned", *["called"] * 3, "promised", "noted", "promised", "to_agency", "called_back"]
    assert_coherent(house)


def test_an_account_that_is_late_is_a_case_as_a_loan_is(world: OpenWorld) -> None:
    house, account_id = world.house, bill_of(world, XIA)
    with house.database.transaction() as tx:
        person_id = spend.get(tx, account_id=account_id).person_id
    seat = seat_of(house, "operations")
    live_until(world, date(2026, 9, 10))
    with pytest.raises(NotOverdue):
        collect.take_case(house, seat=seat, debt_id=account_id, key="early")

    live_until(world, LATE)
    assert counts(house) == {"m1": 1}
    (line,) = read_worklist(house, seat=seat, bucket=Bucket.M1).lines
    assert (line.overdue.debt_id, line.overdue.payable_fen, line.overdue_days) == (account_id, 10_000, 10)
    collect.take_case(house, seat=seat, debt_id=account_id, key="take")
    collect.log_call(house, seat=seat, debt_id=account_id, spoken=True, to_debtor=True, key="call")
    with pytest.raises(PromiseMalformed):
        collect.note_promise(house, seat=seat, debt_id=account_id, amount_fen=10_001, until=LATE, key="more")
    collect.note_promise(house, seat=seat, debt_id=account_id, amount_fen=10_000, until=LATE, key="promise")
    assert promise_of(house, account_id) is PromiseState.OPEN

    # What is reported of it is marked while its owner disputes it, and classed by the map of its lender's licence.
    words = Personal("八月的账单我还过了，请核对。")
    kind = GrievanceKind.CREDIT_DISPUTE.value
    raise_grievance(house, person_id=person_id, kind=kind, words=words, account_id=account_id, key="dispute")
    (row,) = list_overdue(house)
    assert (row.is_account, row.asset_class, row.disputed, row.held_back) == (
        True,
        AssetClass.SPECIAL_MENTION,
        True,
        None,
    )
    assert row.provision_fen == 3_000  # three in a hundred of 1,000.00

    # Its page says what an account is; a plan anew is for loans. Its owner pays, and has kept the promise.
    guest = visitor(house)
    guest.sign_in(employ(house, "operations", name="third"))
    page = guest.get(f"/console/collection/{account_id.hex}").text
    assert ("最低还款尚欠" in page, "/relief" in page, "/call" in page) == (True, False, True)
    made = repay_spend(house, person_id=person_id, account_id=account_id, wish=PaymentWish.ALL, key="all")
    open_page(house, person_id=person_id, order_id=made.order_id)
    world.pay_page(XIA, made.order_id)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    assert promise_of(house, account_id) is PromiseState.KEPT
    assert (counts(house), list_overdue(house)) == ({}, [])
    kinds = [facts["step"] for facts in facts_of(house, person_id, "collection")]
    assert kinds == ["assigned", "called", "promised"]
    assert_coherent(house)
