"""What every page goes through: who is asking, whether one of our own pages sent it, and what a refusal looks like.

A page is a function of a `Visit`, a step one of a `Visit` and its `Form`. They are registered here and nowhere else,
so none can be reached without its checks: a session (unless it is open to visitors), and for a step the origin that
the browser names and the form's token.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody

from mingqu.borrower.form import Form, own_path
from mingqu.borrower.login import AccountPage, SuperAppLogin
from mingqu.borrower.words import Words
from mingqu.domain.identifier import parse
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.session import SECRET_BYTES, NotSignedIn
from mingqu.services.access.keep_session import Caller, note_use
from mingqu.services.house import House
from mingqu.web.forgery import ForgedRequest, require_own_page, require_token, token_for
from mingqu.web.pace import (
    CODES_BY_ADDRESS,
    CODES_BY_PHONE,
    TRIES_BY_ADDRESS,
    TRIES_BY_PHONE,
    Allowance,
    Pace,
    take_turn,
)
from mingqu.web.pages import language_of, pages_of
from mingqu.web.signed_in import COOKIE, caller_by_cookie

VISITOR_COOKIE: Final = "mingqu_visitor"  # what the form token of somebody not signed in rests on
_VISIT_SECONDS: Final = 3600
SEE_OTHER: Final = 303


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a person, or of a visitor, whose `caller` is None."""

    door: Door
    house: House  # as it stands while this page is read, where the page only reads
    request: Request[Any, Any, Any]
    caller: Caller | None
    holder: Personal[str] | None  # what the form token rests on; None on a visitor's first page
    fresh: Personal[str] | None = None  # a visitor's cookie that this answer must set
    moment: ExitStack = field(default_factory=ExitStack)  # what ends when the page has read all it shows

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a person."""
        return self.caller is not None

    @property
    def person_id(self) -> UUID:
        """The person of a page that takes a session."""
        assert self.caller is not None
        return self.caller.person_id

    @property
    def language(self) -> str:
        """The language of the answer."""
        return language_of(self.request)

    @property
    def words(self) -> Words:
        """The sentences of this door in the language of the answer."""
        return Words(texts=self.door.pages.texts, language=self.language)

    def identifier(self, name: str) -> UUID:
        """Return an id that stands in the path. Errors: MalformedIdentifier."""
        return parse(str(self.request.path_params[name]))

    def query(self, name: str) -> str:
        """Return what the address says of a name, or an empty text."""
        return str(self.request.query_params.get(name) or "")

    def form_key(self) -> str:
        """Return a fresh key for a form that is about to be shown."""
        return self.house.id_for(self.person_id).hex

    def ask_for_code(self, *, phone: Personal[str]) -> None:
        """Count a code that is asked for, by address and by phone. Errors: TooManyRequests."""
        self._take_turn(phone, CODES_BY_ADDRESS, CODES_BY_PHONE)

    def try_code(self, *, phone: Personal[str]) -> None:
        """Count a code that is tried, by address and by phone. Errors: TooManyRequests."""
        self._take_turn(phone, TRIES_BY_ADDRESS, TRIES_BY_PHONE)

    def _take_turn(self, phone: Personal[str], by_address: Allowance, by_phone: Allowance) -> None:
        take_turn(
            self.house,
            self.door.pace,
            self.request,
            by_address=by_address,
            phone=phone.reveal(),
            by_phone=by_phone,
        )

    def show(self, template: str, *, status: int = 200, **values: object) -> Response[str]:
        """Return a page."""
        return self.door.show(self, template, status=status, **values)

    def go(self, path: str) -> Response[None]:
        """Return the way to another page of this site, to be fetched anew."""
        return Response(None, status_code=SEE_OTHER, headers={"location": path})


Page = Callable[[Visit], Response[Any]]
Step = Callable[[Visit, Form], Response[Any]]


class Door:
    """Makes the handlers of the borrower's pages."""

    def __init__(
        self,
        house: House,
        *,
        secure_cookies: bool,
        wechat: SuperAppLogin | None = None,
        alipay: AccountPage | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.house, self.secure_cookies, self.wechat, self.alipay = house, secure_cookies, wechat, alipay
        self.pages = pages_of("mingqu.borrower")
        self.pace = pace or Pace()

    def page(self, path: str, work: Page, *, is_open: bool = False, acts: bool = False) -> HTTPRouteHandler:
        """Return the handler of a page; `is_open` to visitors who are not signed in.

        A page reads the house at one moment, from the session to the last amount, unless it `acts`: asks a channel,
        or writes something.
        """

        def read(request: Request[Any, Any, Any]) -> Response[Any]:
            with ExitStack() as moment:
                visit = self._visit(moment.enter_context(self.house.reading()), request, is_open=is_open)
                answer = work(replace(visit, moment=moment))
            self._note(visit)
            return answer

        def act(request: Request[Any, Any, Any]) -> Response[Any]:
            visit = self._visit(self.house, request, is_open=is_open)
            self._note(visit)
            return work(visit)

        @get(path, sync_to_thread=True, include_in_schema=False)
        def shown(request: Request[Any, Any, Any]) -> Response[Any]:
            return self._answer(request, lambda: (act if acts else read)(request))

        return shown

    def step(self, path: str, work: Step, *, is_open: bool = False) -> HTTPRouteHandler:
        """Return the handler of a posted form; `is_open` to visitors who are not signed in."""

        @post(path, sync_to_thread=True, include_in_schema=False, status_code=200)
        def done(request: Request[Any, Any, Any], data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
            form = Form(data)

            def take() -> Response[Any]:
                require_own_page(request)
                visit = self._visit(self.house, request, is_open=is_open)
                self._note(visit)
                if visit.holder is None or visit.fresh is not None:
                    raise ForgedRequest("This page is out of date: load it again.")
                require_token(holder=visit.holder, given=form.csrf)
                return work(visit, form)

            return self._answer(request, take)

        return done

    def show(self, visit: Visit, template: str, *, status: int = 200, **values: object) -> Response[str]:
        """Return a page with what every page needs: the form token, who is there, the words.

        By now everything is read: nobody waits for a connection while a template is filled in.
        """
        visit.moment.close()
        answer = self.pages.show(
            visit.request,
            template,
            status=status,
            csrf="" if visit.holder is None else token_for(visit.holder),
            signed_in=visit.is_signed_in,
            operator=self.house.settings.operator_name,
            address=_address(visit.request),
            **values,
        )
        if visit.fresh is not None:
            answer.set_cookie(self.passing_cookie(VISITOR_COOKIE, visit.fresh.reveal(), path="/"))
        return answer

    def passing_cookie(self, name: str, value: str, *, path: str, seconds: int = _VISIT_SECONDS) -> Cookie:
        """Return a cookie that scripts cannot read and that is soon forgotten."""
        return Cookie(
            key=name,
            value=value,
            max_age=seconds,
            path=path,
            httponly=True,
            secure=self.secure_cookies,
            samesite="lax",
        )

    def stranger(self, request: Request[Any, Any, Any]) -> Visit:
        """Return a visit of which nothing is asked, for pages that are shown where no work may be done."""
        return Visit(door=self, house=self.house, request=request, caller=None, holder=None)

    def visitor(self, request: Request[Any, Any, Any]) -> Visit:
        """Return the visit of whoever is there, signed in or not, without a refusal."""
        try:
            visit = self._visit(self.house, request, is_open=True)
            self._note(visit)
        except Refusal:
            return self.stranger(request)
        return visit

    def _note(self, visit: Visit) -> None:
        """Note that the session of a visit is used."""
        if visit.caller is not None:
            note_use(self.house, caller=visit.caller)

    def _visit(self, house: House, request: Request[Any, Any, Any], *, is_open: bool) -> Visit:
        """Return who is asking. Errors: NotSignedIn, unless the page is open."""
        held = request.cookies.get(COOKIE)
        caller: Caller | None = None
        try:
            caller = caller_by_cookie(house, request)
        except NotSignedIn:
            if not is_open:
                raise
        if held:
            return Visit(door=self, house=house, request=request, caller=caller, holder=Personal(held))
        known = request.cookies.get(VISITOR_COOKIE, "")
        if len(known) == 2 * SECRET_BYTES:
            return Visit(door=self, house=house, request=request, caller=None, holder=Personal(known))
        fresh = Personal(self.house.codes.secret().reveal().hex())
        return Visit(door=self, house=house, request=request, caller=None, holder=fresh, fresh=fresh)

    def _answer(self, request: Request[Any, Any, Any], work: Callable[[], Response[Any]]) -> Response[Any]:
        try:
            return work()
        except NotSignedIn:
            return self._to_sign_in(request)
        except Refusal as refusal:
            return self.refused(request, refusal)

    def refused(
        self, request: Request[Any, Any, Any], refusal: Refusal, *, visit: Visit | None = None
    ) -> Response[Any]:
        """Return the page of a refusal: whether anything was sent or charged, what is wrong, what to do."""
        visit = visit or self.visitor(request)
        if refusal.status == 404:
            return visit.show("not_found.html", status=404)
        answer = visit.show("refused.html", status=refusal.status, refusal=visit.words.refusal(refusal))
        wait = refusal.details.get("retry_after_seconds")
        if wait is not None:
            answer.headers["retry-after"] = str(wait)
        return answer

    def _to_sign_in(self, request: Request[Any, Any, Any]) -> Response[None]:
        """Return the way to sign in and back to where one was; a form that was sent leads back to its page."""
        there = _address(request)
        if request.method != "GET":
            before = urlsplit(request.headers.get("referer", ""))
            same = before.netloc == request.headers.get("host", "")
            there = own_path(f"{before.path}?{before.query}" if before.query else before.path) if same else "/"
        ended = "&ended=1" if request.cookies.get(COOKIE) else ""
        place = f"/sign-in?next={quote(there, safe='')}{ended}"
        return Response(None, status_code=SEE_OTHER, headers={"location": place})


def file_of(content: bytes, *, name: str, kind: str) -> Response[bytes]:
    """Return a file to keep."""
    return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def _address(request: Request[Any, Any, Any]) -> str:
    """Return the path and query of a request, as far as one may come back to it."""
    query = str(request.url.query)
    return own_path(f"{request.url.path}?{query}" if query else request.url.path)
