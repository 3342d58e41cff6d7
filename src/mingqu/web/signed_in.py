"""Who a request speaks for: the bearer of a token at the API, the holder of a cookie at the pages."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response
from litestar.datastructures import Cookie

from mingqu.domain.personal import Personal
from mingqu.domain.session import PAGE_LIFE_MAX, NotSignedIn
from mingqu.services.access.keep_session import Caller, find_caller, recognize
from mingqu.services.house import House

COOKIE: Final = "mingqu_session"
_SCHEME: Final = "bearer "


def bearer(request: Request[Any, Any, Any]) -> Personal[str]:
    """Return the token of an Authorization header. Errors: NotSignedIn."""
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(_SCHEME):
        raise NotSignedIn("This path takes a bearer token: sign in first.")
    return Personal(header[len(_SCHEME) :].strip())


def cookie(request: Request[Any, Any, Any]) -> Personal[str]:
    """Return the token of the session cookie. Errors: NotSignedIn."""
    token = request.cookies.get(COOKIE)
    if not token:
        raise NotSignedIn("Please sign in.")
    return Personal(token)


def caller_by_bearer(house: House, request: Request[Any, Any, Any]) -> Caller:
    """Return the caller of an API request. Errors: NotSignedIn."""
    return recognize(house, token=bearer(request))


def caller_by_cookie(house: House, request: Request[Any, Any, Any]) -> Caller:
    """Return the caller of a page; that it was used is noted by whoever answers it. Errors: NotSignedIn."""
    return find_caller(house, token=cookie(request))


def set_cookie(response: Response[Any], *, token: Personal[str], secure: bool) -> None:
    """Put a session's token into a cookie that scripts cannot read and other sites cannot send along with a write."""
    response.set_cookie(
        Cookie(
            key=COOKIE,
            value=token.reveal(),
            max_age=int(PAGE_LIFE_MAX.total_seconds()),
            path="/",
            httponly=True,
            secure=secure,
            samesite="lax",
        )
    )


def drop_cookie(response: Response[Any]) -> None:
    """Take the session's cookie away."""
    response.delete_cookie(COOKIE, path="/")
