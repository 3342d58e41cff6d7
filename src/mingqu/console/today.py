"""Today: what waits first, and whether the day can be closed."""

from __future__ import annotations

import json
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import page
from mingqu.domain.operator import Permission
from mingqu.services.access.read_refused import lately_refused
from mingqu.services.access.read_today import Today, read_close, read_queues, read_today
from mingqu.services.appeals.read_review import list_reviews
from mingqu.services.proposals.read_proposals import list_proposals
from mingqu.services.reconciliation.work_break import read_alerts


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the first screen."""

    @page("/", needs=Permission.TODAY)
    def today(request: Asked) -> Response[Any]:
        seat = at.signed_in(request)
        seen = read_today(desk.house, seat=seat)
        waiting = list_proposals(desk.house, seat=seat)[0] if seat.operator.may(Permission.PROPOSALS) else []
        reviews = list_reviews(desk.house, seat=seat)[0] if seat.operator.may(Permission.REVIEWS) else []
        return desk.show(
            request,
            "today.html",
            reviews=reviews,
            today=seen,
            queues=read_queues(desk.house, seat=seat),
            waiting=waiting,
            alerts=read_alerts(desk.house),
            refused=lately_refused(desk.house) if seat.operator.may(Permission.QUEUE) else {},
            flows=_flows(seen),
        )

    @page("/today/close", needs=Permission.TODAY)
    def close(request: Asked) -> Response[Any]:
        return desk.show(request, "close.html", close=read_close(desk.house))

    return [today, close]


def _flows(seen: Today) -> str:
    """Return the bars of a month as the chart reads them: yuan, for the eye; the table beside it has the fen."""
    return json.dumps(
        {
            "days": [flow.on.strftime("%m-%d") for flow in seen.flows],
            "paid_out": [flow.paid_out_fen / 100 for flow in seen.flows],
            "collected": [flow.collected_fen / 100 for flow in seen.flows],
        }
    )
