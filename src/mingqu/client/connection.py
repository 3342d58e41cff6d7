"""How requests are sent: with a key that stays the same, again when the answer was lost, never for ever."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec

from mingqu.client.problem import Problem, problem_of

TRIES_MAX: Final = 5  # of one request: with the waits between them some seconds
WAIT_SECONDS_FIRST: Final = 0.2  # doubled with each try
WAIT_SECONDS_MAX: Final = 10.0  # whoever is told to wait longer hears the problem instead
SECONDS_MAX: Final = 30.0  # for one answer: a channel may be asked behind it
_AGAIN: Final = frozenset({429, 502, 503, 504})
_BUSY: Final = "idempotency_key_busy"

Shape = TypeVar("Shape")


class Connection:
    """A connection to one server, with the token of a session once there is one."""

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        token: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(base_url=base_url, transport=transport, timeout=SECONDS_MAX)
        self._sleep = sleep
        self.token = token

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def read(self, path: str, shape: type[Shape], **query: object) -> Shape:
        """Return what is at a path. Errors: Problem, httpx.TransportError when nobody answered."""
        params = {name: str(value) for name, value in query.items() if value is not None}
        return msgspec.json.decode(self._send("GET", path, params=params).content, type=shape)

    def read_bytes(self, path: str) -> bytes:
        """Return a file. Errors: as for `read`."""
        return self._send("GET", path).content

    def write(
        self, path: str, shape: type[Shape], *, key: str | None, body: Mapping[str, object] | None = None
    ) -> Shape:
        """Do something once and return the answer. Errors: as for `read`."""
        return msgspec.json.decode(self._write("POST", path, key, body).content, type=shape)

    def do(self, path: str, *, key: str | None, body: Mapping[str, object] | None = None) -> None:
        """Do something once that has no answer. Errors: as for `read`."""
        self._write("POST", path, key, body)

    def end(self, path: str, *, key: str | None) -> None:
        """End something. Errors: as for `read`."""
        self._write("DELETE", path, key, None)

    def _write(self, method: str, path: str, key: str | None, body: Mapping[str, object] | None) -> httpx.Response:
        headers = {"idempotency-key": key or secrets.token_urlsafe(24)}
        content = None
        if body is not None:
            content = msgspec.json.encode({name: value for name, value in body.items() if value is not None})
            headers["content-type"] = "application/json"
        return self._send(method, path, content=content, headers=headers)

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send until there is an answer that stands; the bytes and the key are the same each time."""
        sent = {**(headers or {}), **({"authorization": f"Bearer {self.token}"} if self.token else {})}
        for tries in range(1, TRIES_MAX + 1):
            wait = WAIT_SECONDS_FIRST * 2 ** (tries - 1)
            try:
                answer = self._http.request(method, path, headers=sent, content=content, params=params)
            except httpx.TransportError:
                if tries == TRIES_MAX:
                    raise
            else:
                if answer.is_success:
                    return answer
                problem = problem_of(answer)
                wait = max(wait, _told_to_wait(answer))
                if tries == TRIES_MAX or not _may_pass(problem) or wait > WAIT_SECONDS_MAX:
                    raise problem
            self._sleep(wait)
        raise AssertionError("the loop returns or raises")


def _may_pass(problem: Problem) -> bool:
    return problem.status in _AGAIN or problem.code == _BUSY


def _told_to_wait(answer: httpx.Response) -> float:
    wait = 0.0
    with contextlib.suppress(ValueError):
        wait = float(answer.headers.get("retry-after", "0"))
    return wait


def written(**members: Any) -> dict[str, object]:
    """Return the members of a body; those that are None are not sent."""
    return {name: value for name, value in members.items() if value is not None}
