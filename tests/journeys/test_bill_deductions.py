"""Bills of revolving accounts are deducted as their owner chose: once, on the due day, and no more than is left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.console.words import Words
from mingqu.demo.journey import Known, agree_to_deductions, work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.loan import Intent
from mingqu.domain.moment import start_of
from mingqu.domain.order import Order, OrderState, VerdictImpossible, Wait
from mingqu.domain.ownership import NotFound
from mingqu.domain.spend import DeductedPart, PaymentWish, SpendState
from mingqu.domain.word import Failed
from mingqu.services.orders.end_agreement import stop_agreement
from mingqu.services.orders.hear_order import BookOrders
from mingqu.services.orders.keep_order import announce
from mingqu.services.people.read_person import person_view
from mingqu.services.privacy.erase_person import ErasureWaits, Open, ask_to_be_erased, erasure_standing
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.services.repayment.choose_deduction import AgreementMissing, choose_deduction, stop_deduction
from mingqu.services.repayment.repay import confirm_agreement, open_page, request_agreement
from mingqu.services.repayment.repay_spend import repay_spend
from mingqu.services.revolving.bill_spend import bill_cell
from mingqu.services.revolving.deduct_bills import deduct_bills
from mingqu.services.revolving.follow_limit import follow_limit
from mingqu.services.revolving.pay_merchant import authorize_purchase, capture_purchase
from mingqu.services.revolving.read_spend import SpendView, spend_view
from mingqu.services.revolving.record_spend import RepaymentUnderWay
from mingqu.store import proof
from mingqu.store.orders import order
from mingqu.store.revolving import spend
from mingqu.store.server.work import LeaseLost
from tests.console import signed_in
from tests.journeys.reading import arrive, assert_coherent, rows_of
from tests.journeys.test_disputed_orders import check, decide, hear
from tests.journeys.test_own_data import borrow, pay_by_hand
from tests.journeys.test_spend_funding import accounts_of
from tests.world import OpenWorld


@dataclass(frozen=True)
class Account:
    """A person's spend account, and what is done with it."""

    world: OpenWorld
    known: Known
    account_id: UUID

    def buy(self, number: str, amount_fen: int) -> None:
        bought = authorize_purchase(
            self.world.house,
            person_id=self.known.person_id,
            account_id=self.account_id,
            merchant_id="m1",
            merchant_name="河畔书店",
            number=number,
            amount_fen=amount_fen,
            key=number,
        )
        capture_purchase(self.world.house, purchase_id=bought)

    def agree(self) -> UUID:
        """Agree with the card's bank, and to the text on bills; return that consent's id."""
        agree_to_deductions(self.world, self.known)
        return give_consent(
            self.world.house,
            person_id=self.known.person_id,
            purpose=ConsentPurpose.BILL_REPAYMENT,
            recipient=self.world.house.settings.operator_name,
            key="bills",
        )

    def choose(self, part: DeductedPart, key: str = "choose") -> UUID:
        return choose_deduction(
            self.world.house, person_id=self.known.person_id, account_id=self.account_id, part=part, key=key
        )

    def pay(self, wish: PaymentWish, key: str, *, amount_fen: int | None = None) -> UUID:
        """Pay on the bank's page; what it says is heard at once, and no other work is done."""
        house = self.world.house
        page = repay_spend(
            house,
            person_id=self.known.person_id,
            account_id=self.account_id,
            wish=wish,
            amount_fen=amount_fen,
            key=key,
        )
        open_page(house, person_id=self.known.person_id, order_id=page.order_id)
        self.world.pay_page(self.known.newcomer, page.order_id)
        word = house.hosted.ask(page.order_id.hex)
        BookOrders(house=house).hear(order_id=page.order_id, word=word, at=house.clock.now())
        return page.order_id

    def deductions(self) -> list[tuple[str, int, str | None]]:
        """Return the account's deductions in the order of their making: state, amount, refusal."""
        return [(one.state.value, one.amount_fen, one.refusal_code) for one in self.orders()]

    def orders(self) -> list[Order]:
        with self.world.house.database.transaction() as tx:
            rows = tx.execute(
                """SELECT order_id FROM spend_order JOIN channel_order USING (cell, order_id)
                   WHERE account_id = %s AND choice_id IS NOT NULL ORDER BY run_at, order_id""",
                (self.account_id,),
            ).fetchall()
            return [order.load(tx, order_id=order_id) for (order_id,) in rows]

    def view(self) -> SpendView:
        return spend_view(self.world.house, person_id=self.known.person_id, account_id=self.account_id)

    def at(self, on: date, hour: int, minute: int = 0) -> None:
        """Do what is due at an hour of a day."""
        self.world.go_to(moment(on, hour, minute))
        work_until_idle(self.world)

    def told(self) -> Counter[str]:
        """Return how often each thing was said about deductions."""
        inbox = self.world.sms.inbox(phone=self.known.newcomer.phone)
        return Counter(one.template for one in inbox if "deducted" in one.template)


