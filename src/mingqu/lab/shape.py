"""How a column becomes one number a row that stumps can cut: words become groups of like risk, missing stays missing.

A shape is found on training rows alone and then applied to any rows, so a fold never sees its test.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.lab.measure import auc
from mingqu.lab.table import Column, Numbers, Words

# Levels and missing values with fewer cases are not known well enough to have points of their own.
LEVEL_CASES_MIN: Final = 20
LEVEL_CASES_PER_MILLE: Final = 5
LEVEL_CASES_MOST: Final = 200  # with so many, a bad rate is known well enough in any sample
# Neighboring groups nearer than this statistic are one; a stricter bound loses more than it keeps out on small samples.
APART: Final = 0.5
GROUPS_MAX: Final = 9  # one bin is left for missing values
DIRECTION_BINS: Final = 10
# A variable goes against one direction only when the evidence is beyond doubt: chance does it once in 10,000 times.
AGAINST: Final = 15.1
NONE, FEW, OWN = "none", "few", "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Of one column: `groups` are levels by rising risk (None for numbers), `other` the group of any other level.

    `missing` says whether training saw missing values: "none", "few" (they count as average) or "own" (their own bin).
    """

    groups: tuple[tuple[str, ...], ...] | None
    other: int
    missing: str
    direction: str

    def values(self, *, column: Column) -> NDArray[np.float64]:
        """Return the column as the card reads it: whole numbers or places of groups, NaN where missing."""
        if isinstance(column, Numbers):
            return column.values
        assert self.groups is not None
        group_of = {level: at for at, group in enumerate(self.groups) for level in group}
        place = np.array([group_of.get(level, self.other) for level in (*column.levels, "")], dtype=np.float64)
        place[-1] = np.nan  # what code −1 reads
        return np.asarray(place[column.codes])


def shape_of(*, column: Column, bad: NDArray[np.bool_], declared: str, tested: bool) -> Shape:
    """Return the shape of a column on training rows. `declared` is a direction that must be kept, "" without one."""
    least = cases_min(rows=len(bad))
    missing = int(column.missing.sum())
    state = NONE if not missing else FEW if missing < least else OWN
    if isinstance(column, Words):
        groups, other = _groups(column, bad, least)
        return Shape(groups=groups, other=other, missing=state, direction="rises")
    direction = declared or direction_of(values=column.values, bad=bad, tested=tested)
    return Shape(groups=None, other=0, missing=state, direction=direction)


def cases_min(*, rows: int) -> int:
    """Return how many cases a level or the missing ones need. Example: 20 of 1,000 rows, 150 of 30,000."""
    return min(LEVEL_CASES_MOST, max(LEVEL_CASES_MIN, rows * LEVEL_CASES_PER_MILLE // 1_000))


def _groups(column: Words, bad: NDArray[np.bool_], least: int) -> tuple[tuple[tuple[str, ...], ...], int]:
    present = ~column.missing
    cases = np.bincount(column.codes[present], minlength=len(column.levels)).astype(np.float64)
    bads = np.bincount(column.codes[present & bad], minlength=len(column.levels)).astype(np.float64)
    often = [at for at in range(len(cases)) if cases[at] >= least]
    rare = [at for at in range(len(cases)) if 0 < cases[at] < least]
    base = bad.mean()
    held: list[tuple[float, float, list[str], bool]] = [
        (cases[at], bads[at], [column.levels[at]], False) for at in often
    ]
    if rare:
        held.append((cases[rare].sum(), bads[rare].sum(), [column.levels[at] for at in rare], True))
    # A rate is drawn to the sample's own by as many cases as a level needs at least.
    held.sort(key=lambda one: (one[1] + base * least) / (one[0] + least))
    while len(held) > 1:
        apart = [_apart(a, b) for a, b in itertools.pairwise(held)]
        at = int(np.argmin(apart))
        if apart[at] > APART and len(held) <= GROUPS_MAX:
            break
        a, b = held[at], held[at + 1]
        held[at : at + 2] = [(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] or b[3])]
    other = next((at for at, one in enumerate(held) if one[3]), None)
    if other is None:  # a level that training never saw counts as the group nearest to the sample's rate
        other = int(np.argmin([abs(one[1] / one[0] - base) for one in held]))
    return tuple(tuple(sorted(one[2])) for one in held), other


def _apart(a: tuple[float, float, list[str], bool], b: tuple[float, float, list[str], bool]) -> float:
    """Return the likelihood-ratio statistic of two rates against one common rate."""
    return 2 * (_log_likelihood(a[0], a[1]) + _log_likelihood(b[0], b[1]) - _log_likelihood(a[0] + b[0], a[1] + b[1]))


def _log_likelihood(cases: float, bads: float) -> float:
    parts = ((bads, bads / cases), (cases - bads, 1 - bads / cases))
    return float(sum(count * np.log(rate) for count, rate in parts if count > 0))


def direction_of(*, values: NDArray[np.float64], bad: NDArray[np.bool_], tested: bool) -> str:
    """Return "rises" or "falls" after the rank order of value and outcome (Spearman's sign), or "free".

    "free" only where `tested` and the rates of ten bins contradict any one direction beyond doubt, as in a U.
    """
    present = np.isfinite(values)
    known, outcome = values[present], bad[present]
    if len(set(outcome.tolist())) < 2:
        return "free"
    direction = "rises" if auc(risk=known, bad=outcome) >= 0.5 else "falls"
    if not tested:
        return direction
    different = np.unique(known)
    if len(different) > DIRECTION_BINS:
        steps = np.linspace(0, 1, DIRECTION_BINS + 1)[1:]
        different = np.unique(np.quantile(known, steps, method="lower"))
    place = np.searchsorted(different, known, side="left")
    cases = np.bincount(place).astype(np.float64)
    bads = np.bincount(place[outcome], minlength=len(cases)).astype(np.float64)
    if direction == "falls":
        cases, bads = cases[::-1], bads[::-1]
    kept = cases > 0
    return "free" if _against(cases[kept].tolist(), bads[kept].tolist()) > AGAINST else direction


def _against(cases: Sequence[float], bads: Sequence[float]) -> float:
    """Return how much better the bins' own rates fit than the best rates that only rise (pooled neighbors)."""
    pooled: list[tuple[float, float]] = []
    for one in zip(cases, bads, strict=True):
        pooled.append(one)
        while len(pooled) > 1 and pooled[-2][1] / pooled[-2][0] > pooled[-1][1] / pooled[-1][0]:
            last = pooled.pop()
            pooled[-1] = (pooled[-1][0] + last[0], pooled[-1][1] + last[1])
    own = sum(_log_likelihood(*one) for one in zip(cases, bads, strict=True))
    return 2 * (own - sum(_log_likelihood(*one) for one in pooled))
