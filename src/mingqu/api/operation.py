"""How an operation is declared: its path, what it is for, and every refusal it may answer with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example

from mingqu.api.gate import IdempotencyKeyMissing, require_json, require_key
from mingqu.api.shape import Problem
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.domain.session import NotSignedIn
from mingqu.services.once import (
    DatabaseUnavailable,
    IdempotencyKeyBusy,
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
)
from mingqu.web.problem import FRAMEWORK, MEDIA_TYPE, TYPE

Refuses = Sequence[type[Refusal]]
Handler = Callable[..., Any]

_OF_WRITES: Final[Refuses] = (
    IdempotencyKeyMissing,
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    IdempotencyKeyBusy,
)


def reads(
    path: str, *, tag: str, refuses: Refuses = (), public: bool = False, media_type: str = "application/json"
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a handler that answers and changes nothing."""

    def declare(handler: Handler) -> HTTPRouteHandler:
        return get(
            path,
            media_type=media_type,
            responses=_problems(path, refuses, public=public, statuses=(400,)),
            **_described(handler, tag=tag, public=public),
        )(handler)

    return declare


def writes(
    path: str, *, tag: str, refuses: Refuses = (), public: bool = False, body: bool = True, status: int = 201
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a handler that changes something, once for each Idempotency-Key."""

    def declare(handler: Handler) -> HTTPRouteHandler:
        return post(
            path,
            status_code=status,
            guards=[require_key, require_json] if body else [require_key],
            responses=_problems(
                path, (*_OF_WRITES, *refuses), public=public, statuses=(400, 413, 415) if body else (400,)
            ),
            **_described(handler, tag=tag, public=public),
        )(handler)

    return declare


def ends(path: str, *, tag: str, refuses: Refuses = ()) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a handler that ends something and answers nothing; ended again it stays ended."""

    def declare(handler: Handler) -> HTTPRouteHandler:
        return delete(
            path,
            guards=[require_key],
            responses=_problems(path, (*_OF_WRITES, *refuses), public=False, statuses=(400,)),
            **_described(handler, tag=tag, public=False),
        )(handler)

    return declare


def _described(handler: Handler, *, tag: str, public: bool) -> dict[str, Any]:
    """Return what the description says of a handler, taken from its name and its docstring."""
    words = inspect.getdoc(handler) or ""
    assert words, f"{handler.__name__} does not say what it does"
    return {
        "operation_id": handler.__name__,
        "summary": words.partition("\n")[0].rstrip("."),
        "description": words,
        "response_description": (inspect.get_annotations(handler).get("return") or "None").replace("None", "Done."),
        "tags": [tag],
        "security": [] if public else [{"bearer": []}],
        "sync_to_thread": True,
        "public": public,
    }


def _problems(path: str, refuses: Refuses, *, public: bool, statuses: Sequence[int]) -> dict[int, ResponseSpec]:
    """Return what may be answered instead, by status, with every code named."""
    expected: list[type[Refusal]] = [*refuses, DatabaseUnavailable]
    if not public:
        expected.append(NotSignedIn)
    if "{" in path:
        expected.append(NotFound)
    found: dict[int, dict[str, str]] = {}
    for status in (*statuses, 500):
        code, meaning = FRAMEWORK[status]
        found.setdefault(status, {})[code] = meaning
    for refusal in expected:
        meaning = " ".join((inspect.getdoc(refusal) or "").split("\n\n")[0].split())
        found.setdefault(refusal.status, {})[refusal.code] = meaning
    return {
        status: ResponseSpec(
            data_container=Problem,
            generate_examples=False,
            media_type=MEDIA_TYPE,
            description="  \n".join(f"`{code}`: {meaning}" for code, meaning in codes.items()),
            examples=[
                Example(summary=code, value=_example(code=code, status=status, meaning=meaning))
                for code, meaning in codes.items()
            ],
        )
        for status, codes in sorted(found.items())
    }


def _example(*, code: str, status: int, meaning: str) -> dict[str, object]:
    return {"type": TYPE + code, "title": meaning, "status": status, "code": code}