def moment(on: date, hour: int, minute: int = 0) -> datetime:
    return start_of(on) + timedelta(hours=hour, minutes=minute)


@pytest.fixture
def account(world: OpenWorld) -> Account:
    """An account whose owner's card holds 1,500.00."""
    known = arrive(world, balance_fen=150_000)
    return Account(world, known, accounts_of(world.house, known.person_id)["chengchuan-spend"])


def test_a_bill_is_deducted_whole_on_its_due_day_and_tried_again_that_day_alone(account: Account) -> None:
    world, due = account.world, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 59)
    assert account.deductions() == []
    account.at(due, 9, 1)
    assert account.deductions() == [("PAID", 100_000, None)]
    assert world.balance_fen(XIA) == 50_000
    assert (account.view().bill_left_fen, account.told()) == (0, Counter({"spend.deducted": 1}))
    account.at(due, 20)
    assert len(account.orders()) == 1

    # Too little on the card at nine and at two; it is filled before the third try. That it failed is told once.
    due = date(2026, 10, 10)
    account.buy("2", 60_000)
    account.at(due, 9, 1)
    account.at(due, 14, 1)
    assert account.deductions()[1:] == [("FAILED", 60_000, "insufficient_funds")] * 2
    assert account.told()["spend.not_deducted"] == 1
    world.deposit(XIA, 10_000)
    account.at(due, 19, 1)
    assert account.deductions()[3:] == [("PAID", 60_000, None)]
    assert (account.view().bill_left_fen, account.view().overdue_days) == (0, 0)

    # Three tries fail: none is made on a later day, and the account is late.
    due = date(2026, 11, 10)
    account.buy("3", 70_000)
    for hour in (9, 14, 19, 23):
        account.at(due, hour, 1)
    world.deposit(XIA, 100_000)
    account.at(due + timedelta(days=1), 9, 1)
    account.at(due + timedelta(days=2), 9, 1)
    assert account.deductions()[4:] == [("FAILED", 70_000, "insufficient_funds")] * 3
    assert account.view().overdue_days == 2
    assert account.told() == Counter({"spend.deducted": 2, "spend.not_deducted": 2})
    assert_coherent(world.house)


def test_what_may_have_been_taken_is_never_taken_again_and_a_worker_that_slept_tries_once(account: Account) -> None:
    world, due = account.world, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.MINIMUM)
    account.buy("1", 100_000)
    world.bank.faults.plan("collection.deduct", Fault.LOSE_REPLY)
    world.bank.faults.plan("bank.ask", Fault.LOSE_REQUEST, times=10_000)
    for hour in (9, 14, 19):
        account.at(due, hour, 1)
    assert account.deductions() == [("UNKNOWN", 10_000, None)]
    page = signed_in(world.house, "operations").get(f"/console/customers/{account.known.person_id.hex}").text
    assert "最低还款额" in page, "the console says what is deducted"
    assert Words.short(account.orders()[0].order_id) in page, "and what nobody knows the end of"
    account.at(due + timedelta(days=1), 10)  # whether it was paid in time is not judged before that is known
    assert account.deductions() == [("UNKNOWN", 10_000, None)]
    world.bank.faults.heal()
    account.at(due + timedelta(days=1), 12)
    assert account.deductions() == [("PAID", 10_000, None)]
    assert (account.view().overdue_days, world.balance_fen(XIA)) == (0, 140_000)

    # Nobody worked on the due day nor on the next: one try, at nine of the day on which somebody does, of what is
    # lacking by then, and none after it.
    due = date(2026, 10, 10)
    account.at(due - timedelta(days=1), 12)
    lacking_fen = account.view().minimum_left_fen
    account.at(due + timedelta(days=2), 3)
    assert [one.state.value for one in account.orders()] == ["PAID", "RESERVED"]
    account.at(due + timedelta(days=2), 9, 1)
    account.at(due + timedelta(days=3), 20)
    assert account.deductions()[1:] == [("PAID", lacking_fen, None)]
    assert account.view().overdue_days == 0
    assert_coherent(world.house)


