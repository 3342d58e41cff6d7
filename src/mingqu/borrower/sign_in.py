"""Come in: a code to a phone, or a super-app's login; go out; choose a language."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.device import give_device, origin
from mingqu.borrower.door import VISITOR_COOKIE, Door, Visit
from mingqu.borrower.form import Form, own_path
from mingqu.borrower.super_app import came_back, send_away, spent
from mingqu.domain.one_time_code import VALID_SECONDS, CodePurpose, CodeTooSoon
from mingqu.domain.party import read_phone
from mingqu.domain.personal import Personal, mask_phone
from mingqu.domain.refusal import Refusal
from mingqu.domain.session import Door as SessionDoor
from mingqu.services.access.keep_session import end_session, open_session
from mingqu.services.people.note_signals import allows_device
from mingqu.services.people.sign_in import note_sign_in, send_code, sign_in
from mingqu.web.origin import origin_of
from mingqu.web.pages import LANGUAGE_COOKIE, LANGUAGES
from mingqu.web.signed_in import COOKIE, drop_cookie, set_cookie

# The phone that a code went to, kept by the phone's own browser for as long as the code is good.
PHONE_COOKIE: Final = "mingqu_phone"
_PLACE: Final = "/sign-in"
_LANGUAGE_SECONDS: Final = 365 * 24 * 3600


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of signing in and out."""
    made = [
        door.page(_PLACE, show_phone, is_open=True),
        door.step("/sign-in/code", send, is_open=True),
        door.page("/sign-in/code", show_code, is_open=True),
        door.step(_PLACE, enter, is_open=True),
        door.step("/sign-out", leave, is_open=True),
        door.step("/language", choose_language, is_open=True),
    ]
    if door.wechat is not None:
        made += [
            door.page("/sign-in/wechat", to_wechat, is_open=True),
            door.page("/sign-in/wechat/back", from_wechat, is_open=True, acts=True),
        ]
    return made


def show_phone(visit: Visit) -> Response[Any]:
    """Ask for the phone."""
    there = own_path(visit.query("next"))
    if visit.is_signed_in:
        return visit.go(there)
    return _phone_page(visit, there=there, ended=visit.query("ended") == "1")


def send(visit: Visit, form: Form) -> Response[Any]:
    """Send a code; one that is on its way already is waited for."""
    try:
        phone = read_phone(form.digits("phone"))
    except Refusal as refusal:
        return _phone_page(visit, there=form.back_to, refusal=refusal)
    try:
        visit.ask_for_code(phone=phone)
        send_code(visit.house, phone=phone, purpose=CodePurpose.SIGN_IN, origin=origin_of(visit.request))
    except CodeTooSoon:
        pass  # the code page says so: it may be on its way
    except Refusal as refusal:
        return _phone_page(visit, there=form.back_to, refusal=refusal)
    answer = visit.go(f"/sign-in/code?next={quote(form.back_to, safe='')}")
    answer.set_cookie(visit.door.passing_cookie(PHONE_COOKIE, phone.reveal(), path=_PLACE, seconds=VALID_SECONDS))
    return answer


def show_code(visit: Visit) -> Response[Any]:
    """Ask for the code."""
    there = own_path(visit.query("next"))
    if visit.is_signed_in:
        return visit.go(there)
    return _code_page(visit, there=there)


def enter(visit: Visit, form: Form) -> Response[Any]:
    """Let a person in: always with a new session, whatever the browser brought."""
    phone = visit.request.cookies.get(PHONE_COOKIE)
    if not phone:
        return visit.go(f"/sign-in?next={quote(form.back_to, safe='')}")
    try:
        visit.try_code(phone=Personal(phone))
        person_id = sign_in(visit.house, phone=Personal(phone), digits=form.digits("code"), origin=origin(visit))
    except Refusal as refusal:
        return _code_page(visit, there=form.back_to, refusal=refusal)
    answer = visit.go(form.back_to)
    let_in(visit, answer, person_id=person_id)
    answer.delete_cookie(PHONE_COOKIE, path=_PLACE)
    return answer


def leave(visit: Visit, _: Form) -> Response[Any]:
    """End the session."""
    held = visit.request.cookies.get(COOKIE)
    if held:
        end_session(visit.house, token=Personal(held))
    answer = visit.go("/")
    drop_cookie(answer)
    return answer


def choose_language(visit: Visit, form: Form) -> Response[Any]:
    """Keep a language and show the same page in it."""
    wish = form.optional("language")
    answer = visit.go(form.back_to)
    if wish in LANGUAGES:
        answer.set_cookie(visit.door.passing_cookie(LANGUAGE_COOKIE, wish, path="/", seconds=_LANGUAGE_SECONDS))
    return answer


def to_wechat(visit: Visit) -> Response[Any]:
    """Send the person to WeChat, with a state that only this browser knows."""
    assert visit.door.wechat is not None
    wechat = visit.door.wechat
    return send_away(visit, address=lambda state: wechat.address(state=state), place=_PLACE)


def from_wechat(visit: Visit) -> Response[Any]:
    """Let the person in whom WeChat sent back. Errors: ForgedRequest when this browser was not sent there by us."""
    assert visit.door.wechat is not None
    there = came_back(visit)
    came = visit.door.wechat.sign_in(code=Personal(visit.query("code")))
    note_sign_in(visit.house, person_id=came.person_id, origin=origin(visit))
    answer = visit.go(there)
    let_in(visit, answer, person_id=came.person_id, login=came.openid)
    return spent(answer, place=_PLACE)


def let_in(visit: Visit, answer: Response[Any], *, person_id: UUID, login: Personal[str] | None = None) -> None:
    """Open a session for a person, in place of whichever the browser brought.

    `login` is their subject at WeChat, when they came in by it: it pays inside its app.
    """
    held = visit.request.cookies.get(COOKIE)
    token = open_session(
        visit.house,
        person_id=person_id,
        door=SessionDoor.PAGE,
        login=login,
        instead_of=Personal(held) if held else None,
    )
    set_cookie(answer, token=token, secure=visit.door.secure_cookies)
    if allows_device(visit.house, person_id=person_id):
        give_device(visit, answer)
    answer.delete_cookie(VISITOR_COOKIE, path="/")


def _phone_page(visit: Visit, *, there: str, ended: bool = False, refusal: Refusal | None = None) -> Response[str]:
    return visit.show(
        "sign_in.html",
        status=200 if refusal is None else refusal.status,
        there=there,
        ended=ended,
        wechat=visit.door.wechat is not None,
        alipay=visit.door.alipay is not None,
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _code_page(visit: Visit, *, there: str, refusal: Refusal | None = None) -> Response[Any]:
    phone = visit.request.cookies.get(PHONE_COOKIE)
    if not phone:
        return visit.go(f"/sign-in?next={quote(there, safe='')}")
    return visit.show(
        "sign_in_code.html",
        status=200 if refusal is None else refusal.status,
        there=there,
        phone=mask_phone(Personal(phone)),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )
