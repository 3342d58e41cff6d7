"""One HTTP request that is over by a time, however slowly the other side speaks.

httpx bounds each read; who sends one byte in each would hold a worker for ever. Here every read and write may only take
what is left of the whole.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import httpcore
import httpx


class DeadlineTransport(httpx.BaseTransport):
    """Sends each request over a connection of its own, and keeps of the answer only its status.

    Errors are httpx's: TimeoutException when `seconds` are over, TransportError for everything else.
    """

    def __init__(self, *, seconds: float, connect_seconds: float) -> None:
        self._seconds, self._connect_seconds = seconds, connect_seconds

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Made when it is needed: whom TLS trusts takes longer to read than a message to send."""
        return httpx.create_ssl_context(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer, unread."""
        backend = _Hurried(ends_at=time.monotonic() + self._seconds, connect_seconds=self._connect_seconds)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._trusted, network_backend=backend) as pool,
                pool.stream(
                    request.method,
                    httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.content,
                    extensions=request.extensions,
                ) as answer,
            ):
                return httpx.Response(answer.status)
        except httpcore.TimeoutException as error:
            raise httpx.ReadTimeout(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise httpx.TransportError(str(error)) from error


class _Hurried(httpcore.NetworkBackend):
    """Connects within a time, and hands out streams that end at another."""

    def __init__(self, *, ends_at: float, connect_seconds: float) -> None:
        self._ends_at, self._connect_seconds = ends_at, connect_seconds
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is the time-out
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(host, port, self._connect_seconds, local_address, socket_options)
        return _HurriedStream(stream, ends_at=self._ends_at)


class _HurriedStream(httpcore.NetworkStream):
    """A stream of which no operation outlasts the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, *, ends_at: float) -> None:
        self._inner, self._ends_at = inner, ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as above
        return self._inner.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        self._inner.write(buffer, self._left(httpcore.WriteTimeout))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        left = self._left(httpcore.ConnectTimeout)
        return _HurriedStream(self._inner.start_tls(ssl_context, server_hostname, left), ends_at=self._ends_at)

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _left(self, too_late: type[httpcore.TimeoutException]) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise too_late("the deadline of the whole exchange is over")
        return left
