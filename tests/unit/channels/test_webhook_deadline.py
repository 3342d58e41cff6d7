"""A webhook's receiver may be slow, silent or endless: the worker that told it goes on with its work."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from mingqu.channels.webhook.deadline import DeadlineTransport

SECONDS = 1.0


@contextmanager
def receiver(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Take one connection and let `speak` answer it."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            connection, _ = door.accept()
            with connection:
                connection.recv(65_536)
                speak(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/hook?of=us"


def deliver(url: str, *, seconds: float = SECONDS) -> httpx.Response:
    transport = DeadlineTransport(seconds=seconds, connect_seconds=seconds)
    return transport.handle_request(httpx.Request("POST", url, content=b"{}"))


def test_the_status_of_an_answer_is_enough() -> None:
    heard: list[bytes] = []

    def answer_endlessly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        heard.append(connection.recv(1))  # nothing more: we hung up

    with receiver(answer_endlessly) as url:
        assert deliver(url, seconds=60).status_code == 202


def test_whoever_says_nothing_is_left_at_the_deadline() -> None:
    def listen_only(connection: socket.socket) -> None:
        while connection.recv(65_536):
            pass

    with receiver(listen_only) as url, pytest.raises(httpx.TimeoutException):
        deliver(url)


def test_whoever_says_a_little_for_ever_is_left_at_the_deadline() -> None:
    hung_up = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nx-endless: ")
        pause = threading.Event()
        try:
            while not pause.wait(SECONDS / 10):  # each byte well within the time that one read may take
                connection.sendall(b"x")
        except OSError:
            hung_up.set()

    with receiver(trickle) as url:
        with pytest.raises(httpx.TimeoutException):
            deliver(url)
        assert hung_up.wait(timeout=10), "the connection is closed, not left behind"


def test_nobody_there_is_no_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(httpx.TransportError):
        deliver(f"http://127.0.0.1:{port}/")


def test_what_is_no_http_is_an_error_of_the_connection() -> None:
    with receiver(lambda connection: connection.sendall(b"220 smtp\r\n")) as url, pytest.raises(httpx.TransportError):
        deliver(url)
