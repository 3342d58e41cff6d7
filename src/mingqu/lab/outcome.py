"""Who went bad: a target column with two values, one of which means bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.refusal import Refusal
from mingqu.lab.table import Column, Numbers

CASES_MIN: Final = 30  # Fewer good or bad cases than this say nothing, in five folds, about ten bins.
# Words for bad that need no --bad; every other pair of words is asked about.
BAD_WORDS: Final = frozenset(
    {"bad", "default", "defaulted", "charged off", "charged-off", "chargeoff", "yes", "y", "true", "t", "late",
     "overdue", "delinquent", "坏", "坏客户", "违约", "逾期", "是"}
)  # fmt: skip
GOOD_WORDS: Final = frozenset(
    { "good", "no", "n", "false", "f", "paid",
     "fully paid", "current", "ok", "repaid", "好", "好客户", "正常", "否", "未违约",}
)  # fmt: skip


class TargetUnusable(Refusal):
    """The target column does not say who went bad: it is constant, has more than two values, or too few cases."""

    code: ClassVar[str] = "target_unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Which rows have an outcome, who of them went bad (aligned with `rows`), and the text that means bad."""

    rows: NDArray[np.int64]
    bad: NDArray[np.bool_]
    bad_value: str
    without: int


def read_outcome(*, column: Column, name: str, bad: str | None) -> Outcome:
    """Return who went bad. Rows without an outcome are set aside and counted. Errors: TargetUnusable.

    `bad` is the text that means bad. Without it: of two numbers the larger, of two words the one that says so.
    Example: 0 and 1 make 1 bad; "good" and "bad" make "bad" bad; "A" and "B" are refused until somebody says which.
    """
    levels, codes = _levels(column)
    seen = np.unique(codes[codes >= 0])
    values = [levels[at] for at in seen]
    if len(values) == 1:
        raise TargetUnusable(f"The column {name} is the same in every row; name another --target.", column=name)
    if len(values) != 2:
        raise TargetUnusable(
            f"The column {name} has {len(values)} different values; a target has two, one of which means bad.",
            column=name,
        )
    meant = _bad_of(values, numeric=isinstance(column, Numbers)) if bad is None else _named(values, bad, name)
    if meant is None:
        raise TargetUnusable(f"The column {name} holds {values[0]} and {values[1]}; say which is --bad.", column=name)
    rows = np.flatnonzero(codes >= 0)
    went_bad = codes[rows] == levels.index(meant)
    bads = int(went_bad.sum())
    if min(bads, len(rows) - bads) < CASES_MIN:
        raise TargetUnusable(
            f"{bads} bad and {len(rows) - bads} good cases; at least {CASES_MIN} of each are needed to train.",
            column=name,
        )
    return Outcome(rows=rows, bad=went_bad, bad_value=meant, without=len(codes) - len(rows))


def outcome_of(*, column: Column, bad_value: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows with an outcome and who of them is bad, for a file that is only looked at."""
    levels, codes = _levels(column)
    rows = np.flatnonzero(codes >= 0)
    at = levels.index(bad_value) if bad_value in levels else -2
    return rows, codes[rows] == at


def _levels(column: Column) -> tuple[list[str], NDArray[np.int64]]:
    if not isinstance(column, Numbers):
        return list(column.levels), column.codes
    present = ~column.missing
    values, places = np.unique(column.values[present], return_inverse=True)
    codes = np.full(len(present), -1, dtype=np.int64)
    codes[present] = places
    scale = 10**column.scale_digits
    return [f"{int(value)}" if scale == 1 else f"{value / scale:g}" for value in values], codes


def _named(values: list[str], bad: str, name: str) -> str:
    found = next((value for value in values if value.lower() == bad.strip().lower()), None)
    if found is None:
        raise TargetUnusable(f"The column {name} holds {values[0]} and {values[1]}, not {bad}.", column=name)
    return found


def _bad_of(values: list[str], *, numeric: bool) -> str | None:
    if numeric:
        return values[-1]  # np.unique sorts: the larger one
    told = [value for value in values if value.lower() in BAD_WORDS]
    cleared = [value for value in values if value.lower() in GOOD_WORDS]
    if len(told) == 1:
        return told[0]
    return next(value for value in values if value not in cleared) if len(cleared) == 1 and not told else None
