"""A loan's life through the real channels, against counterparties over sockets that lose, forge and repeat."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from mingqu.demo.journey import pay_by_hand, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.loan import Intent
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.personal import Personal
from mingqu.services.orders.run_errand import Payer
from mingqu.services.people.sign_in_with_wechat import WechatCodeWrong, WechatLoginBlocked, sign_in_with_wechat
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.journeys.reading import Books, arrive, assert_coherent, books_of, borrow, live_until, orders_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

SECONDS_MAX = 60  # until the sandbox has told something
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        yield opened


def let_notices_go(world: SandboxWorld) -> None:
    """Let everything that waits be told, and wait until it was taken."""
    world.sandbox.control.notices.held = False
    until = time.monotonic() + SECONDS_MAX
    while world.sandbox.control.notices.open():
        assert time.monotonic() < until, world.postman.answers
        time.sleep(0.02)
    world.sandbox.control.notices.held = True


def test_a_loan_is_paid_out_deducted_and_paid_with_wechat_though_answers_get_lost(world: SandboxWorld) -> None:
    house, control = world.house, world.sandbox.control
    known = arrive(world)
    world.silence_next_payout()
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    assert books_of(house, loan_id) == Books()
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    assert books_of(house, loan_id) == Books(unbilled=1_000_000)
    assert world.balance_fen(XIA) == 7_000_000

    control.plan("bank", "collection.deduct", "wrong_signature")
    live_until(world, date(2026, 9, 15))
    control.plan("wechatpay", "wechatpay.query", "server_error")
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF) > 0
    for _ in range(3):
        world.go_to(house.clock.now() + timedelta(minutes=2))
        work_until_idle(world)
    assert books_of(house, loan_id) == Books()
    states = {each.state for kind in OrderKind for each in orders_of(house, loan_id, kind)}
    assert states == {OrderState.PAID}
    moved = {each.order_id.hex: each.amount_fen for kind in OrderKind for each in orders_of(house, loan_id, kind)}
    assert control.moved() == moved, "what they say they moved is what we booked"
    assert_coherent(house)


def test_notices_end_orders_before_anybody_asks_and_probes_are_refused(world: SandboxWorld) -> None:
    house, control = world.house, world.sandbox.control
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    control.wechatpay.probe_every = 1  # a probe before each
    control.notices.twice = True
    page = repay_by_hand(
        house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PAYOFF, amount_fen=5_000, key="k"
    )
    open_page(house, person_id=known.person_id, order_id=page.order_id)
    world.pay_page(XIA, page.order_id)
    world.postman.house = house
    let_notices_go(world)
    (ended,) = orders_of(house, loan_id, OrderKind.COLLECTION)
    assert (ended.state, ended.asks) == (OrderState.PAID, 0)
    owed = books_of(house, loan_id)
    control.notices.again()
    let_notices_go(world)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    assert books_of(house, loan_id) == owed == Books(unbilled=995_000)
    assert control.notices.probes_taken == 0
    assert set(world.postman.answers) == {"taken", "notice_unsigned"}
    assert_coherent(house)


def test_a_page_that_nobody_paid_is_closed_and_the_order_ends(world: SandboxWorld) -> None:
    house = world.house
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    page = repay_by_hand(
        house,
        person_id=known.person_id,
        loan_id=loan_id,
        intent=Intent.PAYOFF,
        amount_fen=5_000,
        payer=Payer(login=Personal(OPENID)),
        key="k",
    )
    opened = open_page(house, person_id=known.person_id, order_id=page.order_id)
    assert set(opened.handover) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    world.go_to(house.clock.now() + timedelta(hours=2))
    work_until_idle(world)
    (ended,) = orders_of(house, loan_id, OrderKind.COLLECTION)
    assert ended.state is OrderState.FAILED
    assert world.sandbox.control.wechatpay.pay(out_trade_no=page.order_id.hex) == "CLOSED"
    assert_coherent(house)


def test_people_sign_in_with_wechat_once_for_each_code(world: SandboxWorld) -> None:
    house, wechat = world.house, world.sandbox.control.wechat
    assert house.wechat_page is not None
    wechat.know(openid=OPENID, nickname="夏")
    wechat.know(openid="oBlockedBlockedBlocked", nickname="风", blocked=True)
    code = Personal(wechat.new_code(openid=OPENID))
    person_id = sign_in_with_wechat(house, channel=house.wechat_page, code=code)
    with pytest.raises(WechatCodeWrong):
        sign_in_with_wechat(house, channel=house.wechat_page, code=code)
    again = Personal(wechat.new_code(openid=OPENID))
    assert sign_in_with_wechat(house, channel=house.wechat_page, code=again) == person_id
    blocked = Personal(wechat.new_code(openid="oBlockedBlockedBlocked"))
    with pytest.raises(WechatLoginBlocked):
        sign_in_with_wechat(house, channel=house.wechat_page, code=blocked)
