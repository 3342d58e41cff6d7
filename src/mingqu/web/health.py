"""Is the process alive, can it serve, and what has it done so far: for load balancers and for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from litestar import Response, Router, get
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

import mingqu
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.loans.read_loan import cells_of_book
from mingqu.web.metrics import Metrics


def make_router(house: House, *, is_working: Callable[[], bool], metrics: Metrics) -> Router:
    """Return /health (the process lives), /ready (book and worker do their work) and /metrics."""

    @get("/health", sync_to_thread=False, include_in_schema=False)
    def health() -> dict[str, str]:
        return {"status": "alive", "version": mingqu.__version__}

    @get("/ready", sync_to_thread=True, include_in_schema=False)
    def ready() -> Response[dict[str, str | int]]:
        try:
            cells = len(cells_of_book(house))
        except Refusal as refusal:
            body: dict[str, str | int] = {"status": "not ready", "code": refusal.code}
            return Response(body, status_code=HTTP_503_SERVICE_UNAVAILABLE)
        if not is_working():
            return Response({"status": "not ready", "code": "worker"}, status_code=HTTP_503_SERVICE_UNAVAILABLE)
        return Response({"status": "ready", "cells": cells}, status_code=HTTP_200_OK)

    @get("/metrics", sync_to_thread=False, include_in_schema=False, media_type="text/plain; version=0.0.4")
    def figures() -> bytes:
        return metrics.text()

    return Router("/", route_handlers=[health, ready, figures])
