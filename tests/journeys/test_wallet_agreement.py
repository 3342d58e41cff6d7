"""Repaying by itself from a WeChat wallet: signed on WeChat's page, deducted when due, ended from either side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from mingqu.borrower.wallet import WALLETS
from mingqu.client import Problem
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.moment import start_of
from mingqu.domain.order import Order, OrderKind, OrderState, reserve
from mingqu.domain.ownership import NotFound
from mingqu.services.house import BANK, DEDUCTING, PAPAY, WECHAT
from mingqu.services.orders.end_agreement import stop_agreement
from mingqu.services.orders.run_errand import PaymentChannelUnknown
from mingqu.services.people.read_person import consents_of
from mingqu.services.privacy.give_consent import withdraw_consent
from mingqu.services.reconciliation.reconcile import Reconciled, reconcile_day
from mingqu.services.repayment.agree_at_wallet import GIVE_UP_AFTER, ask_wallet, begin_at_wallet
from mingqu.services.repayment.read_loans import loan_view
from mingqu.services.run_due_work import run_due_work
from mingqu.store.loans import repayment
from mingqu.store.orders import order
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.journeys.api import open_site, say_yes, sign_in
from tests.journeys.pages import Phone
from tests.journeys.reading import Known, arrive, assert_coherent, borrow, live_until, orders_of, rows_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world
from tests.soak import SOAK

OPENID = "o-13800008801-of-nobody"
BACK = "https://loans.test/me"
SECONDS_MAX = 60


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        opened.sandbox.control.wechat.know(openid=OPENID, nickname=XIA.name.reveal())
        fill(opened, None)
        yield opened


@pytest.fixture
def known(world: SandboxWorld) -> Known:
    return arrive(world)


def fill(world: SandboxWorld, balance_fen: int | None) -> None:
    wallets = world.sandbox.control.wechatpay.contracts.wallets
    wallets.know(openid=OPENID, id_number=XIA.id_number.reveal(), balance_fen=balance_fen)


def begin(world: SandboxWorld, known: Known, *, channel: str = WECHAT, key: str = "wallet", sign: bool = True) -> UUID:
    """Go to the wallet's page, and sign there or not."""
    begun = begin_at_wallet(world.house, person_id=known.person_id, channel=channel, back=BACK, key=key)
    with httpx.Client() as browser:
        browser.get(begun.page.address).raise_for_status()
        choice = "sign" if sign else "cancel"
        answer = browser.post(begun.page.address, data={"choice": choice, "openid": OPENID})
    assert answer.headers["location"] == BACK
    return begun.agreement_id


def state(world: SandboxWorld, known: Known, agreement_id: UUID) -> str:
    return ask_wallet(world.house, person_id=known.person_id, agreement_id=agreement_id)


def let_notices_go(world: SandboxWorld) -> None:
    world.postman.house = world.house
    world.sandbox.control.notices.held = False
    until = time.monotonic() + SECONDS_MAX
    while world.sandbox.control.notices.open():
        assert time.monotonic() < until, world.postman.answers
        time.sleep(0.02)
    world.sandbox.control.notices.held = True


def due_day_passed(world: SandboxWorld, known: Known, loan_id: UUID) -> Order:
    """Live until the first due day's noon and return its deduction."""
    due = loan_view(world.house, person_id=known.person_id, loan_id=loan_id).next_due
    assert due is not None
    live_until(world, due)
    world.go_to(world.house.clock.now() + timedelta(hours=12))
    work_until_idle(world)
    return orders_of(world.house, loan_id, OrderKind.COLLECTION)[0]


@pytest.mark.parametrize(
    "channel", [WECHAT, pytest.param(PAPAY, marks=pytest.mark.skipif(not SOAK, reason="the same path, a month again"))]
)
def test_what_is_due_is_deducted_from_the_wallet_that_signed(world: SandboxWorld, known: Known, channel: str) -> None:
    loan_id = borrow(world, known).signed.loan_id
    agreement_id = begin(world, known, channel=channel)
    let_notices_go(world)
    taken = [answer for answer in world.postman.answers if answer != "notice_unsigned"]  # probes are refused
    assert taken[-1] == "taken"
    world.sandbox.control.notices.held = True
    before = rows_of(world.house)
    assert state(world, known, agreement_id) == "active"
    assert rows_of(world.house) == before, "the notice was enough, and asking changes nothing"
    part_fen, due_fen = 20_000, loan_view(world.house, person_id=known.person_id, loan_id=loan_id).next_due_fen
    if channel == WECHAT:
        fill(world, part_fen)  # and part of what will be due is there
        world.sandbox.control.plan("wechatpay", "wechatpay.deduct", "lose_reply")
        world.sandbox.control.wechatpay.repayments.need_schedule(True)  # nothing is deducted that was not announced
    deduction = due_day_passed(world, known, loan_id)
    world.go_to(world.house.clock.now() + timedelta(hours=1))
    work_until_idle(world)
    deduction, *later = orders_of(world.house, loan_id, OrderKind.COLLECTION)
    assert (deduction.channel, deduction.state, deduction.instrument_id) == (channel, OrderState.PAID, None)
    assert world.sandbox.control.wechatpay.moved() == {deduction.number: deduction.amount_fen}
    if channel == WECHAT:
        assert (deduction.amount_fen, deduction.asked_fen) == (part_fen, due_fen), "it moved what was there"
        (rest,) = later
        owed = loan_view(world.house, person_id=known.person_id, loan_id=loan_id).quote
        assert owed is not None
        assert rest.state is OrderState.RESERVED
        assert rest.amount_fen == owed.due_fen > due_fen - part_fen, "the rest is asked for, with its penalty"
        assert deduction.value_date is not None
        compared = compare_the_day(world, deduction.value_date)
        assert {one.open for one in compared.values()} == {0}
        assert compared["wechatpay"].compared.tally.agreed_in_fen == part_fen
    assert_coherent(world.house)


