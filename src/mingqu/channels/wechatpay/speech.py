"""A signed question of a merchant to WeChat Pay, and its signed answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from mingqu.channels.wechatpay.platform import PlatformKeys, read_certificates
from mingqu.channels.wechatpay.signature import SERIAL_HEADER, Fault, authorization, check, seal_field
from mingqu.channels.wire import ANSWER_BYTES_MAX, Answer, Wire
from mingqu.domain.personal import Personal
from mingqu.ports.clock import Clock
from mingqu.ports.silence import ChannelSilent

Said = TypeVar("Said")
CERTIFICATES: Final = "/v3/certificates"
_OURS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """Who we are at WeChat Pay, and how to reach it. `nonces` gives 32 fresh hex digits each time."""

    wire: Wire
    appid: str
    mchid: str
    serial: str
    key: RSAPrivateKey
    api_v3_key: bytes
    platform: PlatformKeys
    notify_url: str
    clock: Clock
    nonces: Callable[[], str]

    def __post_init__(self) -> None:
        assert len(self.api_v3_key) == 32
        assert "?" not in self.notify_url, "WeChat Pay takes an address for notices without a query"

    def exchange(self, method: str, path: str, *, query: str = "", body: Mapping[str, object] | None = None) -> Answer:
        """Say something and return the verified answer of any status below 500 but 429. Errors: ChannelSilent."""
        answer = self.fetch(method, path, query=query, body=body)
        if self.check(headers=answer.headers, body=answer.body) is not None:
            # What is wrong with our own signature is often said without one. It is silence in any case.
            raise ChannelSilent(reason="rejected" if answer.status in _OURS else "unsigned")
        return answer

    def fetch(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: Mapping[str, object] | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        """Say something signed and return the answer unverified: for files, which are not signed, and certificates."""
        content = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        now = self.clock.now()
        headers = {
            "Accept": "application/json",
            "User-Agent": "mingqu",
            "Authorization": authorization(
                key=self.key,
                serial=self.serial,
                mchid=self.mchid,
                method=method,
                target=self.wire.target(path, query=query),
                body=content,
                at=now,
                nonce=self.nonces(),
            ),
        }
        if content:
            headers["Content-Type"] = "application/json"
        current = self.platform.current(at=now)
        if current is not None:
            headers["Wechatpay-Serial"] = current.key_id  # with a public key it asks to be answered under it
        return self.wire.exchange(
            method=method, path=path, query=query, headers=headers, body=content, bytes_max=bytes_max
        )

    def check(self, *, headers: Mapping[str, str], body: bytes) -> Fault | None:
        """Return what is wrong with an answer or a notice, or None; an unknown certificate is looked for.

        Header names are in lower case. What is rightly signed under a certificate whose time is over is told from a
        forgery, and taken as little. Errors: ChannelSilent, while looking for certificates.
        """
        over = self.platform.over(headers.get(SERIAL_HEADER, ""), at=self.clock.now())
        if over is not None:
            fault = check(key=over, headers=headers, body=body, at=self.clock.now())
            return Fault.SIGNATURE if fault is Fault.SIGNATURE else Fault.CERTIFICATE
        return check(key=self._key_for(headers.get(SERIAL_HEADER, "")), headers=headers, body=body, at=self.clock.now())

    def seal(self, value: Personal[str]) -> str:
        """Return a personal field sealed to the platform's key, which `exchange` then names. Errors: ChannelSilent."""
        now = self.clock.now()
        if self.platform.current(at=now) is None and self.platform.may_fetch("", at=now):
            self._fetch_certificates()
        current = self.platform.current(at=now)
        if current is None:
            raise ChannelSilent(reason="unsigned")
        return seal_field(key=current.key, value=value)

    def _key_for(self, key_id: str) -> RSAPublicKey | None:
        found = self.platform.find(key_id, at=self.clock.now())
        if found is None and self.platform.may_fetch(key_id, at=self.clock.now()):
            self._fetch_certificates()
            found = self.platform.find(key_id, at=self.clock.now())
        return found

    def _fetch_certificates(self) -> None:
        """Learn the certificates there are. Their answer is signed by one of them, which our own key vouches for."""
        answer = self.fetch("GET", CERTIFICATES)
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="rejected")
        new = read_certificates(body=answer.body, api_v3_key=self.api_v3_key)
        now = self.clock.now()
        signer = next((each for each in new if each.key_id == answer.headers.get(SERIAL_HEADER)), None)
        key = signer.key if signer is not None and signer.valid(now) else None
        if check(key=key, headers=answer.headers, body=answer.body, at=now) is not None:
            raise ChannelSilent(reason="unsigned")
        self.platform.learn(new, at=now)


def read(answer: Answer, *, of: type[Said]) -> Said:
    """Return the content of an answer; fields we do not know are passed over. Errors: ChannelSilent."""
    try:
        return msgspec.json.decode(answer.body, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ChannelSilent(reason="unreadable") from None


def problem(answer: Answer) -> str:
    """Return the error code of an answer, e.g. "ORDER_CLOSED". Errors: ChannelSilent when it names none."""
    return read(answer, of=_Problem).code
