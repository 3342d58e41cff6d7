"""Whether a person's assessment lets them draw, and how much of their limits is not of use yet."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.domain.limit import AssessmentExpired, LimitChange, RaisePauses
from mingqu.services.appeals.read_review import may_apply_again
from mingqu.services.house import House
from mingqu.store.decisions import assessment, decision
from mingqu.store.ledgers import ledger
from mingqu.store.server.database import Transaction


def require_assessed(tx: Transaction, house: House, *, person_id: UUID) -> None:
    """Return while a person's assessment holds. Errors: AssessmentExpired."""
    standing = assessment.standing_of(tx, person_id=person_id)
    if standing is not None and standing.expired(on=house.clock.business_date()):
        raise AssessmentExpired(
            "Your assessment has run out; apply again. Repaying works as always.",
            expired_on=str(standing.valid_until),
        )


def due_again(tx: Transaction, *, person_id: UUID, on: date, reassess_days: int | None) -> bool:
    """Whether somebody who holds limits may be assessed again: they ran out, enough days have passed since the last
    decision, or a person who looked at it said so. Without `reassess_days` days alone are never enough."""
    standing = assessment.standing_of(tx, person_id=person_id)
    if standing is not None and standing.expired(on=on):
        return True
    last = decision.latest_decision(tx, person_id=person_id)
    if last is None:
        return False
    if may_apply_again(tx, person_id=person_id, decision_id=last.decision_id):
        return True
    return reassess_days is not None and on >= last.business_date + timedelta(days=reassess_days)


def withheld(changes: dict[UUID, LimitChange], *, at: datetime) -> dict[UUID, int]:
    """Return how much of each limit is not of use yet, in fen, by owner; limits that are all of use are left out."""
    found = {owner: change.withheld_fen(at=at) for owner, change in changes.items()}
    return {owner: fen for owner, fen in found.items() if fen}


def require_usable(tx: Transaction, house: House, *, person_id: UUID, facility_id: UUID, amount_fen: int) -> None:
    """Return when a further amount needs nothing of a raise that waits; the caller holds the cell's lock.

    Whether the limits cover it at all, the holds tell. Errors: RaisePauses.
    """
    changes, now = assessment.last_changes(tx, person_id=person_id), house.clock.now()
    waiting = withheld({owner: changes[owner] for owner in (person_id, facility_id) if owner in changes}, at=now)
    if not waiting:
        return
    code = AccountCode.LIMIT_AVAILABLE
    balances = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=list(waiting))
    for owner, fen in waiting.items():
        (free_fen,) = (
            balance.available_fen(code)
            for account, balance in balances.items()
            if account.owner == owner and account.code is code
        )
        if free_fen - fen < amount_fen <= free_fen:
            raise RaisePauses(
                "Your limit was raised, and the raise is not of use yet.",
                usable_at=changes[owner].usable_at.isoformat(),
                left_fen=max(0, free_fen - fen),
            )
