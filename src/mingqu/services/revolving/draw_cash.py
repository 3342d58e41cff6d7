"""Draw cash from a line to an own card or account at Alipay: held at once, owed when the channel says it was paid."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.identifier import derived
from mingqu.domain.instrument import require_payout
from mingqu.domain.ledger import Reason
from mingqu.domain.money import AmountOutOfRange
from mingqu.domain.order import OrderKind, parent_of_holds, reserve
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend.product import CASH_LINE
from mingqu.services.house import House
from mingqu.services.limits.cap_limit import require_under_cap
from mingqu.services.limits.check_assessment import require_usable
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.limits.keep_to_link import require_within_links
from mingqu.services.limits.stand_in_band import require_in_band
from mingqu.services.loans.reserve_payout import payout_channel
from mingqu.services.once import Response, once
from mingqu.services.revolving.pay_merchant import require_held
from mingqu.services.revolving.record_spend import brought_up, holds_for
from mingqu.services.revolving.route_spend import route_spend
from mingqu.store.ledgers import ledger
from mingqu.store.orders import order
from mingqu.store.people import instrument
from mingqu.store.revolving import spend
from mingqu.store.server.database import Transaction


class NotForCash(Refusal):
    """This account pays sellers and no cash."""

    code: ClassVar[str] = "not_for_cash"
    status: ClassVar[int] = 409


def draw_cash(
    house: House, *, person_id: UUID, account_id: UUID, instrument_id: UUID, amount_fen: int, key: str
) -> UUID:
    """Order a draw to a person's own debit card, or by Alipay to their account there, and return the order's id.

    Interest runs from the day it is paid.

    Errors: NotFound, NotForCash, AmountOutOfRange, DrawingFrozen, DrawingStopped, AssessmentExpired, CapExceeded,
    BandLowered, RaisePauses, LimitExceeded, FundingExhausted, InstrumentNotVerified, CardNotSupported,
    RepaymentUnderWay, and those of the key.
    """

    def work(tx: Transaction) -> Response:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        product = house.pack.spend_version(product_id=account.product_id, version=account.product_version)
        if product.kind != CASH_LINE:
            raise NotForCash("This account pays sellers and no cash.")
        if amount_fen < product.draw_min_fen:
            raise AmountOutOfRange("The amount is too small.", least_fen=product.draw_min_fen)
        account = brought_up(tx, house, account=account, to=house.clock.business_date())
        require_drawing_open(tx, house, person_id=person_id)
        require_under_cap(tx, house, person_id=person_id, amount_fen=amount_fen)
        require_in_band(tx, house, person_id=person_id, amount_fen=amount_fen)
        require_within_links(tx, person_id=person_id, account_id=account_id, amount_fen=amount_fen)
        require_usable(tx, house, person_id=person_id, facility_id=account_id, amount_fen=amount_fen)
        card = instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
        require_payout(instrument=card)
        order_id = house.id_for(person_id)
        order.insert(
            tx,
            order=reserve(
                order_id=order_id,
                kind=OrderKind.PAYOUT,
                person_id=person_id,
                loan_id=None,
                instrument_id=instrument_id,
                amount_fen=amount_fen,
                currency=account.currency,
                channel=payout_channel(house, to=card),
                run_at=house.clock.now(),
            ),
        )
        spend.insert_order(tx, account=account, order_id=order_id)
        route_spend(tx, house, account=account, cause=order_id, amount_fen=amount_fen)
        held = holds_for(
            account,
            parent=parent_of_holds(order_id),
            reference=order_id,
            amount_fen=amount_fen,
            reason=Reason.SPEND_DRAW,
            on=house.booking_date(tx, cell=account.cell),
        )
        require_held(ledger.post_batch(tx, cell=account.cell, transfers=held))
        return {"order_id": order_id.hex}

    request: dict[str, Canonical] = {
        "account_id": account_id.hex,
        "instrument_id": instrument_id.hex,
        "amount_fen": amount_fen,
    }
    answer = once(house, person_id=person_id, command="draw_cash", key=key, request=request, work=work)
    return UUID(str(answer["order_id"]))


def holds_of_draw(order_id: UUID) -> list[UUID]:
    """Return the ids of what a draw holds: principal, the account's limit, the person's."""
    return [derived(parent_of_holds(order_id), place) for place in (1, 2, 3)]
