"""An order at a checkout and several at once: never two loans for it, never a loan without it, whoever dies when."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from mingqu.demo.journey import READING, Known, be_assessed, introduce, work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.checkout import CheckoutState, Item, check_order
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Stage
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.clock import Clock
from mingqu.services.checkout import end_checkouts as ending
from mingqu.services.checkout.open_checkout import (
    CHECKOUT_LASTS,
    CheckoutOver,
    cancel_checkout,
    checkout_view,
    open_checkout,
    refund_checkout,
)
from mingqu.services.checkout.take_checkout import offers_for_order, take_checkout
from mingqu.services.contracts import sign_contract as signing
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.house import House
from mingqu.services.messages.subscribe_merchant import MERCHANT_WEBHOOKS_MAX, subscribe_merchant
from mingqu.services.messages.subscribe_webhook import SUBSCRIPTIONS_MAX, Subscribed, subscribe_webhook, webhooks
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.privacy.give_consent import give_consent
from mingqu.store.loans import loan
from mingqu.store.merchants import checkout
from mingqu.store.messages import webhook
from tests.journeys.reading import assert_coherent, rows_of
from tests.world import OpenWorld

MERCHANT: Final = "riverside-furniture"
PRICE_FEN: Final = 599_950
ITEMS: Final = (Item(name="橡木餐桌", quantity=1, price_fen=PRICE_FEN),)
HELD_SECONDS: Final = 0.3  # how long somebody who waits for a lock is given to show that they do not


@pytest.fixture
def xia(world: OpenWorld) -> Known:
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    open_account(world)
    return known


def open_account(world: OpenWorld) -> Personal[str]:
    """Return the merchant's account, which its bank has from the first time on."""
    named = world.house.merchants[MERCHANT]
    account = Personal(named.account)
    world.bank.open_card(
        card_number=account,
        holder_name=Personal(named.name_zh),
        id_number=Personal("company"),
        phone=Personal("0210002"),
    )
    return account


def opened(house: House, number: str) -> UUID:
    """Open an order; return its id."""
    wanted = check_order(merchant=MERCHANT, number=number, items=ITEMS, amount_fen=PRICE_FEN, currency="CNY")
    return open_checkout(house, wanted=wanted).checkout_id


def ready(world: OpenWorld, known: Known, checkout_id: UUID) -> Callable[[str], Signed]:
    """Take an order and do all that a signature needs; return what signs it under a key."""
    house, person_id = world.house, known.person_id
    order = take_checkout(house, person_id=person_id, checkout_id=checkout_id)
    offered = offers_for_order(
        house, person_id=person_id, checkout_id=checkout_id, instalments=6, method="equal_instalment"
    )[0]
    offer_id = offered.offer.offer_id
    table = show_cost_table(house, person_id=person_id, offer_id=offer_id)
    world.go_to(house.clock.now() + READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    lender = offered.lender_name_zh
    give_consent(
        house, person_id=person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=lender, key=f"consent {offer_id}"
    )
    send_signing_code(house, person_id=person_id, offer_id=offer_id)
    code = world.read_code(known.newcomer.phone)

    def sign(key: str) -> Signed:
        return sign_contract(
            house,
            person_id=person_id,
            offer_id=offer_id,
            instrument_id=None,
            payout_at=None,
            code=code,
            key=key,
            agreed_hash=order.order_hash,
        )

    sign.said = {  # type: ignore[attr-defined]  What another process needs to do the same.
        "person_id": person_id.hex,
        "offer_id": offer_id.hex,
        "code": code.reveal(),
        "agreed_hash": order.order_hash,
    }
    return sign


def at_once(acts: Sequence[Callable[[], object]]) -> list[object]:
    """Do things at the same moment; return what each returned, or the code by which it was refused."""
    gate = threading.Barrier(len(acts))

    def do(act: Callable[[], object]) -> object:
        gate.wait()
        try:
            return act()
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(do, acts))


def loans_of(house: House) -> list[UUID]:
    """Return the loans of the book, each of which pays the order that names it."""
    with house.database.transaction() as tx:
        loans = {row[0] for row in tx.execute("SELECT loan_id FROM loan")}
        named = [row[0] for row in tx.execute("SELECT loan_id FROM checkout_offer WHERE loan_id IS NOT NULL")]
        orders = tx.execute("SELECT count(DISTINCT checkout_id) FROM checkout_offer WHERE loan_id IS NOT NULL")
        assert orders.fetchone() == (len(named),), "an order is paid once"
    assert (loans, len(named)) == (set(named), len(loans))
    return sorted(loans)


