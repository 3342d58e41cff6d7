"""What people decide of an order of which its channel said what cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from mingqu.domain.moment import business_date_of
from mingqu.domain.order.life import Order, with_moved
from mingqu.domain.order.table import OrderKind, OrderLost, OrderState, Verdict, VerdictImpossible

NEVER_PAID: Final = "never_paid"  # why an order failed that two people gave up


def verdicts(order: Order) -> tuple[Verdict, ...]:
    """Return what people may decide about an order in dispute; nothing about any other.

    That a payout which failed was paid after all cannot be told: what it held was given back. One that was paid may
    have come back, and one that nobody knows will never be paid.
    """
    if not order.disputed:
        return ()
    if order.open and order.missing and order.conflict_code == OrderLost.code:
        return (Verdict.AS_BOOKED, Verdict.NEVER_PAID)
    if order.kind is not OrderKind.COLLECTION and order.state is OrderState.PAID:
        return (Verdict.AS_BOOKED, Verdict.RETURNED)
    if order.kind is OrderKind.COLLECTION and order.state is OrderState.FAILED:
        return (Verdict.AS_BOOKED, Verdict.PAID)
    if order.kind is OrderKind.COLLECTION and order.state is OrderState.PAID:
        return (Verdict.AS_BOOKED, Verdict.BOUNCED)
    return (Verdict.AS_BOOKED,)


def decide(
    order: Order,
    verdict: Verdict,
    *,
    at: datetime,
    paid_at: datetime | None = None,
    reference: str | None = None,
    paid_fen: int | None = None,
) -> Order:
    """Return the order after people decided; one that is open is asked about again at once.

    `paid_at`, `reference` and `paid_fen` (by itself all that was asked) are of the word that holds, for PAID alone.
    Errors: VerdictImpossible.
    """
    if verdict not in verdicts(order):
        raise VerdictImpossible("This cannot be decided of this order.", order_number=order.number)
    settled = replace(order, decided_at=at, version=order.version + 1)
    if verdict is Verdict.NEVER_PAID:
        return replace(settled, state=OrderState.FAILED, missing=False, refusal_code=NEVER_PAID)
    if verdict is Verdict.PAID:
        assert paid_at is not None
        return replace(
            with_moved(settled, amount_fen=settled.amount_fen if paid_fen is None else paid_fen),
            state=OrderState.PAID,
            refusal_code=None,
            paid_at=paid_at,
            value_date=business_date_of(paid_at),
            reference=reference,
        )
    return replace(settled, next_at=at) if order.open else settled
