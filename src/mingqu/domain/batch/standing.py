"""What is kept beside a snapshot so that its mornings can be worked out without opening it.

A snapshot stays as the last event left it. What the mornings since did to a common loan is in a few numbers: how far
the loan has come in its plan, which instalment waits to be overdue, what is payable, and its lines of accrual. They
are columns, so that a close reads, changes and writes loans by the thousand; whoever opens the snapshot brings it up
and gets the same figures (`tests/properties/test_standing.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from struct import Struct
from typing import Final

import numpy as np

from mingqu.domain.batch.accrual import LineColumns
from mingqu.domain.batch.columns import NO_DAY_NUMBER, Days, Flags, Integers, as_day, days_of
from mingqu.domain.batch.morning import FEN_MAX, MorningColumns
from mingqu.domain.batch.outcome import MorningOutcome
from mingqu.domain.batch.snapshot import bills_plainly, borne_alike, is_plain, morning_of
from mingqu.domain.loan import Instalment, Line, LoanState, LoanTerms, Stage
from mingqu.domain.loan.terms import NON_ACCRUAL_AFTER_DAYS, Component

# A row of a plan: due day counted from 1970-01-01, number, principal and interest in fen.
_ROW: Final = Struct("<iiqq")
PLAN_ROW_BYTES: Final = _ROW.size
PLAN_ROW: Final = np.dtype([("due", "<i4"), ("number", "<i4"), ("principal_fen", "<i8"), ("interest_fen", "<i8")])
# Two rows without a day close a plan: what comes after the last instalment can be read like any other.
_NO_DAY: Final = -(2**31)
_END: Final = _ROW.pack(_NO_DAY, 0, 0, 0) * 2
# Another text for the same terms takes another version. Since the second it says how they round.
KIND_VERSION: Final = 2
_ROUNDING_SINCE: Final = 2
_DIGEST_BITS: Final = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a morning needs of one loan beyond its summary.

    `plan`: the instalments in rows, or None if the loan is not on the common path: then a morning opens its snapshot.
    The first `passed` of them are billed and not paid, each with what is left of it and the day from which that bears
    penalty once it is overdue; the others are not billed, the running one first.
    `kind`: which terms its mornings go by, alike for loans that bear alike.
    `waiting_*`: the billed instalment with something unpaid that is not overdue yet. `interest`, `penalty`: its lines.
    """

    plan: bytes | None
    passed: int
    kind: int
    waiting_number: int
    waiting_due: date | None
    waiting_principal_fen: int
    waiting_unpaid_fen: int
    suspends_on: date | None
    interest: Line | None
    penalty: Line | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StandingColumns:
    """How n common loans stand; amounts int64 [n] in fen, days datetime64[D] [n], NaT for none.

    `passed`: int64, how many rows of its plan a loan has left behind: those that are billed and not paid. `running`,
    `following`: the plan's row at that place and the next one, PLAN_ROW [n]. The others are those of `Standing` and of
    the loan's summary.
    """

    passed: Integers
    running: np.ndarray[tuple[int], np.dtype[np.void]]
    following: np.ndarray[tuple[int], np.dtype[np.void]]
    principal_unbilled_fen: Integers
    payable_principal_fen: Integers
    payable_interest_fen: Integers
    overdue_since: Days
    waiting_number: Integers
    waiting_due: Days
    waiting_principal_fen: Integers
    waiting_unpaid_fen: Integers
    suspends_on: Days
    interest: LineColumns
    penalty: LineColumns

    def morning(self, *, terms: tuple[LoanTerms, ...], template: Integers) -> MorningColumns:
        """Return what a morning reads of the loans; loan i has the terms `terms[template[i]]`."""
        return MorningColumns(
            terms=terms,
            template=template,
            common=np.ones(len(self.passed), dtype=np.bool_),
            running_number=self.running["number"].astype(np.int64),
            running_due=_days(self.running["due"]),
            running_principal_fen=self.running["principal_fen"].astype(np.int64),
            running_interest_fen=self.running["interest_fen"].astype(np.int64),
            following_due=_days(self.following["due"]),
            principal_unbilled_fen=self.principal_unbilled_fen,
            waiting_number=self.waiting_number,
            waiting_due=self.waiting_due,
            waiting_principal_fen=self.waiting_principal_fen,
            waiting_unpaid_fen=self.waiting_unpaid_fen,
            suspends_on=self.suspends_on,
            interest=self.interest,
            penalty=self.penalty,
        )


def standing(*, terms: LoanTerms, state: LoanState) -> Standing:
    """Return what is kept beside the snapshot of a loan.

    Example: a loan of three instalments, the first billed and unpaid: the plan has all three, one is passed, and the
    first waits until its grace is over.
    """
    seen = morning_of(terms=terms, state=state)
    plan = _plan(state) if seen.common and state.stage is Stage.ACTIVE else None
    return Standing(
        plan=plan,
        passed=0 if plan is None else sum(1 for _ in state.unpaid_billed),
        kind=kind_of(terms),
        waiting_number=seen.waiting_number,
        waiting_due=seen.waiting_due,
        waiting_principal_fen=seen.waiting_principal_fen,
        waiting_unpaid_fen=seen.waiting_unpaid_fen,
        suspends_on=seen.suspends_on,
        interest=seen.interest,
        penalty=seen.penalty,
    )


def kind_of(terms: LoanTerms) -> int:
    """Return a number below zero for terms, alike for those by which mornings go alike.

    Without its sign it is the version of its text (7 bits) and a digest of that (56 bits). The text names fields and
    values, whatever the language makes of an object when it is printed: the same terms have the same number in every
    book and for ever, or one of another version.
    """
    return _kind(borne_alike(terms))


