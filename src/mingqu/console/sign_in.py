"""Come in and go out: sign in, set the first password by a code, sign out; and what these pages are made of."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Asked, Desk, Form
from mingqu.console.route import Open, act, page
from mingqu.domain.operator import Permission
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import set_first_password, sign_in_operator, sign_out_operator
from mingqu.web import assets, forgery
from mingqu.web.pages import LANGUAGE_COOKIE

_FONTS_KEPT = "public, max-age=3600"  # an hour: the addresses in it change with a new version of the program
_FONTS = """@font-face{font-family:"Inter";font-weight:100 900;font-display:swap;src:url("%s") format("woff2")}
@font-face{font-family:"JetBrains Mono";font-weight:100 800;font-display:swap;src:url("%s") format("woff2")}
"""


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of coming and going."""

    def form(request: Asked, *, status: int = 200, refusal: Refusal | None = None, first: bool = False,
             name: str = "") -> Response[Any]:  # fmt: skip
        visitor = request.cookies.get(at.VISITOR_COOKIE) or desk.house.codes.secret().reveal().hex()
        answer = desk.show(
            request,
            "first_password.html" if first else "sign_in.html",
            status=status,
            csrf=forgery.token_for(Personal(visitor)),
            code=refusal.code if refusal else "",
            details=dict(refusal.details) if refusal else {},
            name=name,
        )
        return desk.visit(answer, visitor=visitor)

    @page("/sign-in", needs=Open.TO_ALL)
    def show_sign_in(request: Asked) -> Response[Any]:
        return at.go(HOME) if at.seat_of(request) else form(request)

    @act("/sign-in", needs=Open.TO_ALL)
    def send_sign_in(request: Asked, data: URLEncodedBody[Form]) -> Response[Any]:
        name = at.field(data, "name")
        try:
            token = sign_in_operator(
                desk.house,
                name=name,
                password=Personal(at.field(data, "password")),
                address=at.address_of(request),
                instead_of=at.token_of(request),
            )
        except Refusal as refusal:
            return form(request, status=refusal.status, refusal=refusal, name=name)
        return desk.open_for(at.go(at.next_of(request)), token=token)

    @page("/first-password", needs=Open.TO_ALL)
    def show_first_password(request: Asked) -> Response[Any]:
        return form(request, first=True)

    @act("/first-password", needs=Open.TO_ALL)
    def send_first_password(request: Asked, data: URLEncodedBody[Form]) -> Response[Any]:
        name = at.field(data, "name")
        try:
            token = set_first_password(
                desk.house,
                name=name,
                code=Personal(at.field(data, "code")),
                password=Personal(at.field(data, "password")),
                address=at.address_of(request),
            )
        except Refusal as refusal:
            return form(request, status=refusal.status, refusal=refusal, first=True, name=name)
        return desk.open_for(at.go(HOME), token=token)

    return [show_sign_in, send_sign_in, show_first_password, send_first_password, *_others(desk)]


def _others(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of leaving, and of what these pages are made of."""

    @act("/sign-out", needs=Permission.OWN_ACCOUNT)
    def sign_out(request: Asked) -> Response[Any]:
        token = at.token_of(request)
        if token is not None:
            sign_out_operator(desk.house, token=token)
        answer = at.go(f"{HOME}/sign-in")
        answer.delete_cookie(at.SESSION_COOKIE, path=HOME)
        return answer

    @page("/language/{code:str}", needs=Open.TO_ALL)
    def choose_language(request: Asked, code: FromPath[str]) -> Response[Any]:
        answer = at.go(_back(request))
        return desk.choose(answer, cookie=LANGUAGE_COOKIE, value=code) if at.is_language(code) else answer

    @page("/theme/{name:str}", needs=Open.TO_ALL)
    def choose_theme(request: Asked, name: FromPath[str]) -> Response[Any]:
        answer = at.go(_back(request))
        return desk.choose(answer, cookie=at.THEME_COOKIE, value=name) if name in at.THEMES else answer

    @page("/fonts.css", needs=Open.TO_ALL)
    def fonts() -> Response[str]:
        names = [f"vendor/fonts/{name}.woff2" for name in ("inter", "jetbrains-mono")]
        text = _FONTS % tuple(map(assets.address, names)) if all(map(assets.is_built, names)) else ""
        return Response(text, media_type="text/css", headers={"cache-control": _FONTS_KEPT})

    return [sign_out, choose_language, choose_theme, fonts]


def _back(request: Asked) -> str:
    """Return the page that a choice was made on, if it is one of this door."""
    came = request.headers.get("referer", "").partition("://")[2].partition("/")
    path = "/" + came[2].partition("?")[0].partition("#")[0]
    same = came[0] == request.headers.get("host", "")
    return path if same and (path == HOME or path.startswith(f"{HOME}/")) and "//" not in path else HOME