def test_what_is_paid_by_hand_the_same_day_lessens_or_ends_the_deduction(account: Account) -> None:
    house, due = account.world.house, date(2026, 9, 10)
    cell = house.database.cell_of(account.account_id)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 59)
    account.world.go_to(moment(due, 9))
    assert deduct_bills(house, cell=cell) == 1
    account.pay(PaymentWish.ALL, "part", amount_fen=30_000)
    assert sorted(account.deductions()) == [("FAILED", 100_000, "paid_already"), ("RESERVED", 70_000, None)]
    account.pay(PaymentWish.BILL, "rest")
    account.at(due, 20)
    assert sorted(account.deductions()) == [("FAILED", fen, "paid_already") for fen in (70_000, 100_000)]
    assert (account.view().bill_left_fen, account.world.balance_fen(XIA)) == (0, 50_000)
    assert account.told() == Counter()
    assert_coherent(house)


def test_it_is_chosen_under_a_consent_and_switched_off_until_it_is_sent(account: Account) -> None:
    house, world, person_id = account.world.house, account.world, account.known.person_id
    cell = house.database.cell_of(account.account_id)
    before = rows_of(house)
    with pytest.raises(ConsentMissing):
        account.choose(DeductedPart.BILL)
    assert rows_of(house) == before
    consent_id = give_consent(
        house,
        person_id=person_id,
        purpose=ConsentPurpose.BILL_REPAYMENT,
        recipient=house.settings.operator_name,
        key="bills",
    )
    before = rows_of(house)
    with pytest.raises(AgreementMissing):
        account.choose(DeductedPart.BILL)
    other = arrive(world, ZHOU)
    before = rows_of(house)
    for act in (
        lambda: choose_deduction(
            house, person_id=other.person_id, account_id=account.account_id, part=DeductedPart.BILL, key="x"
        ),
        lambda: stop_deduction(house, person_id=other.person_id, account_id=account.account_id),
    ):
        with pytest.raises(NotFound):
            act()
    assert rows_of(house) == before
    agree_to_deductions(world, account.known)
    chosen = account.choose(DeductedPart.BILL, "a")
    assert account.choose(DeductedPart.BILL, "a") == account.choose(DeductedPart.BILL, "b") == chosen
    assert account.choose(DeductedPart.MINIMUM, "c") != chosen
    account.buy("1", 100_000)

    # Switched off between nine o'clock and the sending: what waits is withdrawn, and nothing more is made.
    due = date(2026, 9, 10)
    account.at(due, 8, 59)
    world.go_to(moment(due, 9))
    assert deduct_bills(house, cell=cell) == 1
    stop_deduction(house, person_id=person_id, account_id=account.account_id)
    stop_deduction(house, person_id=person_id, account_id=account.account_id)
    account.at(due, 20)
    assert account.deductions() == [("FAILED", 10_000, "deduction_switched_off")]

    # Chosen again on the due day it is tried once more that day; the consent's end is the choice's end.
    account.choose(DeductedPart.MINIMUM, "d")
    work_until_idle(world)
    assert account.deductions()[1:] == [("PAID", 10_000, None)]
    withdraw_consent(house, person_id=person_id, consent_id=consent_id)
    account.at(date(2026, 10, 10), 20)
    assert len(account.orders()) == 2
    assert_coherent(house)


