"""One payment for several lenders against the sandbox: each part has its own word, also when one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from mingqu.channels.wechatpay.combined import WechatCombinedPay
from mingqu.domain.word import Failed, InProgress, NotFound, Paid, Refused
from mingqu.ports.collection import HostedPage
from mingqu.ports.combined import CombinedRequest, LenderPart
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START, number
from tests.contracts.sandbox import Played, played

OPENID = "o-13800008801-of-nobody"
PARTS = (
    LenderPart(order_number=number(1), receiver="1900000101", amount_fen=30_000),
    LenderPart(order_number=number(2), receiver="1900000102", amount_fen=12_345),
)
WANTED = CombinedRequest(number=number(9), parts=PARTS, expires_at=START + timedelta(hours=1))


@pytest.fixture(scope="module")
def playing() -> Iterator[Played]:
    with played("wechatpay") as opened:
        opened.sandbox.control.wechat.know(openid=OPENID, nickname="林知夏")
        yield opened


@pytest.fixture
def here(playing: Played) -> Played:
    """The one sandbox, which has forgotten what the last test did."""
    for table in ("wechat_combined", "wechat_wallet", "trade", "kept", "notice"):
        playing.sandbox.control.wechatpay.book.write(f"DELETE FROM {table}")
    return playing


@pytest.fixture
def channel(here: Played) -> WechatCombinedPay:
    assert here.there.wechatpay is not None
    return here.there.wechatpay.combined


def opened_page(channel: WechatCombinedPay) -> HostedPage:
    page = channel.create(WANTED)
    assert isinstance(page, HostedPage)
    assert channel.create(WANTED) == page
    return page


def pay(page: HostedPage) -> httpx.Response:
    with httpx.Client() as browser:
        assert "423.45" in browser.get(page.address).text
        return browser.post(page.address, data={"choice": "pay", "openid": OPENID})


def words(channel: WechatCombinedPay) -> dict[str, str]:
    said = channel.ask(number(9), parts=PARTS)
    assert not isinstance(said, NotFound)
    return {of: type(word).__name__ for of, word in said.items()}


def test_one_page_pays_every_lender(here: Played, channel: WechatCombinedPay) -> None:
    assert channel.ask(number(9), parts=PARTS) == NotFound()
    page = opened_page(channel)
    assert words(channel) == {number(1): "InProgress", number(2): "InProgress"}
    pay(page)
    said = channel.ask(number(9), parts=PARTS)
    assert not isinstance(said, NotFound)
    assert [word.amount_fen for word in said.values() if isinstance(word, Paid)] == [30_000, 12_345]
    assert here.sandbox.control.wechatpay.moved() == {number(1): 30_000, number(2): 12_345}
    with pytest.raises(ChannelSilent):
        channel.create(WANTED)


def test_one_part_may_fail_while_the_other_is_settled(here: Played, channel: WechatCombinedPay) -> None:
    here.sandbox.control.wechatpay.combined.fail(number(2))
    pay(opened_page(channel))
    said = channel.ask(number(9), parts=PARTS)
    assert not isinstance(said, NotFound)
    assert isinstance(said[number(1)], Paid)
    assert said[number(2)] == Failed(code="payment_failed")
    assert here.sandbox.control.wechatpay.moved() == {number(1): 30_000}


def test_with_too_little_money_no_lender_is_paid(here: Played, channel: WechatCombinedPay) -> None:
    here.sandbox.control.wechatpay.contracts.wallets.know(openid=OPENID, balance_fen=42_344)
    assert pay(opened_page(channel)).status_code == 400
    assert words(channel) == {number(1): "InProgress", number(2): "InProgress"}
    assert here.sandbox.control.wechatpay.moved() == {}


def test_a_closed_or_expired_page_ends_every_part(here: Played, channel: WechatCombinedPay) -> None:
    opened_page(channel)
    channel.close(number(9))
    channel.close(number(9))
    assert channel.ask(number(9), parts=PARTS) == {of.order_number: Failed(code="closed") for of in PARTS}
    assert channel.create(WANTED) == Refused(code="order_closed")
    assert here.sandbox.control.wechatpay.combined.pay(number=number(9), openid=OPENID) == "CLOSED"


def test_an_answer_about_other_parts_says_nothing(channel: WechatCombinedPay) -> None:
    opened_page(channel)
    for wrong in (
        PARTS[:1],
        (PARTS[0], replace(PARTS[1], amount_fen=12_346)),
        (PARTS[0], replace(PARTS[1], receiver="1900000103")),
        (PARTS[0], replace(PARTS[1], order_number=number(3))),
    ):
        with pytest.raises(ChannelSilent, match="unreadable"):
            channel.ask(number(9), parts=wrong)
    with pytest.raises(ChannelSilent, match="unreadable"):
        channel.create(replace(WANTED, parts=PARTS[:1]))


@pytest.mark.parametrize("fault", ["lose_reply", "wrong_signature", "server_error"])
def test_a_silent_request_is_said_again_and_is_the_same_page(
    here: Played, channel: WechatCombinedPay, fault: str
) -> None:
    here.sandbox.control.plan("wechatpay", "wechatpay.combine", fault)
    with pytest.raises(ChannelSilent):
        channel.create(WANTED)
    assert set(words(channel).values()) == {InProgress.__name__}
    opened_page(channel)
