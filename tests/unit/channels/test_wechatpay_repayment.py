"""WeChat's loan repayment: which answers are words about a deduction or an agreement, and which say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mingqu.channels.wechatpay.repayment import WechatRepayments
from mingqu.domain.personal import Personal
from mingqu.domain.word import NumberTaken, Paid
from mingqu.ports.collection import Agreed, DeductionRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import number
from tests.unit.channels.wechatpay_party import Platform

WANTED = DeductionRequest(
    order_number=number(1),
    amount_fen=30_000,
    currency="CNY",
    agreement_token=Personal("c1/o1/a1"),
    amount_fen_min=1_500,
)
OWN = {"appid": "wx0000000000000001", "mchid": "1900000001"}
CONTRACT = OWN | {"out_contract_code": number(2), "contract_state": "SIGNED", "contract_id": "c1", "openid": "o1"}


def told(paid_fen: int = 30_000, **changed: object) -> dict[str, object]:
    return {
        **OWN,
        "out_trade_no": number(1),
        "trade_state": "SUCCESS",
        "transaction_id": "42",
        "success_time": "2026-08-15T10:00:00+08:00",
        "amount": {"total": 30_000, "payer_total": paid_fen, "currency": "CNY"},
        **changed,
    }


def channel(said: dict[str, object]) -> WechatRepayments:
    return WechatRepayments(merchant=Platform(say=lambda _: (200, said)).merchant(), plan_id="1")


def test_a_payment_below_the_minimum_or_above_the_amount_is_not_what_was_asked_for() -> None:
    assert [isinstance(channel(told(fen)).deduct(WANTED), Paid) for fen in (1_500, 30_000)] == [True, True]
    for fen in (1_499, 30_001):
        assert channel(told(fen)).deduct(WANTED) == NumberTaken()
    assert channel(told(29_999)).deduct(replace(WANTED, amount_fen_min=None)) == NumberTaken()


@pytest.mark.parametrize(
    "changed",
    [
        {"out_trade_no": number(3)},
        {"appid": "wx2"},
        {"mchid": "1900000002"},
        {"trade_state": "DREAMING"},
        {"transaction_id": None},
        {"success_time": None},
        {"amount": {"total": 0}},
    ],
)
def test_an_answer_about_something_else_says_nothing(changed: dict[str, object]) -> None:
    for ask in (lambda: channel(told(**changed)).deduct(WANTED), lambda: channel(told(**changed)).ask(number(1))):
        with pytest.raises(ChannelSilent, match="unreadable"):
            ask()


def test_an_agreement_is_believed_under_its_own_number_alone() -> None:
    assert isinstance(channel(CONTRACT).ask_agreement(number(2)), Agreed)
    for changed in ({"out_contract_code": number(3)}, {"mchid": "1900000002"}, {"contract_id": None}):
        with pytest.raises(ChannelSilent, match="unreadable"):
            channel({**CONTRACT, **changed}).ask_agreement(number(2))
