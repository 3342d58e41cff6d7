"""A counterparty of the gateway protocol for tests: it checks our signature line by line and signs what it is told."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.gateway.signature import SigningKey, TheirKeys
from mingqu.channels.gateway.speech import Party
from mingqu.channels.wire import Wire
from tests.contracts.people import START

OURS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
THEIRS = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96)))


def digest(body: bytes) -> str:
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


def signed(lines: str, parameters: str, *, key: Ed25519PrivateKey, body: bytes) -> dict[str, str]:
    whole = lines + f'"@signature-params": {parameters}'
    return {
        "Content-Digest": digest(body),
        "Signature-Input": "sig1=" + parameters,
        "Signature": "sig1=:" + base64.b64encode(key.sign(whole.encode())).decode() + ":",
    }


@dataclass
class Counterparty:
    """Answers with what `say` returns: a status and a JSON value, or raw bytes; signed unless a test meddles."""

    clock: SettableClock = field(default_factory=lambda: SettableClock(start=START))
    say: Callable[[httpx.Request], tuple[int, object]] = lambda request: (404, {"code": "not_found"})
    heard: list[httpx.Request] = field(default_factory=list)
    key: Ed25519PrivateKey = THEIRS
    key_id: str = "bank-1"
    nonce: str | None = None  # answer with this nonce instead of the request's
    skew_seconds: int = 0
    covered: str = '"@status" "content-digest"'
    meddle: Callable[[httpx.Response], httpx.Response] = lambda response: response

    def party(self) -> Party:
        numbers = count(1)
        return Party(
            wire=Wire(base_url="https://bank.example", transport=httpx.MockTransport(self.handle)),
            own=SigningKey(key_id="house-1", key=OURS),
            theirs=TheirKeys(keys={"bank-1": THEIRS.public_key()}),
            clock=self.clock,
            nonces=lambda: f"{next(numbers):032x}",
        )

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        asked = request.headers["signature-input"].split('nonce="')[1][:32]
        status, value = self.say(request)
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        created = int(self.clock.now().timestamp()) + self.skew_seconds
        parameters = f'({self.covered});created={created};keyid="{self.key_id}"'
        parameters += f';nonce="{self.nonce or asked}";alg="ed25519"'
        lines = f'"@status": {status}\n"content-digest": {digest(body)}\n'
        headers = signed(lines, parameters, key=self.key, body=body)
        return self.meddle(httpx.Response(status, headers=headers, content=body))
