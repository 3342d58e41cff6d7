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
from litestar.testing import TestClient

from mingqu import api
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.loan import Intent
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.house import ALIPAY
from mingqu.services.orders.run_errand import PAGE_LASTS, UNOPENED_AFTER, PaymentChannelUnknown
from mingqu.services.repayment.repay import NothingDue, open_page, repay_by_hand
from mingqu.store.orders import order
from mingqu.store.server.database import Database
from mingqu.web.site import make_site
from tests.conftest import OPENED_ON
from tests.journeys.reading import Books, Known, arrive, assert_coherent, books_of, borrow, orders_of, rows_of, touched
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

SECONDS_MAX = 60
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


def order_of(world: SandboxWorld, order_id: UUID) -> Order:
    with world.house.database.transaction() as tx:
        return order.load(tx, order_id=order_id)


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
    before = rows_of(house)
    for channel in ("bank", "paypal"):  # neither has a page here
        with pytest.raises(PaymentChannelUnknown):
            repay_by_hand(
                house, person_id=borrower[0].person_id, loan_id=borrower[1], intent=Intent.PAYOFF, channel=channel,
                key="k",
            )  # fmt: skip
    assert rows_of(house) == before
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


def test_pages_that_nobody_paid_end_by_alipays_own_words_or_by_their_own_end(
    world: SandboxWorld, borrower: tuple[Known, UUID]
) -> None:
    house, alipay = world.house, world.sandbox.control.alipay
    owed, begun = books_of(house, borrower[1]), house.clock.now()
    unopened, address = order_by_alipay(world, borrower, amount_fen=PART_FEN)
    opened, other = order_by_alipay(world, borrower, amount_fen=PART_FEN + 1)
    with httpx.Client(follow_redirects=True) as browser:
        assert browser.get(other).status_code == 200
    for minutes in (1, 30, 61, 100, 119):
        world.go_to(begun + timedelta(minutes=minutes))
        work_until_idle(world)
        assert not order_of(world, unopened).state.ended
    for _ in range(3):
        world.go_to(max(house.clock.now(), begun + PAGE_LASTS + UNOPENED_AFTER) + timedelta(minutes=31))
        work_until_idle(world)
    ended = {order_id: order_of(world, order_id) for order_id in (unopened, opened)}
    assert {one.state for one in ended.values()} == {OrderState.FAILED}
    assert (ended[unopened].refusal_code, ended[opened].refusal_code) == ("page_never_opened", "closed")
    with httpx.Client(follow_redirects=True) as browser:
        assert browser.get(address).status_code == 400, "Alipay lets nobody in any more"
    assert alipay.trades.pay(out_trade_no=unopened.hex) == "ACQ.TRADE_NOT_EXIST"
    assert alipay.trades.pay(out_trade_no=opened.hex) == "TRADE_CLOSED"
    assert books_of(house, borrower[1]) == owed
    with pytest.raises(NothingDue):
        open_page(house, person_id=borrower[0].person_id, order_id=unopened)
    assert_coherent(house)


def test_the_door_takes_what_is_alipays_to_say_and_answers_success_to_nothing_else(
    world: SandboxWorld, borrower: tuple[Known, UUID]
) -> None:
    known, loan_id = borrower
    alipay = world.sandbox.control.alipay
    paid, address = order_by_alipay(world, borrower, amount_fen=PART_FEN)
    pay_in_browser(world, address)
    (kept,) = alipay.book.rows("SELECT * FROM notice WHERE party = 'alipay'")
    said = json.loads(kept["body"])
    parked, _ = order_by_alipay(world, borrower, amount_fen=PART_FEN + 1)
    elsewhere = repay_by_hand(
        world.house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PAYOFF, amount_fen=PART_FEN, key="wechat"
    )
    site = make_site(world.house, routers=[api.make_notices_router(world.house)])
    with TestClient(site, base_url="http://mingqu.test") as door:

        def tell(body: bytes) -> tuple[int, bytes]:
            answer = door.post("/notices/alipay", content=body)
            return answer.status_code, answer.content

        before = rows_of(world.house)
        of_wechat = {**said, "out_trade_no": elsewhere.order_id.hex}
        assert tell(alipay.write_notice(json.dumps(of_wechat)))[0] == 404, "another channel's order"
        assert tell(b"sign=x&sign_type=RSA2")[0] == 401
        assert touched(world.house, before=before) == {"refused_word"}
        assert tell(alipay.write_notice(kept["body"])) == (200, b"success")
        assert order_of(world, paid).state is OrderState.PAID
        owed = books_of(world.house, loan_id)
        wrong = {**said, "notify_id": "N2", "out_trade_no": parked.hex, "total_amount": "50.00"}
        assert tell(alipay.write_notice(json.dumps(wrong))) == (200, b"success"), "it is kept, for a person"
    left = order_of(world, parked)
    assert (left.state.ended, left.conflict_code) == (False, "order_paid_otherwise")
    assert books_of(world.house, loan_id) == owed
