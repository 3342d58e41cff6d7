"""The borrower's router: every page under one roof, with errors that are pages too."""

from __future__ import annotations

import logging
from typing import Any, Final

from litestar import Request, Response, Router
from litestar.exceptions import HTTPException

from mingqu.borrower import (
    alipay_account,
    apply,
    business,
    call_off,
    cap,
    cards,
    cars,
    cash_advance,
    certificate,
    checkout,
    compare,
    consents,
    contracts,
    grievances,
    home,
    identity,
    learn,
    links,
    loans,
    messages,
    offers,
    overdue,
    own_data,
    payee_account,
    rebuild,
    repay,
    sign_in,
    spend,
    spend_credit,
    spend_deduction,
    stages,
    together,
    version,
    wallet,
)
from mingqu.borrower.door import Door
from mingqu.borrower.login import AccountPage, SuperAppLogin
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.web.pace import Pace
from mingqu.web.record import REQUEST_ID

log = logging.getLogger("mingqu.http")

# Each part gives its pages; adding one is a line here.
PARTS: Final = (
    sign_in,
    alipay_account,
    home,
    grievances,
    identity,
    business,
    learn,
    consents,
    apply,
    compare,
    offers,
    contracts,
    loans,
    repay,
    overdue,
    own_data,
    rebuild,
    certificate,
    cap,
    cash_advance,
    checkout,
    spend,
    spend_credit,
    spend_deduction,
    together,
    stages,
    payee_account,
    version,
    call_off,
    links,
    cards,
    cars,
    messages,
    wallet,
)


def make_router(
    house: House,
    *,
    secure_cookies: bool,
    wechat: SuperAppLogin | None = None,
    alipay: AccountPage | None = None,
    pace: Pace | None = None,
) -> Router:
    """Return the pages of a house, at "/". With `wechat` or `alipay` people may come in by it as well as by a code.

    `secure_cookies` is True wherever the site is reached over TLS.
    """
    door = Door(house, secure_cookies=secure_cookies, wechat=wechat, alipay=alipay, pace=pace)

    # Handlers answer for themselves. These stand in the thread that serves everybody: nothing may be asked of the book.
    def refused(request: Request[Any, Any, Any], refusal: Refusal) -> Response[Any]:
        return door.refused(request, refusal, visit=door.stranger(request))

    def malformed(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        name = "not_found.html" if error.status_code == 404 else "malformed.html"
        return door.stranger(request).show(name, status=error.status_code)

    def broken(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        request_id = request.scope["state"].get(REQUEST_ID, "")
        log.error("http.bug", exc_info=error, extra={"fields": {"request_id": request_id}})
        return door.stranger(request).show("broken.html", status=500, request_id=request_id)

    return Router(
        "/",
        route_handlers=[handler for part in PARTS for handler in part.handlers(door)],
        exception_handlers={Refusal: refused, HTTPException: malformed, Exception: broken},
    )