def test_without_a_card_any_more_nothing_is_deducted_and_that_is_told(account: Account) -> None:
    house, person_id = account.world.house, account.known.person_id
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    (card,) = person_view(house, person_id=person_id).cards
    assert card.agreement_id is not None
    stop_agreement(house, person_id=person_id, agreement_id=card.agreement_id)
    for hour in (9, 14, 19):
        account.at(date(2026, 9, 10), hour, 1)
    assert account.deductions() == []
    assert account.told() == Counter({"spend.not_deducted": 1})
    assert_coherent(house)


def test_verify_finds_a_deduction_that_nobody_agreed_to(account: Account) -> None:
    house = account.world.house
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(date(2026, 9, 10), 9, 1)
    (deducted,) = account.orders()
    name, others = deducted.order_id, f"order {deducted.order_id} deducts a bill and nobody agreed to that"
    spoilt: dict[LiteralString, str] = {
        "UPDATE consent SET purpose = 'auto_repayment' WHERE purpose = 'bill_repayment'": others,
        "UPDATE consent SET withdrawn_at = given_at WHERE purpose = 'bill_repayment'": others,
        "UPDATE spend_order SET bill_number = 2": others,
        "UPDATE repayment SET agreement_id = NULL": others,
        "UPDATE repayment_agreement SET channel = 'wechat', instrument_id = NULL": others,
        "UPDATE spend_order SET choice_id = NULL, bill_number = NULL": (
            f"order {name} rests on an agreement and pays neither a loan nor a bill"
        ),
    }
    for spoiling, found in spoilt.items():
        with house.database.transaction() as tx:
            assert proof.spend_accounts(tx) == []
            tx.execute(spoiling)
            assert proof.spend_accounts(tx) == [found]


def test_what_is_being_paid_by_hand_is_not_deducted_as_well(account: Account) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 55)
    page = repay_spend(
        house, person_id=account.known.person_id, account_id=account.account_id, wish=PaymentWish.BILL, key="page"
    )
    open_page(house, person_id=account.known.person_id, order_id=page.order_id)
    account.at(due, 9, 1)
    assert account.deductions() == [], "nine o'clock waits for what is on its way"
    world.pay_page(account.known.newcomer, page.order_id)
    account.at(due, 9, 30)
    account.at(due, 20)
    assert account.deductions() == []
    assert (account.view().bill_left_fen, account.view().credit_fen, world.balance_fen(XIA)) == (0, 0, 50_000)


def test_a_deduction_that_was_not_sent_waits_until_what_was_paid_by_hand_is_heard(account: Account) -> None:
    """The page went first for seventy minutes, and a bank that was silent for longer let both be paid."""
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 55)
    world.go_to(start_of(due) + timedelta(hours=9))
    deduct_bills(house, cell=house.database.cell_of(account.account_id))
    page = repay_spend(
        house, person_id=account.known.person_id, account_id=account.account_id, wish=PaymentWish.BILL, key="page"
    )
    open_page(house, person_id=account.known.person_id, order_id=page.order_id)
    world.pay_page(account.known.newcomer, page.order_id)
    world.bank.faults.plan("bank.ask", Fault.LOSE_REQUEST)
    account.at(due, 10, 11)
    assert account.deductions() == [("RESERVED", 100_000, None)]
    account.at(due, 20)
    assert account.deductions() == [("FAILED", 100_000, "paid_already")]
    assert (account.view().bill_left_fen, account.view().credit_fen) == (0, 0)


def test_a_deduction_that_waited_until_its_day_was_over_is_not_sent_any_more_and_that_is_told(account: Account) -> None:
    """Its owner agreed to the tries of the due day; a bank that was silent about a page for longer changes nothing."""
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 55)
    world.go_to(start_of(due) + timedelta(hours=9))
    deduct_bills(house, cell=house.database.cell_of(account.account_id))
    page = repay_spend(
        house, person_id=account.known.person_id, account_id=account.account_id, wish=PaymentWish.BILL, key="page"
    )
    open_page(house, person_id=account.known.person_id, order_id=page.order_id)  # and nobody pays
    world.bank.faults.plan("bank.ask", Fault.LOSE_REQUEST, times=200)
    account.at(due, 23, 50)
    assert account.deductions() == [("RESERVED", 100_000, None)]
    world.bank.faults.heal()
    account.at(due + timedelta(days=1), 12)
    assert account.deductions() == [("FAILED", 100_000, "day_over")]
    assert (account.view().bill_left_fen, account.told()) == (100_000, Counter({"spend.not_deducted": 1}))
    assert_coherent(house)


