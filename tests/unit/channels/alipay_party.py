"""An Alipay for tests of the channel: keys made once, and a wire that answers as a test says, signed as documented."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import NameOID

from mingqu.channels.alipay.platform import Platform, certificate_number
from mingqu.channels.alipay.signature import sign, signed_text
from mingqu.channels.alipay.speech import Application
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.wire import Wire
from tests.contracts.people import START, number

APP_ID, SELLER_ID = "2021000000000001", "2088000000000001"
GATEWAY = "https://alipay.test/gateway.do"
PAID: Mapping[str, Any] = {
    "code": "10000", "msg": "Success", "out_trade_no": number(1), "trade_no": "2026081522001", "total_amount": "300.00",
    "trade_status": "TRADE_SUCCESS", "send_pay_date": "2026-08-15 10:00:00", "buyer_user_id": "2088000000000009",
}  # fmt: skip


@cache
def own_key() -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def their_key() -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@cache
def their_certificate() -> x509.Certificate:
    return certificate_for(their_key(), subject="Alipay")


def certificate_for(key: RSAPrivateKey, *, subject: str) -> x509.Certificate:
    """Return a certificate that Alipay's key issued, to itself or to somebody else."""
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Alipay")])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=1))
        .sign(their_key(), hashes.SHA256())
    )


def certified() -> Platform:
    """Return Alipay as an application in certificate mode knows it; its certificate is its own root."""
    platform = Platform(roots=[their_certificate()])
    assert platform.learn(their_certificate())
    return platform


def enveloped(
    value: Mapping[str, Any], *, method: str, key: RSAPrivateKey | None = None, in_certificate_mode: bool = False
) -> bytes:
    """Return an answer as Alipay writes it: with slashes escaped, and a space that no writer of ours would set."""
    inner = json.dumps(value, ensure_ascii=False).replace("/", "\\/")
    signature = sign(key=key or their_key(), content=inner.encode())
    number = f'"alipay_cert_sn":"{certificate_number(their_certificate())}",' if in_certificate_mode else ""
    return f'{{"{method.replace(".", "_")}_response":{inner},{number}"sign":"{signature}"}}'.encode()


def answering(
    answer: Callable[[str, dict[str, Any]], bytes | httpx.Response | Exception], *, platform: Platform | None = None
) -> Application:
    """Return an application, by default in key mode, whose wire answers by method and content."""

    def handle(request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.content.decode()))
        said = answer(asked["method"], json.loads(asked.get("biz_content", "{}")))
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, httpx.Response) else httpx.Response(200, content=said)

    wire = Wire(base_url=GATEWAY, transport=httpx.MockTransport(handle))
    return Application(
        wire=wire, bills=wire, gateway=GATEWAY, app_id=APP_ID, seller_id=SELLER_ID, key=own_key(),
        platform=platform or Platform(keys=[their_key().public_key()]), notify_url="https://loans.test/notices/alipay",
        clock=SettableClock(start=START),
    )  # fmt: skip


def saying(*values: Mapping[str, Any], platform: Platform | None = None) -> Application:
    """Return an application that hears these values, one after another, and then the last one again."""
    left = list(values)

    def answer(method: str, _: dict[str, Any]) -> bytes:
        value = left.pop(0) if len(left) > 1 else left[0]
        return enveloped(value, method=method, in_certificate_mode=platform is not None)

    return answering(answer, platform=platform)


def a_notice(**change: str) -> dict[str, str]:
    """Return the parameters of a notice of a payment, not signed."""
    return {
        "notify_time": "2026-08-15 10:00:05", "notify_type": "trade_status_sync", "notify_id": "n" * 34,
        "app_id": APP_ID, "seller_id": SELLER_ID, "out_trade_no": number(1), "trade_no": "2026081522001",
        "trade_status": "TRADE_SUCCESS", "total_amount": "300.00", "gmt_payment": "2026-08-15 10:00:00",
        "subject": "还款 & more=", "charset": "utf-8", "version": "1.0", **change,
    }  # fmt: skip


def signed_form(parameters: Mapping[str, str], *, key: RSAPrivateKey | None = None) -> bytes:
    """Return a notice as it travels."""
    signature = sign(key=key or their_key(), content=signed_text(parameters))
    return urlencode({**parameters, "sign_type": "RSA2", "sign": signature}).encode()
