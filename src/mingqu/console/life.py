"""Life events on the customer's page: one person proposes what happened, from a paper, and another approves."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act
from mingqu.domain.canonical import Canonical
from mingqu.domain.life import LifeKind
from mingqu.domain.operator import Permission
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.services.customers.record_life import keep_new_phone
from mingqu.services.proposals.propose import propose


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the route by which a life event is proposed."""

    @act("/customers/{person_id:str}/life", needs=Permission.ANSWER)
    def happened(request: Asked, person_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, seat = at.identity(person_id), at.signed_in(request)
        asked: dict[str, Canonical] = {name: at.field(data, name) for name in ("kind", "happened_on", "paper")}
        if asked["kind"] == LifeKind.PHONE_CHANGED.value:
            phone = Personal(at.field(data, "phone"))
            asked["phone_hash"] = keep_new_phone(desk.house, seat=seat, person_id=identity, phone=phone)
        made = propose(
            desk.house,
            seat=seat,
            deed=Deed.RECORD_LIFE,
            subject_id=identity,
            asked=asked,
            reason=at.field(data, "reason"),
            key=at.field(data, "key"),
        )
        return at.go(f"{HOME}/proposals/{made.hex}")

    return [happened]
