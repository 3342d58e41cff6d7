"""From step functions to a card a person can read: at most ten bins a variable and whole points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import BINS_MAX, PPM
from mingqu.domain.policy_file import Plain
from mingqu.lab.sample import Sample
from mingqu.lab.stump import Model, Steps, bins_of

# Forty points double the odds of staying good: one point is 1.7 % of the odds, finer than any bin is known.
POINTS_TO_DOUBLE_ODDS: Final = 40
POINTS_PER_LOG_ODDS: Final = POINTS_TO_DOUBLE_ODDS / math.log(2)
BASE_POINTS: Final = 300
BAND_NAMES: Final = ("A", "B", "C", "D", "E")
# A band ends where the probability of going bad passes this part of the sample's own bad rate, in thousandths.
BAND_BOUNDS_PER_MILLE: Final = (500, 750, 1_100, 2_000)
CALIBRATION_STEPS_MAX: Final = 50  # Newton's method needs fewer than ten; more means it went astray.


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTable:
    """Bins and points of all variables, the worst bin of each worth 0."""

    cuts: tuple[NDArray[np.int64], ...]
    points: tuple[NDArray[np.int64], ...]
    missing: tuple[int | None, ...]

    def scores(self, *, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the score of each row: base plus points."""
        total = np.full(len(values), BASE_POINTS, dtype=np.int64)
        for at, (cuts, points) in enumerate(zip(self.cuts, self.points, strict=True)):
            column = values[:, at]
            found = points[bins_of(cuts=cuts, column=column)]
            missing = self.missing[at]
            total += found if missing is None else np.where(np.isnan(column), missing, found)
        return total

    def range(self) -> tuple[int, int]:
        """Return the lowest and the highest score possible."""
        both = [
            (*points.tolist(), *(() if missing is None else (missing,)))
            for points, missing in zip(self.points, self.missing, strict=True)
        ]
        return BASE_POINTS + sum(min(one) for one in both), BASE_POINTS + sum(max(one) for one in both)


def points_table(*, model: Model, values: NDArray[np.float64]) -> PointsTable:
    """Return the model as whole points; bins are merged on the rows it was trained on."""
    cuts, points, missing = [], [], []
    for at, steps in enumerate(model.steps):
        merged = merge(steps=steps, column=values[:, at])
        # The log-odds of going bad become points of staying good; np.rint takes halves to even.
        raw = -merged.values * POINTS_PER_LOG_ODDS
        absent = None if merged.missing is None else -merged.missing * POINTS_PER_LOG_ODDS
        worst = min(raw.min(), math.inf if absent is None else absent)
        cuts.append(merged.cuts)
        points.append(np.rint(raw - worst).astype(np.int64))
        missing.append(None if absent is None else int(np.rint(absent - worst)))
    return PointsTable(cuts=tuple(cuts), points=tuple(points), missing=tuple(missing))


def merge(*, steps: Steps, column: NDArray[np.float64]) -> Steps:
    """Merge neighbouring bins, cheapest first (cases × squared difference), until at most ten are left.

    A merged bin's value is the mean by cases, so neighbours in order stay in order.
    """
    present = column[np.isfinite(column)]
    counts = np.bincount(bins_of(cuts=steps.cuts, column=present), minlength=len(steps.values)).astype(np.float64)
    bins = list(zip(np.maximum(counts, 1e-9).tolist(), steps.values.tolist(), strict=True))
    cuts = steps.cuts.tolist()
    while len(bins) > BINS_MAX:
        costs = [a * b / (a + b) * (x - y) ** 2 for (a, x), (b, y) in itertools.pairwise(bins)]
        at = costs.index(min(costs))
        (a, x), (b, y) = bins[at], bins[at + 1]
        bins[at : at + 2] = [(a + b, (a * x + b * y) / (a + b))]
        del cuts[at]
    return Steps(
        cuts=np.array(cuts, dtype=np.int64), values=np.array([value for _, value in bins]), missing=steps.missing
    )


def probabilities(*, scores: NDArray[np.int64], bad: NDArray[np.bool_], lowest: int, highest: int) -> list[int]:
    """Return the probability of going bad in ppm for each score lowest … highest, by a fitted logistic line."""
    x = (scores - lowest) / POINTS_PER_LOG_ODDS
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.zeros(2)
    for _ in range(CALIBRATION_STEPS_MAX):
        p = 1 / (1 + np.exp(-design @ beta))
        step = np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design, design.T @ (bad - p))
        beta += step
        if np.abs(step).max() < 1e-12:
            break
    grid = np.arange(highest - lowest + 1) / POINTS_PER_LOG_ODDS
    line = PPM / (1 + np.exp(-(beta[0] + beta[1] * grid)))
    return [int(value) for value in np.minimum.accumulate(np.rint(line).astype(np.int64))]


def bands(*, probability_ppm: Sequence[int], lowest: int, bad_rate_ppm: int) -> list[dict[str, Plain]]:
    """Return the bands from worst to best with the score each begins at.

    Example: at a bad rate of 22 % band A begins at the first score whose probability is at most 11 %.
    """
    found: list[dict[str, Plain]] = [{"name": BAND_NAMES[-1], "score_min": None}]
    last = lowest
    for name, bound in zip(reversed(BAND_NAMES[:-1]), reversed(BAND_BOUNDS_PER_MILLE), strict=True):
        limit = bad_rate_ppm * bound // 1_000
        at = next((place for place, value in enumerate(probability_ppm) if value <= limit), len(probability_ppm))
        last = max(last + 1, lowest + at)  # bands never coincide, also on an odd sample
        found.append({"name": name, "score_min": last})
    return found


def card_body(
    *,
    card_id: str,
    titles: tuple[str, str],
    attribution: str,
    sample: Sample,
    model: Model,
    table: PointsTable,
    training: dict[str, Plain],
    target: str,
) -> dict[str, Plain]:
    """Return the card as plain data: variables without any effect are left out."""
    kept = [at for at in range(len(sample.features)) if len(table.cuts[at])]
    lowest, highest = table.range()
    probability_ppm = probabilities(
        scores=table.scores(values=sample.values), bad=sample.bad, lowest=lowest, highest=highest
    )
    bad_rate_ppm = int(sample.bad.sum()) * PPM // len(sample.bad)
    return {
        "kind": "card",
        "id": card_id,
        "version": 1,
        "valid_from": "2026-08-01",
        "title_zh": titles[0],
        "title_en": titles[1],
        "attribution": attribution,
        "target": target,
        "base_points": BASE_POINTS,
        "variables": [
            {
                "name": sample.features[at].name,
                "direction": model.directions[at],
                "scale_digits": sample.features[at].scale_digits,
                "cuts": table.cuts[at].tolist(),
                "points": table.points[at].tolist(),
                "missing": table.missing[at],
                "reason_zh": sample.features[at].reason_zh,
                "reason_en": sample.features[at].reason_en,
            }
            for at in kept
        ],
        "bands": list(bands(probability_ppm=probability_ppm, lowest=lowest, bad_rate_ppm=bad_rate_ppm)),
        "score_min": lowest,
        "probability_ppm": list(probability_ppm),
        "training": training,
    }