def test_a_deduction_that_the_bank_never_had_is_not_said_again_on_a_day_that_nobody_agreed_to(account: Account) -> None:
    world, due = account.world, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 55)
    world.bank.faults.plan("collection.deduct", Fault.LOSE_REQUEST, times=9)
    world.bank.faults.plan("bank.ask", Fault.LOSE_REQUEST, times=200)
    account.at(due, 9, 1)
    account.at(due, 23, 50)
    world.bank.faults.heal()
    had_fen = world.balance_fen(XIA)
    account.at(due + timedelta(days=1), 12)
    (waits,) = account.orders()
    assert (waits.state.value, waits.missing, world.balance_fen(XIA)) == ("UNKNOWN", True, had_fen)
    account.at(due + timedelta(days=2), 12)
    (waits,) = account.orders()
    assert (waits.disputed, waits.conflict_code) == (True, "order_lost"), (
        "two people end it, its day is on no statement"
    )
    check(world, decide(world, waits.order_id, "never_paid"))
    account.at(due + timedelta(days=2), 12, 5)
    assert (account.view().overdue_days, account.told()) == (2, Counter({"spend.not_deducted": 1}))
    account.pay(PaymentWish.BILL, "by hand")
    assert world.balance_fen(XIA) == had_fen - 100_000
    assert_coherent(world.house)


def test_who_paid_in_time_is_not_late_because_a_later_payment_is_heard_first(account: Account) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.buy("1", 100_000)
    account.at(due, 23, 50)
    pages = [
        repay_spend(
            house,
            person_id=account.known.person_id,
            account_id=account.account_id,
            wish=PaymentWish.MINIMUM,
            amount_fen=amount_fen,
            key=f"page {amount_fen}",
        ).order_id
        for amount_fen in (10_000, 5_000)
    ]
    for order_id, at in zip(pages, (moment(due, 23, 55), moment(due, 24, 5)), strict=True):
        open_page(house, person_id=account.known.person_id, order_id=order_id)
        world.go_to(at)
        world.pay_page(account.known.newcomer, order_id)
    for order_id in reversed(pages):
        word = house.hosted.ask(order_id.hex)
        BookOrders(house=house).hear(order_id=order_id, word=word, at=house.clock.now())
    account.at(due + timedelta(days=1), 1)
    view = account.view()
    assert (view.overdue_days, view.state.lates, view.bill_left_fen) == (0, (), 85_000)


def test_who_paid_in_time_is_not_late_because_their_limit_is_cut_before_it_is_heard(account: Account) -> None:
    world, house, due, person_id = account.world, account.world.house, date(2026, 9, 10), account.known.person_id
    account.buy("1", 100_000)
    account.at(due, 23, 50)
    wish = PaymentWish.MINIMUM
    page = repay_spend(house, person_id=person_id, account_id=account.account_id, wish=wish, key="page")
    open_page(house, person_id=person_id, order_id=page.order_id)
    world.pay_page(account.known.newcomer, page.order_id)
    world.go_to(moment(due, 24, 5))
    with house.database.transaction() as tx:
        tx.lock_cell(tx.cell_of(person_id))
        follow_limit(tx, house, person_id=person_id, decision_id=house.id_for(person_id), person_fen=500_000)
        tx.commit()
    account.at(due + timedelta(days=1), 1)
    view = account.view()
    assert (view.limit_fen, view.overdue_days, view.state.lates, view.bill_left_fen) == (300_000, 0, (), 90_000)