def compare_the_day(world: SandboxWorld, on: date) -> dict[str, Reconciled]:
    """Compare a day with the bills of everybody, by source."""
    world.go_to(start_of(on + timedelta(days=1)) + timedelta(hours=11))
    return {one.compared.source: one for one in reconcile_day(world.house, on=on)}


@pytest.mark.skipif(not SOAK, reason="lives through a month; the channel's suite has the same refusal")
def test_with_too_little_in_the_wallet_nothing_is_taken_and_the_loan_falls_late(
    world: SandboxWorld, known: Known
) -> None:
    loan_id = borrow(world, known).signed.loan_id
    assert state(world, known, begin(world, known)) == "active"
    fill(world, 100)
    assert due_day_passed(world, known, loan_id).state is OrderState.FAILED
    assert world.sandbox.control.wechatpay.moved() == {}
    assert_coherent(world.house)


def test_a_worker_hears_of_a_signature_that_nobody_told_of(world: SandboxWorld, known: Known) -> None:
    borrow(world, known)
    agreement_id = begin(world, known)
    world.go_to(world.house.clock.now() + timedelta(minutes=2))
    run_due_work(world.house)
    before = rows_of(world.house)
    assert state(world, known, agreement_id) == "active"
    assert rows_of(world.house) == before


def test_a_page_that_nobody_signed_is_given_up_and_a_late_signature_is_ended_at_the_wallet(
    world: SandboxWorld, known: Known
) -> None:
    borrow(world, known)
    agreement_id = begin(world, known, sign=False)
    world.go_to(world.house.clock.now() + GIVE_UP_AFTER)
    run_due_work(world.house)
    assert state(world, known, agreement_id) == "ended"
    assert world.sandbox.control.wechatpay.contracts.sign(code=agreement_id.hex, openid=OPENID) == "SIGNED"
    let_notices_go(world)
    work_until_idle(world)
    assert world.sandbox.control.wechatpay.contracts.known(agreement_id.hex)["state"] == "TERMINATED"
    assert state(world, known, agreement_id) == "ended"


def test_an_agreement_ends_from_either_side(world: SandboxWorld, known: Known) -> None:
    loan_id = borrow(world, known).signed.loan_id
    contracts = world.sandbox.control.wechatpay.contracts
    first = begin(world, known)
    assert state(world, known, first) == "active"
    contracts.end(code=first.hex)
    let_notices_go(world)
    assert state(world, known, first) == "ended"
    second = begin(world, known, key="again")
    assert state(world, known, second) == "active"
    stop_agreement(world.house, person_id=known.person_id, agreement_id=second)
    work_until_idle(world)
    assert contracts.known(second.hex)["state"] == "TERMINATED"
    # Ended in the wallet's own app, and no notice comes: the next deduction says so, and nothing goes out after it.
    third = begin(world, known, key="once more")
    assert state(world, known, third) == "active"
    world.sandbox.control.notices.held = True
    contracts.end(code=third.hex)
    deduction = deduct_now(world, known, loan_id, third)
    later = deduct_now(world, known, loan_id, third, after=timedelta(days=2))
    work_until_idle(world)
    with world.house.database.transaction() as tx:
        found = [order.load(tx, order_id=one.order_id) for one in (deduction, later)]
        agreement = repayment.load_agreement(tx, person_id=known.person_id, agreement_id=third)
    assert [(one.state, one.refusal_code) for one in found] == [(OrderState.FAILED, "agreement_ended")] * 2
    assert (agreement.state, found[1].sent_at) == ("ended", None)
    assert_coherent(world.house)


def deduct_now(
    world: SandboxWorld, known: Known, loan_id: UUID, agreement_id: UUID, *, after: timedelta = timedelta()
) -> Order:
    """Reserve a deduction under an agreement as if something were due."""
    house = world.house
    made = reserve(
        order_id=house.id_for(known.person_id), kind=OrderKind.COLLECTION, person_id=known.person_id, loan_id=loan_id,
        instrument_id=None, amount_fen=5_000, currency="CNY", channel=WECHAT, run_at=house.clock.now() + after,
    )  # fmt: skip
    with house.database.transaction() as tx:
        order.insert(tx, order=made)
        rows = [(made.order_id, loan_id, agreement_id)]
        repayment.insert_deductions(tx, cell=tx.cell_of(loan_id), rows=rows)
        tx.commit()
    return made


