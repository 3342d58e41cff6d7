"""Complaints and disputes as whoever raised them reads them, and as the queue of those who answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.grievance import Clock, Grievance
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import require_owner
from mingqu.services.access.note_access import note_access
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.operators import access, operator
from mingqu.store.overdue import grievance
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class GrievanceView:
    """One as whoever raised it reads it. Words are None when there are none, or when they were erased."""

    grievance: Grievance
    clock: Clock
    words: str | None
    extension: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrievanceLine:
    """One of a queue: `days_left` until its last day, below zero when that is over."""

    grievance: Grievance
    clock: Clock
    name: str | None
    days_left: int
    answered_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrievanceWork:
    """One as an operator works on it."""

    line: GrievanceLine
    view: GrievanceView
    may_extend: bool
    leaf: tuple[int, int] | None


def grievances_of(house: House, *, person_id: UUID) -> list[GrievanceView]:
    """Return what a person raised, the newest first."""
    with house.database.transaction() as tx:
        return _views(tx, house, grievance.of_person(tx, person_id=person_id), house.clock.business_date())


def grievance_of(house: House, *, person_id: UUID, grievance_id: UUID) -> GrievanceView:
    """Return one that a person raised. Errors: NotFound."""
    with house.database.transaction() as tx:
        known = grievance.load(tx, grievance_id=grievance_id)
        require_owner(owner_id=known.person_id, person_id=person_id)
        return _views(tx, house, [known], house.clock.business_date())[0]


def list_grievances(house: House, *, seat: Seat) -> tuple[list[GrievanceLine], list[GrievanceLine]]:
    """Return what waits, due first first, and what was answered last. Errors: OperatorForbidden."""
    seat.operator.require(Permission.REVIEWS)
    with house.database.transaction() as tx:
        return _lines(tx, house, grievance.waiting(tx)), _lines(tx, house, grievance.answered(tx))


def read_grievance(house: House, *, seat: Seat, grievance_id: UUID) -> GrievanceWork:
    """Return one to work on, and note that this operator looked. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.REVIEWS)
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        known = grievance.load(tx, grievance_id=grievance_id)
        (line,), (view,) = _lines(tx, house, [known]), _views(tx, house, [known], today)
        leaves = evidence.leaves_of(tx, person_id=known.person_id, subject_id=grievance_id)
        note_access(tx, house, seat=seat, person_id=known.person_id, what=access.REVIEW, subject_id=grievance_id)
        tx.commit()
    return GrievanceWork(
        line=line,
        view=view,
        may_extend=known.answered_at is None
        and known.extended_at is None
        and known.kind.value == "complaint"
        and line.days_left >= 0,
        leaf=(leaves[-1].cell, leaves[-1].sequence) if leaves else None,
    )


def _views(tx: Transaction, house: House, found: list[Grievance], on: date) -> list[GrievanceView]:
    if not found:
        return []
    parts = ("words", "extension", "answer")
    wanted = [(one.person_id, one.field(part)) for one in found for part in parts]
    cell = tx.cell_of(found[0].person_id)  # all of them are one person's
    opened = vault.open_many(tx, keyring=house.keyring, cell=cell, fields=wanted)

    def said(one: Grievance, part: str) -> str | None:
        words = opened.get((one.person_id, one.field(part)))
        return None if words is None else words.reveal()

    return [
        GrievanceView(
            grievance=one,
            clock=one.clock(on=on),
            words=said(one, "words"),
            extension=said(one, "extension"),
            answer=said(one, "answer"),
        )
        for one in found
    ]


def _lines(tx: Transaction, house: House, found: list[Grievance]) -> list[GrievanceLine]:
    today, names = house.clock.business_date(), {one.operator_id: one.name for one in operator.every(tx)}
    people = masked_names(tx, house, person_ids=[one.person_id for one in found])
    return [
        GrievanceLine(
            grievance=one,
            clock=one.clock(on=today),
            name=people.get(one.person_id),
            days_left=(one.due_on - today).days,
            answered_by=names.get(one.answered_by, "?") if one.answered_by else None,
        )
        for one in found
    ]
