"""A notice of WeChat Pay is looked at in one order: signature, age, seal, content."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mingqu.channels.wechatpay.notice import WechatNotices
from mingqu.channels.wechatpay.platform import PlatformKeys
from mingqu.ports.notice import (
    Notice,
    NoticeForeign,
    NoticeMalformed,
    NoticeRefused,
    NoticeStale,
    NoticeUnsigned,
    NoticeUnsupported,
)
from tests.contracts.people import START, number
from tests.unit.channels.test_wechatpay import PAID, TRADE
from tests.unit.channels.wechatpay_party import Platform, sealed, stamp


def envelope(trade: object = TRADE, **changed: object) -> bytes:
    content = trade if isinstance(trade, bytes) else json.dumps(trade).encode()
    return json.dumps(
        {
            "id": "EV-2026081510050000001",
            "create_time": "2026-08-15T10:05:00+08:00",
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {"original_type": "transaction", **sealed(content)},
            **changed,
        }
    ).encode()


def read(body: bytes, headers: dict[str, str] | None = None) -> Notice:
    reader = WechatNotices(merchant=Platform().merchant())
    return reader.read(target="/notices/hosted", headers=headers or stamp(body, at=START), body=body)


def test_a_success_is_a_word_about_its_order() -> None:
    assert read(envelope()) == Notice(notice_id="EV-2026081510050000001", order_number=number(1), word=PAID)


def test_a_probe_and_a_forgery_are_refused() -> None:
    body = envelope()
    probe = {**stamp(body, at=START), "Wechatpay-Signature": "WECHATPAY/SIGNTEST/bm90IGEgc2lnbmF0dXJl"}
    for headers in (probe, stamp(body, at=START, key="stranger"), stamp(body, at=START, key_id="X"), {"A": "b"}):
        with pytest.raises(NoticeUnsigned) as refusal:
            read(body, headers)
        assert (refusal.value.code, refusal.value.status) == ("notice_unsigned", 401)
    with pytest.raises(NoticeUnsigned):
        read(envelope({**TRADE, "amount": {"total": 1}}), stamp(body, at=START))


def test_a_notice_whose_certificate_cannot_be_had_is_refused_and_comes_again() -> None:
    there = Platform(say=lambda request: (500, b""))
    reader = WechatNotices(merchant=there.merchant(keys=PlatformKeys(given={}, has_certificates=True)))
    body = envelope()
    with pytest.raises(NoticeUnsigned):
        reader.read(target="/", headers=stamp(body, at=START, key_id="77"), body=body)


@pytest.mark.parametrize("seconds", [301, -301])
def test_a_rightly_signed_notice_from_another_time_is_stale(seconds: int) -> None:
    body = envelope()
    with pytest.raises(NoticeStale):
        read(body, stamp(body, at=START + timedelta(seconds=seconds)))


@pytest.mark.parametrize("changed", [{"mchid": "1900000002"}, {"appid": "wx0000000000000002"}])
def test_a_notice_for_another_merchant_is_foreign(changed: dict[str, str]) -> None:
    with pytest.raises(NoticeForeign):
        read(envelope({**TRADE, **changed}))


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", NoticeMalformed),
        (b"\xff", NoticeMalformed),
        (b"[]", NoticeMalformed),
        (envelope(b"not json"), NoticeMalformed),
        (envelope({**TRADE, "trade_state": "CLOSED"}), NoticeMalformed),
        (envelope({**TRADE, "amount": {"total": 0}}), NoticeMalformed),
        (envelope({**TRADE, "success_time": None}), NoticeMalformed),
        (envelope(resource={**sealed(b"{}"), "nonce": "fdasflkja485"}), NoticeMalformed),
        (envelope(event_type="REFUND.SUCCESS"), NoticeUnsupported),
        (envelope(resource={**sealed(b"{}"), "algorithm": "AEAD_SM4_GCM"}), NoticeUnsupported),
    ],
)
def test_a_genuine_notice_that_makes_no_sense_is_refused(body: bytes, refusal: type[NoticeRefused]) -> None:
    with pytest.raises(refusal) as refused:
        read(body)
    assert refused.value.status == 400
