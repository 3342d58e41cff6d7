"""A signed question to one party of the gateway protocol, and its signed answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import msgspec

from mingqu.channels.gateway.signature import Fault, SigningKey, TheirKeys, check_answer, sign_request
from mingqu.channels.wire import ANSWER_BYTES_MAX, Answer, Wire
from mingqu.ports.clock import Clock
from mingqu.ports.silence import ChannelSilent

Said = TypeVar("Said")


class NotKnown(Exception):  # noqa: N818  An answer, and never seen outside of this package.
    """404: the other party does not know the number (yet)."""


class Taken(Exception):  # noqa: N818  As above.
    """409: the other party knows the number with another body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One party of the protocol: where it is, its keys and ours. `nonces` gives 32 fresh hex digits each time."""

    wire: Wire
    own: SigningKey
    theirs: TheirKeys
    clock: Clock
    nonces: Callable[[], str]

    def say(
        self, path: str, *, body: Mapping[str, object], answer: type[Said], bytes_max: int = ANSWER_BYTES_MAX
    ) -> Said:
        """POST a body and return what was answered. Errors: ChannelSilent, Taken, NotKnown."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return self._exchange("POST", path, query="", content=content, answer=answer, bytes_max=bytes_max)

    def ask(self, path: str, *, query: str = "", answer: type[Said], bytes_max: int = ANSWER_BYTES_MAX) -> Said:
        """GET what is at a path. Errors: ChannelSilent, NotKnown."""
        return self._exchange("GET", path, query=query, content=b"", answer=answer, bytes_max=bytes_max)

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: str,
        content: bytes,
        answer: type[Said],
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Said:
        nonce = self.nonces()
        signed = sign_request(
            own=self.own,
            method=method,
            target=self.wire.target(path, query=query),
            body=content,
            at=self.clock.now(),
            nonce=nonce,
        )
        headers = {"Accept": "application/json", **signed}
        if content:
            headers["Content-Type"] = "application/json; charset=utf-8"
        heard = self.wire.exchange(
            method=method, path=path, query=query, headers=headers, body=content, bytes_max=bytes_max
        )
        self._require_signed(heard, nonce)
        return _read(heard, answer)

    def _require_signed(self, heard: Answer, nonce: str) -> None:
        stamp = check_answer(
            theirs=self.theirs,
            status=heard.status,
            headers=heard.headers,
            body=heard.body,
            at=self.clock.now(),
            nonce=nonce,
        )
        if isinstance(stamp, Fault):
            raise ChannelSilent(reason="unsigned")


def _read(heard: Answer, answer: type[Said]) -> Said:
    match heard.status:
        case HTTPStatus.OK:
            return read_json(heard.body, of=answer)
        case HTTPStatus.NOT_FOUND:
            raise NotKnown
        case HTTPStatus.CONFLICT:
            raise Taken
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNAUTHORIZED:
            # Nothing was done, and it says nothing about the number: the fault is in our request or our key.
            raise ChannelSilent(reason="rejected")
        case _:
            raise ChannelSilent(reason="unreadable")


def read_json(body: bytes, *, of: type[Said]) -> Said:
    """Return a body as a typed value; a field the document does not name is malformed. Errors: ChannelSilent."""
    try:
        return msgspec.json.decode(body, type=of)
    except msgspec.MsgspecError:
        raise ChannelSilent(reason="unreadable") from None
    except UnicodeDecodeError:
        raise ChannelSilent(reason="unreadable") from None
