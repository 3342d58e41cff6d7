"""End an agreement to deduct: at once on our side, and told to the bank until it has heard."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.ports.silence import ChannelSilent
from mingqu.services.do_each import do_each
from mingqu.services.house import BANK, House
from mingqu.services.orders.drop_agreement import CANCEL_AGREEMENT
from mingqu.services.orders.drop_agreement import end_agreement as end_agreement
from mingqu.services.orders.drop_agreement import tell_later as tell_later
from mingqu.services.orders.run_errand import token_field
from mingqu.store.loans import repayment
from mingqu.store.people import vault
from mingqu.store.people.vault import PersonErased
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

LEASE_SECONDS: Final = 60  # far longer than the call takes
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)


def stop_agreement(house: House, *, person_id: UUID, agreement_id: UUID) -> None:
    """End a person's agreement; one that has ended already stays as it is. Errors: NotFound."""

    def stop(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        agreement = repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id)
        if agreement.state == "active":
            end_agreement(tx, house, person_id=person_id)

    house.database.run(stop)


def tell_bank(house: House, *, cell: int) -> int:
    """Tell bank and wallets of agreements of a cell that ended, and return how many; said again they agree again.

    A wallet that is not connected any more waits until it is.
    """
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[CANCEL_AGREEMENT], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: _tell_bank(house, piece))


def _tell_bank(house: House, piece: Work) -> None:
    person_id = UUID(str(piece.payload["person_id"]))
    with house.database.transaction() as tx:
        try:
            token = vault.open_field(
                tx, keyring=house.keyring, person_id=person_id, field=token_field(piece.subject_id)
            )
        except PersonErased:
            token = None  # the token is gone for ever: nothing can be deducted with it
    heard = True
    if token is not None:
        channel = house.deducts_over(str(piece.payload.get("channel", BANK)))
        try:
            heard = channel is not None and bool(channel.cancel_agreement(agreement_token=token))
        except ChannelSilent:
            heard = False
    with house.database.transaction() as tx:
        if heard:
            work.complete(tx, work=piece, now=house.clock.now())
        else:
            work.reschedule(tx, work=piece, run_at=house.clock.now() + AGAIN_AFTER)
        tx.commit()
