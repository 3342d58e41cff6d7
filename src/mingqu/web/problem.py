"""Errors for programs: RFC 9457 problem details with a stable code.

    {"type": "…/error-codes.md#code_wrong", "title": "…", "status": 422, "code": "code_wrong", "tries_left": 2}

A refusal becomes the problem of its code; what the framework refuses gets one of ours; a bug becomes `internal`,
which says nothing but the id under which the log has it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from mingqu.domain.refusal import Refusal
from mingqu.web.record import REQUEST_ID

log = logging.getLogger("mingqu.http")

TYPE: Final = "https://mingqu.dev/errors#"  # a name, not a place: RFC 9457, section 3.1.1
MEDIA_TYPE: Final = "application/problem+json"
# How the framework says that a parameter is missing; only its place and name are told on.
_MISSING: Final = re.compile(r"Missing required (\w+) parameter '([\w-]+)'")
# What is refused before a handler is asked, by status: its code and what it means.
FRAMEWORK: Final[dict[int, tuple[str, str]]] = {
    400: ("malformed", "The request is not of the form that this path takes; `fields`, if there, names what is wrong."),
    403: ("forbidden", "This is not open to you."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "The path does not take this method; `Allow` names those it takes."),
    413: ("body_too_large", "The body is larger than a request may be."),
    415: ("media_type_unknown", "A body is sent as application/json."),
    500: ("internal", "A bug of ours; `request_id` is the id under which the log has it."),
}


def problem(
    *, status: int, code: str, title: str, headers: dict[str, str] | None = None, **details: object
) -> Response[dict[str, object]]:
    """Return a problem as an answer."""
    body: dict[str, object] = {"type": TYPE + code, "title": title, "status": status, "code": code, **details}
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def of_refusal(_: Request[Any, Any, Any], refusal: Refusal) -> Response[dict[str, object]]:
    """Answer a refusal with its own code, status and details."""
    details = {name: value for name, value in refusal.details.items() if value is not None}
    wait = refusal.details.get("retry_after_seconds")
    headers = {"retry-after": str(wait)} if wait is not None else None
    return problem(status=refusal.status, code=refusal.code, title=refusal.message, headers=headers, **details)


def of_framework(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, object]]:
    """Answer what the framework refused: no such path, a body that is not what was asked for."""
    code, meaning = FRAMEWORK.get(error.status_code, ("refused", HTTPStatus(error.status_code).phrase))
    fields = _fields(error) if isinstance(error, ValidationException) else []
    extra: dict[str, object] = {"fields": fields} if fields else {}
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() in ("allow", "retry-after")}
    return problem(status=error.status_code, code=code, title=meaning, headers=headers, **extra)


def of_bug(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, object]]:
    """Answer a bug: the log has it, the caller gets the id to ask about."""
    request_id = request.scope["state"].get(REQUEST_ID, "")
    log.error("http.bug", exc_info=error, extra={"fields": {"request_id": request_id}})
    return problem(status=500, code="internal", title="Something is wrong on our side.", request_id=request_id)


def of_depth(_: Request[Any, Any, Any], __: RecursionError) -> Response[dict[str, object]]:
    """Answer a body nested so deeply that it cannot be read."""
    return problem(status=400, code=FRAMEWORK[400][0], title="The body is nested too deeply.")


def _fields(error: ValidationException) -> list[dict[str, str]]:
    """Return which fields were wrong and how, without what stood in them: that may be personal."""
    missing = _MISSING.match(error.detail)
    if missing is not None:
        return [{"field": missing[2], "message": f"This {missing[1]} parameter is required."}]
    found = error.extra if isinstance(error.extra, list) else []
    return [
        {"field": str(one.get("key", "")), "message": str(one.get("message", ""))}
        for one in found
        if isinstance(one, dict)
    ]


HANDLERS: Final[dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]] = {
    Refusal: of_refusal,
    HTTPException: of_framework,
    RecursionError: of_depth,
    Exception: of_bug,
}
