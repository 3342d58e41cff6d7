"""Let revolving accounts follow their person's limit when an assessment replaces it: each keeps its share."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import Account, AccountCode, Transfer
from mingqu.domain.limit import moves
from mingqu.domain.spend import SpendEvent, SpendKind
from mingqu.services.house import House
from mingqu.services.revolving.record_spend import bring_up_all, day_to_tell, record_spend
from mingqu.store.ledgers import ledger
from mingqu.store.revolving import spend
from mingqu.store.server.database import Transaction

_PLACES_FROM = 200  # among the ids of the event's transfers: beyond any that the event itself brings


def follow_limit(tx: Transaction, house: House, *, person_id: UUID, decision_id: UUID, person_fen: int) -> None:
    """Set the limit of each revolving account to its product's share of the person's new one.

    A cut takes what is free, and what is used beyond it is above the limit, asked for by the next bill; repaying is as
    before. The caller holds the cell's lock and commits.
    """
    for known in spend.of_person(tx, person_id=person_id):
        today = day_to_tell(tx, account=known, on=house.clock.business_date())
        product = house.pack.spend_version(product_id=known.product_id, version=known.product_version)
        limit_fen = product.limit_of(person_fen=person_fen)
        before_fen = known.state.limit_fen
        if limit_fen == before_fen:
            continue
        account = bring_up_all(tx, house, accounts=[known], to=today)[0]
        event = SpendEvent(
            event_id=dated(known.account_id, on=today, purpose=f"limit {decision_id.hex}"),
            kind=SpendKind.LIMITED,
            on=today,
            amount_fen=limit_fen,
        )
        record_spend(tx, house, account=account, event=event)
        balances = ledger.balances_of(tx, cell=account.cell, owners=[account.account_id])

        def named(code: AccountCode, owner: UUID = account.account_id, currency: str = account.currency) -> Account:
            return Account(owner=owner, code=code, currency=currency)

        available, over = AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_OVER
        moved = moves(
            before_fen=before_fen,
            after_fen=limit_fen,
            free_fen=balances[named(available)].available_fen(available),
            over_fen=balances[named(over)].normal_fen(over),
        )
        booked = house.booking_date(tx, cell=account.cell)
        transfers = [
            Transfer(
                id=derived(event.event_id, place),
                debit=named(move.debit),
                credit=named(move.credit),
                amount_fen=move.amount_fen,
                reason=move.reason,
                value_date=booked,
                posted_on=booked,
                reference=event.event_id,
            )
            for place, move in enumerate(moved, start=_PLACES_FROM)
        ]
        ledger.post(tx, cell=account.cell, transfers=transfers)
