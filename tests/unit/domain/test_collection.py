"""Collection: buckets at their edges, a case as its steps leave it, promises told by what came and when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.collection import (
    Bucket,
    CaseElsewhere,
    PromiseMalformed,
    PromiseState,
    Stage,
    Step,
    StepKind,
    bucket_of,
    case_of,
    check_promise,
    promise_state,
)

DAY = date(2026, 9, 20)
NOON = datetime(2026, 9, 20, 4, 0, tzinfo=UTC)
KEPT, OPEN, BROKEN = PromiseState.KEPT, PromiseState.OPEN, PromiseState.BROKEN


def step(kind: StepKind, *, by: int = 1, **said: Any) -> Step:
    return Step(
        step_id=UUID(int=9),
        debt_id=UUID(int=7),
        person_id=UUID(int=8),
        kind=kind,
        at=NOON,
        operator_id=UUID(int=by),
        **said,
    )


def test_buckets_are_thirty_days_each_and_the_last_has_no_end() -> None:
    found = [bucket_of(overdue_days=days).value for days in (0, 1, 30, 31, 60, 61, 90, 91, 999)]
    assert found == ["m0", "m1", "m1", "m2", "m2", "m3", "m3", "m4", "m4"]
    assert len(Bucket) == 5


def test_a_case_is_what_its_steps_leave_and_comes_back_from_an_agency_by_itself() -> None:
    until = DAY + timedelta(days=10)
    steps = [step(StepKind.ASSIGNED), step(StepKind.TO_AGENCY, party="a", until=until)]
    away = case_of(steps=steps, on=until)
    assert (away.stage, away.party, away.until, away.assigned_to) == (Stage.AGENCY, "a", until, UUID(int=1))
    with pytest.raises(CaseElsewhere):
        away.require_here()
    assert case_of(steps=steps, on=until + timedelta(days=1)).stage is Stage.DESK
    assert case_of(steps=[*steps, step(StepKind.CALLED_BACK)], on=DAY).stage is Stage.DESK
    court = case_of(steps=[step(StepKind.TO_COURT, party="lawsuit")], on=DAY + timedelta(days=999))
    assert (court.stage, court.party) == (Stage.COURT, "lawsuit")
    assert case_of(steps=[*steps, step(StepKind.ASSIGNED, by=2)], on=DAY).assigned_to == UUID(int=2)


def test_a_promise_is_of_what_is_owed_and_within_a_month() -> None:
    check_promise(amount_fen=100, owed_fen=100, until=DAY + timedelta(days=31), on=DAY)
    for amount_fen, until in ((0, DAY), (101, DAY), (1, DAY - timedelta(days=1)), (1, DAY + timedelta(days=32))):
        with pytest.raises(PromiseMalformed):
            check_promise(amount_fen=amount_fen, owed_fen=100, until=until, on=DAY)


@given(
    paid=st.lists(st.tuples(st.integers(-2, 8), st.integers(-2, 8), st.integers(1, 60)), max_size=6),
    amount_fen=st.integers(1, 100),
    days=st.integers(0, 5),
    looked=st.integers(0, 8),
)
def test_a_promise_is_kept_by_what_came_after_it_up_to_its_day(
    paid: list[tuple[int, int, int]], amount_fen: int, days: int, looked: int
) -> None:
    promise = step(StepKind.PROMISED, amount_fen=amount_fen, until=DAY + timedelta(days=days))
    told = [(NOON + timedelta(days=at), DAY + timedelta(days=on), fen) for at, on, fen in paid]
    found = promise_state(promise=promise, paid=told, on=DAY + timedelta(days=looked))
    came_fen = 0
    for at, on, fen in paid:
        came_fen += fen * (at > 0) * (on <= days)
    assert found is (KEPT if came_fen >= amount_fen else BROKEN if looked > days else OPEN)
