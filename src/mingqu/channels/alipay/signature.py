"""The bytes Alipay signs, RSA2: RSASSA-PKCS1-v1_5 with SHA-256.

Source: opendocs.alipay.com, "自行实现签名" and "自行实现验签" (2026). A request's signature covers its parameters in
order of their names, `sign_type` among them; a notice's leaves `sign` and `sign_type` out; an answer's covers the very
bytes of its `…_response`, which must not be written anew.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

SIGN: Final = "sign"
SIGN_TYPE: Final = "sign_type"
RSA2: Final = "RSA2"


def signed_text(parameters: Mapping[str, str], *, without: Collection[str] = (SIGN,)) -> bytes:
    """Return what a signature over parameters covers: those that are not empty, by name, joined as in a query.

    Example: {"b": "2", "a": "1", "c": "", "sign": "…"} → a=1&b=2
    """
    kept = [f"{name}={parameters[name]}" for name in sorted(parameters) if parameters[name] and name not in without]
    return "&".join(kept).encode()


def sign(*, key: RSAPrivateKey, content: bytes) -> str:
    """Return the signature over bytes, in base64."""
    return base64.b64encode(key.sign(content, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed(*, keys: Iterable[RSAPublicKey], content: bytes, signature: str) -> bool:
    """Return whether a signature in base64 is one of these keys' over these bytes."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if base64.b64encode(raw).decode() != signature:
        return False  # spare bits of the last character: another text for the same bytes, which nobody writes
    return any(_fits(key, raw, content) for key in keys)


def _fits(key: RSAPublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
