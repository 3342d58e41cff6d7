"""Answer what somebody asked a person for: take it, so that two do not answer one, and say how it ends and why."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.operator import Permission
from mingqu.domain.personal import Personal
from mingqu.domain.review import (
    TAKEN_FOR,
    OverrideMissing,
    ReviewAnswered,
    ReviewNotTaken,
    ReviewOutcome,
    ReviewTaken,
    check_answer,
    read_outcome,
)
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.decisions import override, review
from mingqu.store.operators import access
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction


def take_review(house: House, *, seat: Seat, request_id: UUID) -> None:
    """Take a request, or take it over from somebody who has had it for hours. Taken again it is taken.

    Errors: OperatorForbidden, NotFound, ReviewTaken, ReviewAnswered.
    """
    seat.operator.require(Permission.ANSWER)

    def work(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(request_id))
        known, now, own = review.load(tx, request_id=request_id), house.clock.now(), seat.operator.operator_id
        if known.answered_at is not None:
            raise ReviewAnswered("This was answered already.")
        if known.taken_by not in (None, own) and known.taken_at is not None and now < known.taken_at + TAKEN_FOR:
            raise ReviewTaken("Somebody else is at it.")
        review.take(tx, request=known, operator_id=own, at=now)
        note_access(tx, house, seat=seat, person_id=known.person_id, what=access.REVIEW, subject_id=request_id)

    house.database.run(work)


def answer_review(house: House, *, seat: Seat, request_id: UUID, outcome: str, answer: Personal[str]) -> None:
    """Answer a request that one has taken; whoever asked reads the outcome and the words. Sent twice it is one answer.

    Errors: OperatorForbidden, NotFound, AnswerMalformed, ReviewNotTaken, ReviewAnswered, OverrideMissing, PersonErased.
    """
    seat.operator.require(Permission.ANSWER)
    said = check_answer(answer)

    def work(tx: Transaction) -> None:
        cell = tx.cell_of(request_id)
        tx.lock_cell(cell)
        known, now, own = review.load(tx, request_id=request_id), house.clock.now(), seat.operator.operator_id
        meant = read_outcome(outcome, wish=known.wish)
        if known.answered_at is not None:
            if (known.answered_by, known.outcome) == (own, meant):
                return
            raise ReviewAnswered("This was answered already.")
        if known.taken_by != own:
            raise ReviewNotTaken("Take it first.")
        if meant is ReviewOutcome.OVERRIDDEN and override.of(tx, overridden_id=known.subject_id) is None:
            raise OverrideMissing("Nobody has set this decision aside; propose it first.")
        review.answer(tx, request_id=request_id, operator_id=own, outcome=meant, at=now)
        vault.seal(tx, keyring=house.keyring, person_id=known.person_id, field=known.field, value=said, at=now)
        facts: Mapping[str, Canonical] = {
            "about": known.subject_id.hex,
            "wish": known.wish,
            "outcome": meant.value,
            "operator": own.hex,
        }
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=cell,
            person_id=known.person_id,
            kind=LeafKind.REVIEW,
            subject_id=request_id,
            at=now,
            facts=facts,
            private={"answer": said},
        )
        note_access(tx, house, seat=seat, person_id=known.person_id, what=access.ANSWER, subject_id=request_id)

    house.database.run(work)
