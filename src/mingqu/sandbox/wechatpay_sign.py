"""The signatures and seals of WeChat Pay APIv3, from WeChat's side.

Source: the merchant documentation of APIv3 as it stood in 2026 (request signature, answer and notice signature,
AEAD_AES_256_GCM, platform certificates and public-key mode, probe signatures).
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from mingqu.sandbox.time import beijing
from mingqu.sandbox.wire import Call

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
AGE_SECONDS_MAX: Final = 300
PROBE: Final = "WECHATPAY/SIGNTEST/"
_FIELD: Final = re.compile(r'(\w+)="([^"]*)"')


class SignatureWrong(Exception):  # noqa: N818 (what the other side did)
    """The request's Authorization does not verify."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformKey:
    """A key of the platform, under its serial: of a certificate, or PUB_KEY_ID_… in public-key mode."""

    serial: str
    private_key: RSAPrivateKey
    certificate: x509.Certificate | None = None


def require_signed(call: Call, *, mchid: str, serial: str, key: RSAPublicKey, now: datetime) -> str:
    """Return the nonce of a header that is this merchant's over just these bytes, lately. Errors: SignatureWrong."""
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    parts = dict(_FIELD.findall(rest))
    if scheme != SCHEME or set(parts) != {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}:
        raise SignatureWrong("Authorization 格式不正确")
    if parts["mchid"] != mchid or parts["serial_no"] != serial:
        raise SignatureWrong("商户号或证书序列号不正确")
    if not parts["timestamp"].isdigit() or abs(now.timestamp() - int(parts["timestamp"])) > AGE_SECONDS_MAX:
        raise SignatureWrong("时间戳已过期")
    signed = f"{call.method}\n{call.target}\n{parts['timestamp']}\n{parts['nonce_str']}\n".encode() + call.body + b"\n"
    try:
        key.verify(base64.b64decode(parts["signature"], validate=True), signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        raise SignatureWrong("签名验证失败") from None
    return str(parts["nonce_str"])


def sign(body: bytes, *, key: PlatformKey, now: datetime) -> dict[str, str]:
    """Return the headers under which an answer or a notice with this body goes out."""
    timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(16)
    signed = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signature = base64.b64encode(key.private_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())).decode()
    return {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-signature": signature,
        "wechatpay-serial": key.serial,
        "wechatpay-signature-type": SCHEME,
    }


def probe(headers: Mapping[str, str]) -> dict[str, str]:
    """Return signed headers with a signature that is a probe: whoever verifies refuses it."""
    wrong = PROBE + base64.b64encode(secrets.token_bytes(240)).decode()
    return {**headers, "wechatpay-signature": wrong}


def seal(text: str, *, api_v3_key: str, associated_data: str, nonce: str | None = None) -> dict[str, str]:
    """Return a text sealed with AES-256-GCM under the merchant's APIv3 key; the tag ends the ciphertext.

    Example: key 0123456789abcdef twice, nonce fdasflkja484, data "transaction", text {"out_trade_no":"R1"} give
    DUcclrHBE5NffFMk6pzEyhUIzEut7J8Snwq2376egEzqBqkvQw==.
    """
    nonce = nonce or secrets.token_hex(6)
    sealed = AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), text.encode(), associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": associated_data,
        "nonce": nonce,
    }


def certificate_of(key: RSAPrivateKey, *, now: datetime) -> x509.Certificate:
    """Return a platform certificate, issued by itself, good for five years from a day before now.

    It is good on the machine's own day as well, which may be years from a story's: some libraries ask that clock.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox WeChat Pay platform")])
    machine = datetime.now(UTC)
    begins, ends = min(now, machine) - timedelta(days=1), max(now, machine) + timedelta(days=5 * 365)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number((1 << 156) + secrets.randbits(152))  # 40 hex digits, as WeChat's have
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )


def serial_of(certificate: x509.Certificate) -> str:
    """Return a certificate's serial as WeChat writes it: hexadecimal in capitals."""
    return f"{certificate.serial_number:X}"


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def listed(key: PlatformKey, *, api_v3_key: str) -> dict[str, Any]:
    """Return a platform certificate as GET /v3/certificates lists it."""
    assert key.certificate is not None
    return {
        "serial_no": key.serial,
        "effective_time": beijing(key.certificate.not_valid_before_utc),
        "expire_time": beijing(key.certificate.not_valid_after_utc),
        "encrypt_certificate": seal(pem(key.certificate), api_v3_key=api_v3_key, associated_data="certificate"),
    }
