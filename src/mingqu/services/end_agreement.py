"""End an agreement to deduct: at once on our side, and told to the bank until it has heard."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.order import OrderKind, OrderState
from mingqu.ports.silence import ChannelSilent
from mingqu.services import keep_order
from mingqu.services.house import DEDUCTING, House
from mingqu.services.run_errand import CANCEL_AGREEMENT, token_field
from mingqu.store import order, repayment, vault, work
from mingqu.store.database import Transaction
from mingqu.store.vault import PersonErased

WITHDRAWN: Final = "agreement_ended"
LEASE_SECONDS: Final = 60  # far longer than the call takes
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)


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
    work.enqueue(
        tx,
        cell=cell,
        work_id=house.id_for(person_id),
        kind=CANCEL_AGREEMENT,
        subject_id=agreement.agreement_id,
        run_at=now,
        payload={"person_id": person_id.hex},
    )
    return True


def stop_agreement(house: House, *, person_id: UUID, agreement_id: UUID) -> None:
    """End a person's agreement; one that has ended already stays as it is. Errors: NotFound."""

    def stop(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        agreement = repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id)
        if agreement.state == "active":
            end_agreement(tx, house, person_id=person_id)

    house.database.run(stop)


def tell_bank(house: House, *, cell: int) -> int:
    """Tell the bank of agreements of a cell that ended, and return how many it heard of; said again it agrees again."""
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[CANCEL_AGREEMENT], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    for piece in leased:
        person_id = UUID(str(piece.payload["person_id"]))
        with house.database.transaction() as tx:
            try:
                token = vault.open_field(
                    tx, keyring=house.keyring, person_id=person_id, field=token_field(piece.subject_id)
                )
            except PersonErased:
                token = None  # the token is gone for ever: nothing can be deducted with it
            agreement = repayment.load_agreement(tx, person_id=person_id, agreement_id=piece.subject_id)
        deducting = house.deducting(agreement.channel)
        heard = token is None or deducting is not None  # a wallet that is not connected any more hears of it one day
        if token is not None and deducting is not None:
            try:
                deducting.cancel_agreement(agreement_token=token)
            except ChannelSilent:
                heard = False
        with house.database.transaction() as tx:
            if heard:
                work.complete(tx, work=piece, now=house.clock.now())
            else:
                work.reschedule(tx, work=piece, run_at=house.clock.now() + AGAIN_AFTER)
            tx.commit()
    return len(leased)
