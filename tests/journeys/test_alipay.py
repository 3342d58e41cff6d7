"""A loan repaid through Alipay: its page, its notices, its silence, and a page that nobody opened."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from mingqu import api
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.loan import Intent
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.services.house import ALIPAY
from mingqu.services.repay import NothingDue, open_page, repay_by_hand
from mingqu.services.run_errand import PAGE_LASTS, UNOPENED_AFTER, PaymentChannelUnknown
from mingqu.services.verify_book import verify_book
from mingqu.store.database import Database
from mingqu.web.site import make_site
from tests.conftest import OPENED_ON
from tests.journeys.reading import Books, Known, arrive, assert_coherent, books_of, borrow, orders_of, rows_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

SECONDS_MAX = 20
PART_FEN = 5_000


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        yield opened


@pytest.fixture
def borrower(world: SandboxWorld) -> tuple[Known, UUID]:
    known = arrive(world)
    return known, borrow(world, known).signed.loan_id


def order_by_alipay(
    world: SandboxWorld, borrower: tuple[Known, UUID], *, amount_fen: int | None = None
) -> tuple[UUID, str]:
    """Make a payment and return its order and the address of its page, which nobody has opened yet."""
    known, loan_id = borrower
    page = repay_by_hand(
        world.house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PAYOFF, amount_fen=amount_fen,
        channel=ALIPAY, key=f"pay {amount_fen}",
    )  # fmt: skip
    address = open_page(world.house, person_id=known.person_id, order_id=page.order_id).address
    return page.order_id, address


def pay_in_browser(world: SandboxWorld, address: str) -> None:
    """Follow the link and press the button, from the borrower's own account."""
    (account,) = [one for one in world.sandbox.control.alipay.trades.accounts() if one["name"] == XIA.name.reveal()]
    with httpx.Client(follow_redirects=True) as browser:
        cashier = browser.get(address)
        assert "确认付款" in cashier.text
        paid = browser.post(cashier.url, data={"choice": "pay", "account": account["user_id"]})
        assert "已支付" in paid.text


def collection(world: SandboxWorld, borrower: tuple[Known, UUID]) -> Order:
    (found,) = orders_of(world.house, borrower[1], OrderKind.COLLECTION)
    return found


def let_notices_go(world: SandboxWorld) -> None:
    world.postman.house = world.house
    world.sandbox.control.notices.held = False
    until = time.monotonic() + SECONDS_MAX
    while world.sandbox.control.notices.open():
        assert time.monotonic() < until, world.postman.answers
        time.sleep(0.02)
    world.sandbox.control.notices.held = True


def test_a_loan_is_repaid_through_alipay_and_every_proof_holds(
    world: SandboxWorld, borrower: tuple[Known, UUID]
) -> None:
    house, control = world.house, world.sandbox.control
    order_id, address = order_by_alipay(world, borrower)
    pay_in_browser(world, address)
    control.notices.twice = True
    let_notices_go(world)
    ended = collection(world, borrower)
    assert (ended.order_id, ended.state, ended.channel) == (order_id, OrderState.PAID, ALIPAY)
    assert ended.asks == 0, "the notice ended it before anybody asked"
    assert books_of(house, borrower[1]) == Books()
    assert set(world.postman.answers) == {"taken"}
    rows = rows_of(house)
    control.notices.again()
    let_notices_go(world)
    assert rows_of(house) == rows, "a notice that comes again changes no row"
    moved = {one.order_id.hex: one.amount_fen for kind in OrderKind for one in orders_of(house, borrower[1], kind)}
    assert control.moved() == moved
    assert_coherent(house)
    assert verify_book(database=house.database, keyring=house.keyring).all_hold


def test_what_alipay_does_not_say_is_asked_for_until_it_does(world: SandboxWorld, borrower: tuple[Known, UUID]) -> None:
    house, control = world.house, world.sandbox.control
    control.rotate_alipay()  # its certificate is fetched, as the root vouches for it
    _, address = order_by_alipay(world, borrower)
    pay_in_browser(world, address)
    for fault in ("lose_reply", "server_error", "wrong_signature", "lose_request"):
        control.plan("alipay", "alipay.query", fault)
        world.go_to(house.clock.now() + timedelta(minutes=5))
        work_until_idle(world)
        assert collection(world, borrower).state is not OrderState.FAILED
    for _ in range(3):
        world.go_to(house.clock.now() + timedelta(minutes=30))
        work_until_idle(world)
    assert collection(world, borrower).state is OrderState.PAID
    assert books_of(house, borrower[1]) == Books()
    assert_coherent(house)


