"""Money that goes to a contract's payee, or back the way it came, and never anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from mingqu.demo.journey import READING, Known, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Intent, Stage
from mingqu.domain.moment import start_of
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed
from mingqu.services.changes.take_payout_back import pay_out_again
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.house import ALIPAY, ENTRUSTED
from mingqu.services.loans.reserve_payout import PayeeNamed, reserve_payout
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.orders.entrust_payment import (
    PayeeMalformed,
    PayeeNamedAlready,
    PayeeNotNamed,
    entrust_payment,
    name_payee,
)
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.reconciliation.reconcile import reconcile_day
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.store.loans import loan
from mingqu.store.people import instrument
from mingqu.store.purposes.payee import Payee
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.journeys.pages import Phone
from tests.journeys.reading import Books, arrive, assert_coherent, books_of, borrow, limit_of, orders_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world
from tests.journeys.test_disputed_orders import check, decide, hear

DEALER = Payee(
    account=Personal("6200000000009990001"), name=Personal("清平汽车销售有限公司"), bank="QPBK", purpose="car_purchase"
)
AMOUNT_FEN = 1_000_000
TOO_MUCH_FEN = 12_345


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        opened.sandbox.control.bank.open_card(
            number=DEALER.account.reveal(), holder_name=DEALER.name.reveal(), id_number="company", phone="0210000"
        )
        yield opened


def sign(world: SandboxWorld, known: Known, payee: Payee) -> Signed:
    """Sign a contract that names a payee."""
    house, person_id = world.house, known.person_id
    offered = make_offers(house, person_id=person_id, amount_fen=AMOUNT_FEN, instalments=12, method="equal_instalment")[
        0
    ]
    offer_id = offered.offer.offer_id
    table = show_cost_table(house, person_id=person_id, offer_id=offer_id)
    world.go_to(house.clock.now() + READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    agree(world, known, recipient=offered.lender_name_zh)
    send_signing_code(house, person_id=person_id, offer_id=offer_id)
    return sign_contract(
        house, person_id=person_id, offer_id=offer_id, instrument_id=None, payout_at=None, payee=payee,
        code=world.read_code(XIA.phone), key="sign",
    )  # fmt: skip


def agree(world: SandboxWorld, known: Known, *, recipient: str) -> None:
    give_consent(
        world.house, person_id=known.person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=recipient,
        key="consent",
    )  # fmt: skip


def dealer_fen(world: SandboxWorld) -> int:
    return world.sandbox.control.bank.balance_fen(number=DEALER.account.reveal())


def test_a_loan_is_paid_to_the_payee_of_its_contract_and_to_no_card(world: SandboxWorld) -> None:
    known = arrive(world)
    world.sandbox.control.plan("bank", "payout.entrust", "lose_reply")
    signed = sign(world, known, DEALER)
    on_card_fen = world.balance_fen(XIA)
    work_until_idle(world)
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    (paid,) = orders_of(world.house, signed.loan_id, OrderKind.PAYOUT)
    assert (paid.state, paid.channel, paid.instrument_id, paid.attempts) == (OrderState.PAID, ENTRUSTED, None, 1)
    assert (dealer_fen(world), world.balance_fen(XIA)) == (AMOUNT_FEN, on_card_fen)
    with world.house.database.transaction() as tx:
        tx.lock_cell(tx.cell_of(signed.loan_id))
        of = loan.get(tx, cell=tx.cell_of(signed.loan_id), loan_id=signed.loan_id)
        card = instrument.load(tx, person_id=known.person_id, instrument_id=known.instrument_id)
        now = world.house.clock.now()
        with pytest.raises(PayeeNamed):
            reserve_payout(tx, world.house, of=of, card=card, amount_fen=1, payout_at=now)
        name_payee(tx, world.house, of=of, payee=DEALER)
        other = Payee(account=DEALER.account, name=Personal("别的公司"), bank="QPBK", purpose="car_purchase")
        with pytest.raises(PayeeNamedAlready):
            name_payee(tx, world.house, of=of, payee=other)
        for wrong in (
            replace(DEALER, account=Personal("1")),
            replace(DEALER, bank=""),
            replace(DEALER, bank=DEALER.account.reveal()),  # in the wrong field it would stand unsealed, and for good
            replace(DEALER, purpose=f"for {XIA.id_number.reveal()}"),
            replace(DEALER, purpose=""),
        ):
            with pytest.raises(PayeeMalformed):
                name_payee(tx, world.house, of=of, payee=wrong)
    on = world.house.clock.business_date()
    world.go_to(start_of(on + timedelta(days=1)) + timedelta(hours=11))
    work_until_idle(world)
    done = reconcile_day(world.house, on=on, sources=["bank", "bank_account"])
    assert [(one.compared.source, one.open, one.compared.theirs.out_fen) for one in done] == [
        ("bank", 0, AMOUNT_FEN),
        ("bank_account", 0, AMOUNT_FEN),
    ], "what the bank did by its other protocols stands on its bill, and on our account there"
    assert_coherent(world.house)


def test_money_that_came_back_from_a_payee_is_paid_to_the_same_payee_again(world: SandboxWorld) -> None:
    known = arrive(world)
    signed = sign(world, known, DEALER)
    work_until_idle(world)
    assert world.sandbox.control.bank.return_payout(order_number=signed.payout_order_id.hex)
    assert hear(world, signed.payout_order_id, Failed(code="returned")).disputed
    check(world, decide(world, signed.payout_order_id, "returned"))
    assert dealer_fen(world) == 0
    phone = Phone(world)
    phone.sign_in(XIA)
    page = phone.get(f"/loans/{signed.loan_id.hex}/payout")
    assert (DEALER.name.reveal() in page.text, "只付到这里" in page.text) == (True, True)
    form = page.form(f"/loans/{signed.loan_id.hex}/payout")
    with pytest.raises(PayeeNamed):
        pay_out_again(
            world.house, person_id=known.person_id, loan_id=signed.loan_id, instrument_id=known.instrument_id, key="c"
        )
    for _ in range(2):  # sent twice it is sent once
        assert phone.send(form).path == page.path
    work_until_idle(world)
    payouts = orders_of(world.house, signed.loan_id, OrderKind.PAYOUT)
    assert [(one.state, one.channel) for one in payouts] == [(OrderState.PAID, ENTRUSTED)] * 2
    assert dealer_fen(world) == AMOUNT_FEN
    with world.house.database.transaction() as tx:
        after = loan.get(tx, cell=tx.cell_of(signed.loan_id), loan_id=signed.loan_id)
    assert (after.state.stage, after.state.disbursed_fen) == (Stage.ACTIVE, AMOUNT_FEN)
    assert_coherent(world.house)


def test_an_account_that_is_not_the_payees_gets_nothing(world: SandboxWorld) -> None:
    known = arrive(world)
    free = limit_of(world.house, known.person_id)
    wrong = Payee(account=DEALER.account, name=Personal("别的公司"), bank="QPBK", purpose="car_purchase")
    signed = sign(world, known, wrong)
    work_until_idle(world)
    (failed,) = orders_of(world.house, signed.loan_id, OrderKind.PAYOUT)
    assert (failed.state, failed.refusal_code, dealer_fen(world)) == (OrderState.FAILED, "holder_mismatch", 0)
    assert limit_of(world.house, known.person_id) == free
    assert_coherent(world.house)


def test_a_loan_without_a_payee_is_entrusted_to_nobody(world: SandboxWorld) -> None:
    borrowed = borrow(world, arrive(world))
    with world.house.database.transaction() as tx:
        of = loan.get(tx, cell=tx.cell_of(borrowed.signed.loan_id), loan_id=borrowed.signed.loan_id)
        with pytest.raises(PayeeNotNamed):
            entrust_payment(tx, world.house, of=of, amount_fen=1, payout_at=world.house.clock.now())


def test_what_was_paid_too_much_by_alipay_goes_back_the_way_it_came(world: SandboxWorld) -> None:
    known = arrive(world)
    loan_id = borrow(world, known, amount_fen=AMOUNT_FEN).signed.loan_id
    trades, on_card_fen = world.sandbox.control.alipay.trades, world.balance_fen(XIA)
    (account,) = [one for one in trades.accounts() if one["name"] == XIA.name.reveal()]
    page = repay_by_hand(
        world.house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PAYOFF,
        amount_fen=AMOUNT_FEN + TOO_MUCH_FEN, channel=ALIPAY, key="pay",
    )  # fmt: skip
    address = open_page(world.house, person_id=known.person_id, order_id=page.order_id).address
    trades.deposit(identity=account["user_id"], amount_fen=2 * AMOUNT_FEN)
    with httpx.Client(follow_redirects=True) as browser:
        cashier = browser.get(address)
        browser.post(cashier.url, data={"choice": "pay", "account": account["user_id"]})
    after_paying = trades.account(account["user_id"])
    assert after_paying is not None
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    (back,) = orders_of(world.house, loan_id, OrderKind.RETURN)
    assert (back.state, back.channel, back.instrument_id) == (OrderState.PAID, ALIPAY, None)
    after = trades.account(account["user_id"])
    assert after is not None
    assert after["balance_fen"] == after_paying["balance_fen"] + back.amount_fen
    assert world.balance_fen(XIA) == on_card_fen, "nothing of it goes to the card"
    assert books_of(world.house, loan_id) == Books()
    with world.house.database.transaction() as tx:
        assert loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id).state.stage is Stage.SETTLED
    assert_coherent(world.house)