def test_who_paid_in_time_is_not_late_because_an_earlier_payment_bounces_before_it_is_heard(account: Account) -> None:
    world, house, due, person_id = account.world, account.world.house, date(2026, 9, 10), account.known.person_id
    account.buy("1", 100_000)
    account.at(due, 23, 40)
    early = account.pay(PaymentWish.MINIMUM, "early", amount_fen=1_000)
    page = repay_spend(
        house, person_id=person_id, account_id=account.account_id, wish=PaymentWish.MINIMUM, amount_fen=20_000, key="2"
    )
    open_page(house, person_id=person_id, order_id=page.order_id)
    world.pay_page(account.known.newcomer, page.order_id)
    world.go_to(moment(due, 24, 5))
    bounce(account, early)
    account.at(due + timedelta(days=1), 1)
    view = account.view()
    assert (view.overdue_days, view.state.lates, view.used_fen) == (0, (), 80_000)
    assert_coherent(house)


def test_a_deduction_from_a_wallet_waits_for_what_is_paid_by_hand_as_well(account: Account) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 55)
    world.go_to(moment(due, 9))
    deduct_bills(house, cell=house.database.cell_of(account.account_id))
    page = repay_spend(
        house, person_id=account.known.person_id, account_id=account.account_id, wish=PaymentWish.BILL, key="page"
    )
    open_page(house, person_id=account.known.person_id, order_id=page.order_id)
    (waiting,) = account.orders()
    with house.database.transaction() as tx:  # a wallet's deduction names no card
        tx.execute(
            "UPDATE channel_order SET channel = 'wechat', instrument_id = NULL WHERE order_id = %s", (waiting.order_id,)
        )
        after, action = announce(tx, order_id=waiting.order_id, now=moment(due, 10, 11), resend_is_safe=True)
    assert (after.state, action) == (OrderState.RESERVED, Wait(until=moment(due, 10, 16)))


def test_what_is_being_deducted_is_not_asked_for_by_hand_as_well(account: Account) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    world.deposit(XIA, 100_000)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    world.bank.faults.plan("collection.deduct", Fault.LOSE_REPLY)
    world.bank.faults.plan("bank.ask", Fault.LOSE_REQUEST, times=10_000)
    account.at(due, 9, 1)
    assert account.deductions() == [("UNKNOWN", 100_000, None)]
    for wish in PaymentWish:
        with pytest.raises(RepaymentUnderWay):
            repay_spend(
                house,
                person_id=account.known.person_id,
                account_id=account.account_id,
                wish=wish,
                key=wish.value,
            )
    world.bank.faults.heal()
    account.at(due, 20)
    assert account.deductions() == [("PAID", 100_000, None)]
    assert (account.view().bill_left_fen, account.view().credit_fen) == (0, 0)


def test_whoever_asks_to_be_erased_has_nothing_deducted_any_more(account: Account) -> None:
    world, house, known = account.world, account.world.house, account.known
    loan = borrow(world, known)  # its papers are kept for years, so that the account lives on
    pay_by_hand(world, known, loan_id=loan.signed.loan_id, intent=Intent.PAYOFF)
    work_until_idle(world)
    give_consent(
        house,
        person_id=known.person_id,
        purpose=ConsentPurpose.BILL_REPAYMENT,
        recipient=house.settings.operator_name,
        key="bills",
    )
    account.choose(DeductedPart.BILL)
    assert not ask_to_be_erased(house, person_id=known.person_id, key="erase").erased
    work_until_idle(world)
    account.buy("1", 100_000)
    give_consent(
        house,
        person_id=known.person_id,
        purpose=ConsentPurpose.AUTO_REPAYMENT,
        recipient=house.settings.operator_name,
        key="again",
    )
    agreement_id = request_agreement(
        house, person_id=known.person_id, instrument_id=known.instrument_id, key="agree-again"
    )
    confirm_agreement(
        house,
        person_id=known.person_id,
        agreement_id=agreement_id,
        code=world.read_code(known.newcomer.phone),
    )
    account.at(date(2026, 9, 10), 20)
    assert account.deductions() == []
    assert_coherent(house)


