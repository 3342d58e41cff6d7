"""Measures of a score: AUC with its interval, KS, IV, PSI. Floats are allowed here: nothing of it is money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NORMAL_95: Final = 1.959964  # the part of the normal distribution within so many deviations is 95 %
# Half a case is added to each count under a logarithm, so that an empty bin has a large value and not an infinite one.
HALF_A_CASE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A measure with its 95 % interval."""

    value: float
    low: float
    high: float


def auc(*, risk: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """Return the probability that a bad case has the higher risk than a good one, ties counted half.

    Example: risks 3, 2, 2, 1 with the first two bad give 0.875.
    """
    middle_rank = _middle_ranks(risk)
    bads = int(bad.sum())
    goods = len(bad) - bads
    assert bads > 0
    assert goods > 0
    return float((middle_rank[bad].sum() - bads * (bads + 1) / 2) / (bads * goods))


def _middle_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def auc_interval(*, risk: NDArray[np.float64], bad: NDArray[np.bool_]) -> Interval:
    """Return the AUC with DeLong's interval.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988): the variance is that of the placements of bad cases
    among good ones and the reverse, each divided by its number of cases.
    """
    value = auc(risk=risk, bad=bad)
    everyone, among_bad, among_good = _middle_ranks(risk), _middle_ranks(risk[bad]), _middle_ranks(risk[~bad])
    bads, goods = len(among_bad), len(among_good)
    placed_bad = (everyone[bad] - among_bad) / goods
    placed_good = 1 - (everyone[~bad] - among_good) / bads
    variance = placed_bad.var(ddof=1) / bads + placed_good.var(ddof=1) / goods if min(bads, goods) > 1 else 0.25
    reach = NORMAL_95 * float(np.sqrt(variance))
    return Interval(value=value, low=max(0.0, value - reach), high=min(1.0, value + reach))


def kolmogorov_smirnov(*, risk: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """Return the largest distance between the two distributions of risk. Example: a perfect order gives 1."""
    _, place = np.unique(risk, return_inverse=True)
    bads = np.cumsum(np.bincount(place[bad], minlength=place.max() + 1)) / bad.sum()
    goods = np.cumsum(np.bincount(place[~bad], minlength=place.max() + 1)) / (~bad).sum()
    return float(np.max(np.abs(bads - goods)))


def ks_interval(*, risk: NDArray[np.float64], bad: NDArray[np.bool_], seed: int, draws: int = 200) -> Interval:
    """Return KS with a bootstrap interval: good and bad cases drawn again, each as often as there are."""
    value = kolmogorov_smirnov(risk=risk, bad=bad)
    dice = np.random.default_rng(seed)
    _, place = np.unique(risk, return_inverse=True)
    width = int(place.max()) + 1
    parts = [np.bincount(place[chosen], minlength=width) / chosen.sum() for chosen in (bad, ~bad)]
    sizes = (int(bad.sum()), int((~bad).sum()))
    found = []
    for _draw in range(draws):
        drawn = [np.cumsum(dice.multinomial(size, part)) / size for size, part in zip(sizes, parts, strict=True)]
        found.append(float(np.max(np.abs(drawn[0] - drawn[1]))))
    low, high = np.quantile(found, (0.025, 0.975)) if found else (value, value)
    return Interval(value=value, low=min(value, float(low)), high=max(value, float(high)))


def weights_of_evidence(*, goods: NDArray[np.int64], bads: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ln(share of good ÷ share of bad) of each bin; above 0 is safer than the sample.

    Example: of 100 good 60 and of 10 bad 2 in a bin: ln((60.5 ÷ 101) ÷ (2.5 ÷ 11)) = 0.97, half a case added each.
    """
    good_share = (goods + HALF_A_CASE) / (goods.sum() + HALF_A_CASE * len(goods))
    bad_share = (bads + HALF_A_CASE) / (bads.sum() + HALF_A_CASE * len(bads))
    return np.asarray(np.log(good_share / bad_share))


def information_value(*, goods: NDArray[np.int64], bads: NDArray[np.int64]) -> float:
    """Return Σ (share of good − share of bad) × weight of evidence: how much a variable alone tells."""
    evidence = weights_of_evidence(goods=goods, bads=bads)
    shares = goods / max(1, int(goods.sum())) - bads / max(1, int(bads.sum()))
    return float((shares * evidence).sum())


def stability_index(*, expected: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """Return the population stability index Σ (found − expected) × ln(found ÷ expected) over shares of bins.

    Half a case is added to each count. Example: shares 50/50 then 60/40 give 0.1 ln 1.2 + (−0.1) ln 0.8 = 0.0405.
    """
    before = (expected + HALF_A_CASE) / (expected.sum() + HALF_A_CASE * len(expected))
    now = (found + HALF_A_CASE) / (found.sum() + HALF_A_CASE * len(found))
    return float(((now - before) * np.log(now / before)).sum())
