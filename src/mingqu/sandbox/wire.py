"""A request and an answer as plain values, and the ASGI face that carries them.

A counterparty is a function from `Call` to `Reply`. Bodies are the bytes that came and the bytes that go, because
signatures are over bytes. No web framework stands between.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

BODY_BYTES_MAX: Final = 64 * 1024  # docs/reference/bank-gateway.md, "Messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. Header names are in small letters; `query` is the raw text behind the question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query as they stood in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def parameters(self) -> dict[str, str]:
        """The query's parameters; of several by one name, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `cut` lets the connection end in the middle of it; `after_seconds` holds it back."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    after_seconds: float = 0.0


def json_reply(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer with a JSON body."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(
        status=status, headers={"content-type": "application/json; charset=utf-8", **(headers or {})}, body=body
    )


def page_reply(html: str, *, status: int = 200) -> Reply:
    """Return an answer that is a page."""
    return Reply(status=status, headers={"content-type": "text/html; charset=utf-8"}, body=html.encode())


def redirect(to: str) -> Reply:
    """Return an answer that sends a browser elsewhere."""
    return Reply(status=303, headers={"location": to})


Handler = Callable[[Call], Reply]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def asgi(handle: Handler, *, apart: bool = False) -> Callable[..., Awaitable[None]]:
    """Return an ASGI application around a handler. The handler runs at once: its book is local and quick.

    One that asks others over the network runs `apart`, in a thread: whoever it asks may ask another one here.
    """

    async def application(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                await _say(send, json_reply({"code": "malformed", "detail": "the body is too large"}, status=400))
                return
            if not message.get("more_body"):
                break
        call = Call(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
        reply = await asyncio.to_thread(handle, call) if apart else handle(call)
        if reply.after_seconds:
            await asyncio.sleep(reply.after_seconds)
        await _say(send, reply)

    return application


async def _say(send: Send, reply: Reply) -> None:
    # Of a cut answer more is promised than comes: whoever waits sees the connection end in the middle of it.
    length = len(reply.body) + 1 if reply.cut else len(reply.body)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    if reply.status != 204:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if not reply.cut:
        await send({"type": "http.response.body", "body": reply.body})
