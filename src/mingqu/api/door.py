"""The router of the API: every operation, behind what a request must bring."""

from __future__ import annotations

from typing import Final

from litestar import Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from mingqu.api import (
    agreement,
    application,
    business,
    call_off,
    car,
    card,
    cash_advance,
    checkout,
    combined,
    consent,
    contract,
    evidence,
    grievance,
    lender_question,
    link,
    loan,
    market,
    merchant,
    merchant_webhook,
    message,
    offer,
    order,
    person,
    session,
    spend,
    spend_credit,
    spend_deduction,
    stage,
    version,
    wallet,
)
from mingqu.api.gate import caller_of, signed_in
from mingqu.services.house import House
from mingqu.web.pace import Pace

PATH: Final = "/v1"
HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    *market.HANDLERS,
    *session.HANDLERS,
    *person.HANDLERS,
    *business.HANDLERS,
    *consent.HANDLERS,
    *application.HANDLERS,
    *lender_question.HANDLERS,
    *offer.HANDLERS,
    *contract.HANDLERS,
    *agreement.HANDLERS,
    *loan.HANDLERS,
    *stage.HANDLERS,
    *version.HANDLERS,
    *call_off.HANDLERS,
    *order.HANDLERS,
    *combined.HANDLERS,
    *link.HANDLERS,
    *spend.HANDLERS,
    *spend_credit.HANDLERS,
    *spend_deduction.HANDLERS,
    *wallet.HANDLERS,
    *evidence.HANDLERS,
    *grievance.HANDLERS,
    *message.HANDLERS,
    *cash_advance.HANDLERS,
    *card.HANDLERS,
    *car.HANDLERS,
    *merchant.HANDLERS,
    *merchant_webhook.HANDLERS,
    *checkout.HANDLERS,
)


def make_router(house: House, *, pace: Pace | None = None) -> Router:
    """Return the routes under /v1 of a house, with counters of their own for how often codes may be asked for."""
    counted = pace or Pace()
    return Router(
        PATH,
        route_handlers=list(HANDLERS),
        guards=[signed_in(house)],
        dependencies={
            "house": Provide(lambda: house, sync_to_thread=False),
            "pace": Provide(lambda: counted, sync_to_thread=False),
            "caller": Provide(caller_of, sync_to_thread=False),
            "merchant": Provide(merchant.merchant_of),
        },
    )
