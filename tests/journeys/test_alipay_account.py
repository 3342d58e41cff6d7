"""Money that is drawn arrives in the borrower's own Alipay account, and in nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from litestar.testing import TestClient

from mingqu.borrower import make_router
from mingqu.demo.journey import Borrowed, Known, introduce, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.instrument import CardNotSupported
from mingqu.domain.loan import Stage
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.personal import Personal
from mingqu.services.house import ALIPAY_ACCOUNT, ALIPAY_AGREEMENT
from mingqu.services.orders.end_agreement import stop_agreement
from mingqu.services.people.bind_wallet import IdentityNotVerified, WalletNotOwn, bind_alipay_account
from mingqu.services.people.read_person import cards_of
from mingqu.services.people.sign_in_with_alipay import AlipayCodeWrong, sign_in_with_alipay
from mingqu.services.repayment.agree_at_wallet import WalletPage, ask_wallet, begin_at_wallet, wallet_of
from mingqu.services.repayment.repay import request_agreement
from mingqu.services.revolving.draw_cash import draw_cash
from mingqu.store import proof
from mingqu.store.loans import loan
from mingqu.store.orders import order
from mingqu.store.server.database import Database
from mingqu.web.site import make_site
from mingqu.worlds.house import AlipayDoor
from tests.conftest import OPENED_ON
from tests.journeys.reading import arrive, assert_coherent, borrow, limit_of, live_until, orders_of, rows_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world
from tests.journeys.test_spend_funding import accounts_of

AMOUNT_FEN = 1_000_000


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        yield opened


def account_of(world: SandboxWorld, name: Personal[str] = XIA.name) -> str:
    (account,) = [one for one in world.sandbox.control.alipay.trades.accounts() if one["name"] == name.reveal()]
    return str(account["user_id"])


def code_for(world: SandboxWorld, user_id: str) -> Personal[str]:
    return Personal(world.sandbox.control.alipay.pages.new_code(user_id=user_id))


def balance_fen(world: SandboxWorld, user_id: str) -> int:
    found = world.sandbox.control.alipay.trades.account(user_id)
    assert found is not None
    return int(found["balance_fen"])


def with_wallet(known: Known, wallet_id: UUID) -> Known:
    return replace(known, instrument_id=wallet_id)


def payout(world: SandboxWorld, borrowed: Borrowed) -> Order:
    (found,) = orders_of(world.house, borrowed.signed.loan_id, OrderKind.PAYOUT)
    return found


def test_a_loan_arrives_in_the_borrowers_own_account(world: SandboxWorld) -> None:
    known, account = arrive(world), account_of(world)
    borrow(world, known, amount_fen=100_000)  # with the card, from which is deducted
    wallet_id = bind_alipay_account(world.house, person_id=known.person_id, code=code_for(world, account))
    before, on_card_fen = balance_fen(world, account), world.balance_fen(XIA)
    world.sandbox.control.plan("alipay", "alipay.transfer", "lose_reply")  # it was done, and we did not hear so
    borrowed = borrow(world, with_wallet(known, wallet_id), amount_fen=AMOUNT_FEN)
    assert payout(world, borrowed).state is OrderState.UNKNOWN
    world.go_to(payout(world, borrowed).next_at)
    work_until_idle(world)
    ended = payout(world, borrowed)
    assert (ended.state, ended.channel, ended.attempts) == (OrderState.PAID, ALIPAY_ACCOUNT, 1)
    assert balance_fen(world, account) == before + AMOUNT_FEN
    assert world.balance_fen(XIA) == on_card_fen
    assert_coherent(world.house)
    draw_to_the_account(world, known, wallet_id)
    assert balance_fen(world, account) == before + AMOUNT_FEN + 50_000
    assert world.balance_fen(XIA) == on_card_fen


def draw_to_the_account(world: SandboxWorld, known: Known, wallet_id: UUID) -> None:
    """A draw of a line of cash goes there by Alipay too, or nowhere; by the bank's way it would be found."""
    house, account_id = world.house, accounts_of(world.house, known.person_id)["chengchuan-cash"]
    draw = partial(
        draw_cash, person_id=known.person_id, account_id=account_id, instrument_id=wallet_id, amount_fen=50_000
    )
    before = rows_of(house)
    with pytest.raises(CardNotSupported):
        draw(replace(house, payouts={}), key="to a house without Alipay")
    assert rows_of(house) == before
    order_id = draw(house, key="draw")
    work_until_idle(world)
    with house.database.transaction() as tx:
        ended = order.load(tx, order_id=order_id)
    assert (ended.state, ended.channel) == (OrderState.PAID, ALIPAY_ACCOUNT)
    assert_coherent(house)
    with house.database.transaction() as tx:
        tx.execute("UPDATE channel_order SET channel = 'bank' WHERE order_id = %s", (order_id,))
        assert any(f"payout {order_id} went to what is not" in one for one in proof.payees(tx))


