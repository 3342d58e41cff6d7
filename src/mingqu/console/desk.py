"""The desk every screen is served from: who sits at it, its cookies, its templates, its errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.response import Redirect

from mingqu.console.route import Open, needs_of
from mingqu.console.words import Words
from mingqu.domain.canonical import Canonical
from mingqu.domain.identifier import parse
from mingqu.domain.operator import LIFE_MAX, Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.domain.refusal import Refusal
from mingqu.domain.session import NotSignedIn
from mingqu.services.access.keep_operator import role_name
from mingqu.services.access.read_today import read_close, unknown_count
from mingqu.services.access.sign_in_operator import Seat, recognize_operator
from mingqu.services.appeals.read_review import reviews_waiting
from mingqu.services.house import House
from mingqu.services.proposals.propose import propose
from mingqu.services.proposals.read_proposals import proposals_to_check
from mingqu.web import forgery
from mingqu.web.pages import LANGUAGE_COOKIE, LANGUAGES, Pages, language_of

Asked = Request[Any, Any, Any]
Form = dict[str, str]
HOME: Final = "/console"
SESSION_COOKIE: Final = "mingqu_console"
VISITOR_COOKIE: Final = "mingqu_console_visitor"  # holds the form token of the sign-in page, before there is a session
THEME_COOKIE: Final = "mingqu_console_theme"
THEMES: Final = ("system", "light", "dark")
_SEAT: Final = "console_seat"  # in the scope's state
_CHOICE_LASTS: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What handlers are made with."""

    house: House
    pages: Pages
    secure_cookies: bool

    def guard(self, connection: ASGIConnection[Any, Any, Any, Any], handler: Any) -> None:
        """Let a request in if its route's permission is the operator's. Errors: NotSignedIn, OperatorForbidden."""
        needs = needs_of(handler)
        token = connection.cookies.get(SESSION_COOKIE)
        seat: Seat | None = None
        if token:
            try:
                seat = recognize_operator(self.house, token=Personal(token))
            except NotSignedIn:
                if needs is not Open.TO_ALL:
                    raise
        if isinstance(needs, Permission):
            if seat is None:
                raise NotSignedIn("Please sign in.")
            seat.operator.require(needs)
        connection.scope["state"][_SEAT] = seat

    async def check_form(self, request: Asked) -> None:
        """Refuse a form that another site made a browser send, or of a page that is not this session's.

        Errors: ForgedRequest.
        """
        if request.method == "GET":
            return
        forgery.require_own_page(request)
        form = await request.form()
        holder = request.cookies.get(SESSION_COOKIE if seat_of(request) else VISITOR_COOKIE, "")
        forgery.require_token(holder=Personal(holder), given=str(form.get(forgery.FIELD, "")))

    def show(self, request: Asked, template: str, *, status: int = 200, **values: object) -> Response[str]:
        """Return a page of the console with its frame."""
        language, seat = language_of(request), seat_of(request)
        other = "en" if language == "zh" else "zh"
        words = Words(texts=self.pages.texts, language=language)
        frame: dict[str, object] = {
            "w": words,
            "other": lambda name, **holes: self.pages.texts.say(name, other, **holes),
            "other_language": other,
            "theme": _theme_of(request),
            "csrf": forgery.token_for(Personal(request.cookies.get(SESSION_COOKIE, ""))) if seat else "",
            "seat": seat,
            "business_date": self.house.clock.business_date(),
            "now": self.house.clock.now(),
        }
        if seat is not None:
            frame["role"] = role_name(self.house, of=seat.operator)
            frame["may"] = {permission.value: seat.operator.may(permission) for permission in Permission}
            frame["close"] = read_close(self.house)
            frame["unknown_count"] = unknown_count(self.house, seat=seat)
            frame["review_count"] = reviews_waiting(self.house, seat=seat)
            frame["check_count"] = proposals_to_check(self.house, seat=seat)
        return self.pages.show(request, template, status=status, **{**frame, **values})

    def form_key(self) -> str:
        """Return a key for a form: sent twice, it is one command."""
        return self.house.identifiers.fresh(0).hex

    def propose(
        self,
        request: Asked,
        data: Form,
        *,
        deed: Deed,
        subject_id: UUID,
        asked: Mapping[str, Canonical],
        again: Callable[..., Response[Any]],
    ) -> Response[Any]:
        """Propose a deed by a form with `reason` and `key`, and go to the proposal.

        A refusal is shown where it was asked for: `again` gives that page, with the same `key` and the `refusal`.
        Errors: NotFound.
        """
        key = field(data, "key")
        try:
            made = propose(
                self.house,
                seat=signed_in(request),
                deed=deed,
                subject_id=subject_id,
                asked=asked,
                reason=field(data, "reason"),
                key=key,
            )
        except NotFound:
            raise
        except Refusal as refusal:
            return again(key=key, refusal=refusal)
        return go(f"{HOME}/proposals/{made.hex}")

    def show_refusal(self, request: Asked, refusal: Refusal) -> Response[Any]:
        """Answer a refusal as a page: to the sign-in page if that is what helps."""
        if isinstance(refusal, NotSignedIn):
            if request.headers.get("hx-request"):
                return Response("", status_code=401, headers={"hx-redirect": f"{HOME}/sign-in"})
            if request.method != "GET":
                return self.show(request, "refused.html", status=401, code=refusal.code, details={})
            answer: Response[Any] = Redirect(f"{HOME}/sign-in", status_code=303)
            answer.set_cookie(self._cookie(_NEXT_COOKIE, request.url.path, lasts=_NEXT_LASTS))
            return answer
        return self.show(
            request, "refused.html", status=refusal.status, code=refusal.code, details=dict(refusal.details)
        )

    def open_for(self, answer: Response[Any], *, token: Personal[str]) -> Response[Any]:
        """Put a session's token into a cookie that only this door's own pages send along."""
        answer.set_cookie(self._cookie(SESSION_COOKIE, token.reveal(), lasts=LIFE_MAX))
        answer.delete_cookie(VISITOR_COOKIE, path=HOME)
        answer.delete_cookie(_NEXT_COOKIE, path=HOME)
        return answer

    def visit(self, answer: Response[Any], *, visitor: str) -> Response[Any]:
        """Let a visitor of the sign-in page hold what the form's token is made from."""
        answer.set_cookie(self._cookie(VISITOR_COOKIE, visitor, lasts=_NEXT_LASTS))
        return answer

    def choose(self, answer: Response[Any], *, cookie: str, value: str) -> Response[Any]:
        """Remember a choice of language or theme."""
        path = "/" if cookie == LANGUAGE_COOKIE else HOME
        answer.set_cookie(self._cookie(cookie, value, lasts=_CHOICE_LASTS, path=path))
        return answer

    def _cookie(self, key: str, value: str, *, lasts: timedelta, path: str = HOME) -> Cookie:
        return Cookie(
            key=key,
            value=value,
            max_age=int(lasts.total_seconds()),
            path=path,
            httponly=True,
            secure=self.secure_cookies,
            samesite="strict" if path == HOME else "lax",
        )


