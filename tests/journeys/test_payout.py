"""Paying out: through silence, to a refusal, at a chosen time; never twice, never early, never half."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest

from mingqu.channels.fake.bank_book import digest
from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Stage
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.ports.sms import MessageKind
from mingqu.services.contracts.sign_contract import PayoutTimeOutOfRange, sign_contract
from mingqu.services.house import House
from mingqu.services.loans.issue_certificate import NotSettled, issue_certificate
from mingqu.services.loans.read_loan import loan_state, order_states
from mingqu.services.loans.reserve_payout import reserve_payout
from mingqu.services.offers.disclose_cost import OfferStale
from mingqu.services.repayment.repay import NothingDue, quote_repayment
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Transaction
from tests.console import signed_in
from tests.journeys.reading import (
    Books,
    Limit,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    cell_of,
    facts_of,
    house_fen,
    limit_of,
    live_until,
)
from tests.world import OpenWorld

GRANTED = 3_000_000
FREE = Limit(granted=GRANTED, available=GRANTED, drawn=0, held=0)
HELD = Limit(granted=GRANTED, available=2_000_000, drawn=0, held=1_000_000)
DRAWN = Limit(granted=GRANTED, available=2_000_000, drawn=1_000_000, held=0)


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LOSE_REQUEST, Fault.SERVER_ERROR, Fault.LATE])
def test_a_silent_payout_heals_under_the_same_number_and_is_paid_once(world: OpenWorld, fault: Fault) -> None:
    house = world.house
    known = arrive(world)
    world.bank.faults.plan("payout.send", fault)
    borrowed = borrow(world, known)
    order_id, loan_id = borrowed.signed.payout_order_id, borrowed.signed.loan_id

    # Nobody knows: everything stays held, nothing is owed yet.
    assert order_states(house, order_id=order_id) == ["RESERVED", "SENT", "UNKNOWN"]
    assert books_of(house, loan_id) == Books()
    assert limit_of(house, known.person_id) == limit_of(house, borrowed.offered.offer.facility_id) == HELD
    assert loan_state(house, person_id=known.person_id, loan_id=loan_id).stage is Stage.PLANNED
    assert_coherent(house)

    for _ in range(4):
        world.go_to(house.clock.now() + timedelta(minutes=2))
        work_until_idle(world)
    world.bank.faults.deliver_late()
    assert order_states(house, order_id=order_id)[-1] == "PAID"
    assert world.bank.moved() == {order_id.hex: 1_000_000}
    assert world.balance_fen(XIA) == 7_000_000
    assert books_of(house, loan_id) == Books(unbilled=1_000_000)
    assert limit_of(house, known.person_id) == limit_of(house, borrowed.offered.offer.facility_id) == DRAWN
    assert_coherent(house)


def test_a_payout_the_bank_refuses_leaves_no_loan_no_hold_and_the_whole_limit(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    world.bank.faults.plan("payout.send", Fault.REFUSE)
    borrowed = borrow(world, known)
    loan_id, lender_id = borrowed.signed.loan_id, borrowed.offered.product.lender_id

    assert order_states(house, order_id=borrowed.signed.payout_order_id) == ["RESERVED", "SENT", "FAILED"]
    assert loan_state(house, person_id=known.person_id, loan_id=loan_id).stage is Stage.CANCELLED
    assert books_of(house, loan_id) == Books()
    assert limit_of(house, known.person_id) == limit_of(house, borrowed.offered.offer.facility_id) == FREE
    cash = house_fen(house, cell=cell_of(house, loan_id), owner=lender_id, code=AccountCode.LENDER_CASH)
    assert cash == 50_000_000
    assert world.bank.moved() == {}
    assert facts_of(house, known.person_id, "disbursement") == []
    with pytest.raises(NothingDue):
        quote_repayment(house, person_id=known.person_id, loan_id=loan_id)
    with pytest.raises(NotSettled):
        issue_certificate(house, person_id=known.person_id, loan_id=loan_id)
    assert_coherent(house)

    # The limit is free in fact: the same amount is lent by another contract. The refused one stays dead.
    other = borrow(world, known)
    assert loan_state(house, person_id=known.person_id, loan_id=other.signed.loan_id).stage is Stage.ACTIVE
    assert limit_of(house, known.person_id) == DRAWN
    live_until(world, date(2026, 9, 16))
    assert books_of(house, loan_id) == Books()
    assert_coherent(house)


def test_a_payout_to_a_card_that_became_somebody_elses_pays_nobody_and_the_console_says_why(world: OpenWorld) -> None:
    """The bank closed the card and gave its number to another: the name that we say is not the holder's."""
    house = world.house
    known = arrive(world)
    world.bank.faults.plan(
        "payout.send", Fault.LOSE_REQUEST
    )  # the first try never arrives; the second finds the change
    borrowed = borrow(world, known)
    with world.bank._book.opened() as book:
        holder = {"name": digest("别人"), "id_number": digest("0"), "phone": digest("0")}
        book.write(what="card", card=digest(XIA.card_number.reveal()), holder=holder, balance_fen=0)
    for _ in range(4):
        world.go_to(house.clock.now() + timedelta(minutes=2))
        work_until_idle(world)
    order_id, loan_id = borrowed.signed.payout_order_id, borrowed.signed.loan_id
    assert order_states(house, order_id=order_id)[-1] == "FAILED"
    assert world.bank.moved() == {}
    assert books_of(house, loan_id) == Books()
    assert limit_of(house, known.person_id) == FREE
    shown = signed_in(house, "operations").get(f"/console/loans/{loan_id.hex}").text
    assert "holder_mismatch" in shown
    assert_coherent(house)