def test_that_no_card_is_there_any_more_is_told_whenever_it_was_given_up(account: Account) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 59)
    world.go_to(moment(due, 9))
    deduct_bills(house, cell=house.database.cell_of(account.account_id))
    (card,) = person_view(house, person_id=account.known.person_id).cards
    assert card.agreement_id is not None
    stop_agreement(house, person_id=account.known.person_id, agreement_id=card.agreement_id)
    account.at(due, 20)
    assert [state for state, *_ in account.deductions()] == ["FAILED"]
    assert account.told() == Counter({"spend.not_deducted": 1})


def test_a_piece_that_another_worker_has_by_now_stops_no_other(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 59)
    world.go_to(moment(due, 9))
    cell = house.database.cell_of(account.account_id)

    def taken(*_: object, **__: object) -> None:
        raise LeaseLost("It is another worker's.")

    with monkeypatch.context() as other:
        other.setattr("mingqu.services.revolving.deduct_bills._take_up", taken)
        assert deduct_bills(house, cell=cell) == 0
    account.at(due, 9, 2)
    assert account.deductions() == [("PAID", 100_000, None)]


def test_a_deduction_that_fails_behind_the_next_bill_is_told_all_the_same(account: Account) -> None:
    world, house = account.world, account.world.house
    cell = house.database.cell_of(account.account_id)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 160_000)  # more than the card holds
    account.at(date(2026, 9, 10), 8, 59)
    world.go_to(moment(date(2026, 9, 10), 9))
    assert deduct_bills(house, cell=cell) == 1
    world.go_to(moment(date(2026, 10, 3), 10))  # nobody sent it until the next bill was made
    bill_cell(house, cell=cell, to=date(2026, 10, 3))
    work_until_idle(world)
    assert account.deductions() == [("FAILED", 160_000, "day_over")]
    (said,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "spend.not_deducted"]
    assert [said.values[name].reveal() for name in ("on", "amount")] == ["2026-09-10", "1,600.00"]
    assert_coherent(house)


def test_a_page_that_nobody_opened_yet_holds_the_deduction_back_for_its_hour(account: Account) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    cell = house.database.cell_of(account.account_id)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 8, 59)
    page = repay_spend(
        house, person_id=account.known.person_id, account_id=account.account_id, wish=PaymentWish.BILL, key="page"
    )
    world.go_to(moment(due, 9))
    deduct_bills(house, cell=cell)
    assert account.deductions() == [], "it may be opened, and paid, at any moment"
    open_page(house, person_id=account.known.person_id, order_id=page.order_id)
    world.pay_page(account.known.newcomer, page.order_id)
    account.at(due, 20)
    assert (account.deductions(), account.view().bill_left_fen, account.view().credit_fen) == ([], 0, 0)

    # One of which nothing more is heard, for its channel is gone, keeps nothing back for longer.
    due = date(2026, 10, 10)
    world.deposit(XIA, 100_000)
    account.buy("2", 50_000)
    account.at(due, 8, 59)
    repay_spend(
        house, person_id=account.known.person_id, account_id=account.account_id, wish=PaymentWish.BILL, key="gone"
    )
    world.go_to(moment(due, 10, 8))
    deduct_bills(house, cell=cell)
    assert account.deductions() == []
    world.go_to(moment(due, 10, 14))
    deduct_bills(house, cell=cell)
    assert account.deductions() == [("RESERVED", 50_000, None)]


def state_of(account: Account) -> SpendState:
    with account.world.house.database.transaction() as tx:
        return spend.get(tx, account_id=account.account_id).state


def bounce(account: Account, order_id: UUID) -> None:
    """Let the bank say of a payment that it bounced, and two people that this holds."""
    hear(account.world, order_id, Failed(code="bounced"))
    check(account.world, decide(account.world, order_id, "bounced"))


