"""The customer: who is this, what is owed, what may they do, may I call now."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import act, page
from mingqu.domain.freeze import FreezeCause
from mingqu.domain.life import LifeKind
from mingqu.domain.operator import REASON_LENGTH_MAX, UNMASKED_FOR, Permission, ReasonMissing
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import unmask
from mingqu.services.customers.read_customer import read_customer, survivor_of
from mingqu.services.limits.freeze_drawing import freeze_drawing
from mingqu.services.people.write_note import NOTE_LENGTH_MAX, write_note


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of the customer page."""

    @page("/customers/{person_id:str}", needs=Permission.CUSTOMER)
    def customer(request: Asked, person_id: FromPath[str]) -> Response[Any]:
        return _show(desk, request, person_id)

    @act("/customers/{person_id:str}/unmask", needs=Permission.UNMASK)
    def show_unmasked(request: Asked, person_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, back = at.identity(person_id), at.field(data, "back")
        try:
            unmask(desk.house, seat=at.signed_in(request), person_id=identity, reason=at.field(data, "reason"))
        except ReasonMissing as refusal:
            return _show(desk, request, person_id, refusal=refusal, form="unmask")
        decision = back.removeprefix("decision:") if back.startswith("decision:") else ""
        place = f"decisions/{at.identity(decision).hex}" if decision else f"customers/{identity.hex}"
        return at.go(f"{HOME}/{place}")

    return [customer, show_unmasked, *_work(desk)]


def _work(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of what is done about a customer: a note, drawing stopped, a proposal that it goes on."""

    @act("/customers/{person_id:str}/notes", needs=Permission.NOTE)
    def note(request: Asked, person_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, text, key = at.identity(person_id), at.field(data, "text"), at.field(data, "key")
        try:
            write_note(desk.house, seat=at.signed_in(request), person_id=identity, text=Personal(text), key=key)
        except NotFound:
            raise
        except Refusal as refusal:
            return _show(desk, request, person_id, refusal=refusal, form="note", typed=text, key=key)
        return at.go(f"{HOME}/customers/{identity.hex}")

    @act("/customers/{person_id:str}/freeze", needs=Permission.FREEZE)
    def stop(request: Asked, person_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, key = at.identity(person_id), at.field(data, "key")
        cause, reason = at.field(data, "cause"), at.field(data, "reason")
        seat = at.signed_in(request)
        try:
            freeze_drawing(desk.house, seat=seat, person_id=identity, cause=cause, reason=reason, key=key)
        except NotFound:
            raise
        except Refusal as refusal:
            return _show(desk, request, person_id, refusal=refusal, form="freeze", key=key)
        return at.go(f"{HOME}/customers/{identity.hex}")

    @act("/customers/{person_id:str}/thaw", needs=Permission.FREEZE)
    def thaw(request: Asked, person_id: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        return desk.propose(
            request,
            data,
            deed=Deed.THAW_DRAWING,
            subject_id=at.identity(at.field(data, "freeze")),
            asked={},
            again=partial(_show, desk, request, person_id, form="freeze"),
        )

    return [note, stop, thaw]


def _show(
    desk: Desk,
    request: Asked,
    person_id: str,
    *,
    refusal: Refusal | None = None,
    form: str = "",
    typed: str = "",
    key: str = "",
) -> Response[Any]:
    """Return the page of a customer, with what was refused beside the form that asked for it."""
    asked = at.identity(person_id)
    living = survivor_of(desk.house, person_id=asked)
    if living != asked:
        return at.go(f"{HOME}/customers/{living.hex}")
    seen = read_customer(desk.house, seat=at.signed_in(request), person_id=asked)
    return desk.show(
        request,
        "customer.html",
        status=refusal.status if refusal else 200,
        seen=seen,
        code=refusal.code if refusal and form == "unmask" else "",
        wrong=(form, refusal.code) if refusal and form != "unmask" else ("", ""),
        typed=typed,
        key=key or desk.form_key(),
        causes=[one.value for one in FreezeCause],
        note_length_max=NOTE_LENGTH_MAX,
        life_kinds=[one.value for one in LifeKind],
        minutes=int(UNMASKED_FOR.total_seconds()) // 60,
        reason_length_max=REASON_LENGTH_MAX,
    )
