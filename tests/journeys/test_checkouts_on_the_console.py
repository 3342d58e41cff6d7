"""Orders at checkouts in the console: where each stands, its loan, whether its merchant heard of it; not what it is."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from mingqu.channels.fake.lender import FakeLender
from mingqu.demo.journey import work_until_idle
from mingqu.services.checkout.open_checkout import CHECKOUT_LASTS
from mingqu.services.messages.subscribe_merchant import subscribe_merchant
from tests.console import signed_in
from tests.journeys.test_checkout_lenders import OTHER_ZH, buyer
from tests.journeys.test_checkout_races import MERCHANT, loans_of, opened
from tests.journeys.test_lenders import price
from tests.journeys.test_webhooks import Receiver, with_receiver
from tests.world import OpenWorld


def test_an_order_is_found_with_its_loan_its_lenders_and_what_its_merchant_was_told(world: OpenWorld) -> None:
    receiver = Receiver()
    desk = signed_in(world.house, "operations")
    assert "九十天内没有商户开过订单" in desk.get("/console/checkouts").text
    lender = FakeLender(answers=deque([price(world, 91_000)]), silences=deque(["unreadable"] * 90))
    at_shop = buyer(with_receiver(world, receiver), lender)
    at_shop = replace(at_shop, world=with_receiver(at_shop.world, receiver))
    house = at_shop.world.house
    subscribe_merchant(house, merchant=MERCHANT, url="https://shop.example/", events=[], key="k")
    left = opened(house, "left")
    at_shop.ask()
    at_shop.agree(OTHER_ZH)
    at_shop.ready(at_shop.offers()[OTHER_ZH].offer.offer_id)()
    work_until_idle(at_shop.world)
    (loan_id,) = loans_of(house)
    page = desk.get("/console/checkouts").text
    for shown in ("R-1", "left", "河畔家具有限公司", "5,999.50", "已付商户", "待买方", "已送达", loan_id.hex):
        assert shown in page, shown
    assert "橡木餐桌" not in page
    case = desk.get(f"/console/checkouts/{at_shop.checkout_id.hex}").text
    for shown in ("checkout.paid", "已送达", "200", "chengchuan", "unreadable", at_shop.person_id.hex, "没有退款"):
        assert shown in case, shown
    assert "橡木餐桌" not in case

    # The other one is left, and its merchant cannot be told at first.
    receiver.statuses[:] = [500]
    at_shop.world.go_to(house.clock.now() + CHECKOUT_LASTS)
    desk = signed_in(world.house, "auditor")
    work_until_idle(at_shop.world)
    case = desk.get(f"/console/checkouts/{left.hex}").text
    for shown in ("过期", "checkout.expired", "发送中", "500", "还没有问过"):
        assert shown in case, shown
    assert desk.get(f"/console/checkouts/{loan_id.hex}").status_code == 404