def test_an_account_of_another_name_gets_nothing_and_the_hold_is_given_back(world: SandboxWorld) -> None:
    known = arrive(world)
    borrow(world, known, amount_fen=100_000)
    trades = world.sandbox.control.alipay.trades
    trades.open_account(user_id="2088000000000777", name="别人", logon_id="13900000777")
    wallet_id = bind_alipay_account(world.house, person_id=known.person_id, code=code_for(world, "2088000000000777"))
    limit = limit_of(world.house, known.person_id)
    borrowed = borrow(world, with_wallet(known, wallet_id), amount_fen=AMOUNT_FEN)
    ended = payout(world, borrowed)
    assert (ended.state, ended.refusal_code) == (OrderState.FAILED, "payee_user_info_error")
    assert balance_fen(world, "2088000000000777") == 0
    assert limit_of(world.house, known.person_id) == limit
    with world.house.database.transaction() as tx:
        of = loan.get(tx, cell=tx.cell_of(borrowed.signed.loan_id), loan_id=borrowed.signed.loan_id)
    assert of.state.stage is Stage.CANCELLED
    assert_coherent(world.house)


def test_an_account_is_bound_once_to_one_person_who_is_verified(world: SandboxWorld) -> None:
    house = world.house
    stranger = sign_in_with_alipay(house, code=code_for_new_account(world))
    with pytest.raises(IdentityNotVerified):
        bind_alipay_account(house, person_id=stranger, code=Personal("unused"))
    known = introduce(world, XIA, balance_fen=0)
    account = account_of(world)
    used = code_for(world, account)
    wallet_id = bind_alipay_account(house, person_id=known.person_id, code=used)
    before = rows_of(house)
    assert bind_alipay_account(house, person_id=known.person_id, code=code_for(world, account)) == wallet_id
    with pytest.raises(AlipayCodeWrong):
        bind_alipay_account(house, person_id=known.person_id, code=used)
    with pytest.raises(WalletNotOwn):
        bind_alipay_account(house, person_id=known.person_id, code=code_for(world, "2088000000000888"))
    assert rows_of(house) == before
    assert sign_in_with_alipay(house, code=code_for(world, account)) == known.person_id
    with pytest.raises(CardNotSupported):
        request_agreement(house, person_id=known.person_id, instrument_id=wallet_id, key="agree")


def code_for_new_account(world: SandboxWorld) -> Personal[str]:
    world.sandbox.control.alipay.trades.open_account(user_id="2088000000000888", name="客人", logon_id="13900000888")
    return code_for(world, "2088000000000888")


