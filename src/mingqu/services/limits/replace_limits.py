"""Replace a person's limits by those of a new assessment: raises, cuts, new lines, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mingqu.domain.decision import Decision, ProductPrice
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Balance, Transfer
from mingqu.domain.limit import LimitChange, Move, moves, usable
from mingqu.services.house import House
from mingqu.services.limits.grant_limits import CURRENCY, LIMIT_ACCOUNTS, new_line
from mingqu.store.decisions import assessment
from mingqu.store.ledgers import ledger
from mingqu.store.loans import offer
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replaced:
    """One limit of a person and what is to become of it: the person's own, or a line's."""

    owner: UUID
    after_fen: int
    product_version: int | None = None
    rate_year_ppm: int | None = None


def replace_limits(
    tx: Transaction,
    house: House,
    *,
    person_id: UUID,
    decision_id: UUID,
    made: Decision,
    cell: int,
    pause: timedelta,
) -> None:
    """Put what was decided in the place of the limits that a person holds. The caller holds the cell's lock.

    A refusal, and a product that is no longer approved, cuts to nothing: what is used stays and is above the limit for
    that cause, loans and holds stay as they are, and what is repaid is not lent again. Products approved for the first
    time get a line, of use at once within the person's own limit. Raises wait for `pause`.
    """
    now = house.clock.now()
    prices = {price.product_id: price for price in made.prices} if made.approved else {}
    replaced = [_Replaced(owner=person_id, after_fen=made.limit_fen if made.approved else 0)]
    for line in offer.facilities(tx, person_id=person_id, bound_too=True):
        if line.purpose_bound:
            replaced.append(_of_bound(line, person_fen=replaced[0].after_fen))
        else:
            replaced.append(_of_line(line, prices.pop(line.product_id, None)))
    balances = ledger.balances_of(tx, cell=cell, owners=[one.owner for one in replaced])
    before = assessment.last_changes(tx, person_id=person_id)
    changes = [
        _changed(
            one, before.get(one.owner), balances, decision_id=decision_id, person_id=person_id, at=now, pause=pause
        )
        for one in replaced
    ]
    assessment.insert_changes(tx, changes=changes)
    moved = [(change.owner, move) for change in changes for move in _moves(change, balances)]
    for price in prices.values():
        line = new_line(house, person_id=person_id, decision_id=decision_id, price=price)
        line_id = line.facility_id
        accounts = [Account(owner=line_id, code=code, currency=CURRENCY) for code in LIMIT_ACCOUNTS]
        tx.together([offer.facility_inserted(cell=cell, facility=line), ledger.opened(cell=cell, accounts=accounts)])
        moved += [(line_id, move) for move in moves(before_fen=0, after_fen=price.limit_fen, free_fen=0, over_fen=0)]
    today = house.booking_date(tx, cell=cell)
    transfers = [
        Transfer(
            id=derived(decision_id, place),
            debit=Account(owner=owner, code=move.debit, currency=CURRENCY),
            credit=Account(owner=owner, code=move.credit, currency=CURRENCY),
            amount_fen=move.amount_fen,
            reason=move.reason,
            value_date=today,
            posted_on=today,
            reference=decision_id,
        )
        for place, (owner, move) in enumerate(moved, start=1)
    ]
    ledger.post(tx, cell=cell, transfers=transfers)


def _changed(
    one: _Replaced,
    before: LimitChange | None,
    balances: Mapping[Account, Balance],
    *,
    decision_id: UUID,
    person_id: UUID,
    at: datetime,
    pause: timedelta,
) -> LimitChange:
    """Return what becomes of one limit, and from when it is of use."""
    code = AccountCode.LIMIT_GRANTED
    before_fen = balances[Account(owner=one.owner, code=code, currency=CURRENCY)].normal_fen(code)
    withheld_fen = 0 if before is None else before.withheld_fen(at=at)
    standing_fen, usable_at = usable(
        before_fen=before_fen, withheld_fen=withheld_fen, after_fen=one.after_fen, at=at, pause=pause
    )
    return LimitChange(
        decision_id=decision_id,
        person_id=person_id,
        owner=one.owner,
        product_version=one.product_version,
        rate_year_ppm=one.rate_year_ppm,
        before_fen=before_fen,
        after_fen=one.after_fen,
        standing_fen=standing_fen,
        usable_at=usable_at,
        changed_at=at,
    )


def _moves(change: LimitChange, balances: Mapping[Account, Balance]) -> Sequence[Move]:
    available, over = (
        balances[Account(owner=change.owner, code=code, currency=CURRENCY)]
        for code in (AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_OVER)
    )
    return moves(
        before_fen=change.before_fen,
        after_fen=change.after_fen,
        free_fen=available.available_fen(AccountCode.LIMIT_AVAILABLE),
        over_fen=over.normal_fen(AccountCode.LIMIT_OVER),
    )


def _of_bound(line: offer.Facility, *, person_fen: int) -> _Replaced:
    """What becomes of a line that is bound to a purpose: it keeps its price and is cut to the person's own limit."""
    return _Replaced(
        owner=line.facility_id,
        after_fen=min(line.granted_fen, person_fen),
        product_version=line.product_version,
        rate_year_ppm=line.rate_year_ppm,
    )


def _of_line(line: offer.Facility, price: ProductPrice | None) -> _Replaced:
    """What becomes of a line: the new price's terms, or nothing of it with the terms that it had."""
    if price is None:
        return _Replaced(
            owner=line.facility_id,
            after_fen=0,
            product_version=line.product_version,
            rate_year_ppm=line.rate_year_ppm,
        )
    return _Replaced(
        owner=line.facility_id,
        after_fen=price.limit_fen,
        product_version=price.product_version,
        rate_year_ppm=price.rate_year_ppm,
    )