def kind_version(kind: int) -> int:
    """Return of which version a number of `kind_of` is; 0: of before there were versions, or of no terms at all."""
    return -kind >> _DIGEST_BITS if kind < 0 else 0


@lru_cache(maxsize=4096)
def _kind(alike: tuple[object, ...]) -> int:
    digest = blake2b(canonical(alike).encode(), digest_size=_DIGEST_BITS // 8).digest()
    return -(KIND_VERSION << _DIGEST_BITS | int.from_bytes(digest, "big"))


def says_rounding(kind: Integers) -> Flags:
    """Return which numbers of `kind_of` are of a version that says how terms round."""
    says: Flags = -kind >= _ROUNDING_SINCE << _DIGEST_BITS
    return says


def canonical(value: object) -> str:
    """Return a text that is alike for equal values alone: numbers, flags, enumerations, and what is made of them.

    Example: Period(every=1, unit=PeriodUnit.MONTH) is "Period(every=1,unit=PeriodUnit.month)".
    """
    if isinstance(value, tuple):
        return f"({','.join(map(canonical, value))})"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.value}"
    if is_dataclass(value):
        said = ",".join(f"{item.name}={canonical(getattr(value, item.name))}" for item in fields(value))
        return f"{type(value).__name__}({said})"
    assert value is None or isinstance(value, int), "nothing else decides how a morning goes"
    return str(value)


def _plan(state: LoanState) -> bytes | None:
    """Pack the instalments that are to be paid, or return None if one that is not billed yet is not billed plainly."""
    rows = [line for line in state.instalments if not line.billed]
    plain = all(is_plain(line) and line.interest_fen + line.principal_fen <= FEN_MAX for line in rows)
    if not plain or not all(bills_plainly(line, after) for line, after in pairwise([*rows, None])):
        return None
    return (
        b"".join(_passed(line) for line in state.unpaid_billed)
        + b"".join(_ROW.pack(as_day(line.due), line.number, line.principal_fen, line.interest_fen) for line in rows)
        + _END
    )


def _passed(line: Instalment) -> bytes:
    """Pack an instalment that is billed and not paid: if nothing is paid of it, it is the row that it was before."""
    principal_fen, interest_fen = (line.outstanding_fen(part) for part in (Component.PRINCIPAL, Component.INTEREST))
    return _ROW.pack(as_day(line.penalty_from or line.due), line.number, principal_fen, interest_fen)


def principal_in(rows: bytes) -> int:
    """Return what rows of a plan have of principal together, in fen."""
    return sum(principal_fen for _, _, principal_fen, _ in _ROW.iter_unpack(rows))


def for_the_reference(*, before: StandingColumns, outcome: MorningOutcome) -> Flags:
    """Return which loans go to the scalar reference: those `morning` names, and those with two bills waiting then.

    A loan whose grace outlasts its period has two; the columns have room for one.
    """
    two: Flags = outcome.billed & ~outcome.overdue & (days_of(before.waiting_due) != NO_DAY_NUMBER)
    return outcome.scalar | two


def after(
    *, before: StandingColumns, outcome: MorningOutcome, suspends_income: Flags, chosen: Integers
) -> StandingColumns:
    """Return how the `chosen` loans (places) stand after a morning; the running rows are those before it.

    `suspends_income`: whether the terms of a loan stop its income when it is long overdue.
    """
    billed, overdue = outcome.billed[chosen], outcome.overdue[chosen]
    principal = np.where(billed, before.running["principal_fen"][chosen], 0)
    interest = np.where(billed, before.running["interest_fen"][chosen], 0)
    waiting_due, since = days_of(before.waiting_due)[chosen], days_of(before.overdue_since)[chosen]
    nothing_unpaid = (waiting_due == NO_DAY_NUMBER) & (since == NO_DAY_NUMBER)
    day = as_day(outcome.on)
    stops = np.where(
        billed & nothing_unpaid & suspends_income[chosen],
        as_day(outcome.on + timedelta(days=NON_ACCRUAL_AFTER_DAYS + 1)),
        days_of(before.suspends_on)[chosen],
    )
    kept = ~billed & ~overdue
    return StandingColumns(
        passed=before.passed[chosen] + billed,
        running=before.running[chosen],
        following=before.following[chosen],
        principal_unbilled_fen=before.principal_unbilled_fen[chosen] - principal,
        payable_principal_fen=before.payable_principal_fen[chosen] + principal,
        payable_interest_fen=before.payable_interest_fen[chosen] + interest,
        overdue_since=_as_days(np.where(overdue & (since == NO_DAY_NUMBER), waiting_due, since)),
        waiting_number=np.where(
            billed, before.running["number"][chosen], np.where(kept, before.waiting_number[chosen], 0)
        ),
        waiting_due=_as_days(np.where(billed, day, np.where(kept, waiting_due, NO_DAY_NUMBER))),
        waiting_principal_fen=np.where(billed, principal, np.where(kept, before.waiting_principal_fen[chosen], 0)),
        waiting_unpaid_fen=np.where(billed, principal + interest, np.where(kept, before.waiting_unpaid_fen[chosen], 0)),
        suspends_on=_as_days(stops),
        interest=_lines(outcome.interest_line, chosen),
        penalty=_lines(outcome.penalty_line, chosen),
    )


def _lines(lines: LineColumns, chosen: Integers) -> LineColumns:
    return LineColumns(daily_micro=lines.daily_micro[chosen], base_micro=lines.base_micro[chosen], on=lines.on[chosen])


def _days(column: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Days:
    return _as_days(np.where(column == _NO_DAY, NO_DAY_NUMBER, column.astype(np.int64)))


def _as_days(column: Integers) -> Days:
    return column.view("datetime64[D]")