def test_who_comes_in_by_alipays_page_is_signed_in_and_binds_an_account_there(world: SandboxWorld) -> None:
    house = world.house
    known = introduce(world, XIA, balance_fen=0)
    account = account_of(world)
    bind_alipay_account(house, person_id=known.person_id, code=code_for(world, account))
    assert house.alipay_page is not None
    alipay = AlipayDoor(page=house.alipay_page, public_url="http://mingqu.test")
    router = make_router(house, secure_cookies=False, alipay=alipay)
    with TestClient(make_site(house, routers=[router]), base_url="http://mingqu.test") as client:
        assert "/sign-in/alipay?next=/me" in client.get("/sign-in?next=/me").text
        back = there_and_back(client, "/sign-in/alipay?next=/me", account)
        landed = client.get(back, follow_redirects=False)
        assert (landed.status_code, landed.headers["location"]) == (303, "/me")
        assert "支付宝账户" in client.get("/me").text
        assert client.get(back, follow_redirects=False).status_code == 403, "a state serves once"
        bound = client.get(there_and_back(client, "/wallet/alipay?next=/me", account), follow_redirects=False)
        assert bound.headers["location"] == "/me"
        forged = client.get("/wallet/alipay/back?auth_code=x&state=y", follow_redirects=False)
        assert forged.status_code == 403


def there_and_back(client: TestClient, path: str, account: str) -> str:
    """Follow the way to Alipay, say who is there, and return the address of this site that it leads back to."""
    sent = client.get(path, follow_redirects=False)
    assert sent.status_code == 303
    with httpx.Client() as browser:
        answered = browser.get(f"{sent.headers['location']}&as={account}")
    address = urlsplit(answered.headers["location"])
    assert set(parse_qs(address.query)) >= {"auth_code", "state"}
    return f"{address.path}?{address.query}"


def test_what_is_due_is_withheld_by_alipay_from_the_signature_to_its_end(world: SandboxWorld) -> None:
    house, alipay = world.house, world.sandbox.control.alipay
    known, account = arrive(world), account_of(world)
    loan_id = borrow(world, known, amount_fen=AMOUNT_FEN).signed.loan_id  # agrees to deductions from the card

    def begin(key: str) -> WalletPage:
        return begin_at_wallet(
            house, person_id=known.person_id, channel=ALIPAY_AGREEMENT, back="http://mingqu.test/me", key=key
        )

    def state(page: WalletPage) -> str:
        return ask_wallet(house, person_id=known.person_id, agreement_id=page.agreement_id)

    page = begin("agree")
    assert state(page) == "pending", "whatever the browser says"
    sign(page, account)
    assert [card.agreement_id is not None for card in cards_of(house, person_id=known.person_id)] == [True]
    assert (state(page), state(page)) == ("active", "active")
    assert [card.agreement_id for card in cards_of(house, person_id=known.person_id)] == [None]
    assert wallet_of(house, person_id=known.person_id) == ALIPAY_AGREEMENT, "a person has one agreement"
    assert begin("agree").agreement_id == page.agreement_id
    on_card_fen = world.balance_fen(XIA)
    alipay.trades.deposit(identity=account, amount_fen=AMOUNT_FEN)
    had_fen = balance_fen(world, account)
    live_until(world, date(2026, 9, 15))
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    (deduction,) = orders_of(house, loan_id, OrderKind.COLLECTION)
    assert (deduction.state, deduction.channel) == (OrderState.PAID, ALIPAY_AGREEMENT)
    assert deduction.instrument_id is None
    assert balance_fen(world, account) == had_fen - deduction.amount_fen
    assert world.balance_fen(XIA) == on_card_fen
    assert_coherent(house)
    stop_agreement(house, person_id=known.person_id, agreement_id=page.agreement_id)
    work_until_idle(world)
    assert alipay.agreements.find(page.agreement_id.hex)["state"] == "STOP", "Alipay hears of the end"
    assert state(page) == "ended"
    live_until(world, date(2026, 10, 15))
    assert len(orders_of(house, loan_id, OrderKind.COLLECTION)) == 1, "nothing more is withheld"


def sign(page: WalletPage, account: str) -> None:
    """Sign on Alipay's page as whoever has an account there."""
    with httpx.Client(follow_redirects=True) as browser:
        shown = browser.get(page.page.address)
        browser.post(shown.url, data={"choice": "sign", "account": account}, follow_redirects=False)
