"""The signed messages of docs/reference/bank-gateway.md, from the side of those who are asked.

A profile of RFC 9421 (HTTP Message Signatures) with Ed25519 and of RFC 9530 (Content-Digest). The order of checks is
signature, age, nonce; only then the body is read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mingqu.sandbox.book import Book
from mingqu.sandbox.time import Time, utc
from mingqu.sandbox.wire import Call, Reply, json_reply

AGE_SECONDS_MAX: Final = 300
NONCES_KEPT: Final = timedelta(seconds=600)
REQUEST_PARTS: Final = '("@method" "@path" "@query" "content-digest")'
ANSWER_PARTS: Final = '("@status" "content-digest")'
_INPUT: Final = re.compile(
    r'sig1=(?P<parameters>\("@method" "@path" "@query" "content-digest"\);created=(?P<created>[0-9]{1,12});'
    r'keyid="(?P<keyid>[^"]{1,64})";nonce="(?P<nonce>[0-9a-f]{32})";alg="ed25519")'
)


class Unsigned(Exception):  # noqa: N818 (a word for what came, not for a fault of ours)
    """The request is not signed as it must be; `code` is the answer's."""

    def __init__(self, code: str, nonce: str = "") -> None:
        super().__init__(code)
        self.code, self.nonce = code, nonce


class Malformed(Exception):  # noqa: N818 (as above)
    """The body is not of the form that the path takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A party's own key, and how it signs what it says."""

    key_id: str
    private_key: Ed25519PrivateKey
    time: Time

    def answer(self, reply: Reply, *, nonce: str) -> Reply:
        """Return an answer signed, bound to the request by its nonce."""
        digest = content_digest(reply.body)
        created = int(self.time.now().timestamp())
        parameters = f'{ANSWER_PARTS};created={created};keyid="{self.key_id}";nonce="{nonce}";alg="ed25519"'
        base = f'"@status": {reply.status}\n"content-digest": {digest}\n"@signature-params": {parameters}'
        return replace(reply, headers={**reply.headers, **self._headers(digest, parameters, base)})

    def request(self, *, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """Return the headers under which a request of the party's own (a notice) goes out."""
        digest = content_digest(body)
        created, nonce = int(self.time.now().timestamp()), secrets.token_hex(16)
        parameters = f'{REQUEST_PARTS};created={created};keyid="{self.key_id}";nonce="{nonce}";alg="ed25519"'
        base = _request_base(method, path, query, digest, parameters)
        return {"content-type": "application/json", **self._headers(digest, parameters, base)}

    def _headers(self, digest: str, parameters: str, base: str) -> dict[str, str]:
        signature = base64.b64encode(self.private_key.sign(base.encode())).decode()
        return {
            "content-digest": digest,
            "signature-input": f"sig1={parameters}",
            "signature": f"sig1=:{signature}:",
        }


class Door:
    """What all counterparties of the protocol do with a request before they read it."""

    def __init__(
        self, *, party: str, book: Book, time: Time, callers: Mapping[str, Ed25519PublicKey], signer: Signer
    ) -> None:
        self._party, self._book, self._time, self._callers = party, book, time, callers
        self.signer = signer
        self._foreign = replace(signer, private_key=Ed25519PrivateKey.generate())

    def require_signed(self, call: Call) -> str:
        """Return the nonce of a request that is signed, fresh and new. Errors: Unsigned."""
        found = _INPUT.fullmatch(call.headers.get("signature-input", ""))
        if found is None:
            raise Unsigned("signature_wrong")
        nonce = found["nonce"]
        key = self._callers.get(found["keyid"])
        if key is None:
            raise Unsigned("key_unknown", nonce)
        digest = content_digest(call.body)
        base = _request_base(call.method, call.path, call.query, digest, found["parameters"])
        if call.headers.get("content-digest") != digest or not _verifies(key, call.headers.get("signature", ""), base):
            raise Unsigned("signature_wrong", nonce)
        if abs(self._time.now().timestamp() - int(found["created"])) > AGE_SECONDS_MAX:
            raise Unsigned("stale", nonce)
        with self._book.writing():
            before = utc(self._time.now() - NONCES_KEPT)
            self._book.write("DELETE FROM nonce WHERE party = ? AND at < ?", (self._party, before))
            new = self._book.write(
                "INSERT OR IGNORE INTO nonce (party, nonce, at) VALUES (?, ?, ?)",
                (self._party, nonce, utc(self._time.now())),
            )
        if not new:
            raise Unsigned("nonce_reused", nonce)
        return nonce

    def caller(self, key_id: str) -> Ed25519PublicKey | None:
        """Return the key of a caller, or None when nobody has this id."""
        return self._callers.get(key_id)

    def sign(self, reply: Reply, *, nonce: str) -> Reply:
        """Return an answer with the party's signature."""
        return self.signer.answer(reply, nonce=nonce)

    def missign(self, reply: Reply, *, nonce: str) -> Reply:
        """Return an answer with the signature of somebody else's key under the party's name: a fault knob."""
        return self._foreign.answer(reply, nonce=nonce)


def refusal(code: str) -> Reply:
    """Return the answer of a final no."""
    return json_reply({"state": "refused", "code": code})


def read_body(call: Call, fields: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    """Return the body of a request that has just these fields, each as its test wants it. Errors: Malformed."""
    try:
        content = json.loads(call.body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError):
        raise Malformed("the body is not JSON in UTF-8") from None
    if not isinstance(content, dict):
        raise Malformed("the body is not an object")
    for name in content:
        if name not in fields:
            raise Malformed(f"{name!r} is not a field of this message")
    for name, holds in fields.items():
        if name not in content:
            raise Malformed(f"{name} is missing")
        if not holds(content[name]):
            raise Malformed(f"{name} is not of its form")
    return content


def number32(value: Any) -> bool:
    """Whether a value is a number of 32 lower-case hex digits."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) is not None


def text(value: Any) -> bool:
    """Whether a value is a text of reasonable length."""
    return isinstance(value, str) and 0 < len(value) <= 256


def amount(value: Any) -> bool:
    """Whether a value is an amount in whole fen above zero."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 10**15


def currency(value: Any) -> bool:
    """Whether a value is the currency that is moved here."""
    return isinstance(value, str) and value == "CNY"


def content_digest(body: bytes) -> str:
    """Return the Content-Digest of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _request_base(method: str, path: str, query: str, digest: str, parameters: str) -> str:
    return (
        f'"@method": {method}\n"@path": {path}\n"@query": ?{query}\n'
        f'"content-digest": {digest}\n"@signature-params": {parameters}'
    )


def _verifies(key: Ed25519PublicKey, signature: str, base: str) -> bool:
    found = re.fullmatch(r"sig1=:([A-Za-z0-9+/=]+):", signature)
    if found is None:
        return False
    try:
        key.verify(base64.b64decode(found[1], validate=True), base.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
