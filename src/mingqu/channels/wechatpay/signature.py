"""The bytes WeChat Pay signs, and its two kinds of sealing.

Sources: pay.weixin.qq.com, APIv3, "签名生成", "签名验证", "敏感信息加解密", "证书和回调报文解密" (2026).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mingqu.domain.personal import Personal

SCHEMA: Final = "WECHATPAY2-SHA256-RSA2048"
AGE_SECONDS_MAX: Final = 300
SERIAL_HEADER: Final = "wechatpay-serial"
_TIMESTAMP_DIGITS_MAX: Final = 12


class Fault(Enum):
    """What is wrong with a signed message, in the order in which it is looked at."""

    SIGNATURE = "signature"
    CERTIFICATE = "certificate"  # rightly signed, under a certificate whose time is over
    AGE = "age"


def sign(*, key: RSAPrivateKey, lines: tuple[str | bytes, ...]) -> str:
    """Return the base64 of the RSASSA-PKCS1-v1_5 signature with SHA-256 over lines, each ended by a line feed."""
    return base64.b64encode(key.sign(_joined(lines), padding.PKCS1v15(), hashes.SHA256())).decode()


def authorization(
    *, key: RSAPrivateKey, serial: str, mchid: str, method: str, target: str, body: bytes, at: datetime, nonce: str
) -> str:
    """Return the Authorization header of a request; `target` is path and query, `body` the bytes, both as sent."""
    timestamp = str(int(at.timestamp()))
    signature = sign(key=key, lines=(method, target, timestamp, nonce, body))
    return (
        f'{SCHEMA} mchid="{mchid}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{serial}"'
    )


def check(*, key: RSAPublicKey | None, headers: Mapping[str, str], body: bytes, at: datetime) -> Fault | None:
    """Return what is wrong with an answer or a notice, or None. `key` is the one its serial names, None if unknown.

    Header names are in lower case. A probe (探测流量) carries `WECHATPAY/SIGNTEST/…` for a signature and fails here
    like any forgery, which is what it asks for.
    """
    timestamp, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
    if key is None or headers.get("wechatpay-signature-type", SCHEMA) != SCHEMA:
        return Fault.SIGNATURE
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _TIMESTAMP_DIGITS_MAX):
        return Fault.SIGNATURE
    try:
        signature = base64.b64decode(headers.get("wechatpay-signature", ""), validate=True)
        key.verify(signature, _joined((timestamp, nonce, body)), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return Fault.SIGNATURE
    return Fault.AGE if abs(at.timestamp() - int(timestamp)) > AGE_SECONDS_MAX else None


def open_resource(*, api_v3_key: bytes, ciphertext: str, nonce: str, associated_data: str) -> bytes | None:
    """Return what AES-256-GCM sealed in a notice or a certificate (the tag stands at the end), or None.

    Example, key 0123456789abcdef twice, nonce fdasflkja484, associated data "transaction":
    DUcclrHBE5NffFMk6pzEyhUIzEut7J8Snwq2376egEzqBqkvQw== → {"out_trade_no":"R1"}
    """
    try:
        sealed = base64.b64decode(ciphertext, validate=True)
        return AESGCM(api_v3_key).decrypt(nonce.encode(), sealed, associated_data.encode())
    except (InvalidTag, binascii.Error, ValueError):
        return None


def seal_field(*, key: RSAPublicKey, value: Personal[str]) -> str:
    """Return a personal field for a request, sealed to the platform's key: RSA-OAEP with SHA-1 and MGF1 of SHA-1.

    The request must name the key's id in the header Wechatpay-Serial.
    """
    sha1 = hashes.SHA1()  # noqa: S303  What the document prescribes; OAEP does not need it to be collision-free.
    oaep = padding.OAEP(mgf=padding.MGF1(algorithm=sha1), algorithm=sha1, label=None)
    return base64.b64encode(key.encrypt(value.reveal().encode(), oaep)).decode()


def _joined(lines: tuple[str | bytes, ...]) -> bytes:
    return b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