_NEXT_COOKIE: Final = "mingqu_console_next"  # where a visitor wanted to go; a path of this door and nothing else
_NEXT_LASTS: Final = timedelta(hours=1)


def seat_of(request: Asked) -> Seat | None:
    """Return who a request speaks for, or None on a page that is open to all."""
    found: Seat | None = request.scope["state"].get(_SEAT)
    return found


def signed_in(request: Asked) -> Seat:
    """Return who a request speaks for; the guard let nobody else in."""
    seat = seat_of(request)
    assert seat is not None, "the guard of this route asked for a session"
    return seat


def next_of(request: Asked) -> str:
    """Return the page that a visitor wanted: a path of this door, or its first page."""
    wanted = request.cookies.get(_NEXT_COOKIE, "")
    own = wanted.startswith(f"{HOME}/") and "//" not in wanted and "\\" not in wanted and wanted.isprintable()
    return wanted if own else HOME


def token_of(request: Asked) -> Personal[str] | None:
    """Return the token of the session cookie, if there is one."""
    token = request.cookies.get(SESSION_COOKIE)
    return Personal(token) if token else None


def address_of(request: Asked) -> str:
    """Return the network address that a request came from, by which wrong passwords are counted."""
    return request.client.host if request.client else "unknown"


def go(path: str) -> Response[Any]:
    """Answer a form: look at this page now."""
    return Redirect(path, status_code=303)


def identity(text: str) -> UUID:
    """Return the id in an address; what is none is not found."""
    try:
        return parse(text)
    except Refusal:
        raise NotFound from None


def field(form: Mapping[str, str], name: str) -> str:
    """Return a field of a form, empty if it was not sent."""
    return str(form.get(name, ""))


def is_language(text: str) -> bool:
    """Return whether a language is one of this site's."""
    return text in LANGUAGES


def _theme_of(request: Asked) -> str:
    wish = request.cookies.get(THEME_COOKIE, "system")
    return wish if wish in THEMES else "system"
