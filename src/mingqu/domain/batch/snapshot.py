"""From snapshots to the columns of a morning, and the question which loans are on the common path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np

from mingqu.domain.batch.accrual import LineColumns
from mingqu.domain.batch.columns import NO_DAY, Days
from mingqu.domain.batch.morning import MorningColumns
from mingqu.domain.loan import Instalment, Line, LoanState, LoanTerms, Stage, interest_line, penalty_line

# What the columns of a morning follow. Whatever else terms, snapshots or instalments may say must stand at its default
# for a loan to be on the common path, so that a new rule of loans never changes a morning here silently.
_TERMS_FOLLOWED: Final = frozenset(
    {
        "principal_fen", "currency", "method", "rate", "instalments", "period", "interest_basis", "day_count",
        "rounding", "penalty_multiple_ppm", "grace_days", "allocation", "allocation_non_accrual", "allocation_of",
        "direction", "surplus", "multiple_fen", "smoothing", "suspends_income",
    }
)  # fmt: skip
_STATE_FOLLOWED: Final = frozenset(
    {"stage", "as_of", "instalments", "disbursed_fen", "overpayment_fen", "settled_on", "last_key", "disbursements"}
)
_INSTALMENT_FOLLOWED: Final = frozenset(
    {
        "number", "period_start", "start", "due", "principal_fen", "interest_fen", "penalty_fen", "fee_fen",
        "principal_paid_fen", "interest_paid_fen", "penalty_paid_fen", "fee_paid_fen", "billed", "early", "paid_on",
    }
)  # fmt: skip


class Morning(NamedTuple):
    """What a morning reads of one loan; see `MorningColumns`."""

    common: bool
    running_number: int
    running_due: date | None
    running_principal_fen: int
    running_interest_fen: int
    following_due: date | None
    principal_unbilled_fen: int
    waiting_number: int
    waiting_due: date | None
    waiting_principal_fen: int
    waiting_unpaid_fen: int
    suspends_on: date | None
    interest: Line | None
    penalty: Line | None


def morning_columns(*, loans: Sequence[tuple[LoanTerms, LoanState]]) -> MorningColumns:
    """Return what a morning reads of the loans, from their terms and snapshots.

    A loan that the columns cannot speak for is marked as not on the common path. Amounts beyond 64 bits cannot be in a
    snapshot; lines beyond them put the loan off the common path.
    """
    places: dict[tuple[object, ...], int] = {}
    template = [places.setdefault(borne_alike(terms), len(places)) for terms, _ in loans]
    first_with = {place: terms for (terms, _), place in zip(reversed(loans), reversed(template), strict=True)}
    rows = [morning_of(terms=terms, state=state) for terms, state in loans]

    def integers(name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array([getattr(row, name) for row in rows], dtype=np.int64)

    def days(name: str) -> Days:
        return _days([getattr(row, name) for row in rows])

    return MorningColumns(
        terms=tuple(first_with[place] for place in range(len(places))),
        template=np.array(template, dtype=np.int64),
        common=np.array([row.common for row in rows], dtype=np.bool_),
        running_number=integers("running_number"),
        running_due=days("running_due"),
        running_principal_fen=integers("running_principal_fen"),
        running_interest_fen=integers("running_interest_fen"),
        following_due=days("following_due"),
        principal_unbilled_fen=integers("principal_unbilled_fen"),
        waiting_number=integers("waiting_number"),
        waiting_due=days("waiting_due"),
        waiting_principal_fen=integers("waiting_principal_fen"),
        waiting_unpaid_fen=integers("waiting_unpaid_fen"),
        suspends_on=days("suspends_on"),
        interest=line_columns(lines=[row.interest for row in rows]),
        penalty=line_columns(lines=[row.penalty for row in rows]),
    )


def line_columns(*, lines: Sequence[Line | None]) -> LineColumns:
    """Return lines as columns; None is no line."""
    return LineColumns(
        daily_micro=np.array([line.daily_micro if line else 0 for line in lines], dtype=np.int64),
        base_micro=np.array([line.base_micro if line else 0 for line in lines], dtype=np.int64),
        on=_days([line.on if line else None for line in lines]),
    )


def borne_alike(terms: LoanTerms) -> tuple[object, ...]:
    """Return what decides how a common loan's morning goes, besides its amounts: few different ones in any book."""
    return (
        terms.rate,
        terms.period,
        terms.interest_basis,
        terms.day_count,
        terms.rounding,
        terms.penalty_multiple_ppm,
        terms.grace_days,
        terms.suspends_income,
        _terms_are_common(terms),
    )