def test_a_page_that_nobody_opened_ends_an_hour_after_it_expired_and_not_before(
    world: SandboxWorld, borrower: tuple[Known, UUID]
) -> None:
    house = world.house
    owed = books_of(house, borrower[1])
    order_id, address = order_by_alipay(world, borrower, amount_fen=PART_FEN)
    begun = house.clock.now()
    for minutes in (1, 30, 61, 100, 119):
        world.go_to(begun + timedelta(minutes=minutes))
        work_until_idle(world)
        assert not collection(world, borrower).state.ended
    for _ in range(3):
        world.go_to(max(house.clock.now(), begun + PAGE_LASTS + UNOPENED_AFTER) + timedelta(minutes=31))
        work_until_idle(world)
    ended = collection(world, borrower)
    assert (ended.state, ended.refusal_code) == (OrderState.FAILED, "page_never_opened")
    with httpx.Client(follow_redirects=True) as browser:
        assert browser.get(address).status_code == 400, "Alipay lets nobody in any more"
    assert world.sandbox.control.alipay.trades.pay(out_trade_no=order_id.hex) == "ACQ.TRADE_NOT_EXIST"
    assert books_of(house, borrower[1]) == owed
    with pytest.raises(NothingDue):
        open_page(house, person_id=borrower[0].person_id, order_id=order_id)
    assert_coherent(house)


def test_a_page_that_was_opened_and_not_paid_is_closed_at_alipay(
    world: SandboxWorld, borrower: tuple[Known, UUID]
) -> None:
    order_id, address = order_by_alipay(world, borrower, amount_fen=PART_FEN)
    with httpx.Client(follow_redirects=True) as browser:
        browser.get(address)
    for _ in range(4):
        world.go_to(world.house.clock.now() + timedelta(minutes=35))
        work_until_idle(world)
    ended = collection(world, borrower)
    assert (ended.state, ended.refusal_code) == (OrderState.FAILED, "closed")
    assert world.sandbox.control.alipay.trades.pay(out_trade_no=order_id.hex) == "TRADE_CLOSED"
    assert_coherent(world.house)


@pytest.fixture
def door(world: SandboxWorld) -> Iterator[TestClient[Litestar]]:
    site = make_site(world.house, routers=[api.make_notices_router(world.house)])
    with TestClient(site, base_url="http://mingqu.test") as client:
        yield client


def test_the_door_answers_success_and_nothing_else_to_what_it_took(
    world: SandboxWorld, borrower: tuple[Known, UUID], door: TestClient[Litestar]
) -> None:
    _, address = order_by_alipay(world, borrower, amount_fen=PART_FEN)
    pay_in_browser(world, address)
    (kept,) = world.sandbox.control.alipay.book.rows("SELECT * FROM notice WHERE party = 'alipay'")
    body = world.sandbox.control.alipay.write_notice(kept["body"])
    answer = door.post("/notices/alipay", content=body)
    assert (answer.status_code, answer.content) == (200, b"success")
    assert collection(world, borrower).state is OrderState.PAID


def test_a_notice_with_another_amount_is_parked_for_a_person(
    world: SandboxWorld, borrower: tuple[Known, UUID], door: TestClient[Litestar]
) -> None:
    owed = books_of(world.house, borrower[1])
    _, address = order_by_alipay(world, borrower, amount_fen=PART_FEN)
    pay_in_browser(world, address)
    alipay = world.sandbox.control.alipay
    (kept,) = alipay.book.rows("SELECT * FROM notice WHERE party = 'alipay'")
    said = json.loads(kept["body"])
    body = alipay.write_notice(json.dumps({**said, "total_amount": "49.99"}))
    assert door.post("/notices/alipay", content=body).content == b"success"
    parked = collection(world, borrower)
    assert (parked.state.ended, parked.conflict_code) == (False, "order_paid_otherwise")
    assert books_of(world.house, borrower[1]) == owed


def test_an_order_of_another_channel_is_not_alipays_to_speak_of(
    world: SandboxWorld, borrower: tuple[Known, UUID], door: TestClient[Litestar]
) -> None:
    known, loan_id = borrower
    alipay = world.sandbox.control.alipay
    order_by_alipay(world, borrower, amount_fen=PART_FEN)
    other = repay_by_hand(
        world.house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PAYOFF, amount_fen=PART_FEN, key="wechat"
    )
    said = {
        "notify_type": "trade_status_sync", "notify_id": "N1", "app_id": alipay.application.app_id,
        "seller_id": alipay.application.seller_id, "out_trade_no": other.order_id.hex, "trade_no": "1",
        "trade_status": "TRADE_SUCCESS", "total_amount": "50.00", "gmt_payment": "2026-08-15 11:00:00",
        "certified": "1",
    }  # fmt: skip
    before = rows_of(world.house)
    assert door.post("/notices/alipay", content=alipay.write_notice(json.dumps(said))).status_code == 404
    assert door.post("/notices/alipay", content=b"sign=x&sign_type=RSA2").status_code == 401
    assert rows_of(world.house) == before


def test_a_payment_through_a_channel_that_is_not_there_is_refused_and_changes_nothing(
    world: SandboxWorld, borrower: tuple[Known, UUID]
) -> None:
    before = rows_of(world.house)
    for channel in ("bank", "paypal"):  # the bank has no page of its own here
        with pytest.raises(PaymentChannelUnknown):
            repay_by_hand(
                world.house, person_id=borrower[0].person_id, loan_id=borrower[1], intent=Intent.PAYOFF,
                channel=channel, key="k",
            )  # fmt: skip
    assert rows_of(world.house) == before
