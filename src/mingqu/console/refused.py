"""What came from outside and was refused or parked: notices, bills, answers, cards; by channel, reason and age."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import page
from mingqu.domain.operator import Permission
from mingqu.services.access.read_refused import AGES_DAYS, list_refused

_FILTER_LENGTH_MAX: Final = 64  # of what an address asks for: the longest reason has half of that


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the route of what was refused."""

    @page("/refused", needs=Permission.QUEUE)
    def refused(
        request: Asked, source: FromQuery[str] = "", reason: FromQuery[str] = "", days: FromQuery[str] = ""
    ) -> Response[Any]:
        seen = list_refused(
            desk.house,
            seat=at.signed_in(request),
            age_days=int(days) if days in {str(each) for each in AGES_DAYS} else 0,
            source=_plain(source),
            reason=_plain(reason),
        )
        return desk.show(request, "refused_words.html", seen=seen, ages=AGES_DAYS)

    return [refused]


def _plain(text: str) -> str:
    """Return a filter of an address; one that no row can have finds none, and is not handed to the database."""
    return text if len(text) <= _FILTER_LENGTH_MAX and text.isascii() and text.isprintable() else "-"