def test_without_consent_no_wallet_is_asked_and_a_withdrawal_before_the_signature_ends_it(
    world: SandboxWorld, known: Known
) -> None:
    borrow(world, known)
    agreement_id = begin(world, known)
    (consent,) = [
        one
        for one in consents_of(world.house, person_id=known.person_id)
        if one.purpose is ConsentPurpose.AUTO_REPAYMENT and one.withdrawn_at is None
    ]
    withdraw_consent(world.house, person_id=known.person_id, consent_id=consent.consent_id)
    with pytest.raises(ConsentMissing):
        state(world, known, agreement_id)
    work_until_idle(world)
    assert state(world, known, agreement_id) == "ended"
    assert world.sandbox.control.wechatpay.contracts.known(agreement_id.hex)["state"] == "TERMINATED"
    before = rows_of(world.house)
    with pytest.raises(ConsentMissing):
        begin(world, known, key="again")
    with pytest.raises(PaymentChannelUnknown):
        begin(world, known, channel="elsewhere", key="more")
    with pytest.raises(NotFound):
        ask_wallet(world.house, person_id=world.house.id_for(known.person_id), agreement_id=agreement_id)
    assert rows_of(world.house) == before


def sign_at(address: str) -> str:
    """Sign on WeChat's page in a browser of one's own, and return where it leads back to."""
    with httpx.Client() as browser:
        browser.get(address).raise_for_status()
        return browser.post(address, data={"choice": "sign", "openid": OPENID}).headers["location"]


def test_on_the_pages_somebody_chooses_wechat_and_sees_that_it_holds(world: SandboxWorld) -> None:
    phone = Phone(world)  # type: ignore[arg-type]
    world.meet(XIA, balance_fen=0)
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    begun = phone.send(phone.agree(phone.get("/agreement?next=%2Fme")).form("/wallet-agreement/wechat"))
    (address,) = [link for link in begun.links if "/repayment/sign" in link]
    page = phone.get(f"{begun.path}?next=%2Fme")
    assert "还没有告诉我们结果" in page.text
    back = urlsplit(sign_at(address))
    me = phone.get(f"{back.path}?{back.query}")
    assert (me.path, "微信" in me.text) == ("/me", True)
    with pytest.raises(StopIteration):
        next(form for form in me.forms if form.action.startswith("/agreement"))


def test_on_the_pages_alipay_is_one_more_choice(world: SandboxWorld) -> None:
    phone = Phone(world)  # type: ignore[arg-type]
    world.meet(XIA, balance_fen=0)
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    begun = phone.send(phone.agree(phone.get("/agreement?next=%2Fme")).form("/wallet-agreement/alipay"))
    assert "支付宝自动还款" in begun.text
    (address,) = [link for link in begun.links if "alipay.user.agreement.page.sign" in link]
    with httpx.Client(follow_redirects=True) as browser:
        shown = browser.get(address)
        form = {"choice": "sign", "account": XIA.phone.reveal()}
        back = urlsplit(browser.post(shown.url, data=form, follow_redirects=False).headers["location"])
    assert set(world.house.wallets) == set(WALLETS) == DEDUCTING - {BANK}, "whatever deducts has a name on the pages"
    me = phone.get(f"{back.path}?{back.query}")
    assert (me.path, "支付宝" in me.text, "微信" in me.text) == ("/me", True, False)
    assert phone.get("/wallet-agreement/nobody?next=%2Fme").answer.status_code == 404


def test_over_the_api_an_agreement_waits_for_its_signature(world: SandboxWorld, known: Known) -> None:
    with open_site(world) as site:  # type: ignore[arg-type]
        world.go_to(world.house.clock.now() + timedelta(minutes=2))
        client = sign_in(site, XIA)
        with pytest.raises(Problem, match="consent"):
            client.begin_wallet_agreement(back=BACK)
        say_yes(client, purpose="auto_repayment", recipient=world.house.settings.operator_name)
        begun = client.begin_wallet_agreement(back=BACK)
        assert client.agreement_state(agreement_id=begun.agreement_id) == "pending"
        assert begun.address is not None
        assert sign_at(begun.address) == BACK
        let_notices_go(world)
        assert client.agreement_state(agreement_id=begun.agreement_id) == "active"
        client.end_agreement(agreement_id=begun.agreement_id)
        assert client.agreement_state(agreement_id=begun.agreement_id) == "ended"
        address = client.begin_wallet_agreement(back=BACK, wallet="alipay").address
        assert "alipay.user.agreement.page.sign" in str(address)
        with pytest.raises(Problem, match="payment_channel_unknown"):
            client.begin_wallet_agreement(back=BACK, wallet="nobody")
