"""A bank that answers late, notices of another time: nothing is booked, people see the order, it ends by asking."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from litestar.testing import TestClient

from mingqu.api import make_notices_router
from mingqu.channels.fake.faults import Fault
from mingqu.channels.gateway.notice import GatewayNotices
from mingqu.channels.gateway.signature import SigningKey, TheirKeys, sign_request
from mingqu.channels.wechatpay.notice import WechatNotices
from mingqu.channels.wechatpay.platform import PlatformKey, PlatformKeys
from mingqu.demo.journey import take_loan, work_until_idle
from mingqu.domain.order import OrderKind, OrderState
from mingqu.services.access.read_today import read_queues
from mingqu.services.house import NoticeSource
from mingqu.web.site import make_site
from tests.journeys.reading import Books, arrive, assert_coherent, books_of, orders_of, rows_of, touched
from tests.journeys.two_people import seat_of
from tests.unit.channels.gateway_party import THEIRS
from tests.unit.channels.test_wechatpay_notice import envelope
from tests.unit.channels.wechatpay_party import Platform, rsa_key, stamp
from tests.world import OpenWorld

AMOUNT_FEN = 1_000_000
KEY = SigningKey(key_id="bank-1", key=THEIRS)
OLD_SERIAL = "7F01"


def test_a_late_bank_and_notices_of_another_time_leave_an_order_that_people_see_until_it_is_asked(
    world: OpenWorld,
) -> None:
    house, clock = world.house, world.clock
    known = arrive(world)
    world.bank.faults.plan("payout.send", Fault.LATE)
    borrowed = take_loan(world, known, amount_fen=AMOUNT_FEN, instalments=12, method="equal_instalment")
    loan_id, order_id = borrowed.signed.loan_id, borrowed.signed.payout_order_id
    work_until_idle(world)
    clock.advance(timedelta(minutes=2))
    world.bank.faults.deliver_late()  # the bank pays after it was given up on, and its answer reaches nobody

    over = PlatformKey(key_id=OLD_SERIAL, key=rsa_key("platform").public_key(), ends_at=clock.now())
    platform = PlatformKeys(given={}, has_certificates=True)
    platform.learn([over], at=clock.now())
    wechat = WechatNotices(merchant=replace(Platform().merchant(keys=platform), clock=clock))
    bank = GatewayNotices(theirs=TheirKeys(keys={"bank-1": THEIRS.public_key()}), clock=clock)
    told = {"bank": NoticeSource(reader=bank, channels=frozenset({"bank"})),
            "wechatpay": NoticeSource(reader=wechat, channels=frozenset({"wechat"}))}  # fmt: skip
    said = {"notice_id": "N1", "order_number": order_id.hex, "state": "failed", "code": "timeout"}
    body, before = json.dumps(said).encode(), rows_of(house)
    told_house = replace(house, notices=told)
    with TestClient(make_site(told_house, routers=[make_notices_router(told_house)])) as door:
        for seconds in (-301, 301):
            at = clock.now() + timedelta(seconds=seconds)
            headers = sign_request(
                own=KEY, method="POST", target="/notices/bank", body=body, at=at, nonce=f"{seconds + 400:032x}"
            )
            answer = door.post("/notices/bank", content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "notice_stale")
        paid = envelope()
        headers = stamp(paid, at=clock.now(), key_id=OLD_SERIAL)
        answer = door.post("/notices/wechatpay", content=paid, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "notice_certificate_over")
    assert touched(house, before=before) == {"refused_word"}

    seat = seat_of(house, "operations")
    (waiting,) = read_queues(house, seat=seat).unknown
    assert (waiting.order.order_id, waiting.order.state, waiting.order.last_word) == (order_id, "UNKNOWN", "silent")
    assert books_of(house, loan_id) == Books()
    world.go_to(clock.now() + timedelta(hours=1))
    work_until_idle(world)
    assert [one.state for one in orders_of(house, loan_id, OrderKind.PAYOUT)] == [OrderState.PAID]
    assert read_queues(house, seat=seat).unknown == ()
    assert books_of(house, loan_id) == Books(unbilled=AMOUNT_FEN)
    assert len(world.paid_out_by_bank()) == 1
    assert_coherent(house)
