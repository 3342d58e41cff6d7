"""A car's money that the dealer's bank sent back, and its second payment, told over the sandbox's own signed wire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import ZHOU
from mingqu.demo.story import fund_lenders
from mingqu.domain.loan import Stage
from mingqu.domain.moment import start_of
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.reconciliation import BreakKind
from mingqu.services.changes.answer_version import agree_version
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.house import ENTRUSTED
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.purpose.bind_money import card_of_loan
from mingqu.services.purpose.quote_car import car_products, dealers_of
from mingqu.services.purpose.read_card import card_view
from mingqu.services.reconciliation.reconcile import reconcile_day
from mingqu.store.bills import reconciliation
from mingqu.store.loans import loan
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.journeys.correcting import NAME, RIGHT, corrected, propose_correction, publish_list
from tests.journeys.pages import Phone
from tests.journeys.reading import arrive, assert_coherent, limit_of, orders_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world
from tests.journeys.test_disputed_orders import check, decide
from tests.journeys.test_story_s0 import Buyer
from tests.journeys.test_wired_house import let_notices_go
from tests.journeys.two_people import seat_of

PRICE_FEN, MERCHANT = 5_000_000, "DLR-MINGHE-001"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        for company in dealers_of(opened.house, of=car_products(opened.house)[0]).values():
            opened.sandbox.control.bank.open_card(
                number=company.account, holder_name=company.name, id_number="company", phone="0210000"
            )
        yield opened


def test_a_car_whose_dealers_bank_sent_the_money_back_is_paid_to_the_same_dealer_again(world: SandboxWorld) -> None:
    house, known = world.house, arrive(world, ZHOU, balance_fen=9_000_000)
    buyer = Buyer(world=world, known=known)  # type: ignore[arg-type]  # it needs a house, a clock and codes
    bank, dealer = world.sandbox.control.bank, buyer.payees[MERCHANT]
    made = buyer.quote("direct", product_id="chengchuan-auto-dealer")
    signed = buyer.sign(made, agreed_hash=made.quoted.contract_hash)
    work_until_idle(world)
    card_id, order_id = card_of_loan(signed.loan_id), signed.payout_order_id
    assert (bank.balance_fen(number=dealer), world.balance_fen(ZHOU)) == (PRICE_FEN, 9_000_000)

    world.postman.house = house
    assert bank.return_payout(order_number=order_id.hex)
    let_notices_go(world)
    (told,) = orders_of(house, signed.loan_id, OrderKind.PAYOUT)
    assert (told.disputed, told.conflict_code) == (True, "order_failed_after_paid")
    check(world, decide(world, order_id, "returned"))
    work_until_idle(world)
    view = card_view(house, person_id=known.person_id, card_id=card_id)
    assert (view.frozen_for, view.used_fen, bank.balance_fen(number=dealer)) == ("payout_came_back", 0, 0)
    assert limit_of(house, known.person_id).drawn == 0
    assert_coherent(house)

    phone = Phone(world)
    phone.sign_in(ZHOU)
    page = phone.get(f"/loans/{signed.loan_id.hex}/payout")
    assert "只付到这里" in page.text
    world.sandbox.control.plan("bank", "payout.entrust", "lose_reply")
    phone.send(page.form(f"/loans/{signed.loan_id.hex}/payout"))
    work_until_idle(world)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    payouts = orders_of(house, signed.loan_id, OrderKind.PAYOUT)
    assert [(one.state, one.channel, one.attempts) for one in payouts] == [(OrderState.PAID, ENTRUSTED, 1)] * 2
    assert (bank.balance_fen(number=dealer), world.balance_fen(ZHOU)) == (PRICE_FEN, 9_000_000)
    view = card_view(house, person_id=known.person_id, card_id=card_id)
    assert (view.frozen_for, view.used_fen, all(one.due_on for one in view.papers)) == (None, PRICE_FEN, True)
    with house.database.transaction() as tx:
        state = loan.get_for(tx, person_id=known.person_id, loan_id=signed.loan_id).state
    assert (state.stage, state.disbursed_fen) == (Stage.ACTIVE, PRICE_FEN)
    on = house.clock.business_date()
    world.go_to(start_of(on + timedelta(days=1)) + timedelta(hours=11))
    work_until_idle(world)
    done = reconcile_day(house, on=on, sources=["bank", "bank_account"])
    with house.database.transaction() as tx:
        breaks = [(one.source, one.kind, one.order_number) for one in reconciliation.left(tx)]
    assert [(one.compared.source, one.compared.theirs.out_fen) for one in done] == [
        ("bank", 2 * PRICE_FEN), ("bank_account", 2 * PRICE_FEN),
    ]  # fmt: skip
    assert breaks == [("bank_account", BreakKind.DUPLICATE, order_id.hex)], "what came back is there for people to see"
    assert_coherent(house)


def test_a_corrected_account_is_what_the_bank_hears_on_the_wire_and_nothing_is_paid_while_one_is_unknown(
    world: SandboxWorld,
) -> None:
    house, known = world.house, arrive(world, ZHOU, balance_fen=9_000_000)
    buyer = Buyer(world=world, known=known)  # type: ignore[arg-type]  # it needs a house, a clock and codes
    bank, wrong = world.sandbox.control.bank, buyer.payees[MERCHANT]
    bank.open_card(number=RIGHT, holder_name=NAME, id_number="company", phone="0210000")
    made = buyer.quote("direct", product_id="chengchuan-auto-dealer")
    signed = buyer.sign(made, agreed_hash=made.quoted.contract_hash)
    publish_list(house)
    seat_of(house, "operations", name="maker")
    world.sandbox.control.plan("bank", "payout.entrust", "lose_reply")
    run_errand(house, order_id=signed.payout_order_id)
    (told,) = orders_of(house, signed.loan_id, OrderKind.PAYOUT)
    assert told.state is OrderState.UNKNOWN
    with pytest.raises(PayoutWaiting):
        propose_correction(house, signed.loan_id)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    world.postman.house = house
    assert bank.return_payout(order_number=signed.payout_order_id.hex)
    let_notices_go(world)
    check(world, decide(world, signed.payout_order_id, "returned"))

    waits = corrected(buyer, signed.loan_id)
    world.sandbox.control.plan("bank", "payout.entrust", "lose_reply")
    order_id = agree_version(
        house,
        person_id=known.person_id,
        loan_id=signed.loan_id,
        version_id=waits.version_id,
        agreed_hash=waits.hash,
        key="agree",
    )
    work_until_idle(world)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    paid = orders_of(house, signed.loan_id, OrderKind.PAYOUT)
    assert [(one.order_id, one.state, one.attempts) for one in paid][-1] == (order_id, OrderState.PAID, 1)
    assert (bank.balance_fen(number=RIGHT), bank.balance_fen(number=wrong)) == (PRICE_FEN, 0)
    assert_coherent(house)
