"""Institutions that decide by themselves: referrals to banks, answers of lenders, and the directory both rest on."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.console import desk as at
from mingqu.console.desk import Asked, Desk
from mingqu.console.route import page
from mingqu.domain.cash_advance import ReferralState
from mingqu.domain.operator import Permission
from mingqu.services.lenders.read_lender_answers import answers_view
from mingqu.services.referrals.read_cash_advance import referrals_view


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the route of referrals."""

    @page("/referrals", needs=Permission.QUEUE)
    def referrals(request: Asked) -> Response[Any]:
        view = referrals_view(desk.house, seat=at.signed_in(request))
        banks = sorted({bank for bank, _ in view.counts})
        states = [state.value for state in ReferralState]
        return desk.show(
            request,
            "referrals.html",
            view=view,
            answers=answers_view(desk.house, seat=at.signed_in(request)),
            states=states,
            counted=[(bank, [view.counts.get((bank, state), 0) for state in states]) for bank in banks],
        )

    return [referrals]
