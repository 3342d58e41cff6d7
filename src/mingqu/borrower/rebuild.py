"""How credit is rebuilt: the band as it stands, why, and the days on which what was lost comes back."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.drawing import share
from mingqu.services.limits.stand_in_band import BandView, band_view


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handler of the way back."""
    return [door.page("/rebuild", show)]


def show(visit: Visit) -> Response[Any]:
    """Show the band and the way back; without limits, the decision says what helps."""
    view = band_view(visit.house, person_id=visit.person_id)
    if view is None:
        return visit.go("/decision")
    rule = {"falls": [(row.late_days, row.bands) for row in view.table.falls], "rise_days": view.table.rise_days}
    return visit.show("rebuild.html", band=band_values(view), rule=rule)


def band_values(view: BandView) -> dict[str, Any]:
    """Return what pages show of a band."""
    return {
        "on": view.on,
        "assessed": view.assessed,
        "now": view.band,
        "lowered": view.usable_fen < view.granted_fen,
        "granted_fen": view.granted_fen,
        "usable_fen": view.usable_fen,
        "usable_permille": share(view.usable_fen, view.granted_fen),
        "late_days": view.late_days,
        "frozen": view.frozen,
        "since": view.in_order_since,
        "rises": [{"on": turn.on, "band": turn.band, "fen": turn.usable_fen} for turn in view.rises],
        "falls": [{"on": turn.on, "band": turn.band, "fen": turn.usable_fen} for turn in view.falls],
    }
