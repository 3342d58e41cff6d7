"""What an operator sees of orders at merchants' checkouts: where each stands, its loan, and what its merchant was told.

Nothing is said of what was bought: that is the buyer's own, and the hash is enough to tell orders apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.checkout import CheckoutState
from mingqu.domain.lender_answer import LenderQuestion
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.checkout.open_checkout import state_of
from mingqu.services.house import House
from mingqu.services.messages.tell_merchant import MerchantMessage, messages_about
from mingqu.store.lenders import lender_question
from mingqu.store.merchants import checkout
from mingqu.store.merchants.checkout import Checkout, OrderRefund
from mingqu.store.server.database import Transaction

SHOWN_MAX: Final = 50  # orders on one page: the state of each is asked for one by one
LOOKED_BACK: Final = timedelta(days=90)  # an older one is found by its loan


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCheckout:
    """An order as an operator sees it in a list; `told` is the last message about it, if there is one."""

    known: Checkout
    merchant_zh: str
    merchant_en: str
    state: CheckoutState
    loan_id: UUID | None
    told: MerchantMessage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutCase:
    """An order with all that became of it; `questions` are those that were put to lenders for it."""

    seen: SeenCheckout
    refunds: tuple[OrderRefund, ...]
    messages: tuple[MerchantMessage, ...]
    questions: tuple[LenderQuestion, ...]


def checkouts_view(house: House, *, seat: Seat) -> list[SeenCheckout]:
    """Return the latest orders of all merchants, SHOWN_MAX at most. Errors: OperatorForbidden."""
    seat.operator.require(Permission.QUEUE)
    since: datetime = house.clock.now() - LOOKED_BACK
    with house.database.transaction() as tx:
        return [_seen(tx, house, one) for one in checkout.latest(tx, since=since, limit=SHOWN_MAX)]


def checkout_case(house: House, *, seat: Seat, checkout_id: UUID) -> CheckoutCase:
    """Return one order with its refunds, messages and questions. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.QUEUE)
    with house.database.transaction() as tx:
        known = checkout.load(tx, checkout_id=checkout_id)
        if known is None:
            raise NotFound
        refunds: list[OrderRefund] = []
        questions: list[LenderQuestion] = []
        if known.person_id is not None:
            refunds = checkout.refunds_of(tx, person_id=known.person_id, checkout_id=checkout_id)
            asked = lender_question.of_person(tx, person_id=known.person_id)
            questions = [one for one in asked if one.checkout_id == checkout_id]
        return CheckoutCase(
            seen=_seen(tx, house, known),
            refunds=tuple(refunds),
            messages=tuple(messages_about(tx, of=known)),
            questions=tuple(questions),
        )


def _seen(tx: Transaction, house: House, known: Checkout) -> SeenCheckout:
    merchant = house.merchants.get(known.merchant)
    messages = messages_about(tx, of=known)
    loan_id = None
    if known.person_id is not None:
        signed = checkout.signed_of(tx, person_id=known.person_id, checkout_id=known.checkout_id)
        loan_id = None if signed is None else signed.loan_id
    return SeenCheckout(
        known=known,
        merchant_zh=known.merchant if merchant is None else merchant.name_zh,
        merchant_en=known.merchant if merchant is None else merchant.name_en,
        state=state_of(tx, house, known=known),
        loan_id=loan_id,
        told=messages[-1] if messages else None,
    )
