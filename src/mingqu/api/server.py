"""The HTTP door's first pages: is the process alive, and can it serve."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

import uvicorn
from litestar import Litestar, Response, get
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

import mingqu
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.read_loan import cells_of_book

HOST: Final = "127.0.0.1"
_POLL_SECONDS: Final = 0.2


class PortTaken(Refusal):
    """Something else listens on this port, or this account may not use it."""

    code: ClassVar[str] = "port_taken"
    status: ClassVar[int] = 503


@contextmanager
def listen(*, port: int) -> Iterator[socket.socket]:
    """Take a port of this machine before anything else is begun. Errors: PortTaken."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port whose last owner just ended is free
        try:
            door.bind((HOST, port))
            door.listen()
        except OSError as error:
            raise PortTaken(f"Port {port} cannot be had ({error.strerror}): give another one with --port.") from None
        yield door


def make_app(house: House, *, is_working: Callable[[], bool]) -> Litestar:
    """Return the application: /health answers while the process lives, /ready while book and worker do their work."""

    @get("/health", sync_to_thread=False)
    def health() -> dict[str, str]:
        return {"status": "alive", "version": mingqu.__version__}

    @get("/ready", sync_to_thread=True)
    def ready() -> Response[dict[str, str | int]]:
        try:
            cells = len(cells_of_book(house))
        except Refusal as refusal:
            body: dict[str, str | int] = {"status": "not ready", "code": refusal.code}
            return Response(body, status_code=HTTP_503_SERVICE_UNAVAILABLE)
        if not is_working():
            return Response({"status": "not ready", "code": "worker"}, status_code=HTTP_503_SERVICE_UNAVAILABLE)
        return Response({"status": "ready", "cells": cells}, status_code=HTTP_200_OK)

    return Litestar([health, ready], openapi_config=None)


def serve_health(
    house: House,
    *,
    door: socket.socket,
    stop: threading.Event,
    report: Callable[[str], None],
    is_working: Callable[[], bool],
) -> None:
    """Serve on an open door until `stop` is set."""
    port = door.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(make_app(house, is_working=is_working), log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, name="http", daemon=True)
    thread.start()
    report(f"http://{HOST}:{port}/health · http://{HOST}:{port}/ready · Ctrl-C ends it")
    while not stop.wait(_POLL_SECONDS) and thread.is_alive():
        pass
    server.should_exit = True
    thread.join()
    stop.set()
