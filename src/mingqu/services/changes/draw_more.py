"""Draw more of a loan that is paid out in several parts: each part is an order, held and paid like the first."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.instrument import require_payout
from mingqu.domain.loan import LoanNotActive, Stage
from mingqu.domain.loan.lend import DisbursementNotAllowed
from mingqu.domain.money import AmountOutOfRange, Money
from mingqu.domain.order import OrderKind
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.loans.reserve_payout import reserve_payout
from mingqu.services.once import Response, once
from mingqu.store.loans import loan
from mingqu.store.orders import order
from mingqu.store.people import instrument
from mingqu.store.server.database import Transaction


class PayoutWaiting(Refusal):
    """An earlier payout of this loan has not ended yet; the next may follow it."""

    code: ClassVar[str] = "payout_waiting"
    status: ClassVar[int] = 409


def draw_more(house: House, *, person_id: UUID, loan_id: UUID, instrument_id: UUID, amount_fen: int, key: str) -> UUID:
    """Reserve a further payout of a person's loan to their own debit card, now; return its order's id.

    The contract says how many there may be and how much they are together. Errors: NotFound, AmountOutOfRange,
    LoanNotActive, DrawingFrozen, DrawingStopped, DisbursementNotAllowed, PayoutWaiting, InstrumentNotVerified,
    CardNotSupported, LimitExceeded, CapExceeded, FundingExhausted, and those of the idempotency key.
    """
    if Money(amount_fen).fen <= 0:
        raise AmountOutOfRange("A disbursement is of at least one fen.")

    def work(tx: Transaction) -> Response:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        state, terms = of.state, of.terms
        if state.stage is not Stage.ACTIVE or state.ended:
            raise LoanNotActive("Only a loan that is running can be drawn from.")
        require_drawing_open(tx, house, person_id=person_id)
        payouts = [each for each in order.orders_of_loan(tx, loan_id=loan_id) if each.kind is OrderKind.PAYOUT]
        if any(each.open for each in payouts):
            raise PayoutWaiting("An earlier payout of this loan is on its way; please wait for its end.")
        if state.disbursements >= terms.disbursements_max:
            raise DisbursementNotAllowed("The contract allows no further disbursement.")
        if state.disbursed_fen + amount_fen > terms.principal_fen:
            left_fen = terms.principal_fen - state.disbursed_fen
            raise DisbursementNotAllowed("The contract does not cover this amount.", left_fen=left_fen)
        card = instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
        require_payout(instrument=card)
        order_id = reserve_payout(tx, house, of=of, card=card, amount_fen=amount_fen, payout_at=house.clock.now())
        return {"order_id": order_id.hex}

    request: dict[str, Canonical] = {
        "loan_id": loan_id.hex,
        "instrument_id": instrument_id.hex,
        "amount_fen": amount_fen,
    }
    answer = once(house, person_id=person_id, command="draw_more", key=key, request=request, work=work)
    return UUID(str(answer["order_id"]))
