"""What takes two people: one proposes, another carries it out, once, and only while it is as the first saw it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import LiteralString
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Intent, Receipt, Repaid
from mingqu.domain.operator import OperatorForbidden, ReasonMissing
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import (
    PROPOSAL_LASTS,
    Deed,
    MakerIsChecker,
    ProposalEnded,
    ProposalExpired,
    ProposalStale,
    ProposalState,
)
from mingqu.services.access.read_today import read_queues
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.changes.place_receipt import LoanCannotTake, ReceiptMalformed
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.proposals.propose import approve, decline, propose
from mingqu.services.proposals.read_proposals import list_proposals, proposals_to_check, read_parked, read_proposal
from mingqu.store.operators.proposal import ProposalWaits
from mingqu.store.orders.receipt import ReceiptPlaced, SourceBooked
from tests.console import employ, signed_in, visitor
from tests.database.test_races import at_once, codes_of
from tests.journeys.reading import (
    arrive,
    assert_coherent,
    books_of,
    borrow,
    cell_of,
    facts_of,
    house_fen,
    live_until,
    rows_of,
)
from tests.journeys.two_people import PAID_FEN, parked, seat_of
from tests.world import OpenWorld

WHY = "人工核对渠道账单"


def assign(
    world: OpenWorld,
    order_id: UUID,
    loan_id: UUID,
    *,
    by: str = "maker",
    key: str = "assign",
    intent: Intent = Intent.PREPAY,
) -> UUID:
    seat = seat_of(world.house, "operations", name=by)
    asked = {"loan_id": loan_id.hex, "intent": intent.value}
    return propose(
        world.house, seat=seat, deed=Deed.ASSIGN_RECEIPT, subject_id=order_id, asked=asked, reason=WHY, key=key
    )


def book(world: OpenWorld, loan_id: UUID, *, on: date, source: str = "CMB 0920/4118", amount_fen: int = 50_000) -> UUID:
    seat = seat_of(world.house, "operations", name="maker")
    asked = {"amount_fen": amount_fen, "value_date": on.isoformat(), "intent": "due", "source": source}
    key = world.house.identifiers.fresh(0).hex
    return propose(world.house, seat=seat, deed=Deed.BOOK_RECEIPT, subject_id=loan_id, asked=asked, reason=WHY, key=key)


def test_a_parked_receipt_goes_to_another_loan_by_two_people_once(world: OpenWorld) -> None:
    house, (order_id, lost, other) = world.house, parked(world)
    maker, checker = seat_of(house, "operations", name="maker"), seat_of(house, "operations", name="checker")
    place = {"cell": cell_of(house, order_id), "owner": lost.offered.product.lender_id}
    loan_id = other.signed.loan_id
    assert house_fen(house, **place, code=AccountCode.UNMATCHED_RECEIPT) == PAID_FEN
    assert [one.reference for one in read_queues(house, seat=maker).parked] == [order_id]
    assert_coherent(house)
    seen = read_parked(house, seat=maker, order_id=order_id, loan_id=None, intent=Intent.PREPAY)
    assert [one.loan.loan_id for one in seen.candidates] == [loan_id], "the lost loan takes nothing"
    assert seen.preview is not None
    before = books_of(house, loan_id)

    proposal_id = assign(world, order_id, loan_id)
    assert books_of(house, loan_id) == before, "a proposal moves nothing"
    assert (proposals_to_check(house, seat=maker), proposals_to_check(house, seat=checker)) == (0, 1)
    assert read_proposal(house, seat=checker, proposal_id=proposal_id).preview == seen.preview

    for _ in range(2):  # sent twice it is done once
        done = approve(house, seat=checker, proposal_id=proposal_id)
        assert (done.state, done.checker_id) == (ProposalState.APPROVED, checker.operator.operator_id)
    assert seen.preview.after.principal_fen < seen.preview.before.principal_fen
    after = books_of(house, loan_id)
    assert after.unbilled + after.principal == seen.preview.after.principal_fen, "what was shown is what was booked"
    assert after.overpaid == 0
    assert house_fen(house, **place, code=AccountCode.UNMATCHED_RECEIPT) == 0
    assert read_queues(house, seat=maker).parked == ()
    (said,) = facts_of(house, lost.known.person_id, "proposal")
    assert (said["maker"], said["checker"]) == (maker.operator.operator_id.hex, checker.operator.operator_id.hex)
    assert said["outcome"] == "approved"
    assert_coherent(house)
    with pytest.raises(ReceiptPlaced):
        assign(world, order_id, loan_id, key="again")
    with pytest.raises(ProposalEnded):
        decline(house, seat=maker, proposal_id=proposal_id, reason=WHY)
    assert [one.proposal.proposal_id for one in list_proposals(house, seat=maker)[1]] == [proposal_id]


def test_a_parked_receipt_for_which_nothing_is_due_goes_back_to_the_card(world: OpenWorld) -> None:
    house, (order_id, lost, other) = world.house, parked(world)
    before_fen = world.balance_fen(lost.known.newcomer)
    proposal_id = assign(world, order_id, other.signed.loan_id, intent=Intent.DUE)
    approve(house, seat=seat_of(house, "operations", name="checker"), proposal_id=proposal_id)
    work_until_idle(world)
    assert world.balance_fen(lost.known.newcomer) == before_fen + PAID_FEN
    assert_coherent(house)


def test_nobody_checks_their_own_and_nobody_without_the_right(world: OpenWorld) -> None:
    house, (order_id, _, other) = world.house, parked(world)
    proposal_id = assign(world, order_id, other.signed.loan_id)
    roles = {"maker": MakerIsChecker, "risk": OperatorForbidden, "auditor": OperatorForbidden}
    seats = {name: seat_of(house, "operations" if name == "maker" else name, name=name) for name in roles}
    before = rows_of(house)
    for name, refusal in roles.items():
        with pytest.raises(refusal):
            approve(house, seat=seats[name], proposal_id=proposal_id)
    for name in ("risk", "auditor"):
        with pytest.raises(OperatorForbidden):
            decline(house, seat=seats[name], proposal_id=proposal_id, reason=WHY)
    assert rows_of(house) == before
    decline(house, seat=seats["maker"], proposal_id=proposal_id, reason="写错了借据号")
    assert len(read_queues(house, seat=seats["maker"]).parked) == 1, "taken back by its maker, it waits again"
    with pytest.raises(OperatorForbidden):
        propose(
            house,
            seat=seats["risk"],
            deed=Deed.ASSIGN_RECEIPT,
            subject_id=order_id,
            asked={"loan_id": other.signed.loan_id.hex, "intent": "due"},
            reason=WHY,
            key="risk",
        )
    with pytest.raises(ReasonMissing):
        decline(house, seat=seats["maker"], proposal_id=proposal_id, reason=" . ")
    assert_coherent(house)


def test_two_checkers_at_once_carry_it_out_once(world: OpenWorld) -> None:
    house, (order_id, _, other) = world.house, parked(world)
    proposal_id = assign(world, order_id, other.signed.loan_id)
    seats = [seat_of(house, "operations", name=name) for name in ("one", "two", "three")]
    calls = [lambda seat=seat: approve(house, seat=seat, proposal_id=proposal_id) for seat in seats]
    answers = at_once([*calls, lambda: decline(house, seat=seats[2], proposal_id=proposal_id, reason=WHY)])
    assert codes_of(answers) == ["proposal_ended"] * 3
    with house.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM placed_receipt").fetchone() in ((0,), (1,))
    assert_coherent(house)


def test_what_changed_since_is_not_carried_out(world: OpenWorld) -> None:
    house, (order_id, lost, other) = world.house, parked(world)
    checker, loan_id = seat_of(house, "operations", name="checker"), other.signed.loan_id
    proposal_id = assign(world, order_id, loan_id)
    event = Repaid(
        event_id=house.id_for(lost.known.person_id),
        value_date=house.clock.business_date(),
        amount_fen=1_000,
        intent=Intent.PREPAY,
        receipt=Receipt.GOODWILL,
    )
    change_loan(house, loan_id=loan_id, event=event, key="meanwhile")
    before = rows_of(house)
    with pytest.raises(ProposalStale):
        approve(house, seat=checker, proposal_id=proposal_id)
    assert rows_of(house) == before
    decline(house, seat=checker, proposal_id=proposal_id, reason=WHY)
    approve(house, seat=checker, proposal_id=assign(world, order_id, loan_id, key="anew"))
    assert_coherent(house)


def test_what_nobody_checked_in_time_is_void_and_makes_room(world: OpenWorld) -> None:
    house, (order_id, _, other) = world.house, parked(world)
    checker, loan_id = seat_of(house, "operations", name="checker"), other.signed.loan_id
    first = assign(world, order_id, loan_id)
    assert assign(world, order_id, loan_id) == first, "the same form sent twice is one proposal"
    with pytest.raises(ProposalWaits):
        assign(world, order_id, loan_id, by="another", key="another")
    world.clock.advance(PROPOSAL_LASTS)
    with pytest.raises(ProposalExpired):
        approve(house, seat=checker, proposal_id=first)
    assert list_proposals(house, seat=checker)[0] == []
    second = assign(world, order_id, loan_id, key="anew")
    approve(house, seat=checker, proposal_id=second)
    assert_coherent(house)


def test_money_goes_to_no_loan_that_is_not_its_persons_and_lenders(world: OpenWorld) -> None:
    house, (order_id, lost, other) = world.house, parked(world)
    with pytest.raises(LoanCannotTake):
        assign(world, order_id, lost.signed.loan_id)
    with pytest.raises(NotFound):
        assign(world, other.signed.payout_order_id, other.signed.loan_id)
    with pytest.raises(LoanCannotTake):
        assign(world, order_id, borrow(world, arrive(world, ZHOU)).signed.loan_id)
    assert_coherent(house)


def test_money_that_came_otherwise_is_told_on_its_own_day_and_can_be_taken_back(world: OpenWorld) -> None:
    house, (_, _, other) = world.house, parked(world)
    loan_id, checker = other.signed.loan_id, seat_of(house, "operations", name="checker")
    live_until(world, house.clock.business_date() + timedelta(days=40))
    on = house.clock.business_date() - timedelta(days=12)
    proposal_id = book(world, loan_id, on=on)
    tried = read_proposal(house, seat=checker, proposal_id=proposal_id).preview
    assert tried is not None
    assert tried.replayed
    approve(house, seat=checker, proposal_id=proposal_id)
    after = books_of(house, loan_id)
    assert after.unbilled + after.principal == tried.after.principal_fen, "what was shown is what was booked"
    assert_coherent(house)
    with pytest.raises(SourceBooked):
        book(world, loan_id, on=on)
    reverse_repayment(house, loan_id=loan_id, repayment_id=proposal_id, key="bounced")
    assert_coherent(house)


def test_one_line_of_a_statement_is_booked_once_whoever_checks_at_the_same_moment(world: OpenWorld) -> None:
    house, on = world.house, world.house.clock.business_date()
    loans = [borrow(world, arrive(world, one)).signed.loan_id for one in (XIA, ZHOU)]
    proposals = [book(world, loan_id, on=on) for loan_id in loans]
    checker = seat_of(house, "operations", name="checker")
    calls = [lambda known=known: approve(house, seat=checker, proposal_id=known) for known in proposals]
    assert codes_of(at_once(calls)) == ["source_booked"]
    assert_coherent(house)


def test_a_receipt_says_how_much_when_and_where_it_is_seen(world: OpenWorld) -> None:
    house, on = world.house, world.house.clock.business_date()
    loan_id = borrow(world, arrive(world)).signed.loan_id
    before = rows_of(house)
    for source, amount_fen, day in (
        ("x", 1, on),
        ("CMB 4118", 0, on),
        ("CMB 4118", 1, on + timedelta(days=1)),
        ("CMB 4118", 1, on - timedelta(days=99)),
        ("身份证 4118", 1, on),
    ):
        with pytest.raises(ReceiptMalformed):
            book(world, loan_id, on=day, source=source, amount_fen=amount_fen)
    assert rows_of(house)["proposal"] == before["proposal"]


def test_verify_sees_a_deed_of_one_person_and_a_receipt_that_is_not_what_two_placed(world: OpenWorld) -> None:
    house, (order_id, _, other) = world.house, parked(world)
    proposal_id = assign(world, order_id, other.signed.loan_id)
    approve(house, seat=seat_of(house, "operations", name="checker"), proposal_id=proposal_id)

    def change(sql: LiteralString) -> None:
        with house.database.transaction() as tx:
            tx.script(sql)
            tx.commit()

    def broken() -> list[int]:
        report = verify_book(database=house.database, keyring=house.keyring)
        return [number for number, holds in report.holds.items() if not holds]

    change("ALTER TABLE proposal DISABLE TRIGGER USER; ALTER TABLE placed_receipt DISABLE TRIGGER USER")
    change("ALTER TABLE proposal DROP CONSTRAINT proposal_check1; UPDATE proposal SET answer = checker_id::text")
    change("UPDATE proposal SET checker_id = maker_id")
    assert broken() == [5, 8], "one person did it"
    change("UPDATE proposal SET checker_id = answer::uuid, answer = NULL")
    assert broken() == []
    change("UPDATE placed_receipt SET amount_fen = amount_fen - 1")
    assert broken() == [5]
    change("UPDATE placed_receipt SET amount_fen = amount_fen + 1, order_id = NULL, source = order_id::text")
    assert broken() == [5]
    change("UPDATE placed_receipt SET order_id = source::uuid, source = NULL")
    assert broken() == []
    change("UPDATE proposal SET reason = reason || '!'")
    assert broken() == [8], "its evidence says otherwise"


def test_the_console_shows_places_and_checks_it(world: OpenWorld) -> None:
    house, (order_id, lost, other) = world.house, parked(world)
    maker, checker = signed_in(house, "operations"), visitor(house)
    checker.sign_in(employ(house, "operations", name="checker"))
    page = f"/console/receipts/{order_id.hex}"
    assert page in maker.get("/console/queues").text
    assert other.signed.loan_id.hex in maker.get(page).text
    key = re.search(r'name="key" value="([0-9a-f]{32})"', maker.get(page).text)
    assert key is not None
    fields = {"loan": other.signed.loan_id.hex, "key": key[1], "intent": "due"}
    assert maker.post(f"{page}/assign", seen_on=page, reason="", **fields).status_code == 422
    sent = [maker.post(f"{page}/assign", seen_on=page, reason=WHY, **fields) for _ in range(2)]
    assert {one.status_code for one in sent} == {303}
    assert len({one.headers["location"] for one in sent}) == 1
    proposal = sent[0].headers["location"]
    assert "等待复核" in maker.get(page).text
    assert maker.post(f"{proposal}/approve", seen_on=proposal).status_code == 403
    assert "maker_is_checker" in maker.post(f"{proposal}/approve", seen_on=proposal).text
    assert proposal in checker.get("/console/proposals").text
    assert "通过并记账 2,000.00 元" in checker.get(proposal).text
    assert checker.post(f"{proposal}/decline", seen_on=proposal, reason="").status_code == 422
    assert checker.post(f"{proposal}/approve", seen_on=proposal).status_code == 303
    assert "已通过" in checker.get(proposal).text
    assert maker.get(page).status_code == 409, "it is parked no more"
    loan_page = f"/console/loans/{other.signed.loan_id.hex}"
    booked = {
        "amount": "500",
        "paid_on": house.clock.business_date().isoformat(),
        "reason": WHY,
        "key": order_id.hex,
        "intent": "due",
    }
    wrong = maker.post(f"{loan_page}/receipts", seen_on=loan_page, source="?", **booked)
    assert (wrong.status_code, "receipt_malformed" in wrong.text) == (422, True)
    right = maker.post(f"{loan_page}/receipts", seen_on=loan_page, source="CMB 0920/4118", **booked)
    assert checker.post(right.headers["location"] + "/approve", seen_on=right.headers["location"]).status_code == 303
    log = signed_in(house, "auditor").get("/console/access", person=lost.known.person_id.hex).text
    assert WHY in log
    assert "复核通过" in log
    assert_coherent(house)