def _days(listed: list[date | None]) -> Days:
    return np.array([NO_DAY if day is None else day for day in listed], dtype="datetime64[D]")


def morning_of(*, terms: LoanTerms, state: LoanState) -> Morning:
    """Return what a morning reads of one loan, from its terms and snapshot."""
    lines = state.instalments
    at = next((index for index, line in enumerate(lines) if not line.billed), len(lines))
    running = lines[at] if at < len(lines) and state.stage is Stage.ACTIVE else None
    following = lines[at + 1] if running is not None and at + 1 < len(lines) else None
    waiting = [line for line in state.unpaid_billed if line.penalty_from is None]
    interest, penalty = interest_line(state, terms), penalty_line(state, terms)
    common = (
        _terms_are_common(terms)
        and _at_defaults(state, _STATE_FOLLOWED)
        and len(waiting) <= 1
        and not any(line.billed for line in lines[at:])
        and bills_plainly(running, following)
        and all(is_plain(line) for line in (running, following, *waiting) if line)
        and all(_fits(line) for line in (interest, penalty))
    )
    overdue = waiting[0] if waiting else None
    return Morning(
        common=common,
        running_number=running.number if running else 0,
        running_due=running.due if running else None,
        running_principal_fen=running.principal_fen if running else 0,
        running_interest_fen=running.interest_fen if running else 0,
        following_due=following.due if following else None,
        principal_unbilled_fen=state.principal_unbilled_fen,
        waiting_number=overdue.number if overdue else 0,
        waiting_due=overdue.due if overdue else None,
        waiting_principal_fen=overdue.principal_fen - overdue.principal_paid_fen if overdue else 0,
        waiting_unpaid_fen=overdue.unpaid_fen if overdue else 0,
        suspends_on=state.suspends_on(terms),
        interest=interest if _fits(interest) else None,
        penalty=penalty if _fits(penalty) else None,
    )


def is_plain(line: Instalment) -> bool:
    """Whether an instalment has nothing about it that a morning here does not follow."""
    return _at_defaults(line, _INSTALMENT_FOLLOWED)


def bills_plainly(running: Instalment | None, following: Instalment | None) -> bool:
    """Whether the running instalment is as planned, and the one after it begins when it ends."""
    if running is None:
        return True
    planned = (running.penalty_fen, running.fee_fen) == (0, 0) and running.penalty_from is None and not running.early
    untouched = running.unpaid_fen == running.principal_fen + running.interest_fen
    if following is None:
        return planned and untouched
    joined = following.start == following.period_start == running.due < following.due
    return planned and untouched and joined


def _fits(line: Line | None) -> bool:
    return line is None or max(abs(line.daily_micro), abs(line.base_micro)) < 2**62


# A house has a few kinds of terms for each product, and reads them for millions of loans.
@lru_cache(maxsize=4096)
def _terms_are_common(terms: LoanTerms) -> bool:
    return _at_defaults(terms, _TERMS_FOLLOWED)


def _at_defaults(value: LoanTerms | LoanState | Instalment, followed: frozenset[str]) -> bool:
    """Whether every field but those followed here has its default."""
    kind: Any = type(value)
    read, defaults = _not_followed(kind, followed)
    return bool(read(value) == defaults)


@lru_cache
def _not_followed(
    kind: Any, followed: frozenset[str]
) -> tuple[Callable[[object], tuple[object, ...]], tuple[object, ...]]:
    """Return what reads the fields that are not followed at once, and the defaults they must have."""
    others = [item for item in fields(kind) if item.name not in followed]
    assert len(others) > 1, "several are read at once"
    defaults = tuple(item.default_factory() if item.default_factory is not MISSING else item.default for item in others)
    return attrgetter(*(item.name for item in others)), defaults
