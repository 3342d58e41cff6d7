"""The HTTP door's first pages: is the process alive, and can it serve."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import uvicorn
from litestar import Litestar, Response, get
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

import mingqu
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.read_loan import cells_of_book

HOST: Final = "127.0.0.1"
PORT: Final = 8088
_POLL_SECONDS: Final = 0.2


def make_app(house: House) -> Litestar:
    """Return the application: /health answers while the process lives, /ready while the book can be read."""

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
        return Response({"status": "ready", "cells": cells}, status_code=HTTP_200_OK)

    return Litestar([health, ready], openapi_config=None)


def serve_health(house: House, *, stop: threading.Event, report: Callable[[str], None]) -> None:
    """Serve until `stop` is set."""
    server = uvicorn.Server(uvicorn.Config(make_app(house), host=HOST, port=PORT, log_level="warning"))
    thread = threading.Thread(target=server.run, name="http", daemon=True)
    thread.start()
    report(f"http://{HOST}:{PORT}/health · http://{HOST}:{PORT}/ready · Ctrl-C ends it")
    while not stop.wait(_POLL_SECONDS) and thread.is_alive():
        pass
    server.should_exit = True
    thread.join()
    stop.set()