def test_of_two_who_take_an_order_and_a_merchant_that_cancels_it_one_is_first(world: OpenWorld, xia: Known) -> None:
    house, zhou = world.house, introduce(world, ZHOU, balance_fen=0)
    for number in range(6):
        checkout_id = opened(house, f"race {number}")
        acts = [
            lambda: take_checkout(house, person_id=xia.person_id, checkout_id=checkout_id).state.value,  # noqa: B023
            lambda: take_checkout(house, person_id=zhou.person_id, checkout_id=checkout_id).state.value,  # noqa: B023
            lambda: cancel_checkout(house, merchant=MERCHANT, checkout_id=checkout_id).state.value,  # noqa: B023
        ]
        said = at_once(acts[:2] if number % 2 else acts)
        won = [one for one in said if one in ("taken", "cancelled")]
        assert len(won) == 1, said
        assert set(said) - set(won) <= {"checkout_taken", "checkout_over"}
        assert checkout_view(house, merchant=MERCHANT, checkout_id=checkout_id).state.value == won[0]


def test_an_order_is_signed_once_and_given_back_once_however_many_ask_at_the_same_moment(
    world: OpenWorld, xia: Known
) -> None:
    house, checkout_id = world.house, opened(world.house, "R-1")
    sign = ready(world, xia, checkout_id)
    said = at_once([lambda key=key: sign(key) for key in ("phone", "phone", "laptop", "tablet")])  # type: ignore[misc]
    signed = {one for one in said if isinstance(one, Signed)}
    assert len(signed) == 1, said
    assert loans_of(house) == [next(iter(signed)).loan_id]

    def give_back(number: str) -> UUID:
        made = refund_checkout(house, merchant=MERCHANT, checkout_id=checkout_id, number=number, amount_fen=PRICE_FEN)
        return made.order_id

    # Money is given back of what was paid, and of nothing that is on its way.
    said = at_once([lambda: give_back("early"), lambda: work_until_idle(world)])
    early = said[0] if isinstance(said[0], UUID) else None
    assert early is not None or said[0] == "checkout_not_paid"
    work_until_idle(world)
    said = at_once([lambda: give_back("early"), lambda: give_back("again"), lambda: give_back("again")])
    asked = {one for one in said if isinstance(one, UUID)}
    assert len(asked) == 1, said
    assert early is None or asked == {early}
    assert set(said) - asked <= {"refund_above_order", "idempotency_key_busy"}
    (order_id,) = asked
    assert isinstance(order_id, UUID)
    account = Personal(house.merchants[MERCHANT].account)
    world.bank.pay_by_hand(order_number=order_id.hex, card_number=account)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    with house.database.transaction() as tx:
        (loan_id,) = loans_of(house)
        assert loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id).state.stage is Stage.SETTLED
    assert_coherent(house)


