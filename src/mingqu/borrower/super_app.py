"""The way to a super-app and back: with a state that only this browser knows, and that serves once."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote

from litestar import Response

from mingqu.borrower.door import Visit
from mingqu.borrower.form import own_path
from mingqu.web.forgery import ForgedRequest

_STATE_COOKIE: Final = "mingqu_state"
_STATE_SECONDS: Final = 600


def send_away(visit: Visit, *, address: Callable[[str], str], place: str) -> Response[Any]:
    """Send the person to `address(state)`; `place` is the folder of this site that they come back to."""
    state = visit.house.codes.secret().reveal().hex()
    answer = visit.go(address(state))
    kept = f"{state} {own_path(visit.query('next'))}"
    answer.set_cookie(
        visit.door.passing_cookie(_STATE_COOKIE, quote(kept, safe=""), path=place, seconds=_STATE_SECONDS)
    )
    return answer


def came_back(visit: Visit) -> str:
    """Return where the person wanted to be. Errors: ForgedRequest when this browser was not sent there by us."""
    state, _, there = unquote(visit.request.cookies.get(_STATE_COOKIE, "")).partition(" ")
    given = visit.query("state")
    if not state or not hmac.compare_digest(state.encode(), given.encode("utf-8", "replace")):
        raise ForgedRequest("This was not begun here.")
    return own_path(there)


def spent(answer: Response[Any], *, place: str) -> Response[Any]:
    """Return the answer with the state taken out of the browser: it serves once."""
    answer.delete_cookie(_STATE_COOKIE, path=place)
    return answer
