"""Complaints and credit disputes, each with the last day for its answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Body
from mingqu.domain.grievance import (
    WORDS_LENGTH_MAX,
    WORDS_LENGTH_MIN,
    Clock,
    GrievanceKind,
    GrievanceMalformed,
    GrievanceOutcome,
    GrievancesTooMany,
)
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.services.appeals.raise_grievance import raise_grievance
from mingqu.services.appeals.read_grievance import GrievanceView, grievance_of, grievances_of

TAG: Final = "Complaints"
_PASSAGE: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"  # lines and tabs, and no other control characters


class NewGrievance(Body, frozen=True, kw_only=True):
    """A complaint, or a dispute about what is reported of one of the caller's loans or accounts, in their own words."""

    kind: GrievanceKind
    words: Annotated[
        str,
        msgspec.Meta(
            min_length=WORDS_LENGTH_MIN,
            max_length=WORDS_LENGTH_MAX,
            pattern=_PASSAGE,
            examples=["九月的账单我已经还了，报送的还是逾期。"],
        ),
    ]
    loan_id: UUID | None = None
    account_id: UUID | None = None


class Grievance(Answer, frozen=True, kw_only=True):
    """A complaint or dispute. It is answered by the end of `due_on`, as `document` says."""

    grievance_id: UUID
    kind: GrievanceKind
    loan_id: UUID | None
    account_id: UUID | None
    opened_at: datetime
    due_on: date
    document: Annotated[str, msgspec.Meta(examples=["征信业管理条例 art. 25"])]
    clock: Clock
    words: str | None
    extension: str | None
    answered_at: datetime | None
    outcome: GrievanceOutcome | None
    answer: str | None


class Grievances(Answer, frozen=True, kw_only=True):
    """What the caller raised, the newest first."""

    grievances: list[Grievance]


@writes("/grievances", tag=TAG, refuses=(GrievanceMalformed, GrievancesTooMany, NotFound))
def send_grievance(data: JSONBody[NewGrievance], key: KeyHere, house: HouseHere, caller: CallerHere) -> Grievance:
    """Raise a complaint or a credit dispute. A person looks at it and answers by its last day."""
    made = raise_grievance(
        house,
        person_id=caller.person_id,
        kind=data.kind.value,
        words=Personal(data.words),
        loan_id=data.loan_id,
        account_id=data.account_id,
        key=key,
    )
    return _shown(grievance_of(house, person_id=caller.person_id, grievance_id=made))


@reads("/grievances", tag=TAG)
def list_grievances(house: HouseHere, caller: CallerHere) -> Grievances:
    """Read what the caller raised, with answers once there are some."""
    return Grievances(grievances=[_shown(one) for one in grievances_of(house, person_id=caller.person_id)])


@reads("/grievances/{grievance_id:uuid}", tag=TAG)
def read_grievance(grievance_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Grievance:
    """Read one complaint or dispute of the caller's."""
    return _shown(grievance_of(house, person_id=caller.person_id, grievance_id=grievance_id))


def _shown(one: GrievanceView) -> Grievance:
    known = one.grievance
    return Grievance(
        grievance_id=known.grievance_id,
        kind=known.kind,
        loan_id=known.loan_id,
        account_id=known.account_id,
        opened_at=known.opened_at,
        due_on=known.due_on,
        document=known.document,
        clock=one.clock,
        words=one.words,
        extension=one.extension,
        answered_at=known.answered_at,
        outcome=known.outcome,
        answer=one.answer,
    )


HANDLERS: Final = (send_grievance, list_grievances, read_grievance)
