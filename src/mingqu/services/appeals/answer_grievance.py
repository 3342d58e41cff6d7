"""Answer complaints and disputes before their last day: extend a difficult complaint once, escalate, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.grievance import (
    EXTENDED_MAX,
    Grievance,
    GrievanceAnswered,
    GrievanceMalformed,
    GrievanceOutcome,
    check_words,
)
from mingqu.domain.moment import business_date_of
from mingqu.domain.operator import Permission, check_reason
from mingqu.domain.personal import Personal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.appeals.raise_grievance import last_day
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.operators import access
from mingqu.store.overdue import grievance
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction

Said = tuple[str, Personal[str]]


def extend_grievance(house: House, *, seat: Seat, grievance_id: UUID, words: Personal[str]) -> None:
    """Let the answer to a complaint take as long as a difficult one may; whoever raised it reads why. Sent twice: once.

    Errors: OperatorForbidden, NotFound, GrievanceMalformed, GrievanceAnswered, GrievanceNotExtendable, RuleMissing.
    """
    said = check_words(words)

    def work(_: Transaction, known: Grievance) -> tuple[Grievance, Said | None]:
        now = house.clock.now()
        known.require_extendable(on=business_date_of(now))
        due_on, document = last_day(house, rule_id=EXTENDED_MAX, since=business_date_of(known.opened_at))
        return replace(known, due_on=due_on, document=document, extended_at=now), ("extension", said)

    _do(house, seat, grievance_id, "extended", work)


def escalate_grievance(house: House, *, seat: Seat, grievance_id: UUID, reason: str) -> None:
    """Put a complaint or dispute before whoever decides more; escalated again it is escalated.

    Errors: OperatorForbidden, NotFound, ReasonMissing, GrievanceAnswered.
    """
    check_reason(reason)

    def work(_: Transaction, known: Grievance) -> tuple[Grievance, Said | None]:
        known.require_open()
        if known.escalated_at is not None:
            return known, None
        return replace(known, escalated_at=house.clock.now()), None

    _do(house, seat, grievance_id, "escalated", work, reason=reason)


def answer_grievance(house: House, *, seat: Seat, grievance_id: UUID, outcome: str, words: Personal[str]) -> None:
    """Answer a complaint or dispute; whoever raised it reads the outcome and the words. Sent twice it is one answer.

    The mark of a dispute goes with the answer. Errors: OperatorForbidden, NotFound, GrievanceMalformed,
    GrievanceAnswered, PersonErased.
    """
    said = check_words(words)
    meant = next((one for one in GrievanceOutcome if one.value == outcome), None)
    if meant is None:
        raise GrievanceMalformed("Say whether it is justified, partly, or not.")

    def work(_: Transaction, known: Grievance) -> tuple[Grievance, Said | None]:
        own = seat.operator.operator_id
        if known.answered_at is not None:
            if (known.answered_by, known.outcome) == (own, meant):
                return known, None
            raise GrievanceAnswered("This was answered already.")
        now = house.clock.now()
        return replace(known, answered_by=own, answered_at=now, outcome=meant), ("answer", said)

    _do(house, seat, grievance_id, "answered", work)


def _do(
    house: House,
    seat: Seat,
    grievance_id: UUID,
    what: str,
    work: Callable[[Transaction, Grievance], tuple[Grievance, Said | None]],
    *,
    reason: str = "",
) -> None:
    """Carry out what changes a grievance, with its words sealed, its leaf, and a note of who did it."""
    seat.operator.require(Permission.ANSWER)

    def do(tx: Transaction) -> None:
        cell = tx.cell_of(grievance_id)
        tx.lock_cell(cell)
        known, now = grievance.load(tx, grievance_id=grievance_id), house.clock.now()
        after, said = work(tx, known)
        if after == known:
            return
        grievance.save(tx, grievance=after)
        private: dict[str, Personal[str]] = {}
        if said is not None:
            part, words = said
            private = {part: words}
            vault.seal(
                tx, keyring=house.keyring, person_id=known.person_id, field=known.field(part), value=words, at=now
            )
        facts: dict[str, Canonical] = {
            "what": what,
            "kind": known.kind.value,
            "due_on": after.due_on.isoformat(),
            "late": business_date_of(now) > known.due_on,
            "outcome": None if after.outcome is None else after.outcome.value,
            "operator": seat.operator.operator_id.hex,
        }
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=cell,
            person_id=known.person_id,
            kind=LeafKind.GRIEVANCE,
            subject_id=grievance_id,
            at=now,
            facts=facts,
            private=private,
        )
        note_access(
            tx, house, seat=seat, person_id=known.person_id, what=access.ANSWER, subject_id=grievance_id, reason=reason
        )

    house.database.run(do)
