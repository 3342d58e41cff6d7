"""What every refund channel must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.domain.word import Accepted, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage, HostedPaymentChannel, HostedPaymentRequest
from mingqu.ports.refund import RefundChannel, RefundRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START, number
from tests.contracts.sandbox import played

TOTAL_FEN = 30_000
REFUND = RefundRequest(
    refund_number=number(2), order_number=number(1), amount_fen=10_000, total_fen=TOTAL_FEN, currency="CNY"
)


@dataclass(frozen=True)
class RefundWorld:
    """A channel through which number(1) was paid, and what the suite must be able to do."""

    channel: RefundChannel
    page: HostedPaymentChannel
    meet: Callable[[Fault], None]  # the next refund meets this fault


@contextmanager
def wechatpay() -> Iterator[RefundWorld]:
    with played("wechatpay") as here:
        assert here.there.refunds is not None
        here.there.hosted.create(
            HostedPaymentRequest(
                order_number=number(1), amount_fen=TOTAL_FEN, currency="CNY", expires_at=START + timedelta(hours=1)
            )
        )
        here.sandbox.control.wechatpay.pay(out_trade_no=number(1))
        yield RefundWorld(
            channel=here.there.refunds,
            page=here.there.hosted,
            meet=lambda fault: here.sandbox.control.plan("wechatpay", "wechatpay.refund", fault.value),
        )


@contextmanager
def alipay() -> Iterator[RefundWorld]:
    with played("alipay") as here, httpx.Client() as browser:
        channels, control = here.there.alipay, here.sandbox.control
        assert channels is not None
        page = channels.payments.create(
            HostedPaymentRequest(
                order_number=number(1), amount_fen=TOTAL_FEN, currency="CNY", expires_at=START + timedelta(hours=1)
            )
        )
        assert isinstance(page, HostedPage)
        browser.get(page.address)
        control.alipay.trades.pay(out_trade_no=number(1))
        yield RefundWorld(
            channel=channels.refunds,
            page=channels.payments,
            meet=lambda fault: control.plan("alipay", "alipay.refund", fault.value),
        )


@pytest.fixture(params=[pytest.param(wechatpay, id="wechatpay"), pytest.param(alipay, id="alipay")])
def world(request: pytest.FixtureRequest) -> Iterator[RefundWorld]:
    with request.param() as made:
        yield made


def test_a_refund_is_done_once_and_the_payment_stays_paid(world: RefundWorld) -> None:
    assert isinstance(world.channel.refund(REFUND), Accepted | Paid)
    said = world.channel.ask_refund(number(2), order_number=number(1))
    assert isinstance(said, Paid)
    assert (said.amount_fen, said.currency) == (10_000, "CNY")
    assert world.channel.refund(REFUND) == said
    paid = world.page.ask(number(1))
    assert isinstance(paid, Paid)
    assert paid.amount_fen == TOTAL_FEN


def test_a_refund_number_is_not_used_for_another_refund(world: RefundWorld) -> None:
    world.channel.refund(REFUND)
    assert world.channel.refund(replace(REFUND, amount_fen=1)) == NumberTaken()


def test_a_refund_never_heard_of_is_not_found(world: RefundWorld) -> None:
    assert world.channel.ask_refund(number(2), order_number=number(1)) == NotFound()


@pytest.mark.parametrize(
    ("fault", "done"), [(Fault.LOSE_REPLY, True), (Fault.SERVER_ERROR, True), (Fault.LOSE_REQUEST, False)]
)
def test_a_silent_refund_is_cleared_up_by_asking(world: RefundWorld, fault: Fault, done: bool) -> None:
    world.meet(fault)
    with pytest.raises(ChannelSilent):
        world.channel.refund(REFUND)
    assert isinstance(world.channel.ask_refund(number(2), order_number=number(1)), Paid if done else NotFound)


def test_more_than_was_paid_is_not_given_back(world: RefundWorld) -> None:
    for request in (replace(REFUND, amount_fen=TOTAL_FEN + 1), replace(REFUND, order_number=number(9))):
        try:
            assert isinstance(world.channel.refund(request), Refused)
        except ChannelSilent as silence:
            assert silence.reason == "rejected"  # noqa: PT017  Either is right: nothing moved.
        assert world.channel.ask_refund(number(2), order_number=number(1)) == NotFound()