def test_a_deduction_that_bounced_is_owed_again_with_the_next_bill_and_that_is_told(account: Account) -> None:
    world, house, due = account.world, account.world.house, date(2026, 9, 10)
    account.agree()
    account.choose(DeductedPart.BILL)
    account.buy("1", 100_000)
    account.at(due, 9, 1)
    (paid,) = account.orders()
    before = account.view()
    assert (before.bill_left_fen, before.used_fen) == (0, 0)
    account.buy("2", 2_000)
    bounce(account, paid.order_id)
    after = account.view()
    assert (after.used_fen, after.bill_left_fen, after.overdue_days) == (102_000, 0, 0)
    assert after.available_fen == before.available_fen - 102_000
    with house.database.transaction() as tx:
        assert order.load(tx, order_id=paid.order_id).state is OrderState.PAID
    work_until_idle(world)
    (said,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "spend.reversed"]
    assert [said.values[name].reveal() for name in ("on", "amount")] == ["2026-09-10", "1,000.00"]
    hear(world, paid.order_id, Failed(code="again"))
    with pytest.raises(VerdictImpossible):
        decide(world, paid.order_id, "bounced")
    assert_coherent(house)

    # What it had paid of each is owed again, once: interest and penalty bear nothing, as before.
    account.at(date(2026, 10, 2), 1)
    assert account.view().bill_left_fen == 102_000
    account.at(date(2026, 10, 10), 20)  # the card is empty of so much: the least payment lacks
    world.deposit(XIA, 1_000_000)
    account.at(date(2026, 11, 2), 1)
    owed = state_of(account)
    assert owed.interest_fen > 0
    account.pay(PaymentWish.ALL, "all", amount_fen=owed.whole_fen + 5_000)
    assert account.view().credit_fen == 5_000
    with house.database.transaction() as tx:
        (row,) = tx.execute("SELECT order_id FROM spend_order WHERE choice_id IS NULL").fetchall()
    bounce(account, row[0])
    again = state_of(account)
    assert (again.used_fen, again.interest_fen, again.penalty_fen, again.fee_fen, again.credit_fen) == (
        owed.used_fen, owed.interest_fen, owed.penalty_fen, owed.fee_fen, 0,
    )  # fmt: skip
    assert_coherent(house)


def test_what_bounced_is_owed_above_a_limit_that_was_used_meanwhile(account: Account) -> None:
    world, house = account.world, account.world.house
    whole_fen = account.view().available_fen
    account.buy("1", whole_fen)
    world.deposit(XIA, whole_fen)
    paid = account.pay(PaymentWish.ALL, "all", amount_fen=whole_fen)
    account.buy("2", whole_fen)
    bounce(account, paid)
    assert (account.view().used_fen, account.view().available_fen) == (2 * whole_fen, 0)
    assert_coherent(house)
    world.deposit(XIA, 2 * whole_fen)
    account.pay(PaymentWish.ALL, "again", amount_fen=whole_fen + 1)
    assert account.view().available_fen == 1, "what is above goes first"
    assert_coherent(house)


def test_verify_finds_what_was_taken_back_and_never_came(account: Account) -> None:
    house = account.world.house
    account.buy("1", 100_000)
    paid = account.pay(PaymentWish.ALL, "all", amount_fen=100_000)
    bounce(account, paid)
    with house.database.transaction() as tx:
        tx.execute("ALTER TABLE spend_event DISABLE TRIGGER spend_event_stays")
        tx.execute("UPDATE spend_event SET amount_fen = 1 WHERE kind = 'repaid'")
        assert f"what was taken back of {paid} is no repayment of its account" in proof.spend_accounts(tx)


def test_whoever_has_money_on_an_account_is_told_so_and_erased_once_it_is_used(account: Account) -> None:
    house, person_id = account.world.house, account.known.person_id
    account.buy("1", 10_000)
    account.pay(PaymentWish.ALL, "too much", amount_fen=15_000)
    assert erasure_standing(house, person_id=person_id).open is Open.CREDIT
    before = rows_of(house)
    with pytest.raises(ErasureWaits) as refused:
        ask_to_be_erased(house, person_id=person_id, key="early")
    assert refused.value.details["open"] == "credit"
    assert rows_of(house) == before
    account.buy("2", 5_000)
    assert (account.view().credit_fen, erasure_standing(house, person_id=person_id).open) == (0, None)
    ask_to_be_erased(house, person_id=person_id, key="now")
    assert_coherent(house)
