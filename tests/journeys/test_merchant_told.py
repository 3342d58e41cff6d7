"""A merchant is told of its own orders: signed, again until it takes it, with evidence, and never who the buyer is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.client.webhook import Message, read_webhook
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.checkout import Merchant
from mingqu.domain.order import OrderKind
from mingqu.domain.proposal import Deed
from mingqu.services.changes.correct_payee import PayeeNotBound
from mingqu.services.changes.take_payout_back import pay_out_again
from mingqu.services.checkout.open_checkout import CHECKOUT_LASTS
from mingqu.services.house import House
from mingqu.services.messages.subscribe_webhook import subscribe_webhook
from mingqu.services.proposals.propose import propose
from mingqu.services.purpose.list_payees import PayeeNotListed
from tests.journeys.api import Site, be_assessed, introduce, open_site
from tests.journeys.correcting import send_back
from tests.journeys.merchant import LAKESIDE, PRICE_FEN, Seller
from tests.journeys.reading import assert_coherent, leaves_of, orders_of, rows_of
from tests.journeys.test_checkout import buy, opened, settle
from tests.journeys.test_webhooks import Receiver, with_receiver
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

URL: Final = "https://shop.example/mingqu"


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def site(world: OpenWorld, receiver: Receiver) -> Iterator[Site]:
    with open_site(with_receiver(world, receiver)) as made:
        yield made


def subscribe(seller: Seller, *, url: str = URL, key: str = "first", **more: Any) -> dict[str, Any]:
    """Say where a merchant is told; return the answer."""
    return dict(seller.send("", {"url": url, **more}, key=key, at_path="/v1/merchant/webhooks").json())


def read(receiver: Receiver, seller: Seller, secret: str) -> list[Message]:
    """Return what came, each verified as the merchant verifies it."""
    now = seller.site.world.house.clock.now().timestamp()
    return [
        read_webhook(secret=secret, headers=one.headers, body=one.content, now=now)
        for one in receiver.came
        if one.headers["host"] == "shop.example"
    ]


def test_a_merchant_hears_that_it_was_paid_that_goods_came_back_and_that_time_is_over(
    site: Site, receiver: Receiver
) -> None:
    world, seller, lakeside, xia = site.world, Seller(site), Seller(site, LAKESIDE), introduce(site)
    be_assessed(site, xia)
    secret = subscribe(seller)["secret"]
    subscribe(lakeside, url="https://lakeside.example/")
    subscribe_webhook(world.house, url="https://partner.example/", events=["contract.signed"])
    bought, left = opened(seller), opened(seller, "left")
    refused = opened(seller, "refused")
    xia.client.take_checkout(checkout_id=left)
    loan_id = buy(site, xia, bought)
    work_until_idle(world)
    person_id = xia.client.me().person_id
    (paid,) = read(receiver, seller, secret)
    assert (paid.type, paid.data["number"], paid.data["amount_fen"]) == ("checkout.paid", "R-1", PRICE_FEN)
    assert paid.data["checkout_id"] == str(bought)
    (told,) = seller.read(bought)["messages"]
    assert (told["event"], told["ended"], told["tries"], told["answer"]) == ("checkout.paid", "delivered", 1, 200)
    body = next(one.content for one in receiver.came if one.headers["host"] == "shop.example")
    (leaf,) = [one for one in leaves_of(world.house, person_id) if one["kind"] == "merchant_told"]
    assert leaf["facts"]["message_hash"] == hashlib.sha256(body).hexdigest()

    # A refund is told of as well, by its number; the shop is down at first, and hears it again under the same id.
    receiver.statuses[:] = [500, 0]
    assert seller.pay_back(bought, 150_000, number="chair").status_code == 201
    receiver.came.clear()
    settle(site)
    for _ in range(2):
        world.clock.advance(timedelta(minutes=5))
        work_until_idle(world)
    back = [one for one in read_any(receiver, secret) if one.type == "checkout.refunded"]
    assert len(back) == 3
    assert len({one.message_id for one in back}) == 1
    told_of = [back[0].data[name] for name in ("refund_number", "refund_fen", "refunded_fen")]
    assert told_of == ["chair", 150_000, 150_000]
    (_, again) = seller.read(bought)["messages"]
    assert (again["event"], again["tries"], again["ended"]) == ("checkout.refunded", 3, "delivered")

    # Time runs out for what nobody signed, once; what was paid, and what somebody cancelled, is not told of.
    assert seller.send(f"/{refused}/cancel").json()["state"] == "cancelled"
    receiver.came.clear()
    world.go_to(world.house.clock.now() + CHECKOUT_LASTS)
    work_until_idle(world)
    assert [(one.type, one.data["number"]) for one in read(receiver, seller, secret)] == [("checkout.expired", "left")]
    said = b"".join(one.content for one in receiver.came)
    for private in (str(person_id), str(loan_id), XIA.phone.reveal(), XIA.name.reveal()):
        assert private.encode() not in said
    hosts = {one.headers["host"]: json.loads(one.content)["type"] for one in receiver.came}
    assert set(hosts) == {"shop.example"}, "no other merchant, and no program of the operator's"
    assert_coherent(world.house)


def read_any(receiver: Receiver, secret: str) -> list[Message]:
    """Return what came to the shop at whatever time."""
    return [
        read_webhook(secret=secret, headers=one.headers, body=one.content, now=float(one.headers["webhook-timestamp"]))
        for one in receiver.came
        if one.headers["host"] == "shop.example"
    ]


def test_a_merchant_hears_that_the_bank_will_not_pay_it(site: Site, receiver: Receiver) -> None:
    world, seller, xia = site.world, Seller(site), introduce(site)
    be_assessed(site, xia)
    secret = subscribe(seller, events=["checkout.failed"])["secret"]
    checkout_id = opened(seller)
    buy(site, xia, checkout_id)
    world.bank.faults.plan("payout.entrust", Fault.REFUSE)
    work_until_idle(world)
    (failed,) = read(receiver, seller, secret)
    assert (failed.type, seller.read(checkout_id)["state"]) == ("checkout.failed", "failed")


def moved(house: House) -> dict[str, Merchant]:
    """Return the merchants of a house, each with another account."""
    return {code: replace(one, account="6200009900000000986") for code, one in house.merchants.items()}


def test_a_merchant_hears_that_its_money_came_back_and_that_the_buyer_ended_the_loan(
    site: Site, receiver: Receiver
) -> None:
    world, seller, xia = site.world, Seller(site), introduce(site)
    be_assessed(site, xia)
    secret = subscribe(seller, events=["checkout.failed"])["secret"]
    checkout_id = opened(seller)
    loan_id = buy(site, xia, checkout_id)
    work_until_idle(world)
    (paid,) = orders_of(world.house, loan_id, OrderKind.PAYOUT)
    send_back(world, paid.order_id)
    # Whoever sells here no more, or has another account by now, is not paid to the one that was signed.
    for merchants, reason in (({}, "struck"), (moved(world.house), "account_differs")):
        with pytest.raises(PayeeNotListed) as refused:
            pay_out_again(
                replace(world.house, merchants=merchants),
                person_id=paid.person_id,
                loan_id=loan_id,
                instrument_id=None,
                key="again",
            )
        assert (refused.value.details["reason"], refused.value.details["remedy"]) == (reason, "call_off")
    # Nor does a version correct it: the merchant's account is its own affair, and the refusal says what helps.
    maker = seat_of(world.house, "operations", name="maker")
    with pytest.raises(PayeeNotBound) as not_bound:
        propose(
            world.house,
            seat=maker,
            deed=Deed.CORRECT_PAYEE,
            subject_id=loan_id,
            asked={},
            reason="商户更换账号",
            key="c",
        )
    assert not_bound.value.details["remedy"] == "call_off"
    assert xia.client.preview_call_off(loan_id=loan_id).to_payee
    event_id = xia.client.call_off(loan_id=loan_id, key="no-more")
    assert xia.client.call_off(loan_id=loan_id, key="no-more") == event_id
    work_until_idle(world)
    said = [one.data.get("reason") for one in read(receiver, seller, secret)]
    assert (said, seller.read(checkout_id)["state"]) == ([None, "called_off"], "failed")
    world.go_to(world.house.clock.now() + timedelta(minutes=2))
    anew = opened(seller, "R-2")
    buy(site, xia, anew)
    work_until_idle(world)
    assert (seller.read(anew)["state"], seller.has_fen) == ("paid", PRICE_FEN), "a new order is the way"
    assert_coherent(world.house)


def test_an_address_is_the_merchants_own_and_one_for_each_key(site: Site) -> None:
    house, seller, lakeside = site.world.house, Seller(site), Seller(site, LAKESIDE)
    made = subscribe(seller)
    assert subscribe(seller) == made, "sent twice it is one, with the same secret"
    before = rows_of(house)
    refused = {
        "idempotency_key_reused": subscribe(seller, url="https://other.example/"),
        "webhook_url_refused": subscribe(seller, url="http://shop.example/", key="2"),
        "malformed": subscribe(seller, key="2", events=["loan.disbursed"]),
        "not_found": end(lakeside, made["subscription_id"]),
    }
    assert {code: answer["code"] for code, answer in refused.items()} == {code: code for code in refused}
    assert rows_of(house) == before
    others = [subscribe(seller, key=str(number))["subscription_id"] for number in range(4)]
    assert subscribe(seller, key="4")["code"] == "too_many_merchant_webhooks"
    listed = end(seller, others[0])["webhooks"]
    assert {one["subscription_id"]: one["ended_at"] is None for one in listed} == {
        made["subscription_id"]: True,
        others[0]: False,
        **dict.fromkeys(others[1:], True),
    }
    assert subscribe(seller, key="4")["secret"] != made["secret"]


def end(seller: Seller, subscription_id: str) -> dict[str, Any]:
    """End an address; return the answer."""
    return dict(seller.send("", key="end", at_path=f"/v1/merchant/webhooks/{subscription_id}/end").json())