class ClockAhead:
    """The clock of a host that is ahead of the others, until it was looked at so many times."""

    def __init__(self, clock: Clock, *, ahead: timedelta, looks: int = 1_000_000) -> None:
        self._clock, self._ahead, self._looks = clock, ahead, looks

    def now(self) -> datetime:
        self._looks -= 1
        return self._clock.now() + (self._ahead if self._looks >= 0 else timedelta())

    def business_date(self) -> Any:
        return self._clock.business_date()


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let a signature wait, under its lock, right before it names its loan: (it is there, it may go on)."""
    there, go = threading.Event(), threading.Event()
    named = signing.bound_by

    def slowly(*arguments: Any, **more: Any) -> None:
        there.set()
        assert go.wait(60)
        named(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(signing, "bound_by", slowly)
        try:
            yield there, go
        finally:
            go.set()


def test_an_order_that_is_being_signed_while_its_time_runs_out_is_not_told_to_be_over(
    world: OpenWorld, xia: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, checkout_id = world.house, opened(world.house, "R-1")
    subscribe_merchant(house, merchant=MERCHANT, url="https://shop.example/", events=[], key="k")
    sign = ready(world, xia, checkout_id)
    later = replace(house, clock=ClockAhead(world.clock, ahead=CHECKOUT_LASTS))
    with house.database.transaction() as tx:
        cell = tx.cell_of(checkout_id)
    with ThreadPoolExecutor(2) as pool, held(monkeypatch) as (there, go):
        signed = pool.submit(sign, "k")
        assert there.wait(60)
        looked = pool.submit(ending.end_checkouts, later, cell=cell)
        wait([looked], timeout=HELD_SECONDS)
        go.set()
        assert isinstance(signed.result(60), Signed)
        assert looked.result(60) == 1
    assert checkout_view(later, merchant=MERCHANT, checkout_id=checkout_id).state is CheckoutState.SIGNED
    assert checkout_view(later, merchant=MERCHANT, checkout_id=checkout_id).messages == ()


def test_an_order_that_was_told_to_be_over_by_a_clock_that_is_ahead_is_over_for_everybody(
    world: OpenWorld, xia: Known
) -> None:
    house, taken, left = world.house, opened(world.house, "taken"), opened(world.house, "left")
    sign = ready(world, xia, taken)
    ahead = replace(house, clock=ClockAhead(world.clock, ahead=CHECKOUT_LASTS))
    with house.database.transaction() as tx:
        cells = {tx.cell_of(taken), tx.cell_of(left)}
    assert sum(ending.end_checkouts(ahead, cell=cell) for cell in cells) == 2
    for act in (
        lambda: sign("late"),
        lambda: take_checkout(house, person_id=xia.person_id, checkout_id=left),
        lambda: offers_for_order(
            house, person_id=xia.person_id, checkout_id=taken, instalments=6, method="equal_instalment"
        ),
    ):
        with pytest.raises(CheckoutOver):
            act()
    assert loans_of(house) == []
    seen = [checkout_view(house, merchant=MERCHANT, checkout_id=one).state for one in (taken, left)]
    assert seen == [CheckoutState.EXPIRED] * 2


def test_an_order_that_a_clock_that_was_ahead_took_up_too_early_ends_at_its_time(world: OpenWorld, xia: Known) -> None:
    house, checkout_id = world.house, opened(world.house, "R-1")
    take_checkout(house, person_id=xia.person_id, checkout_id=checkout_id)
    ahead = replace(house, clock=ClockAhead(world.clock, ahead=CHECKOUT_LASTS, looks=1))
    with house.database.transaction() as tx:
        cell = tx.cell_of(checkout_id)
    assert ending.end_checkouts(ahead, cell=cell) == 1, "its clock was set right after it had leased this"
    assert ending.end_checkouts(house, cell=cell) == 0
    seen = checkout_view(house, merchant=MERCHANT, checkout_id=checkout_id)
    assert seen.state is CheckoutState.TAKEN
    world.go_to(seen.expires_at)
    assert ending.end_checkouts(house, cell=cell) == 1
    assert checkout_view(house, merchant=MERCHANT, checkout_id=checkout_id).state is CheckoutState.EXPIRED
    with house.database.transaction() as tx:
        known = checkout.load(tx, checkout_id=checkout_id)
    assert known is not None
    assert known.ended_at == seen.expires_at


@pytest.mark.parametrize("whose", ["merchant", "operator"])
def test_of_two_addresses_that_are_named_at_once_one_is_the_last_that_may_be(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    house, url = world.house, "https://shop.example/"
    there, go, insert = threading.Event(), threading.Event(), webhook.insert
    most = MERCHANT_WEBHOOKS_MAX if whose == "merchant" else SUBSCRIPTIONS_MAX

    def subscribe(key: str) -> object:
        try:
            if whose == "operator":
                return subscribe_webhook(house, url=url)
            return subscribe_merchant(house, merchant=MERCHANT, url=url, events=[], key=key)
        except Refusal as refusal:
            return refusal.code

    def slowly(*arguments: Any, **more: Any) -> bool:
        if not there.is_set():
            there.set()
            assert go.wait(60)
        return insert(*arguments, **more)

    for number in range(most - 1):
        subscribe(str(number))
    monkeypatch.setattr(webhook, "insert", slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(subscribe, "first")
        assert there.wait(60)
        second = pool.submit(subscribe, "second")
        wait([second], timeout=HELD_SECONDS)
        go.set()
        assert isinstance(first.result(60), Subscribed)
        assert second.result(60) == f"too_many_{'merchant_' if whose == 'merchant' else ''}webhooks"
    assert len(webhooks(house)) == most


DYING: Final = """
import json, os, signal, sys
from datetime import datetime
from pathlib import Path
from uuid import UUID
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.system.codes import SystemCodes
from mingqu.channels.system.identifiers import SystemIdentifiers
from mingqu.domain.personal import Personal
from mingqu.services.contracts import sign_contract as signing
from mingqu.store.server import keyring
from mingqu.store.server.database import Database
from mingqu.worlds.house import fake_house

folder, said = Path(sys.argv[1]), json.loads(sys.argv[2])
(folder / "dying").mkdir()
clock = SettableClock(start=datetime.fromisoformat(said["now"]))
signing.bound_by = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with Database(said["url"]) as database:
    keys, ids = keyring.load(folder=folder, environment={}), SystemIdentifiers(clock=clock)
    house = fake_house(database, keys, folder / "dying", clock, SystemCodes(), ids)[0]
    signing.sign_contract(
        house, person_id=UUID(said["person_id"]), offer_id=UUID(said["offer_id"]), instrument_id=None, payout_at=None,
        code=Personal(said["code"]), key="dying", agreed_hash=said["agreed_hash"],
    )
"""


def test_whoever_dies_while_an_order_is_signed_leaves_no_loan_and_the_order_as_it_was(
    world: OpenWorld, xia: Known, tmp_path: Path
) -> None:
    house, checkout_id = world.house, opened(world.house, "R-1")
    sign = ready(world, xia, checkout_id)
    said = sign.said | {"now": house.clock.now().isoformat(), "url": house.database.url}  # type: ignore[attr-defined]
    before = rows_of(house)
    died = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path), json.dumps(said)],
        check=False,
        capture_output=True,
        timeout=300,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert (rows_of(house), loans_of(house)) == (before, [])
    assert checkout_view(house, merchant=MERCHANT, checkout_id=checkout_id).state is CheckoutState.TAKEN
    assert loans_of(house) != [sign("again").loan_id], "the code that was sent is still good, for one loan"
    assert len(loans_of(house)) == 1
    assert_coherent(house)
