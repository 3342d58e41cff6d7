"""One exchange over HTTP, the same for every channel: strict time-outs, bounded answers, and silence for the rest.

It stands below httpx's client on purpose: that one logs addresses, follows redirects, keeps cookies and obeys
proxies of the environment, and an address here may hold a secret or a person.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NoReturn
from urllib.parse import urlsplit

import httpx

from mingqu.ports.silence import ChannelSilent

# A worker carries one order at a time, and a person may wait for the answer: what takes longer is asked for again.
CONNECT_SECONDS_MAX: Final = 3.0
READ_SECONDS_MAX: Final = 8.0  # between two pieces of an answer
WRITE_SECONDS_MAX: Final = 5.0
POOL_SECONDS_MAX: Final = 3.0  # until one of the kept connections is free
ANSWER_SECONDS_MAX: Final = 15.0  # for all pieces together: a trickle is silence as well
ANSWER_BYTES_MAX: Final = 64 * 1024
FILE_BYTES_MAX: Final = 64 * 1024 * 1024  # a day's statement or bill of some 300,000 lines
PRINTED: Final = r"^[^\x00-\x1f\x7f]*\Z"  # of a number or a reference: nobody's document allows control characters
CONNECTIONS_MAX: Final = 16
KEPT_ALIVE_SECONDS: Final = 30.0  # shorter than servers usually keep theirs, so that we seldom meet a closed one
RETRY_AFTER_SECONDS_MAX: Final = 3_600  # who asks for more is asked again after an hour all the same

TOO_MANY: Final = 429
SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whole. Names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom TLS trusts: read once, for it takes longer than many an answer."""
    return httpx.create_ssl_context(trust_env=False)


class Wire:
    """A party's address and the connections kept to it. Several threads may use it."""

    def __init__(self, *, base_url: str, transport: httpx.BaseTransport | None = None) -> None:
        parts = urlsplit(base_url)
        assert parts.scheme in ("http", "https"), "a base address has a scheme"
        assert parts.netloc, "a base address has a host"
        assert not parts.query, "a base address ends with its path"
        self._base = base_url.rstrip("/")
        self._timeout = httpx.Timeout(
            connect=CONNECT_SECONDS_MAX, read=READ_SECONDS_MAX, write=WRITE_SECONDS_MAX, pool=POOL_SECONDS_MAX
        ).as_dict()
        self._transport = transport or httpx.HTTPTransport(
            verify=_trusted(),
            trust_env=False,
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=CONNECTIONS_MAX,
                keepalive_expiry=KEPT_ALIVE_SECONDS,
            ),
        )

    def target(self, path: str, *, query: str = "") -> str:
        """Return path and query exactly as the request line will have them: these are the bytes to sign."""
        return self._url(path, query).raw_path.decode("ascii")

    def address(self, path: str, *, query: str) -> str:
        """Return an absolute address at this party, for a browser."""
        return str(self._url(path, query))

    def inside(self, address: str) -> tuple[str, str] | None:
        """Return path and query of an absolute address at this party, or None if it is elsewhere.

        What a party names as an address may be asked for under our signature only where we speak to it anyway.
        """
        here, there = urlsplit(self._base), urlsplit(address)
        same = (here.scheme, here.netloc) == (there.scheme, there.netloc) and there.path.startswith(f"{here.path}/")
        return (there.path.removeprefix(here.path), there.query) if same else None

    def exchange(
        self,
        *,
        method: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str],
        body: bytes = b"",
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        """Send these very bytes and return the answer, of any status below 500 but 429.

        Errors: ChannelSilent ("timeout", "connection", "server_error", "busy", or "unreadable" when it is too long).
        """
        request = httpx.Request(
            method,
            self._url(path, query),
            headers={"Accept-Encoding": "identity", "Connection": "keep-alive", **headers},
            content=body,
            extensions={"timeout": self._timeout},
        )
        ends_at = time.monotonic() + ANSWER_SECONDS_MAX
        try:
            response = self._transport.handle_request(request)
            try:
                answer = _read(response, ends_at=ends_at, bytes_max=bytes_max)
            finally:
                response.close()
        except httpx.TimeoutException:
            raise ChannelSilent(reason="timeout") from None
        except httpx.RequestError:
            raise ChannelSilent(reason="connection") from None
        if answer.status == TOO_MANY:
            _busy(answer)
        if answer.status >= SERVER_ERROR:
            raise ChannelSilent(reason="server_error")
        return answer

    def close(self) -> None:
        """Close the connections that are kept."""
        self._transport.close()

    def _url(self, path: str, query: str) -> httpx.URL:
        return httpx.URL(f"{self._base}{path}{'?' if query else ''}{query}")


def _read(response: httpx.Response, *, ends_at: float, bytes_max: int) -> Answer:
    pieces: list[bytes] = []
    length = 0
    assert isinstance(response.stream, httpx.SyncByteStream)
    for piece in response.stream:
        length += len(piece)
        if length > bytes_max:
            raise ChannelSilent(reason="unreadable")
        if time.monotonic() > ends_at:
            raise ChannelSilent(reason="timeout")
        pieces.append(piece)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=b"".join(pieces))


def _busy(answer: Answer) -> NoReturn:
    """A channel that is asked too often did nothing; the order's own back-off asks later."""
    asked = answer.headers.get("retry-after", "")
    seconds = min(int(asked), RETRY_AFTER_SECONDS_MAX) if asked.isascii() and asked.isdigit() else None
    raise ChannelSilent(reason="busy", retry_after_seconds=seconds)
