"""The fund centre: people, lines and pools, sources of each product, how near limits are, and a quarter ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import page
from mingqu.domain.funding import Level, Point
from mingqu.domain.operator import Permission
from mingqu.services.pools.read_funds import SourceLine, read_funds

_SHAPES: Final = {Level.OPEN: "ok", Level.SOFT: "warn", Level.HARD: "bad"}
_COLORS: Final = {Level.OPEN: "", Level.SOFT: "w", Level.HARD: "x"}
_TOP: Final = 100  # of a drawing, in its own units; lengths in it are rounded to these


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One week of a drawing: where its bar begins and how high it is, of 100."""

    point: Point
    height: int
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A quarter of a source's line as it is drawn; `limit` is the height of the line's end, None: above the drawing."""

    source: SourceLine
    bars: tuple[Bar, ...]
    limit: int | None
    soft: int | None


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the route of the fund centre."""

    @page("/funds", needs=Permission.FUNDS)
    def funds(request: Asked) -> Response[Any]:
        seen = read_funds(desk.house, lender_id=at.signed_in(request).operator.lender_id)
        drawn = [drawing(one) for one in seen.sources if any(point.used_fen or point.comes_fen for point in one.ahead)]
        return desk.show(request, "funds.html", seen=seen, drawn=drawn, shapes=_SHAPES, colors=_COLORS)

    return [funds]


def drawing(source: SourceLine) -> Ahead:
    """Return how a source's quarter is drawn: its highest week is four fifths high, so that what changes is seen."""
    most_fen = max(point.used_fen for point in source.ahead)
    whole_fen = max(1, most_fen * 5 // 4)
    bars = tuple(
        Bar(point=point, height=point.used_fen * _TOP // whole_fen, color=_COLORS[point.level])
        for point in source.ahead
    )
    limit_fen = source.line.limit_fen
    soft_fen = limit_fen * 9 // 10
    return Ahead(
        source=source,
        bars=bars,
        limit=limit_fen * _TOP // whole_fen if limit_fen <= whole_fen else None,
        soft=soft_fen * _TOP // whole_fen if soft_fen <= whole_fen else None,
    )
