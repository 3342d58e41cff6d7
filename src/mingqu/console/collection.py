"""Collection: the worklist by bucket, and the page of a case with everything that may be done about it now."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.loan import read_fen
from mingqu.console.route import act, page
from mingqu.domain.canonical import Canonical
from mingqu.domain.collection import Bucket, CollectionStepUnknown, PromiseMalformed
from mingqu.domain.operator import REASON_LENGTH_MAX, Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes.relieve_loan import Relief
from mingqu.services.changes.work_out_loan import read_work_out
from mingqu.services.collection import collect
from mingqu.services.collection.read_collection import read_case, read_worklist
from mingqu.services.people.write_note import NOTE_LENGTH_MAX
from mingqu.services.proposals.propose import propose

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of collection."""

    @page("/collection", needs=Permission.COLLECTIONS)
    def worklist(request: Asked, bucket: FromQuery[str] = "m1") -> Response[Any]:
        chosen = next((one for one in Bucket if one.value == bucket), Bucket.M1)
        seen = read_worklist(desk.house, seat=at.signed_in(request), bucket=chosen)
        return desk.show(request, "collection.html", seen=seen, buckets=list(Bucket))

    @page("/collection/{debt_id:str}", needs=Permission.COLLECTIONS)
    def case(request: Asked, debt_id: FromPath[str]) -> Response[Any]:
        return _show(desk, request, at.identity(debt_id))

    @act("/collection/{debt_id:str}/{step:str}", needs=Permission.COLLECT)
    def do(request: Asked, debt_id: FromPath[str], step: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
        identity, seat = at.identity(debt_id), at.signed_in(request)
        try:
            if step in _PROPOSED:
                return at.go(f"{HOME}/proposals/{_PROPOSED[step](desk, seat, identity, data).hex}")
            _STEPS.get(step, _unknown)(desk, seat, identity, data)
        except NotFound:
            raise
        except Refusal as refusal:
            return _show(desk, request, identity, refusal=refusal)
        return at.go(f"{HOME}/collection/{identity.hex}")

    return [worklist, case, do]


def _show(desk: Desk, request: Asked, debt_id: UUID, *, refusal: Refusal | None = None) -> Response[Any]:
    seat = at.signed_in(request)
    seen = read_case(desk.house, seat=seat, debt_id=debt_id)
    return desk.show(
        request,
        "case.html",
        status=refusal.status if refusal else 200,
        seen=seen,
        work_out=None if seen.is_account else read_work_out(desk.house, seat=seat, loan_id=debt_id),
        code=refusal.code if refusal else "",
        details=dict(refusal.details) if refusal else {},
        key=desk.form_key(),
        reliefs=[one.value for one in Relief],
        reason_length_max=REASON_LENGTH_MAX,
        note_length_max=NOTE_LENGTH_MAX,
    )


def _relieve(desk: Desk, seat: Seat, loan_id: UUID, data: Form) -> UUID:
    asked: dict[str, Canonical] = {"relief": at.field(data, "relief"), "instalments": at.field(data, "instalments")}
    return _propose(desk, seat, Deed.RELIEVE_LOAN, loan_id, asked, data)


def _work_out(desk: Desk, seat: Seat, loan_id: UUID, data: Form) -> UUID:
    return _propose(desk, seat, Deed.WORK_OUT_LOAN, loan_id, {"work_out": at.field(data, "work_out")}, data)


def _propose(desk: Desk, seat: Seat, deed: Deed, loan_id: UUID, asked: dict[str, Canonical], data: Form) -> UUID:
    return propose(
        desk.house,
        seat=seat,
        deed=deed,
        subject_id=loan_id,
        asked=asked,
        reason=at.field(data, "reason"),
        key=at.field(data, "key"),
    )


_PROPOSED: Final[dict[str, Callable[[Desk, Seat, UUID, Form], UUID]]] = {"relief": _relieve, "work-out": _work_out}


def _take(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:
    collect.take_case(desk.house, seat=seat, debt_id=debt_id, key=at.field(data, "key"))


def _call(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:
    collect.log_call(
        desk.house,
        seat=seat,
        debt_id=debt_id,
        spoken=at.field(data, "spoken") == "yes",
        to_debtor=at.field(data, "whom") != "other",
        key=at.field(data, "key"),
    )


def _promise(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:
    amount_fen, until = read_fen(at.field(data, "amount")), _day(data)
    if amount_fen is None:
        raise PromiseMalformed("Write an amount in yuan.")
    collect.note_promise(
        desk.house, seat=seat, debt_id=debt_id, amount_fen=amount_fen, until=until, key=at.field(data, "key")
    )


def _note(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:
    text = Personal(at.field(data, "text"))
    collect.note_word(desk.house, seat=seat, debt_id=debt_id, text=text, key=at.field(data, "key"))


def _agency(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:
    collect.hand_over(
        desk.house,
        seat=seat,
        debt_id=debt_id,
        agency=at.field(data, "agency"),
        until=_day(data),
        key=at.field(data, "key"),
    )


def _court(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:
    how = at.field(data, "how")
    collect.take_to_court(desk.house, seat=seat, debt_id=debt_id, how=how, key=at.field(data, "key"))


def _back(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:
    collect.call_back(desk.house, seat=seat, debt_id=debt_id, key=at.field(data, "key"))


def _unknown(desk: Desk, seat: Seat, debt_id: UUID, data: Form) -> None:  # noqa: ARG001 - as the others are called
    raise CollectionStepUnknown("Nothing like this is done about a case.")


_STEPS: Final[dict[str, Callable[[Desk, Seat, UUID, Form], None]]] = {
    "take": _take,
    "call": _call,
    "promise": _promise,
    "note": _note,
    "agency": _agency,
    "court": _court,
    "back": _back,
}


def _day(data: Form) -> date:
    """Return the day of a form. Errors: PromiseMalformed."""
    typed = at.field(data, "until")
    try:
        return date.fromisoformat(typed) if _DAY.fullmatch(typed) else _no_day()
    except ValueError:
        raise PromiseMalformed("Write a day.") from None


def _no_day() -> date:
    raise ValueError