def test_money_moves_at_the_time_the_borrower_chose_and_interest_counts_from_there(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    chosen = start_of(date(2026, 8, 18)) + timedelta(hours=15, minutes=30)
    borrowed = take_loan(
        world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment", payout_at=chosen
    )
    loan_id, order_id = borrowed.signed.loan_id, borrowed.signed.payout_order_id

    live_until(world, date(2026, 8, 18))
    world.go_to(chosen - timedelta(seconds=1))
    work_until_idle(world)
    assert order_states(house, order_id=order_id) == ["RESERVED"]
    assert world.bank.moved() == {}
    assert books_of(house, loan_id) == Books()
    assert limit_of(house, known.person_id) == HELD
    assert_coherent(house)

    world.go_to(chosen)
    work_until_idle(world)
    assert world.bank.moved() == {order_id.hex: 1_000_000}
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    assert (state.instalments[0].start, state.instalments[0].due) == (date(2026, 8, 18), date(2026, 9, 18))
    assert facts_of(house, known.person_id, "disbursement")[0]["value_date"] == "2026-08-18"
    assert quote_repayment(house, person_id=known.person_id, loan_id=loan_id).payoff_fen == 1_000_000
    assert_coherent(house)


@pytest.mark.parametrize(
    "payout_at", [datetime(2026, 8, 15, 1, 59, tzinfo=UTC), datetime(2026, 8, 22, 2, 2, tzinfo=UTC)]
)
def test_a_payout_time_in_the_past_or_beyond_a_week_signs_nothing(world: OpenWorld, payout_at: datetime) -> None:
    known = arrive(world)
    with pytest.raises(PayoutTimeOutOfRange):
        take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment", payout_at=payout_at)
    assert limit_of(world.house, known.person_id) == FREE
    assert_coherent(world.house)


def test_an_offer_is_signed_once_and_the_same_command_again_is_the_same_contract(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    signed_at = house.clock.now() + timedelta(minutes=2)
    borrowed = take_loan(
        world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment", payout_at=signed_at
    )
    offer_id = borrowed.offered.offer.offer_id

    def sign(key: str) -> object:
        return sign_contract(
            house,
            person_id=known.person_id,
            offer_id=offer_id,
            instrument_id=known.instrument_id,
            payout_at=signed_at,
            code=Personal("000000"),
            key=key,
        )

    assert sign(f"sign {offer_id.hex}") == borrowed.signed
    with pytest.raises(OfferStale):
        sign("another key")
    assert limit_of(house, known.person_id) == HELD
    assert_coherent(house)


@pytest.mark.parametrize(("fault", "said"), [(None, "loan.disbursed"), (Fault.REFUSE, "loan.payout_failed")])
def test_the_borrower_is_told_once_how_a_payout_ended(world: OpenWorld, fault: Fault | None, said: str) -> None:
    known = arrive(world)
    if fault is not None:
        world.bank.faults.plan("payout.send", fault)
    borrow(world, known)
    for _ in range(2):
        world.go_to(world.house.clock.now() + timedelta(minutes=1))
        work_until_idle(world)
    told = [message for message in world.sms.inbox(phone=XIA.phone) if message.kind is MessageKind.NOTICE]
    assert [message.template for message in told] == [said]
    assert told[0].values["amount"].reveal() == "10,000.00"


def test_nobody_is_told_at_night(world: OpenWorld) -> None:
    known = arrive(world)
    night = start_of(date(2026, 8, 15)) + timedelta(hours=23, minutes=30)
    take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment", payout_at=night)
    world.go_to(night + timedelta(minutes=1))
    work_until_idle(world)
    assert [one for one in world.sms.inbox(phone=XIA.phone) if one.kind is MessageKind.NOTICE] == []
    world.go_to(night + timedelta(hours=10))
    work_until_idle(world)
    (told,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.kind is MessageKind.NOTICE]
    assert told.template == "loan.disbursed"


@pytest.mark.parametrize("fault", [None, Fault.REFUSE])
def test_a_payout_on_its_way_since_an_older_version_ends_as_any_other(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    """Its holds have ids that were derived from the contract."""
    known = arrive(world)
    if fault is not None:
        world.bank.faults.plan("payout.send", fault)
    with monkeypatch.context() as older:
        older.setattr("mingqu.services.contracts.sign_contract.reserve_payout", _as_before)
        borrowed = take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    assert_coherent(world.house)
    work_until_idle(world)
    assert limit_of(world.house, known.person_id) == (FREE if fault else DRAWN)
    stage = loan_state(world.house, person_id=known.person_id, loan_id=borrowed.signed.loan_id).stage
    assert stage is (Stage.CANCELLED if fault else Stage.ACTIVE)
    assert_coherent(world.house)


def _as_before(tx: Transaction, house: House, *, of: Loan, **given: Any) -> UUID:
    with patch("mingqu.services.loans.reserve_payout.parent_of_holds", lambda _: of.contract_id):
        return reserve_payout(tx, house, of=of, **given)
