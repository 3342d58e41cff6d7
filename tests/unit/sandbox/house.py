"""The house's side, as a test writes it: signs by the documents with `cryptography` alone, and verifies what comes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mingqu.sandbox import Sandbox
from mingqu.sandbox.keys import Secrets, load_or_make

START = datetime(2026, 8, 15, 2, tzinfo=UTC)
PATIENCE_SECONDS = 60  # for an answer that a busy machine gives late: none of these tests waits for silence
NAME, ID_NUMBER, PHONE, CARD = "林知夏", "330106199305121028", "13800008801", "6200000100010012"


@dataclass
class Moving:
    """A clock that a test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


@dataclass
class House:
    """Somebody who talks to a sandbox."""

    sandbox: Sandbox
    clock: Moving
    client: httpx.Client

    def gateway(
        self,
        party: str,
        method: str,
        path: str,
        content: Any = None,
        *,
        query: str = "",
        created: int | None = None,
        nonce: str | None = None,
        spoil: str = "",
    ) -> httpx.Response:
        """Send one signed request of the gateway protocol. `spoil` names what is changed after signing."""
        given = self.sandbox.credentials[party]
        key = serialization.load_pem_private_key(given["private_key"].encode(), password=None)
        assert isinstance(key, Ed25519PrivateKey)
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        created = int(self.clock.now.timestamp()) if created is None else created
        parameters = (
            f'("@method" "@path" "@query" "content-digest");created={created};keyid="{given["key_id"]}";'
            f'nonce="{nonce or secrets.token_hex(16)}";alg="ed25519"'
        )
        base = (
            f'"@method": {method}\n"@path": {path}\n"@query": ?{query}\n"content-digest": {digest}\n'
            f'"@signature-params": {parameters}'
        )
        signature = base64.b64encode(key.sign(base.encode())).decode()
        if spoil == "body":
            body = body.replace(b"100", b"900")
        if spoil == "key":
            parameters = parameters.replace(given["key_id"], "nobody-1")
        headers = {
            "content-digest": digest,
            "signature-input": f"sig1={parameters}",
            "signature": f"sig1=:{signature}:",
        }
        url = given["base_url"] + path + (f"?{query}" if query else "")
        return self.client.request(method, url, content=body, headers=headers)

    def verify(self, party: str, answer: httpx.Response) -> bool:
        """Whether an answer carries the party's signature over just these bytes."""
        given = self.sandbox.credentials[party]
        key = serialization.load_pem_public_key(given["their_public_key"].encode())
        assert isinstance(key, Ed25519PublicKey)
        parameters = answer.headers["signature-input"].removeprefix("sig1=")
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(answer.content).digest()).decode()}:"
        base = f'"@status": {answer.status_code}\n"content-digest": {digest}\n"@signature-params": {parameters}'
        found = re.fullmatch(r"sig1=:(.+):", answer.headers["signature"])
        assert found is not None
        try:
            key.verify(base64.b64decode(found[1]), base.encode())
        except Exception:  # noqa: BLE001
            return False
        return True

    def verify_notice(self, party: str, address: str, headers: dict[str, str], body: bytes) -> bool:
        """Whether a notice carries the party's signature over just these bytes, sent to just this address."""
        given, parts = self.sandbox.credentials[party], urlsplit(address)
        key = serialization.load_pem_public_key(given["their_public_key"].encode())
        assert isinstance(key, Ed25519PublicKey)
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        parameters = headers["signature-input"].removeprefix("sig1=")
        base = (
            f'"@method": POST\n"@path": {parts.path}\n"@query": ?{parts.query}\n"content-digest": {digest}\n'
            f'"@signature-params": {parameters}'
        )
        try:
            key.verify(base64.b64decode(headers["signature"].removeprefix("sig1=:").removesuffix(":")), base.encode())
        except InvalidSignature:
            return False
        return True

    def wechatpay(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        stamp: int | None = None,
        nonce: str | None = None,
        serial: str | None = None,
    ) -> httpx.Response:
        """Send one signed request of APIv3; `serial` names the platform's key that shall sign the answer."""
        given = self.sandbox.credentials["wechatpay"]
        key = serialization.load_pem_private_key(given["merchant_private_key"].encode(), password=None)
        assert isinstance(key, RSAPrivateKey)
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        when, nonce = stamp or int(self.clock.now.timestamp()), nonce or secrets.token_hex(16)
        signed = f"{method}\n{target}\n{when}\n{nonce}\n".encode() + body + b"\n"
        signature = base64.b64encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256())).decode()
        authorization = (
            f'WECHATPAY2-SHA256-RSA2048 mchid="{given["mchid"]}",nonce_str="{nonce}",signature="{signature}",'
            f'timestamp="{when}",serial_no="{given["merchant_serial"]}"'
        )
        headers = {"authorization": authorization, "content-type": "application/json"}
        if serial is not None:
            headers["wechatpay-serial"] = serial
        return self.client.request(method, given["base_url"] + target, content=body, headers=headers)

    def verify_wechatpay(self, body: bytes, headers: Any) -> bool:
        """Whether an answer or notice carries the platform's signature over just these bytes."""
        key = serialization.load_pem_public_key(self.sandbox.credentials["wechatpay"]["platform_public_key"].encode())
        assert isinstance(key, RSAPublicKey)
        signed = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n".encode() + body + b"\n"
        try:
            signature = base64.b64decode(headers["wechatpay-signature"])
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except Exception:  # noqa: BLE001
            return False
        return True

    def verify_wechatpay_if_signed(self, answer: httpx.Response) -> bool:
        """Whether an answer is signed at all, and rightly."""
        return "wechatpay-signature" in answer.headers and self.verify_wechatpay(answer.content, answer.headers)

    def prepay(self, number: str, total: int = 100, **more: Any) -> httpx.Response:
        """Ask for an H5 page."""
        given = self.sandbox.credentials["wechatpay"]
        asked = {
            "appid": given["appid"],
            "mchid": given["mchid"],
            "description": "还款",
            "out_trade_no": number,
            "notify_url": "http://127.0.0.1:9/notify",
            "amount": {"total": total, "currency": "CNY"},
            "scene_info": {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}},
            **more,
        }
        return self.wechatpay("POST", "/v3/pay/transactions/h5", asked)


