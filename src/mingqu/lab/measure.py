"""Measures of a score: AUC, Kolmogorov-Smirnov. Floats are allowed here: nothing of it is money."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def auc(*, risk: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """Return the probability that a bad case has the higher risk than a good one, ties counted half.

    Example: risks 3, 2, 2, 1 with the first two bad give 0.875.
    """
    _, place, count = np.unique(risk, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(count) - (count - 1) / 2
    bads = int(bad.sum())
    goods = len(bad) - bads
    assert bads > 0
    assert goods > 0
    return float((middle_rank[place][bad].sum() - bads * (bads + 1) / 2) / (bads * goods))


def kolmogorov_smirnov(*, risk: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """Return the largest distance between the two distributions of risk. Example: a perfect order gives 1."""
    _, place = np.unique(risk, return_inverse=True)
    bads = np.cumsum(np.bincount(place[bad], minlength=place.max() + 1)) / bad.sum()
    goods = np.cumsum(np.bincount(place[~bad], minlength=place.max() + 1)) / (~bad).sum()
    return float(np.max(np.abs(bads - goods)))
