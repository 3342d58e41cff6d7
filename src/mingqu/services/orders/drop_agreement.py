"""An agreement to deduct ends on our side: nothing more goes out under it, and its channel is to be told."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from mingqu.domain.order import OrderKind, OrderState
from mingqu.services.house import DEDUCTING, House
from mingqu.services.orders import keep_order
from mingqu.store.loans import repayment
from mingqu.store.loans.repayment import Agreement
from mingqu.store.orders import order
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

CANCEL_AGREEMENT: Final = "cancel_agreement"  # the work of telling the bank that an agreement ended
WITHDRAWN: Final = "agreement_ended"  # also a channel's word, when the person ended it there


def end_agreement(tx: Transaction, house: House, *, person_id: UUID) -> bool:
    """End a person's active agreement and withdraw what was not sent under it; return whether there was one.

    The caller holds the cell's lock and commits. The bank is told by `tell_bank`.
    """
    cell, now = tx.cell_of(person_id), house.clock.now()
    agreement = repayment.active_agreements(tx, cell=cell, person_ids=[person_id]).get(person_id)
    if agreement is None:
        return False
    repayment.set_agreement_state(tx, agreement=agreement, state="ended", at=now)
    for waiting in order.open_orders_of_person(tx, person_id=person_id):
        is_deduction = waiting.kind is OrderKind.COLLECTION and waiting.channel in DEDUCTING
        if is_deduction and waiting.state is OrderState.RESERVED:
            keep_order.withdraw(tx, order_id=waiting.order_id, code=WITHDRAWN, at=now)
    tell_later(tx, house, agreement=agreement)
    return True


def tell_later(tx: Transaction, house: House, *, agreement: Agreement) -> None:
    """Write the work of telling an agreement's channel that it has ended. The caller commits."""
    work.enqueue(
        tx,
        cell=tx.cell_of(agreement.person_id),
        work_id=house.id_for(agreement.person_id),
        kind=CANCEL_AGREEMENT,
        subject_id=agreement.agreement_id,
        run_at=house.clock.now(),
        payload={"person_id": agreement.person_id.hex, "channel": agreement.channel},
    )


def drop_as_told(tx: Transaction, house: House, *, order_id: UUID, person_id: UUID) -> bool:
    """End the agreement that a refused deduction rests on, if it still holds here; return whether it did.

    A person may end it in the wallet's own app, and no notice of it need ever come: the next deduction is refused with
    the reason, and without this each later one would be. The caller holds the cell's lock and commits.
    """
    agreement = repayment.agreement_of(tx, order_id=order_id)
    if agreement is None or agreement.state != "active":
        return False
    return end_agreement(tx, house, person_id=person_id)
