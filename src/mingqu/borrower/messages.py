"""Is this message from us? Anybody may ask; whoever is signed in may report what seems not to be."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.appeals.report_message import REPORT_LENGTH_MAX, REPORT_LENGTH_MIN, report_message
from mingqu.services.messages.check_message import CheckedMessage, check_message
from mingqu.web.pace import take_check


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of checking and reporting messages."""
    return [
        door.page("/check-message", show_check, is_open=True),
        door.step("/check-message", check, is_open=True),
        door.page("/report-message", show_report),
        door.step("/report-message", report),
    ]


def show_check(visit: Visit) -> Response[Any]:
    """Ask for the code of a message, and for the phone it came to if one likes."""
    return _check_page(visit)


def check(visit: Visit, form: Form) -> Response[Any]:
    """Say whether a message is ours."""
    try:
        take_check(visit.house, visit.door.pace, visit.request)
        phone = form.digits("phone") if form.optional("phone") else None
        found = check_message(visit.house, code=form.text("code"), phone=phone)
    except Refusal as refusal:
        return _check_page(visit, form=form, refusal=refusal)
    return _check_page(visit, form=form, answer=_told(found), found=found)


def show_report(visit: Visit) -> Response[Any]:
    """Ask for what was received, as it stood there."""
    return _report_page(visit, key=visit.form_key())


def report(visit: Visit, form: Form) -> Response[Any]:
    """Take a report, once for a form."""
    text = form.passage("text", most=REPORT_LENGTH_MAX)
    try:
        asked = report_message(visit.house, person_id=visit.person_id, text=Personal(text), key=form.key)
    except Refusal as refusal:
        return _report_page(visit, key=form.key, text=text, refusal=refusal)
    return visit.go(f"/received/{asked.request_id.hex}")


def _told(found: CheckedMessage | None) -> str:
    if found is None:
        return "not_ours"
    return {None: "ours", True: "ours_here", False: "not_here"}[found.to_this_phone]


def _check_page(
    visit: Visit,
    *,
    form: Form | None = None,
    answer: str = "",
    found: CheckedMessage | None = None,
    refusal: Refusal | None = None,
) -> Response[str]:
    return visit.show(
        "check_message.html",
        status=200 if refusal is None else refusal.status,
        code=form.optional("code") if form else visit.query("code")[:20],
        answer=answer,
        sent_at=None if found is None else found.sent_at,
        about="" if found is None else found.about.value,
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _report_page(visit: Visit, *, key: str, text: str = "", refusal: Refusal | None = None) -> Response[str]:
    return visit.show(
        "report_message.html",
        status=200 if refusal is None else refusal.status,
        key=key,
        text=text,
        least=REPORT_LENGTH_MIN,
        most=REPORT_LENGTH_MAX,
        problem=None if refusal is None else visit.words.refusal(refusal),
    )
