"""V2 of WeChat Pay: flat XML under a shared key. Only classic withholding still speaks it.

Source: pay.weixin.qq.com, V2, "签名算法" (2026). Requests are signed by MD5 or HMAC-SHA256 over what is not empty, by
name, and the key. XML is read without document types and entities: whoever sends one is not WeChat.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from mingqu.channels.wire import Wire
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent

MD5: Final = "MD5"
HMAC_SHA256: Final = "HMAC-SHA256"
ELEMENTS_MAX: Final = 64  # an answer of V2 has some twenty
SUCCESS: Final = "SUCCESS"
Words = Mapping[str, str]


class MalformedXmlError(ValueError):
    """These bytes are not the flat XML of V2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who we are in V2. `kind` is how we sign; the other side signs its answers the same way, its notices by MD5."""

    wire: Wire
    appid: str
    mchid: str
    key: Personal[str]
    nonces: Callable[[], str]
    kind: str = MD5

    def __post_init__(self) -> None:
        assert self.kind in (MD5, HMAC_SHA256)

    def ask(self, path: str, words: Words) -> Words:
        """Say something and return the verified answer, whatever its result. Errors: ChannelSilent."""
        body = write_xml(self.signed(words))
        answer = self.wire.exchange(method="POST", path=path, headers={"Content-Type": "text/xml"}, body=body)
        if answer.status != HTTPStatus.OK:
            raise ChannelSilent(reason="rejected")
        try:
            said = read_xml(answer.body)
        except MalformedXmlError:
            raise ChannelSilent(reason="unreadable") from None
        if said.get("return_code") != SUCCESS:
            raise ChannelSilent(reason="rejected")  # our own request is at fault; such answers are often unsigned
        if not self.is_signed(said):
            raise ChannelSilent(reason="unsigned")
        return said

    def signed(self, words: Words) -> dict[str, str]:
        """Return words with our names, a nonce and the signature."""
        said = {"appid": self.appid, "mch_id": self.mchid, "nonce_str": self.nonces(), **words}
        if self.kind != MD5:
            said["sign_type"] = self.kind
        return {**said, "sign": sign(said, key=self.key, kind=self.kind)}

    def is_signed(self, said: Words) -> bool:
        """Whether words are signed under our key and speak of our account."""
        kinds = (self.kind, MD5)  # notices come by MD5 in any case
        given = said.get("sign", "").encode()
        fits = any(hmac.compare_digest(sign(said, key=self.key, kind=kind).encode(), given) for kind in kinds)
        return fits and (said.get("appid"), said.get("mch_id")) == (self.appid, self.mchid)


def sign(words: Words, *, key: Personal[str], kind: str = MD5) -> str:
    """Return the signature of words: those that are not empty but `sign`, by name, joined, with the key, in capitals.

    Example: {"b": "2", "a": "1", "c": ""} under the key "k" signs "a=1&b=2&key=k".
    """
    text = "&".join(f"{name}={words[name]}" for name in sorted(words) if words[name] and name != "sign")
    secret = key.reveal()
    message = f"{text}&key={secret}".encode()
    if kind == HMAC_SHA256:
        return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().upper()
    return hashlib.md5(message, usedforsecurity=False).hexdigest().upper()


def write_xml(words: Words) -> bytes:
    """Return words as flat XML in UTF-8. Example: {"a": "1<2"} → <xml><a>1&lt;2</a></xml>."""
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in words.items())
    return f"<xml>{inner}</xml>".encode()


def read_xml(body: bytes) -> dict[str, str]:
    """Return the elements of flat XML: one root `xml`, under it each name once, without attributes.

    Errors: MalformedXmlError for anything else, and for a document type, entity or instruction before it is obeyed.
    """
    words: dict[str, str] = {}
    path: list[str] = []

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        path.append(name)
        flat = path[0] == "xml" and len(path) <= 2 and not attributes
        if not flat or (len(path) == 2 and (name in words or len(words) >= ELEMENTS_MAX)):
            raise MalformedXmlError("Not the flat XML of V2.")
        if len(path) == 2:
            words[name] = ""

    def text(data: str) -> None:
        if len(path) == 2:
            words[path[1]] += data
        elif data.strip():
            raise MalformedXmlError("Text between the elements.")

    def forbidden(*_: object) -> None:
        raise MalformedXmlError("No document type, entity or instruction is read.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, lambda _: path.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = forbidden
    parser.ProcessingInstructionHandler = parser.SkippedEntityHandler = forbidden
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise MalformedXmlError("Not XML.") from error
    return words
