"""The gateway's signatures: a fixed profile of RFC 9421 with Ed25519, and Content-Digest of RFC 9530.

Source: docs/reference/bank-gateway.md, "Signatures"; RFC 9421 (2024), sections 2.5, 3.1 and 3.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

AGE_SECONDS_MAX: Final = 300  # between the signer's clock and ours, either way

_REQUEST: Final = '"@method" "@path" "@query" "content-digest"'
_ANSWER: Final = '"@status" "content-digest"'
_PARAMETERS: Final = re.compile(
    r'sig1=\((?P<covered>[^()]*)\);created=(?P<created>[0-9]{1,12});keyid="(?P<key_id>[A-Za-z0-9._-]{1,64})"'
    r';nonce="(?P<nonce>[0-9a-f]{32})";alg="ed25519"',
    re.ASCII,
)
_SIGNATURE: Final = re.compile(r"sig1=:(?P<bytes>[A-Za-z0-9+/]{86}==):", re.ASCII)


class Fault(Enum):
    """What is wrong with a signed message, in the order in which it is looked at."""

    SIGNATURE = "signature_wrong"
    KEY = "key_unknown"
    AGE = "stale"
    NONCE = "nonce_reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """Our own key and the id under which the other party knows it."""

    key_id: str
    key: Ed25519PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TheirKeys:
    """The other party's public keys by id: one, or two while they change from one to the next."""

    keys: Mapping[str, Ed25519PublicKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a signature says besides the signed components."""

    created: int  # seconds since 1970, UTC
    nonce: str


def digest(body: bytes) -> str:
    """Return the Content-Digest of a body. Example: b"" → sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign_request(*, own: SigningKey, method: str, target: str, body: bytes, at: datetime, nonce: str) -> dict[str, str]:
    """Return the three headers of a request. `target` is path and query as sent, `nonce` 32 hex digits."""
    parameters = f'({_REQUEST});created={int(at.timestamp())};keyid="{own.key_id}";nonce="{nonce}";alg="ed25519"'
    signature = own.key.sign(_request_lines(method, target, digest(body), parameters))
    return {
        "Content-Digest": digest(body),
        "Signature-Input": f"sig1={parameters}",
        "Signature": f"sig1=:{base64.b64encode(signature).decode()}:",
    }


def check_request(
    *, theirs: TheirKeys, method: str, target: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> Stamp | Fault:
    """Return the stamp of a request the other party signed, or what is wrong. Header names are in lower case."""
    said = headers.get("content-digest", "")
    return _check(
        theirs, headers, body, at, covered=_REQUEST, lines=lambda given: _request_lines(method, target, said, given)
    )


def key_id_of(headers: Mapping[str, str]) -> str:
    """Return the id of the key that a request says it is signed with, or nothing: it proves nothing yet."""
    given = _PARAMETERS.fullmatch(headers.get("signature-input", ""))
    return "" if given is None else given["key_id"]


def check_answer(
    *, theirs: TheirKeys, status: int, headers: Mapping[str, str], body: bytes, at: datetime, nonce: str
) -> Stamp | Fault:
    """Return the stamp of an answer to the request that had this nonce, or what is wrong."""
    said = headers.get("content-digest", "")
    stamp = _check(theirs, headers, body, at, covered=_ANSWER, lines=lambda given: _answer_lines(status, said, given))
    if isinstance(stamp, Stamp) and stamp.nonce != nonce:
        return Fault.NONCE  # somebody else's answer
    return stamp


def _check(
    theirs: TheirKeys,
    headers: Mapping[str, str],
    body: bytes,
    at: datetime,
    *,
    covered: str,
    lines: Callable[[str], bytes],
) -> Stamp | Fault:
    given = _PARAMETERS.fullmatch(headers.get("signature-input", ""))
    made = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if given is None or made is None or given["covered"] != covered or headers.get("content-digest") != digest(body):
        return Fault.SIGNATURE
    key = theirs.keys.get(given["key_id"])
    if key is None:
        return Fault.KEY
    try:
        key.verify(base64.b64decode(made["bytes"], validate=True), lines(given[0].removeprefix("sig1=")))
    except (InvalidSignature, binascii.Error):
        return Fault.SIGNATURE
    stamp = Stamp(created=int(given["created"]), nonce=given["nonce"])
    if abs(at.timestamp() - stamp.created) > AGE_SECONDS_MAX:
        return Fault.AGE
    return stamp


def _request_lines(method: str, target: str, said: str, parameters: str) -> bytes:
    path, _, query = target.partition("?")
    return "\n".join(
        (
            f'"@method": {method}',
            f'"@path": {path}',
            f'"@query": ?{query}',
            f'"content-digest": {said}',
            f'"@signature-params": {parameters}',
        )
    ).encode()


def _answer_lines(status: int, said: str, parameters: str) -> bytes:
    return "\n".join(
        (f'"@status": {status}', f'"content-digest": {said}', f'"@signature-params": {parameters}')
    ).encode()
