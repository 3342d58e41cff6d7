"""From log-odds that order to probabilities that are true: a logistic line, fitted with a small ridge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import PPM
from mingqu.domain.policy_file import Plain

CALIBRATION_STEPS_MAX: Final = 50  # Newton's method needs fewer than ten; more means it went astray.
RIDGE: Final = 1e-6  # keeps the line finite where a sample is parted without an error
BAND_NAMES: Final = ("A", "B", "C", "D", "E")
# A band ends where the probability of going bad passes this part of the sample's own bad rate, in thousandths.
BAND_BOUNDS_PER_MILLE: Final = (500, 750, 1_100, 2_000)


def logistic_line(*, x: NDArray[np.float64], bad: NDArray[np.bool_], ridge: float = RIDGE) -> tuple[float, float]:
    """Return a and b of the probability 1 ÷ (1 + exp(−(a + b x))) that fits best.

    Example: no order at all gives b ≈ 0.
    """
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.zeros(2)
    for _ in range(CALIBRATION_STEPS_MAX):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -500, 500)))
        slope = design.T @ (bad - p) - ridge * beta
        step = np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design + ridge * np.eye(2), slope)
        beta += step
        if np.abs(step).max() < 1e-12:
            break
    return float(beta[0]), float(beta[1])


def chances(*, x: NDArray[np.float64], line: tuple[float, float]) -> NDArray[np.float64]:
    """Return the probability of going bad at each x on a line."""
    return np.asarray(1 / (1 + np.exp(-np.clip(line[0] + line[1] * x, -500, 500))))


def probability_table(*, line: tuple[float, float], count: int, points_per_log_odds: float) -> list[int]:
    """Return the probability in ppm at each score from the lowest, `count` of them, by a line over log-odds.

    It never rises with the score, whatever the line says.
    """
    grid = np.arange(count) / points_per_log_odds
    table = np.rint(PPM / (1 + np.exp(-np.clip(line[0] + line[1] * grid, -500, 500)))).astype(np.int64)
    return [int(value) for value in np.minimum.accumulate(table)]


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