@cache
def made_once() -> Secrets:
    """Keys for all sandboxes of a test run that keep none: making RSA keys takes longer than most tests."""
    return load_or_make(None)


@contextmanager
def playing(**settings: Any) -> Iterator[House]:
    """A sandbox at the start of the story, with one person in it, and a house that talks to it."""
    clock = Moving()
    if "folder" not in settings and "secrets" not in settings:
        settings["secrets"] = made_once()
    with Sandbox(clock=clock, **settings) as sandbox:
        sandbox.control.meet(
            name=NAME, id_number=ID_NUMBER, phone=PHONE, card_number=CARD, balance_fen=100_000, features={"lenders": 2}
        )
        with httpx.Client(timeout=PATIENCE_SECONDS) as client:
            yield House(sandbox=sandbox, clock=clock, client=client)


Heard = list[tuple[dict[str, str], bytes]]


@contextmanager
def receiving() -> Iterator[tuple[str, Heard, list[int]]]:
    """A house that hears notices: its address, what it heard, and what it answers next (204 when nothing is set)."""
    heard: Heard = []
    answers: list[int] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/notify", heard, answers
        server.shutdown()
        thread.join()


def opened(house: House, body: bytes) -> tuple[str, Any]:
    """Return event and content of a notice of WeChat Pay's."""
    said = json.loads(body)
    sealed = said["resource"]
    key = AESGCM(house.sandbox.credentials["wechatpay"]["api_v3_key"].encode())
    plain = key.decrypt(
        sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), sealed["associated_data"].encode()
    )
    return said["event_type"], json.loads(plain)
