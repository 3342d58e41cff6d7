"""WeChat Pay played for tests: it signs with a platform key of its own, and can be made to misbehave."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import count

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.wechatpay.platform import PlatformKeys
from mingqu.channels.wechatpay.speech import Merchant
from mingqu.channels.wire import Wire
from tests.contracts.people import START

API_V3_KEY = "0123456789abcdef0123456789abcdef"
KEY_ID = "PUB_KEY_ID_0117000000000001"


@cache
def rsa_key(which: str) -> rsa.RSAPrivateKey:
    """One key for each name, made once: a key takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def stamp(body: bytes, *, at: datetime, key: str = "platform", key_id: str = KEY_ID) -> dict[str, str]:
    """Return the headers under which WeChat Pay answers and notifies."""
    timestamp, nonce = str(int(at.timestamp())), "593BEC0C930BF1AFEB40B4A08C8FB242"
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signature = rsa_key(key).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Serial": key_id,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }


def sealed(content: bytes, *, associated_data: str = "transaction") -> dict[str, str]:
    """Return a resource as notices and certificates carry it."""
    nonce = "fdasflkja484"
    ciphertext = AESGCM(API_V3_KEY.encode()).encrypt(nonce.encode(), content, associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(ciphertext).decode(),
        "associated_data": associated_data,
        "nonce": nonce,
    }


@cache
def certificate(which: str, *, starts_at: datetime, ends_at: datetime) -> x509.Certificate:
    """Return a certificate of the platform's."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com sign")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa_key(which).public_key())
        .serial_number(int.from_bytes(which.encode()[:8], "big"))
        .not_valid_before(starts_at)
        .not_valid_after(ends_at)
        .sign(rsa_key(which), hashes.SHA256())
    )


def serial_of(made: x509.Certificate) -> str:
    return f"{made.serial_number:X}"


def listed(*made: x509.Certificate) -> dict[str, object]:
    """Return the answer to GET /v3/certificates."""
    return {
        "data": [
            {
                "serial_no": serial_of(each),
                "effective_time": "2026-08-01T00:00:00+08:00",
                "expire_time": "2027-08-01T00:00:00+08:00",
                "encrypt_certificate": sealed(
                    each.public_bytes(serialization.Encoding.PEM), associated_data="certificate"
                ),
            }
            for each in made
        ]
    }


@dataclass
class Platform:
    """Answers with what `say` returns; signed with `key` under `key_id` unless `signs` is off."""

    clock: SettableClock = field(default_factory=lambda: SettableClock(start=START))
    say: Callable[[httpx.Request], tuple[int, object]] = lambda request: (404, {"code": "ORDER_NOT_EXIST"})
    heard: list[httpx.Request] = field(default_factory=list)
    key: str = "platform"
    key_id: str = KEY_ID
    signs: bool = True
    age: timedelta = timedelta(0)
    meddle: Callable[[httpx.Response], httpx.Response] = lambda response: response

    def merchant(self, *, keys: PlatformKeys | None = None) -> Merchant:
        numbers = count(1)
        return Merchant(
            wire=Wire(base_url="https://pay.example", transport=httpx.MockTransport(self.handle)),
            appid="wx0000000000000001",
            mchid="1900000001",
            serial="5157F09EFDC096DE15EBE81A47057A7200000000",
            key=rsa_key("merchant"),
            api_v3_key=API_V3_KEY.encode(),
            platform=keys or PlatformKeys(given={KEY_ID: rsa_key("platform").public_key()}, has_certificates=False),
            notify_url="https://house.example/notices/hosted",
            clock=self.clock,
            nonces=lambda: f"{next(numbers):032x}",
        )

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        status, value = self.say(request)
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        headers = stamp(body, at=self.clock.now() - self.age, key=self.key, key_id=self.key_id) if self.signs else {}
        return self.meddle(httpx.Response(status, headers=headers, content=body))
