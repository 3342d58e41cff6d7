"""Signatures and seals of WeChat Pay, against a published vector and somebody else's library."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from wechatpayv3 import utils as oracle

from mingqu.channels.wechatpay.payment import WechatPay
from mingqu.channels.wechatpay.platform import FETCH_AGAIN_AFTER, PlatformKeys
from mingqu.channels.wechatpay.signature import Fault, authorization, check, open_resource, seal_field, sign
from mingqu.domain.personal import Personal
from mingqu.domain.word import NotFound
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START, number
from tests.unit.channels.wechatpay_party import (
    API_V3_KEY,
    KEY_ID,
    Platform,
    certificate,
    listed,
    rsa_key,
    sealed,
    serial_of,
    stamp,
)

SOON = START + timedelta(days=30)
OLD = certificate("old", starts_at=START - timedelta(days=300), ends_at=START + timedelta(days=10))
NEW = certificate("new", starts_at=START - timedelta(days=1), ends_at=START + timedelta(days=300))
FUTURE = certificate("future", starts_at=SOON, ends_at=SOON + timedelta(days=300))


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/v3/pay/transactions/jsapi", '{"description":"还款","amount":{"total":1}}'),
        ("GET", "/v3/pay/transactions/out-trade-no/1?mchid=1900000001", ""),
    ],
)
def test_a_request_is_signed_as_another_library_signs_it(method: str, target: str, body: str) -> None:
    theirs = oracle.build_authorization(
        target, method, "1900000001", "SERIAL", rsa_key("merchant"), data=body, nonce_str="593BEC0C"
    )
    timestamp = re.search(r'timestamp="(\d+)"', theirs)
    assert timestamp is not None
    ours = authorization(
        key=rsa_key("merchant"),
        serial="SERIAL",
        mchid="1900000001",
        method=method,
        target=target,
        body=body.encode(),
        at=datetime.fromtimestamp(int(timestamp[1]), UTC),
        nonce="593BEC0C",
    )
    assert ours == theirs


def test_the_call_inside_wechat_is_signed_over_its_four_lines() -> None:
    ours = sign(key=rsa_key("merchant"), lines=("wx1", "1786752000", "n1", "prepay_id=p1"))
    assert ours == oracle.rsa_sign(rsa_key("merchant"), "wx1\n1786752000\nn1\nprepay_id=p1\n")


def test_the_published_sealed_resource_opens_and_a_spoiled_one_does_not() -> None:
    ciphertext = "DUcclrHBE5NffFMk6pzEyhUIzEut7J8Snwq2376egEzqBqkvQw=="

    def opened(ciphertext: str = ciphertext, nonce: str = "fdasflkja484", data: str = "transaction") -> bytes | None:
        key = API_V3_KEY.encode()
        return open_resource(api_v3_key=key, ciphertext=ciphertext, nonce=nonce, associated_data=data)

    assert opened() == b'{"out_trade_no":"R1"}'
    assert oracle.aes_decrypt("fdasflkja484", ciphertext, "transaction", API_V3_KEY) == '{"out_trade_no":"R1"}'
    assert opened(data="") is None
    assert opened(nonce="fdasflkja485") is None
    assert opened(nonce="f") is None
    assert opened(ciphertext="E" + ciphertext[1:]) is None
    assert opened(ciphertext="AAAA") is None
    assert opened(ciphertext="not base64") is None
    assert open_resource(api_v3_key=API_V3_KEY.encode(), **_fields(sealed(b"x", associated_data=""))) == b"x"


def _fields(resource: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in resource.items() if name != "algorithm"}


def test_a_sealed_field_is_opened_by_another_library_and_shows_nothing() -> None:
    field = seal_field(key=rsa_key("platform").public_key(), value=Personal("林知夏"))
    assert oracle.rsa_decrypt(field, rsa_key("platform")) == "林知夏"
    assert field != seal_field(key=rsa_key("platform").public_key(), value=Personal("林知夏"))


def test_what_the_platform_signed_holds_for_five_minutes_and_nothing_else_holds() -> None:
    key = rsa_key("platform").public_key()
    headers = {name.lower(): value for name, value in stamp(b'{"a":1}', at=START).items()}
    assert oracle.rsa_verify(
        headers["wechatpay-timestamp"], headers["wechatpay-nonce"], '{"a":1}', headers["wechatpay-signature"], key
    )

    def checked(body: bytes = b'{"a":1}', seconds: int = 0, **other: str) -> Fault | None:
        given = {**headers, **{f"wechatpay-{name.replace('_', '-')}": value for name, value in other.items()}}
        return check(key=key, headers=given, body=body, at=START + timedelta(seconds=seconds))

    assert checked() is None
    assert checked(seconds=300) is None
    assert checked(seconds=-300) is None
    assert checked(seconds=301) is Fault.AGE
    assert checked(seconds=-301) is Fault.AGE
    assert checked(b'{"a":2}') is Fault.SIGNATURE
    assert checked(b"") is Fault.SIGNATURE
    assert checked(signature="WECHATPAY/SIGNTEST/c2lnbmF0dXJl") is Fault.SIGNATURE
    assert checked(signature="") is Fault.SIGNATURE
    assert checked(signature_type="WECHATPAY2-SM2-WITH-SM3") is Fault.SIGNATURE
    assert checked(timestamp="now") is Fault.SIGNATURE
    assert checked(timestamp="१७८६७५२०००") is Fault.SIGNATURE
    assert checked(nonce="") is Fault.SIGNATURE
    assert check(key=None, headers=headers, body=b'{"a":1}', at=START) is Fault.SIGNATURE
    empty = {name.lower(): value for name, value in stamp(b"", at=START).items()}
    assert check(key=key, headers=empty, body=b"", at=START) is None


def certified() -> Platform:
    """A platform in certificate mode that signs with its old certificate."""

    def say(request: httpx.Request) -> tuple[int, object]:
        if request.url.path == "/v3/certificates":
            return 200, listed(OLD, NEW, FUTURE)
        return 404, {"code": "ORDER_NOT_EXIST"}

    return Platform(say=say, key="old", key_id=serial_of(OLD))


def test_certificates_are_fetched_once_and_both_hold_while_one_gives_way_to_the_other() -> None:
    there = certified()
    merchant = there.merchant(keys=PlatformKeys(given={}, has_certificates=True))
    pay = WechatPay(merchant=merchant)
    assert pay.ask(number(1)) == NotFound()
    there.key, there.key_id = "new", serial_of(NEW)
    assert pay.ask(number(1)) == NotFound()
    there.key, there.key_id = "old", serial_of(OLD)
    assert pay.ask(number(1)) == NotFound()
    assert [request.url.path for request in there.heard].count("/v3/certificates") == 1
    current = merchant.platform.current(at=START)
    assert current is not None
    assert current.key_id == serial_of(NEW), "fields are sealed to the newest that holds"


def test_a_certificate_holds_within_its_dates_only() -> None:
    there = certified()
    keys = PlatformKeys(given={}, has_certificates=True)
    pay = WechatPay(merchant=there.merchant(keys=keys))
    pay.ask(number(1))
    there.key, there.key_id = "future", serial_of(FUTURE)
    with pytest.raises(ChannelSilent, match="unsigned"):
        pay.ask(number(1))
    there.clock.advance(timedelta(days=11))
    there.key, there.key_id = "old", serial_of(OLD)
    with pytest.raises(ChannelSilent, match="unsigned"):
        pay.ask(number(1))
    there.clock.advance_to(SOON)
    there.key, there.key_id = "future", serial_of(FUTURE)
    assert pay.ask(number(1)) == NotFound()


def test_a_strangers_serial_does_not_make_us_ask_for_certificates_all_the_time() -> None:
    there = certified()
    merchant = there.merchant(keys=PlatformKeys(given={}, has_certificates=True))
    pay = WechatPay(merchant=merchant)
    pay.ask(number(1))
    for _ in range(5):
        forged = {name.lower(): value for name, value in stamp(b"", at=START, key="stranger", key_id="77").items()}
        assert merchant.check(headers=forged, body=b"") is Fault.SIGNATURE
    there.clock.advance(FETCH_AGAIN_AFTER)
    merchant.check(headers=forged, body=b"")
    assert [request.url.path for request in there.heard].count("/v3/certificates") == 2


def test_certificates_that_nobody_vouches_for_are_not_learned() -> None:
    there = certified()
    there.key = "stranger"
    keys = PlatformKeys(given={}, has_certificates=True)
    with pytest.raises(ChannelSilent, match="unsigned"):
        WechatPay(merchant=there.merchant(keys=keys)).ask(number(1))
    assert keys.current(at=START) is None


def test_a_public_key_and_certificates_hold_together_while_the_mode_changes() -> None:
    there = certified()
    keys = PlatformKeys(given={KEY_ID: rsa_key("platform").public_key()}, has_certificates=True)
    pay = WechatPay(merchant=there.merchant(keys=keys))
    assert pay.ask(number(1)) == NotFound()
    there.key, there.key_id = "platform", KEY_ID
    assert pay.ask(number(1)) == NotFound()
    assert there.heard[-1].headers["wechatpay-serial"] == KEY_ID
