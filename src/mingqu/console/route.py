"""Routes that say what they need: a permission, or that anybody may come. What says nothing cannot be registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from mingqu.domain.operator import Permission

NEEDS: Final = "needs"  # the name of the declaration among a handler's options


class Open(Enum):
    """What needs no session."""

    TO_ALL = "to_all"  # the sign-in page and what it is made of


Needs = Permission | Open
Declared = Callable[[Callable[..., Any]], HTTPRouteHandler]


class UndeclaredRouteError(TypeError):
    """A route of the console does not say which permission it needs."""


def page(path: str, *, needs: Needs) -> Declared:
    """Return the decorator of a page that is read."""
    return get(path, opt={NEEDS: needs}, sync_to_thread=True, include_in_schema=False)


def act(path: str, *, needs: Needs) -> Declared:
    """Return the decorator of a form that is sent; its token is checked before the handler sees it."""
    return post(path, opt={NEEDS: needs}, sync_to_thread=True, include_in_schema=False, status_code=200)


def needs_of(handler: Any) -> Needs:
    """Return what a route needs. Errors: UndeclaredRouteError."""
    declared = handler.opt.get(NEEDS)
    if not isinstance(declared, Permission | Open):
        raise UndeclaredRouteError(f"{sorted(handler.paths)} does not say which permission it needs.")
    return declared


def require_declared(handlers: Sequence[HTTPRouteHandler]) -> Sequence[HTTPRouteHandler]:
    """Return the handlers if each says what it needs. Errors: UndeclaredRouteError."""
    for handler in handlers:
        needs_of(handler)
    return handlers
