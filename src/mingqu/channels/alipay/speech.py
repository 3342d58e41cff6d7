"""A signed question of an application to Alipay's gateway, and its signed answer; or a signed address for a browser."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mingqu.channels.alipay.amount import written
from mingqu.channels.alipay.form import form_of
from mingqu.channels.alipay.platform import Platform, certificate_number
from mingqu.channels.alipay.signature import RSA2, SIGN, is_signed, sign, signed_text
from mingqu.channels.wire import Answer, Wire
from mingqu.ports.clock import Clock
from mingqu.ports.silence import ChannelSilent

Read = TypeVar("Read")
OK: Final = "10000"
UNDER_WAY: Final = "10003"  # a buyer must do something first
UNAVAILABLE: Final = "20000"
TOO_OFTEN: Final = "40005"
BUSINESS: Final = "40004"
CERTIFICATE: Final = "alipay.open.app.alipaycert.download"
# "Failed" in their own words, and yet nobody knows: the document says to ask, and to say it again by the same number.
NOBODY_KNOWS: Final = frozenset(
    {"ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "SYSTEM_ERROR", "isp.unknow-error", "aop.unknow-error"}
)
_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: making it costs more


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    code: str = OK  # an OAuth token comes without
    sub_code: str = ""


class _Certificate(msgspec.Struct, frozen=True, kw_only=True):
    alipay_cert_content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A verified answer: its code, the sub code that alone tells failures apart, and the signed bytes."""

    code: str
    sub_code: str
    value: bytes

    def read(self, of: type[Read]) -> Read:
        """Return the content; fields we do not know are passed over. Errors: ChannelSilent."""
        try:
            return msgspec.json.decode(self.value, type=of)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ChannelSilent(reason="unreadable") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Who we are at Alipay, and how to reach it.

    `wire` ends in the gateway's path, `bills` is where files are fetched. `certificate_number` and `root_number` are
    those of certificate mode, "" in key mode. `seller_id` is the account that payments arrive on.
    """

    wire: Wire
    bills: Wire
    gateway: str
    app_id: str
    seller_id: str
    key: RSAPrivateKey
    platform: Platform
    certificate_number: str = ""
    root_number: str = ""
    notify_url: str
    clock: Clock

    def ask(self, method: str, content: Mapping[str, object], *, tells: bool = False) -> Said:
        """Say something and return the verified answer: done, under way, or a failure of business with its sub code.

        With `tells` the answer's later news come to our address for notices. Errors: ChannelSilent; "server_error" is
        said where Alipay itself does not know.
        """
        return heard(self.speak(method, content, tells=tells))

    def speak(
        self,
        method: str,
        content: Mapping[str, object] | None = None,
        *,
        tells: bool = False,
        beside: Mapping[str, str] | None = None,
    ) -> Said:
        """Say something and return the verified answer, whatever its code. `beside` stands outside the content.

        Errors: ChannelSilent.
        """
        answer = self._exchange(method, content, tells=tells, beside=beside)
        envelope = _envelope(answer)
        name = f"{method.replace('.', '_')}_response"
        value = envelope.get(name) or envelope.get("error_response")
        if value is None:
            raise ChannelSilent(reason="unreadable")
        said = bytes(value)
        outcome = _outcome(said)
        if not self._is_theirs(said, envelope):
            # What is wrong with our own signature is said without one. It is silence in any case.
            raise ChannelSilent(reason="rejected" if SIGN not in envelope and outcome.code != OK else "unsigned")
        return Said(code=outcome.code, sub_code=outcome.sub_code, value=said)

    def address(self, method: str, content: Mapping[str, object], *, back: str = "") -> str:
        """Return a signed address of the gateway that a browser opens. Nothing is said to anybody yet.

        `back` is where Alipay sends the browser when the person is done.
        """
        return f"{self.gateway}?{form_of(self._signed(method, content, tells=True, beside={'return_url': back}))}"

    def check(self, *, parameters: Mapping[str, str], without: tuple[str, ...]) -> bool:
        """Return whether parameters of a notice are signed by Alipay. Errors: ChannelSilent, looking for a key."""
        content = signed_text(parameters, without=without)
        return self._verified(content, parameters.get(SIGN, ""), parameters.get("alipay_cert_sn", ""))

    def is_over(self, *, parameters: Mapping[str, str], without: tuple[str, ...]) -> bool:
        """Return whether parameters are signed by Alipay, under a certificate whose time is over."""
        keys = self.platform.over(parameters.get("alipay_cert_sn", ""), at=self.clock.now())
        return is_signed(
            keys=keys, content=signed_text(parameters, without=without), signature=parameters.get(SIGN, "")
        )

    def _exchange(
        self, method: str, content: Mapping[str, object] | None, *, tells: bool, beside: Mapping[str, str] | None
    ) -> Answer:
        body = form_of(self._signed(method, content, tells=tells, beside=beside)).encode()
        headers = {
            "Accept": "application/json",
            "User-Agent": "mingqu",
            "Content-Type": "application/x-www-form-urlencoded;charset=utf-8",
        }
        answer = self.wire.exchange(method="POST", path="", headers=headers, body=body)
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="unreadable")
        return answer

    def _signed(
        self,
        method: str,
        content: Mapping[str, object] | None,
        *,
        tells: bool,
        beside: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        parameters = {
            "app_id": self.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": RSA2,
            "timestamp": written(self.clock.now()),
            "version": "1.0",
            "notify_url": self.notify_url if tells else "",
            "app_cert_sn": self.certificate_number,
            "alipay_root_cert_sn": self.root_number,
            "biz_content": "" if content is None else _WRITE(content),
            **(beside or {}),
        }
        parameters = {name: value for name, value in parameters.items() if value}
        return parameters | {SIGN: sign(key=self.key, content=signed_text(parameters))}

    def _is_theirs(self, said: bytes, envelope: Mapping[str, msgspec.Raw]) -> bool:
        return self._verified(said, _text(envelope.get(SIGN)), _text(envelope.get("alipay_cert_sn")))

    def _verified(self, content: bytes, signature: str, number: str) -> bool:
        if not signature:
            return False
        now = self.clock.now()
        keys = self.platform.keys_for(number, at=now)
        if not keys and self.platform.may_fetch(number, at=now):
            self._fetch(number)
            keys = self.platform.keys_for(number, at=now)
        return is_signed(keys=keys, content=content, signature=signature)

    def _fetch(self, number: str) -> None:
        """Learn a certificate that was named to us, if it is the one and a root of Alipay's issued it.

        Its answer is signed under the certificate itself, so the root is asked first and the signature after.
        Errors: ChannelSilent.
        """
        envelope = _envelope(self._exchange(CERTIFICATE, {"alipay_cert_sn": number}, tells=False, beside=None))
        said = envelope.get(f"{CERTIFICATE.replace('.', '_')}_response")
        if said is None:
            raise ChannelSilent(reason="rejected")
        told = Said(code=OK, sub_code="", value=bytes(said)).read(_Certificate)
        try:
            certificate = x509.load_pem_x509_certificate(base64.b64decode(told.alipay_cert_content, validate=True))
        except (ValueError, binascii.Error):
            raise ChannelSilent(reason="unreadable") from None
        if certificate_number(certificate) != number or not self.platform.learn(certificate):
            raise ChannelSilent(reason="unsigned")


def heard(said: Said) -> Said:
    """Return an answer that says something about business. Errors: ChannelSilent for every other."""
    if said.code == UNAVAILABLE or said.sub_code in NOBODY_KNOWS:
        raise ChannelSilent(reason="server_error")
    if said.code == TOO_OFTEN:
        raise ChannelSilent(reason="busy")
    if said.code not in (OK, UNDER_WAY, BUSINESS):
        raise ChannelSilent(reason="rejected")
    return said


def _envelope(answer: Answer) -> dict[str, msgspec.Raw]:
    """Return the parts of an answer as the very bytes that came."""
    try:
        return msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ChannelSilent(reason="unreadable") from None


def _outcome(said: bytes) -> _Outcome:
    try:
        return msgspec.json.decode(said, type=_Outcome)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ChannelSilent(reason="unreadable") from None


def _text(raw: msgspec.Raw | None) -> str:
    if raw is None:
        return ""
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
