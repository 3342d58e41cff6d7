"""A loan that is paid out stage by stage: what was paid to whom, what comes next, and the papers it is due."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.read_stages import StageStands, stages_view
from mingqu.services.changes.release_stage import NUMBER_LENGTH_MAX, give_paper


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of stages."""
    return [
        door.page("/loans/{loan_id:str}/stages", show),
        door.step("/loans/{loan_id:str}/stages/{stage:str}/papers", give),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show the stages, and the form of the next paper."""
    return _page(visit)


def give(visit: Visit, form: Form) -> Response[Any]:
    """Take a paper's number."""
    loan_id = visit.identifier("loan_id")
    try:
        give_paper(
            visit.house,
            person_id=visit.person_id,
            loan_id=loan_id,
            stage=str(visit.request.path_params["stage"]),
            kind=form.text("kind"),
            number=Personal(form.text("number")),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, refusal=refusal)
    return visit.go(f"/loans/{loan_id.hex}/stages")


def _page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    view = stages_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"))
    coming = view.next_one
    return visit.show(
        "stages.html",
        status=200 if refusal is None else refusal.status,
        loan_id=view.loan_id.hex,
        principal_fen=view.principal_fen,
        paid_fen=view.paid_fen,
        payee={"name": "" if view.payee_name is None else view.payee_name.reveal(), "tail": view.payee_tail},
        stages=[_values(visit, one) for one in view.stages],
        came_back=view.came_back,
        version_waits=view.version_waits,
        coming=None if coming is None else _values(visit, coming),
        problem=None if refusal is None else visit.words.refusal(refusal),
        number_length_max=NUMBER_LENGTH_MAX,
        key=visit.form_key(),
    )


def _values(visit: Visit, one: StageStands) -> dict[str, Any]:
    return {
        "id": one.stage.id,
        "name": visit.words.pick(one.stage.name_zh, one.stage.name_en),
        "fen": one.amount_fen,
        "state": one.state.value,
        "given": [paper.kind for paper in one.papers],
        "lacking": one.lacking,
        "paid_on": one.order.value_date if one.order is not None else None,
    }
