"""Clocks of complaints and disputes: the last day still counts, a complaint takes longer once, a dispute never."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from mingqu.domain.grievance import (
    Clock,
    Grievance,
    GrievanceAnswered,
    GrievanceKind,
    GrievanceMalformed,
    GrievanceNotExtendable,
    GrievanceOutcome,
    check_words,
)
from mingqu.domain.personal import Personal

DUE = date(2026, 12, 6)
ONE = Grievance(
    grievance_id=UUID(int=1),
    person_id=UUID(int=2),
    kind=GrievanceKind.COMPLAINT,
    loan_id=None,
    opened_at=datetime(2026, 11, 21, 4, 0, tzinfo=UTC),
    due_on=DUE,
    document="a document",
)
ANSWERED = replace(ONE, answered_at=ONE.opened_at, answered_by=UUID(int=3), outcome=GrievanceOutcome.PARTLY)


def test_a_clock_runs_is_soon_over_and_is_late_from_the_day_after_the_last() -> None:
    found = [ONE.clock(on=DUE + timedelta(days=days)) for days in (-4, -3, 0, 1)]
    assert found == [Clock.RUNNING, Clock.SOON, Clock.SOON, Clock.LATE]
    assert ANSWERED.clock(on=DUE + timedelta(days=99)) is Clock.ENDED


def test_only_a_complaint_takes_longer_and_once_and_in_time() -> None:
    ONE.require_extendable(on=DUE)
    late, twice = (ONE, DUE + timedelta(days=1)), (replace(ONE, extended_at=ONE.opened_at), DUE)
    for one, on in (late, twice, (replace(ONE, kind=GrievanceKind.CREDIT_DISPUTE), DUE)):
        with pytest.raises(GrievanceNotExtendable):
            one.require_extendable(on=on)
    with pytest.raises(GrievanceAnswered):
        ANSWERED.require_extendable(on=DUE)


def test_words_have_a_length_and_their_lines() -> None:
    assert check_words(Personal("  一二三四五\n\n 六七  八九十 ")).reveal() == "一二三四五\n\n六七 八九十"
    for text in ("太短了", "长" * 1_001, " " * 20):
        with pytest.raises(GrievanceMalformed):
            check_words(Personal(text))
