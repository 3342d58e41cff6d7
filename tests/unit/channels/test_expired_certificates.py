"""A notice under a certificate whose time is over is told from a forgery, and believed as little."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from mingqu.channels.alipay.notice import AlipayNotices
from mingqu.channels.alipay.platform import certificate_number
from mingqu.channels.wechatpay.notice import WechatNotices
from mingqu.channels.wechatpay.platform import PlatformKeys
from mingqu.domain.word import Paid
from mingqu.ports.notice import Notice, NoticeCertificateOver, NoticeStale, NoticeUnsigned
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START
from tests.unit.channels.alipay_party import a_notice, answering, certified, own_key, signed_form, their_certificate
from tests.unit.channels.test_wechatpay_notice import envelope
from tests.unit.channels.wechatpay_party import Platform, certificate, listed, serial_of, stamp

SOON, BEFORE, LATER = START + timedelta(days=10), START - timedelta(days=1), START + timedelta(days=400)
OLD = certificate("old", starts_at=BEFORE, ends_at=SOON)
NEW = certificate("new", starts_at=BEFORE, ends_at=LATER)


def certificates(request: httpx.Request) -> tuple[int, object]:
    return (200, listed(OLD, NEW)) if request.url.path == "/v3/certificates" else (404, {"code": "X"})


def test_wechat_pay_has_to_sign_with_its_next_certificate() -> None:
    there = Platform(say=certificates, key="old", key_id=serial_of(OLD))
    merchant = there.merchant(keys=PlatformKeys(given={}, has_certificates=True))
    reader, body = WechatNotices(merchant=merchant), envelope()

    def read(key: str, key_id: str, *, at: timedelta = timedelta(0)) -> object:
        headers = stamp(body, at=there.clock.now() + at, key=key, key_id=key_id)
        return reader.read(target="/notices/wechatpay", headers=headers, body=body)

    assert isinstance(read("old", serial_of(OLD)), Notice)
    there.clock.advance_to(SOON - timedelta(seconds=1))
    assert isinstance(read("old", serial_of(OLD)), Notice)
    there.clock.advance_to(SOON)
    asked = len(there.heard)
    for skew in (timedelta(0), timedelta(hours=-1)):  # that it is old besides is no news
        with pytest.raises(NoticeCertificateOver) as refusal:
            read("old", serial_of(OLD), at=skew)
        assert (refusal.value.code, refusal.value.status) == ("notice_certificate_over", 401)
    with pytest.raises(NoticeUnsigned) as forged:  # who only names an old certificate is a forger
        read("stranger", serial_of(OLD))
    assert forged.value.code == "notice_unsigned"
    assert len(there.heard) == asked, "a certificate that is over is not looked for"
    there.key = "new"
    there.key_id = serial_of(NEW)
    assert isinstance(read("new", serial_of(NEW)), Notice)
    with pytest.raises(NoticeStale):
        read("new", serial_of(NEW), at=timedelta(seconds=301))


def test_an_answer_of_wechat_pay_under_a_certificate_that_is_over_is_silence() -> None:
    there = Platform(say=certificates, key="old", key_id=serial_of(OLD))
    merchant = there.merchant(keys=PlatformKeys(given={}, has_certificates=True))
    assert merchant.exchange("GET", "/v3/x").status == 404
    there.clock.advance_to(SOON)
    with pytest.raises(ChannelSilent) as silent:
        merchant.exchange("GET", "/v3/x")
    assert silent.value.reason == "unsigned"


def test_alipay_has_to_sign_with_its_next_certificate() -> None:
    application = answering(lambda *_: ChannelSilent(reason="timeout"), platform=certified())
    reader = AlipayNotices(application=application)
    named = {"alipay_cert_sn": certificate_number(their_certificate())}

    def read(*, notify_time: str, forged: bool = False) -> object:
        form = signed_form(a_notice(notify_time=notify_time, **named), key=own_key() if forged else None)
        return reader.read(target="/notices/alipay", headers={}, body=form)

    said = read(notify_time="2026-08-15 10:00:05")
    assert isinstance(said, Notice)
    assert isinstance(said.word, Paid)
    application.clock.advance(timedelta(days=1, seconds=1))
    for notify_time in ("2026-08-16 10:00:05", "2026-08-01 10:00:05"):
        with pytest.raises(NoticeCertificateOver):
            read(notify_time=notify_time)
    with pytest.raises(NoticeUnsigned) as refusal:
        read(notify_time="2026-08-16 10:00:05", forged=True)
    assert refusal.value.code == "notice_unsigned"
