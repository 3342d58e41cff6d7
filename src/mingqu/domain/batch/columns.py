"""The columns that go in and come out of a batch: arrays of whole numbers and days, one place for each loan.

Days are `datetime64[D]`, amounts int64 fen, accrual int64 micro-fen; no column ever holds a float.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from mingqu.domain.money import Money
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import Terms

Integers: TypeAlias = npt.NDArray[np.int64]
Days: TypeAlias = npt.NDArray[np.datetime64]
Flags: TypeAlias = npt.NDArray[np.bool_]

INT64_MAX: Final = 2**63 - 1
NO_DAY: Final = np.datetime64("NaT", "D")
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
# What NaT is when its bits are read as a whole number.
NO_DAY_NUMBER: Final = -(2**63)


def days_of(column: Days) -> Integers:
    """Return days as whole numbers counted from 1 January 1970; NaT becomes NO_DAY_NUMBER."""
    return column.astype("datetime64[D]", copy=False).view(np.int64)


def as_date(day: int) -> date:
    """Return the date of a day counted from 1 January 1970."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def as_day(day: date) -> int:
    """Return the days from 1 January 1970 to a date."""
    return day.toordinal() - _EPOCH_ORDINAL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoansToSchedule:
    """Loans as columns of one length n: loan i has the terms `templates[template[i]]` with its own amount and dates.

    `principal_fen`: int64 [n], fen. `start`: datetime64[D] [n], the day the money leaves. `first_due`:
    datetime64[D] [n], NaT where the first due date is one period after the start; without the column that holds for
    all. Amount, start and first due date of a template itself are not looked at, everything else is.
    """

    templates: tuple[Terms, ...]
    template: Integers
    principal_fen: Integers
    start: Days
    first_due: Days | None = None

    def __post_init__(self) -> None:
        columns = (
            self.template,
            self.principal_fen,
            self.start,
            *(() if self.first_due is None else (self.first_due,)),
        )
        assert all(column.shape == self.template.shape and column.ndim == 1 for column in columns), "one length"
        assert self.template.dtype == self.principal_fen.dtype == np.int64, "whole numbers of 64 bits"
        assert not len(self) or 0 <= int(self.template.min()) <= int(self.template.max()) < len(self.templates)

    def __len__(self) -> int:
        return len(self.template)

    def terms_of(self, loan: int) -> Terms:
        """Return the terms of one loan as a value, for the scalar reference. Errors: those of `schedule.Terms`."""
        template = self.templates[int(self.template[loan])]
        first_due = None if self.first_due is None or np.isnat(self.first_due[loan]) else self.first_due[loan].item()
        return replace(
            template,
            principal=Money(int(self.principal_fen[loan]), template.principal.currency),
            start=self.start[loan].item(),
            first_due=first_due,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScheduleColumns:
    """Schedules of n loans, one after another: the rows of loan i are `offsets[i]` … `offsets[i + 1]` − 1.

    `offsets`: int64 [n + 1]. `due`: datetime64[D], `principal_fen` and `interest_fen`: int64 in fen, each of
    length `offsets[n]`. `scalar`: bool [n], the loans that the scalar reference worked out because they do not fit.
    `refused`: the loans that cannot be, in order, each with the refusal that `schedule.build` gives; they have no rows.
    """

    offsets: Integers
    due: Days
    principal_fen: Integers
    interest_fen: Integers
    scalar: Flags
    refused: tuple[tuple[int, Refusal], ...]

    def rows_of(self, loan: int) -> list[tuple[date, int, int]]:
        """Return (due date, principal in fen, interest in fen) of each row of one loan."""
        rows = slice(int(self.offsets[loan]), int(self.offsets[loan + 1]))
        columns = (self.due[rows], self.principal_fen[rows], self.interest_fen[rows])
        return list(zip(*(column.tolist() for column in columns), strict=True))
