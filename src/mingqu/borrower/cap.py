"""The borrower's own cap: lower it at once, raise or lift it after a pause."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.borrower.stopped import stopped
from mingqu.services.decisions.assess import may_be_assessed
from mingqu.services.decisions.read_limit import limit_view
from mingqu.services.limits.cap_limit import cap_limit


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of the own cap."""
    return [
        door.page("/limit", show),
        door.step("/limit/cap", set_cap),
        door.step("/limit/cap/lift", lift_cap),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show the limit, the own cap and what will become of it; without a limit, what to do first."""
    view = limit_view(visit.house, person_id=visit.person_id)
    if view is None:
        return visit.go("/decision")
    return visit.show(
        "limit.html",
        granted_fen=view.granted_fen,
        used_fen=view.drawn_fen + view.held_fen,
        available_fen=view.available_fen,
        cap_fen=view.cap.amount_fen,
        next_fen=view.cap.next_fen,
        next_at=view.cap.next_at,
        waiting_fen=view.waiting_fen,
        usable_at=view.usable_at,
        valid_until=view.valid_until,
        expired=view.expired,
        lowered=view.lowered,
        stopped=stopped(visit),
        may_apply=may_be_assessed(visit.house, person_id=visit.person_id),
        hours=int(visit.house.settings.cap_pause.total_seconds()) // 3600,
        key=visit.form_key(),
        lift_key=visit.form_key(),
    )


def set_cap(visit: Visit, form: Form) -> Response[Any]:
    """Set a cap."""
    cap_limit(visit.house, person_id=visit.person_id, amount_fen=form.fen("cap"), key=form.key)
    return visit.go("/limit")


def lift_cap(visit: Visit, form: Form) -> Response[Any]:
    """Lift the cap, once the pause is over."""
    cap_limit(visit.house, person_id=visit.person_id, amount_fen=None, key=form.key)
    return visit.go("/limit")
