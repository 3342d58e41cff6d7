"""The wire on a real socket: what is slow, too long or broken off is silence; nothing is logged or followed."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mingqu.channels import wire
from mingqu.channels.wire import Wire
from mingqu.ports.silence import ChannelSilent

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def server(*speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one connection with each of these; the address is told."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()

        def serve() -> None:
            for each in speak:
                here, _ = door.accept()
                with here:
                    each(here)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        thread.join(10)


def saying(*answers: bytes) -> Callable[[socket.socket], None]:
    def speak(here: socket.socket) -> None:
        for answer in answers:
            heard = b""
            while b"\r\n\r\n" not in heard:  # ends: the client sends its head or closes
                piece = here.recv(65_536)
                if not piece:
                    return
                heard += piece
            here.sendall(answer)

    return speak


def silence_of(address: str, *, bytes_max: int = 64) -> str:
    with pytest.raises(ChannelSilent) as silence:
        Wire(base_url=address).exchange(method="GET", path="/secret", headers={}, bytes_max=bytes_max)
    return silence.value.reason


def test_a_connection_is_kept_alive_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with server(saying(OK, OK)) as address:  # one connection, two answers
        line = Wire(base_url=address)
        for _ in range(2):
            answer = line.exchange(method="GET", path="/secret", query="a=b", headers={"X-A": "1"})
            assert (answer.status, answer.body) == (200, b"ok")
        line.close()
    assert "secret" not in caplog.text


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with server(saying(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")) as address:
        assert Wire(base_url=address).exchange(method="GET", path="/", headers={}).status == 302


def test_what_is_slow_too_long_or_broken_off_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(saying(b"")) as address:
        assert silence_of(address) == "connection"
    with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")) as address:
        assert silence_of(address) == "connection"
    with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n" + b"x" * 65)) as address:
        assert silence_of(address) == "unreadable"
    with server(saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")) as address:
        assert silence_of(address) == "server_error"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert silence_of(f"http://127.0.0.1:{nobody.getsockname()[1]}") == "connection"
    monkeypatch.setattr(wire, "READ_SECONDS_MAX", 0.05)
    hold = threading.Event()
    with server(lambda here: (hold.wait(10), None)[1]) as address:
        assert silence_of(address) == "timeout"
        hold.set()


def test_a_trickle_is_cut_off_when_the_time_for_all_pieces_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS_MAX", -1.0)
    with server(saying(OK)) as address:
        assert silence_of(address) == "timeout"


def test_only_addresses_of_the_party_itself_are_inside() -> None:
    line = Wire(base_url="https://pay.example/base/")
    assert line.inside("https://pay.example/base/file?token=1") == ("/file", "token=1")
    for elsewhere in ("https://pay.example/other", "https://pay.example:8443/base/file", "http://pay.example/base/f"):
        assert line.inside(elsewhere) is None
    assert line.target("/a b", query="c=ü") == "/base/a%20b?c=%C3%BC"
