"""From step functions to a card a person can read: at most ten bins a variable and whole points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import BINS_MAX
from mingqu.lab.stump import Model, Steps, bins_of

# Forty points double the odds of staying good: one point is 1.7 % of the odds, finer than any bin is known.
POINTS_TO_DOUBLE_ODDS: Final = 40
POINTS_PER_LOG_ODDS: Final = POINTS_TO_DOUBLE_ODDS / math.log(2)
BASE_POINTS: Final = 300
# A variable that moves scores by less, as a standard deviation in points, is not worth asking a person about.
SPREAD_MIN: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTable:
    """Bins and points of all variables, the worst bin of each worth 0.

    `missing` are the points without a value; `average` those of an average case, for a value that training never saw
    missing. `kept` says which variables move the score at all.
    """

    cuts: tuple[NDArray[np.int64], ...]
    points: tuple[NDArray[np.int64], ...]
    missing: tuple[int | None, ...]
    average: tuple[int, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        """The places of the variables that move the score."""
        return tuple(at for at in range(len(self.points)) if len(set(self._all(at))) > 1)

    def _all(self, at: int) -> tuple[int, ...]:
        missing = self.missing[at]
        points = tuple(int(one) for one in self.points[at])
        return points if missing is None else (*points, missing)

    def gained(self, *, at: int, column: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the points of one variable in each row."""
        found = self.points[at][bins_of(cuts=self.cuts[at], column=column)]
        missing = self.missing[at]
        return np.where(np.isnan(column), self.average[at] if missing is None else missing, found)

    def scores(self, *, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the score of each row: base plus points."""
        total = np.full(len(values), BASE_POINTS, dtype=np.int64)
        for at in range(len(self.points)):
            total += self.gained(at=at, column=values[:, at])
        return total

    def range(self) -> tuple[int, int]:
        """Return the lowest and the highest score possible."""
        both = [self._all(at) for at in range(len(self.points))]
        return BASE_POINTS + sum(min(one) for one in both), BASE_POINTS + sum(max(one) for one in both)


def points_table(
    *, model: Model, values: NDArray[np.float64], few: Sequence[bool] | None = None, joined: bool = True, least: int = 0
) -> PointsTable:
    """Return the model as whole points; bins are merged on the rows it was trained on.

    `few` says of which variables a few missing values count as average. `joined`: neighbors of equal points become one.
    `least` are the cases that each bin of a variable without one direction keeps: fewer would be points out of chance.
    """
    cuts, points, missing, average = [], [], [], []
    for at, steps in enumerate(model.steps):
        most = BINS_MAX - (joined and steps.missing is not None)  # a bin of missing values is one of the ten
        full = _without_empty(steps, values[:, at]) if joined else steps
        alone = least if model.directions[at] == "free" else 0
        merged = merge(steps=full, column=values[:, at], bins_max=most, least=alone)
        # The log-odds of going bad become points of staying good; np.rint takes halves to even.
        raw = -merged.values * POINTS_PER_LOG_ODDS
        absent = None if merged.missing is None else -merged.missing * POINTS_PER_LOG_ODDS
        worst = min(raw.min(), math.inf if absent is None else absent)
        whole = np.rint(raw - worst).astype(np.int64)
        present = values[:, at][np.isfinite(values[:, at])]
        place = bins_of(cuts=merged.cuts, column=present)
        if joined and len(present) and absent is None and whole[place].std() < SPREAD_MIN:
            whole = whole * 0
        middle = int(np.rint(whole[place].mean())) if len(present) else 0
        edge = np.flatnonzero(np.diff(whole)) if joined else np.arange(len(merged.cuts))
        cuts.append(merged.cuts[edge])
        points.append(whole[np.append(edge, len(whole) - 1)])
        average.append(middle)
        counted = few is not None and few[at]
        missing.append(middle if counted else None if absent is None else int(np.rint(absent - worst)))
    return PointsTable(cuts=tuple(cuts), points=tuple(points), missing=tuple(missing), average=tuple(average))


def _without_empty(steps: Steps, column: NDArray[np.float64]) -> Steps:
    """Return the steps without the bins that hold no row; what lies there joins the bin below, or the first above."""
    present = column[np.isfinite(column)]
    counts = np.bincount(bins_of(cuts=steps.cuts, column=present), minlength=len(steps.values))
    full = np.flatnonzero(counts)
    if not len(full):
        return Steps(cuts=steps.cuts[:0], values=steps.values[:1], missing=steps.missing)
    return Steps(cuts=steps.cuts[full[:-1]], values=steps.values[full], missing=steps.missing)


def merge(*, steps: Steps, column: NDArray[np.float64], bins_max: int = BINS_MAX, least: int = 0) -> Steps:
    """Merge neighbouring bins, cheapest first (cases × squared difference), until at most so many are left.

    Bins with fewer than `least` cases are merged in any case.

    A merged bin's value is the mean by cases, so neighbours in order stay in order.
    """
    present = column[np.isfinite(column)]
    counts = np.bincount(bins_of(cuts=steps.cuts, column=present), minlength=len(steps.values)).astype(np.float64)
    bins = list(zip(np.maximum(counts, 1e-9).tolist(), steps.values.tolist(), strict=True))
    cuts = steps.cuts.tolist()
    while len(bins) > 1:
        costs = [a * b / (a + b) * (x - y) ** 2 for (a, x), (b, y) in itertools.pairwise(bins)]
        small = [at for at, ((a, _), (b, _)) in enumerate(itertools.pairwise(bins)) if min(a, b) < least]
        if len(bins) <= bins_max and not small:
            break
        at = min(small or range(len(costs)), key=costs.__getitem__)
        (a, x), (b, y) = bins[at], bins[at + 1]
        bins[at : at + 2] = [(a + b, (a * x + b * y) / (a + b))]
        del cuts[at]
    return Steps(
        cuts=np.array(cuts, dtype=np.int64), values=np.array([value for _, value in bins]), missing=steps.missing
    )
