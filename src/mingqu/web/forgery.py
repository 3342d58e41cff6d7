"""A write that another site made a browser send is refused: by where the browser says it came from, and by a token.

Browsers say in `Sec-Fetch-Site` and `Origin` where a request was made; neither can be set by a page. A form carries the
token as well, which is a keyed hash of the session's own token, so a page of another session has another one.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, ClassVar, Final

from litestar import Request

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

FIELD: Final = "csrf"
HEADER: Final = "x-csrf"
_UNSAFE: Final = ("POST", "PUT", "PATCH", "DELETE")


class ForgedRequest(Refusal):
    """The request was not made by one of our own pages of this session."""

    code: ClassVar[str] = "forged_request"
    status: ClassVar[int] = 403


def token_for(holder: Personal[str]) -> str:
    """Return the form token of whoever holds a session token (or, before sign-in, the visitor's cookie)."""
    return hmac.new(holder.reveal().encode(), b"mingqu form", hashlib.sha256).hexdigest()


def require_own_page(request: Request[Any, Any, Any]) -> None:
    """Refuse an unsafe request that the browser says another site made. Errors: ForgedRequest."""
    if request.method not in _UNSAFE:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site is not None and site not in ("same-origin", "none")
    elsewhere = origin is not None and origin.partition("://")[2] != request.headers.get("host", "")
    if foreign or elsewhere:
        raise ForgedRequest("This was sent from another site.")


def require_token(*, holder: Personal[str], given: str) -> None:
    """Refuse a form whose token is not this session's. Errors: ForgedRequest."""
    if not hmac.compare_digest(token_for(holder).encode(), given.encode("utf-8", "replace")):
        raise ForgedRequest("This page is out of date: load it again.")
