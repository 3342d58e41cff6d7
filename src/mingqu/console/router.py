"""/console: every screen under one router, behind one guard, with errors as pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from litestar import Response, Router
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from mingqu.console import (
    account,
    breaks,
    buy_back,
    cards,
    checkouts,
    collection,
    customer,
    decision,
    dispute,
    evidence,
    fund,
    grievance,
    lab,
    life,
    lists,
    loan,
    payee,
    policy,
    proposal,
    queue,
    receipt,
    referral,
    refused,
    report,
    review,
    sign_in,
    stage,
    today,
)
from mingqu.console.desk import HOME, Asked, Desk
from mingqu.console.route import require_declared
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.web.pages import pages_of

# Each screen gives its routes; adding one is a line here.
SCREENS: Final[tuple[Callable[[Desk], list[HTTPRouteHandler]], ...]] = (
    sign_in.routes, account.routes, today.routes, queue.routes, lists.routes, customer.routes, loan.routes, fund.routes,
    decision.routes, evidence.routes, proposal.routes, receipt.routes, dispute.routes, breaks.routes, review.routes,
    policy.routes, lab.routes, referral.routes, refused.routes, report.routes,
    collection.routes, grievance.routes, life.routes, stage.routes,
    cards.routes, payee.routes, checkouts.routes, buy_back.routes,
)  # fmt: skip


def make_router(house: House, *, secure_cookies: bool) -> Router:
    """Return /console. A route that does not say what it needs stops the program here. Errors: UndeclaredRouteError."""
    desk = Desk(house=house, pages=pages_of("mingqu.console"), secure_cookies=secure_cookies)
    handlers = [handler for screen in SCREENS for handler in screen(desk)]

    def refused(request: Asked, refusal: Refusal) -> Response[Any]:
        return desk.show_refusal(request, refusal)

    def malformed(request: Asked, error: HTTPException) -> Response[Any]:
        code = "not_found" if error.status_code == 404 else "malformed"
        return desk.show(request, "refused.html", status=error.status_code, code=code, details={})

    # Plain functions, for the framework copies what a router is given, and a house is not to be copied.
    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        desk.guard(connection, handler)

    async def check_form(request: Asked) -> None:
        await desk.check_form(request)

    return Router(
        HOME,
        route_handlers=list(require_declared(handlers)),
        guards=[guard],
        before_request=check_form,
        exception_handlers={Refusal: refused, HTTPException: malformed},
    )
