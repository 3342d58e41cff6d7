"""The leaf of an event that no order of its loan tells."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import Event
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import detail_of, kind_of
from mingqu.store.server.database import Transaction


def witness_change(tx: Transaction, house: House, *, of: Loan, event: Event) -> None:
    """Write the leaf of an event that no order of its loan tells; the caller recorded it and commits."""
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=of.cell,
        person_id=of.person_id,
        kind=LeafKind.AMENDMENT,
        subject_id=event.event_id,
        at=house.clock.now(),
        facts=facts_of(of.loan_id, event),
    )


def facts_of(loan_id: UUID, event: Event) -> dict[str, Canonical]:
    """Return what a leaf says of an event of a loan."""
    target: UUID | None = getattr(event, "target", None)
    value_date: date = event.value_date
    return {
        "loan_id": loan_id.hex,
        "event": kind_of(event),
        "value_date": value_date.isoformat(),
        "amount_fen": getattr(event, "amount_fen", None),
        "target": None if target is None else target.hex,
        "detail": detail_of(event),
    }
