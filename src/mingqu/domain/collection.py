"""Collection: the case of a debt that is late, a loan's or a revolving account's, told by what was done about it, and
promises told by the ledger.

A case is never stored: it is what follows from its steps, in order. A promise was kept or broken by money that came,
and by nothing that anybody says. Whether somebody may be called is asked at the gate (`domain.gate.at_collect`).
Sources: GB/T 45251-2025 and the banking association's guideline of 2026-01-30: only listed agencies collect, each
until a day; one party at a time contacts a debtor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.refusal import Refusal

PROMISE_WITHIN: Final = timedelta(days=31)  # what is promised for later is a new plan, which two people agree to
AGENCY_FOR_MAX: Final = timedelta(days=183)  # half a year; the guideline asks for a review of agencies each year
DUE_SOON: Final = timedelta(days=3)  # M0: what falls due within these days is reminded of


class NotOverdue(Refusal):
    """Nothing of this loan or account is overdue: there is nothing to collect."""

    code: ClassVar[str] = "not_overdue"
    status: ClassVar[int] = 409


class CaseElsewhere(Refusal):
    """An agency or a court has this case: one party at a time contacts a debtor. Call it back first."""

    code: ClassVar[str] = "case_elsewhere"
    status: ClassVar[int] = 409


class PromiseMalformed(Refusal):
    """A promise names an amount that is owed and a day within a month."""

    code: ClassVar[str] = "promise_malformed"


class AgencyNotListed(Refusal):
    """The agency is not on the lender's published list for all of these days: take one that is."""

    code: ClassVar[str] = "agency_not_listed"
    status: ClassVar[int] = 409


class CollectionStepUnknown(Refusal):
    """This cannot be done about a case; the page of the case offers what can."""

    code: ClassVar[str] = "collection_step_unknown"


class Bucket(StrEnum):
    """How late a debt is: M0 falls due soon, M1 to M3 by thirty days each, M4 beyond ninety days."""

    M0 = "m0"
    M1 = "m1"
    M2 = "m2"
    M3 = "m3"
    M4 = "m4"


class StepKind(StrEnum):
    """What was done about a case. Words are stored: never changed, never used again."""

    ASSIGNED = "assigned"
    CALLED = "called"
    PROMISED = "promised"
    NOTED = "noted"
    TO_AGENCY = "to_agency"
    TO_COURT = "to_court"
    CALLED_BACK = "called_back"


class Stage(StrEnum):
    """Who has the case."""

    DESK = "desk"
    AGENCY = "agency"
    COURT = "court"


class PromiseState(StrEnum):
    """What became of a promise."""

    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; `debt_id` is a loan's or a revolving account's. `until` is the day promised, or the last day of an
    agency; `party` its name, or the kind of lawsuit.

    `number_hash` and `effective` are of a call: whose number, and whether somebody was spoken with.
    """

    step_id: UUID
    debt_id: UUID
    person_id: UUID
    kind: StepKind
    at: datetime
    operator_id: UUID
    number_hash: bytes | None = None
    effective: bool | None = None
    amount_fen: int | None = None
    until: date | None = None
    party: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as its steps leave it."""

    stage: Stage
    assigned_to: UUID | None
    party: str | None
    until: date | None
    promise: Step | None

    def require_here(self) -> None:
        """Return when the desk has the case. Errors: CaseElsewhere."""
        if self.stage is not Stage.DESK:
            raise CaseElsewhere("Somebody else has this case: call it back first.", stage=self.stage.value)


def bucket_of(*, overdue_days: int) -> Bucket:
    """Return the bucket of a debt by its days past due. Example: 30 days are M1, 31 M2, 91 M4."""
    assert overdue_days >= 0
    return (Bucket.M0, Bucket.M1, Bucket.M2, Bucket.M3, Bucket.M4)[min(4, (overdue_days + 29) // 30)]


def case_of(*, steps: Iterable[Step], on: date) -> Case:
    """Return a case on a day, from its steps in order. An agency's time ends by itself with its last day."""
    assigned_to: UUID | None = None
    away: Step | None = None
    promise: Step | None = None
    for step in steps:
        if step.kind is StepKind.ASSIGNED:
            assigned_to = step.operator_id
        elif step.kind is StepKind.PROMISED:
            promise = step
        elif step.kind in (StepKind.TO_AGENCY, StepKind.TO_COURT):
            away = step
        elif step.kind is StepKind.CALLED_BACK:
            away = None
    if away is not None and away.kind is StepKind.TO_AGENCY and away.until is not None and on > away.until:
        away = None
    stage = Stage.DESK if away is None else Stage.AGENCY if away.kind is StepKind.TO_AGENCY else Stage.COURT
    return Case(
        stage=stage,
        assigned_to=assigned_to,
        party=None if away is None else away.party,
        until=None if away is None else away.until,
        promise=promise,
    )


def check_promise(*, amount_fen: int, owed_fen: int, until: date, on: date) -> None:
    """Return when a promise may be noted. Errors: PromiseMalformed."""
    if not 0 < amount_fen <= owed_fen:
        raise PromiseMalformed("Promised is at least one fen, and no more than is overdue.", owed_fen=owed_fen)
    if not on <= until <= on + PROMISE_WITHIN:
        raise PromiseMalformed("A promise names a day from today to a month ahead.")


def promise_state(*, promise: Step, paid: Sequence[tuple[datetime, date, int]], on: date) -> PromiseState:
    """Return what became of a promise: `paid` is every payment as (when it was booked, its value date, fen).

    Counts what came with a value date up to the day promised, and was booked after the promise was made. A payment
    that is reversed is not among them, so a promise that was kept may turn out broken.
    Example: 500.00 promised on the 1st for the 5th; 300.00 on the 3rd and 200.00 on the 5th keep it, on the 6th not.
    """
    assert promise.amount_fen is not None
    assert promise.until is not None
    came_fen = sum(fen for at, value_date, fen in paid if at > promise.at and value_date <= promise.until)
    if came_fen >= promise.amount_fen:
        return PromiseState.KEPT
    return PromiseState.OPEN if on <= promise.until else PromiseState.BROKEN
