"""What somebody asked a person for, as they read it themselves and as an operator does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound, require_owner
from mingqu.domain.review import ANSWERED_WITHIN, OF_LOAN, OUTCOMES, SUSPICIOUS, TAKEN_FOR, ReviewOutcome
from mingqu.services.access.note_access import note_access
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.appeals.report_message import report_field
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.decisions import review
from mingqu.store.decisions.review import Request
from mingqu.store.operators import access, operator
from mingqu.store.people import vault
from mingqu.store.people.vault import PersonErased
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    """A request as whoever asked reads it; `outcome` and `answer` are there once a person has answered."""

    request_id: UUID
    wish: str
    asked_at: datetime
    answered_at: datetime | None
    outcome: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLine:
    """A request of a queue. `left` is the time to when an answer was promised, below zero when that is over."""

    request: Request
    name: str | None
    about_loan: bool
    about_message: bool
    waited: timedelta
    left: timedelta
    taken_by: str | None
    answered_by: str | None
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewWork:
    """A request as an operator works on it."""

    line: ReviewLine
    may_take: bool
    outcomes: tuple[ReviewOutcome, ...]
    answer: str | None
    reported: str | None  # what was reported, word for word
    others: tuple[Request, ...]
    leaf: tuple[int, int] | None


def review_of_subject(tx: Transaction, house: House, *, person_id: UUID, subject_id: UUID) -> ReviewView | None:
    """Return what a person asked last about one of their decisions or loans, or None."""
    asked = review.about(tx, person_id=person_id, subject_id=subject_id)
    return _view(tx, house, asked[0]) if asked else None


def review_about(house: House, *, person_id: UUID, subject_id: UUID) -> ReviewView | None:
    """Return what a person asked last about one of their decisions or loans, or None."""
    with house.database.transaction() as tx:
        return review_of_subject(tx, house, person_id=person_id, subject_id=subject_id)


def may_apply_again(tx: Transaction, *, person_id: UUID, decision_id: UUID) -> bool:
    """Return whether somebody who looked at a decision said that it is to be made anew."""
    asked = review.about(tx, person_id=person_id, subject_id=decision_id)
    return any(one.outcome is ReviewOutcome.REASSESS for one in asked)


def review_of(house: House, *, person_id: UUID, request_id: UUID) -> ReviewView:
    """Return one request of a person's own. Errors: NotFound."""
    with house.database.transaction() as tx:
        known = review.load(tx, request_id=request_id)
        require_owner(owner_id=known.person_id, person_id=person_id)
        return _view(tx, house, known)


def list_reviews(house: House, *, seat: Seat) -> tuple[list[ReviewLine], list[ReviewLine]]:
    """Return what waits for an answer, the oldest first, and what was answered last. Errors: OperatorForbidden."""
    seat.operator.require(Permission.REVIEWS)
    with house.database.transaction() as tx:
        return _lines(tx, house, seat, review.waiting(tx)), _lines(tx, house, seat, review.answered(tx))


def reviews_waiting(house: House, *, seat: Seat) -> int:
    """Return how many requests wait, for who may answer them."""
    if not seat.operator.may(Permission.REVIEWS):
        return 0
    with house.database.transaction() as tx:
        return review.waiting_count(tx)


def read_review(house: House, *, seat: Seat, request_id: UUID) -> ReviewWork:
    """Return a request to work on, and note that this operator looked. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.REVIEWS)
    with house.database.transaction() as tx:
        known, now = review.load(tx, request_id=request_id), house.clock.now()
        (line,) = _lines(tx, house, seat, [known])
        others = [
            one
            for one in review.about(tx, person_id=known.person_id, subject_id=known.subject_id)
            if one.request_id != request_id
        ]
        leaves = evidence.leaves_of(tx, person_id=known.person_id, subject_id=request_id)
        free = known.taken_by is None or line.own or (known.taken_at is not None and now >= known.taken_at + TAKEN_FOR)
        view = ReviewWork(
            line=line,
            may_take=known.answered_at is None and free and not line.own and seat.operator.may(Permission.ANSWER),
            outcomes=OUTCOMES.get(known.wish, ()),
            answer=_answer(tx, house, known),
            reported=_reported(tx, house, known),
            others=tuple(others),
            leaf=(leaves[-1].cell, leaves[-1].sequence) if leaves else None,
        )
        note_access(tx, house, seat=seat, person_id=known.person_id, what=access.REVIEW, subject_id=request_id)
        tx.commit()
    return view


def _view(tx: Transaction, house: House, known: Request) -> ReviewView:
    return ReviewView(
        request_id=known.request_id,
        wish=known.wish,
        asked_at=known.asked_at,
        answered_at=known.answered_at,
        outcome=None if known.outcome is None else known.outcome.value,
        answer=_answer(tx, house, known),
    )


def _reported(tx: Transaction, house: House, known: Request) -> str | None:
    """Return the words of a report; of a person who was erased there are none."""
    if known.wish != SUSPICIOUS:
        return None
    try:
        field = report_field(known.request_id)
        return vault.open_field(tx, keyring=house.keyring, person_id=known.person_id, field=field).reveal()
    except (PersonErased, NotFound):
        return None


def _answer(tx: Transaction, house: House, known: Request) -> str | None:
    """Return the words of an answer; of a person who was erased there are none."""
    if known.answered_at is None:
        return None
    try:
        opened = vault.open_field(tx, keyring=house.keyring, person_id=known.person_id, field=known.field)
    except (PersonErased, NotFound):
        return None
    return opened.reveal()


def _lines(tx: Transaction, house: House, seat: Seat, found: list[Request]) -> list[ReviewLine]:
    now, names = house.clock.now(), {one.operator_id: one.name for one in operator.every(tx)}
    people = masked_names(tx, house, person_ids=[one.person_id for one in found])
    return [
        ReviewLine(
            request=one,
            name=people.get(one.person_id),
            about_loan=one.wish in OF_LOAN,
            about_message=one.wish == SUSPICIOUS,
            waited=(one.answered_at or now) - one.asked_at,
            left=one.asked_at + ANSWERED_WITHIN - now,
            taken_by=names.get(one.taken_by, "?") if one.taken_by else None,
            answered_by=names.get(one.answered_by, "?") if one.answered_by else None,
            own=one.taken_by == seat.operator.operator_id,
        )
        for one in found
    ]
