"""Around each request: an id, one structured log line, one count, and the headers every answer carries."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from mingqu.web.metrics import Metrics

log = logging.getLogger("mingqu.http")

REQUEST_ID: Final = "request_id"  # in the scope's state
_SAFE_ID: Final = re.compile(r"[0-9A-Za-z._-]{8,64}")
# Everything comes from this site; nothing is written inline; nobody frames it.
CONTENT_SECURITY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PRIVATE: Final = "no-store"  # of every answer that did not say otherwise: pages hold personal data


class Recorder:
    """Wraps the application of a site (ASGI)."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and note it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["state"][REQUEST_ID] = request_id
        began, status = time.perf_counter(), 500
        # A method can be any word, and a series of figures for each that somebody invents would never end.
        method = scope["method"] if scope["method"] in _METHODS else "(other)"

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableScopeHeaders.from_message(message)
                headers["x-request-id"] = request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", PRIVATE)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - began
            route = str(scope.get("path_template") or "(none)")
            self._metrics.note(method=method, route=route, status=status, seconds=seconds)
            log.info(
                "http.request",
                extra={
                    "fields": {
                        "request_id": request_id,
                        "method": method,
                        "route": route,
                        "status": status,
                        "milliseconds": round(seconds * 1000, 3),
                    }
                },
            )


class JsonLines(logging.Formatter):
    """One JSON object a line: moment, level, a constant message, and its fields. Never a request's address or body."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = getattr(record.exc_info[0], "__name__", "")
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _request_id(scope: Scope) -> str:
    """Return the id the caller gave the request, if it is a plain one, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value.decode("latin-1")):
            return value.decode("latin-1")
    return secrets.token_hex(16)
