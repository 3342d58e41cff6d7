"""The figures behind the report's charts and tables: curves, calibration, bins, stability, fairness."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import PPM
from mingqu.lab.measure import auc, information_value, stability_index, weights_of_evidence
from mingqu.lab.shape import cases_min
from mingqu.lab.stump import bins_of
from mingqu.lab.table import Column, Numbers, Words
from mingqu.lab.train import Part, TrainedCard

TENTHS: Final = 10
GROUPS_SHOWN_MAX: Final = 8  # of a protected column; a person compares no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenth:
    """One tenth of the rows by risk, the riskiest first."""

    rows: int
    bads: int
    predicted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BinLine:
    """One bin of one variable: what falls into it, and its figures on the training rows."""

    label: str
    cases: int
    bads: int
    evidence: float
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableLines:
    """One variable of the card: its bins, its information value, and its stability from training to the later part."""

    name: str
    reason_zh: str
    reason_en: str
    direction: str
    information: float
    stability: float | None
    bins: tuple[BinLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine:
    """One group of a protected column: approval at the cut-off, its ratio to the best group, and quality within it."""

    label: str
    rows: int
    bad_rate: float
    approval: float
    ratio: float
    auc: float | None


def curves(*, part: Part) -> tuple[list[tuple[float, float]], list[tuple[float, float]], list[tuple[float, float]]]:
    """Return ROC (good share, bad share), and the two distributions of risk from the riskiest down, as points."""
    order = np.argsort(-part.risk, kind="stable")
    risk, bad = part.risk[order], part.bad[order]
    last = np.append(np.flatnonzero(np.diff(risk)), len(risk) - 1)
    bads = np.cumsum(bad)[last] / bad.sum()
    goods = np.cumsum(~bad)[last] / (~bad).sum()
    share = (last + 1) / len(risk)
    roc = [(0.0, 0.0), *zip(goods.tolist(), bads.tolist(), strict=True)]
    return (
        roc,
        [(0.0, 0.0), *zip(share.tolist(), bads.tolist(), strict=True)],
        [(0.0, 0.0), *zip(share.tolist(), goods.tolist(), strict=True)],
    )


def tenths(*, bad: NDArray[np.bool_], probability: NDArray[np.float64]) -> list[Tenth]:
    """Return ten parts of equal size by probability, the riskiest first."""
    order = np.argsort(-probability, kind="stable")
    return [
        Tenth(rows=len(part), bads=int(bad[part].sum()), predicted=float(probability[part].mean()))
        for part in np.array_split(order, TENTHS)
        if len(part)
    ]


def cut_offs(*, part: Part) -> list[tuple[float, float]]:
    """Return (approval, bad rate among the approved) as the cut-off moves from nobody to everybody."""
    order = np.argsort(part.risk, kind="stable")
    risk, bad = part.risk[order], part.bad[order]
    last = np.append(np.flatnonzero(np.diff(risk)), len(risk) - 1)
    bads, count = np.cumsum(bad)[last], last + 1
    kept = count >= max(1, len(risk) // 100)  # below a hundredth the rate is noise
    return list(zip((count[kept] / len(risk)).tolist(), (bads[kept] / count[kept]).tolist(), strict=True))


def probability_of_scores(*, trained: TrainedCard) -> NDArray[np.float64]:
    """Return the final card's probability of bad for every row of the sample."""
    table = np.array(trained.card.probability_ppm, dtype=np.float64) / PPM
    return np.asarray(table[trained.scores - trained.card.score_min])


def score_stability(*, trained: TrainedCard) -> tuple[str, float] | None:
    """Return which later part the score is compared with, and its stability index; None where there is none."""
    later = np.flatnonzero(trained.sample.later)
    if not len(later):
        return None
    before = trained.scores[trained.sample.training_rows]
    cuts = np.unique(np.quantile(before, np.linspace(0, 1, TENTHS + 1)[1:-1], method="lower"))
    counted = [
        np.bincount(np.searchsorted(cuts, part, side="left"), minlength=len(cuts) + 1)
        for part in (before, trained.scores[later])
    ]
    return "out_of_time", stability_index(expected=counted[0], found=counted[1])


def variable_lines(*, trained: TrainedCard) -> list[VariableLines]:
    """Return all variables of the card, the one that tells most alone first."""
    sample, fitted = trained.sample, trained.fitted
    rows, later = sample.training_rows, np.flatnonzero(sample.later)
    lines = []
    for at in fitted.table.kept:
        column = sample.columns[at]
        cases, bads = _counted(trained, at, column, rows)
        after = _counted(trained, at, column, later)[0] if len(later) else None
        feature, points, missing = sample.features[at], fitted.table.points[at].tolist(), fitted.table.missing[at]
        labels, all_points = _labels(trained, at, column), points
        if missing is None:
            cases, bads = cases[:-1], bads[:-1]
            after = None if after is None else after[:-1]
        else:
            labels, all_points = [*labels, "缺失 missing"], [*points, missing]
        evidence = weights_of_evidence(goods=cases - bads, bads=bads)
        lines.append(
            VariableLines(
                name=feature.column,
                reason_zh=feature.reason_zh,
                reason_en=feature.reason_en,
                direction="words" if isinstance(column, Words) else fitted.shapes[at].direction,
                information=information_value(goods=cases - bads, bads=bads),
                stability=None if after is None else stability_index(expected=cases, found=after),
                bins=tuple(
                    BinLine(label=label, cases=int(count), bads=int(bad), evidence=float(weight), points=point)
                    for label, count, bad, weight, point in zip(labels, cases, bads, evidence, all_points, strict=True)
                ),
            )
        )
    return sorted(lines, key=lambda one: -one.information)


def _counted(
    trained: TrainedCard, at: int, column: Column, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return cases and bad cases of each bin, the last for missing values."""
    part = column.at(rows=rows)
    values = trained.fitted.shapes[at].values(column=part)
    count = len(trained.fitted.table.points[at])
    place = np.where(np.isnan(values), count, bins_of(cuts=trained.fitted.table.cuts[at], column=values))
    bad = trained.sample.bad[rows]
    return np.bincount(place, minlength=count + 1), np.bincount(place[bad], minlength=count + 1)


def _labels(trained: TrainedCard, at: int, column: Column) -> list[str]:
    cuts = trained.fitted.table.cuts[at]
    groups = trained.fitted.shapes[at].groups
    if groups is not None:
        place = bins_of(cuts=cuts, column=np.arange(len(groups), dtype=np.float64))
        named = [
            [word for g, group in enumerate(groups) if place[g] == one for word in group]
            for one in range(len(cuts) + 1)
        ]
        return [f"{', '.join(words[:6])}{f' … +{len(words) - 6}' if len(words) > 6 else ''}" for words in named]
    assert isinstance(column, Numbers)
    edges = [f"{cut / 10**column.scale_digits:,.{min(6, column.scale_digits)}f}" for cut in cuts.tolist()]
    if not edges:
        return ["*"]
    return [f"≤ {edges[0]}", *(f"{a} – {b}" for a, b in itertools.pairwise(edges)), f"> {edges[-1]}"]


def fairness(*, trained: TrainedCard, approval: float) -> dict[str, list[GroupLine]]:
    """Return, for each protected column, its groups at the cut-off that approves this part of the training rows.

    The ratio is that of the approval of a group to that of the group approved most (the four-fifths rule looks at 0.8).
    Groups too small to judge are left out.
    """
    sample = trained.sample
    rows = sample.training_rows
    scores, bad = trained.scores[rows], sample.bad[rows]
    approved = scores >= np.quantile(scores, 1 - approval, method="lower")
    least = cases_min(rows=len(rows))
    found: dict[str, list[GroupLine]] = {}
    for name, whole in sample.guarded:
        column = whole.at(rows=rows)
        labels, place = _groups(column)
        groups = []
        for at, label in enumerate(labels):
            inside = place == at
            if int(inside.sum()) < least:
                continue
            both = len(set(bad[inside].tolist())) == 2
            groups.append((label, inside, float(approved[inside].mean()), both))
        best = max((one[2] for one in groups), default=0.0)
        found[name] = [
            GroupLine(
                label=label,
                rows=int(inside.sum()),
                bad_rate=float(bad[inside].mean()),
                approval=share,
                ratio=share / best if best else 1.0,
                auc=auc(risk=-scores[inside].astype(np.float64), bad=bad[inside]) if both else None,
            )
            for label, inside, share, both in groups
        ]
    return found


def _groups(column: Column) -> tuple[list[str], NDArray[np.int64]]:
    if isinstance(column, Words):
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
        shown = np.argsort(-counts, kind="stable")[:GROUPS_SHOWN_MAX].tolist()
        place = np.full(len(column.codes), -1)
        for at, level in enumerate(shown):
            place[column.codes == level] = at
        return [column.levels[level] for level in shown], place
    scale = 10**column.scale_digits
    different = np.unique(column.values[~column.missing])
    if len(different) <= GROUPS_SHOWN_MAX:
        place = np.where(column.missing, -1, np.searchsorted(different, np.nan_to_num(column.values)))
        return [f"{value / scale:g}" for value in different.tolist()], place
    cuts = np.unique(np.quantile(column.values[~column.missing], (0.25, 0.5, 0.75), method="lower"))
    place = np.where(column.missing, -1, np.searchsorted(cuts, np.nan_to_num(column.values), side="left"))
    edges = [f"{cut / scale:g}" for cut in cuts.tolist()]
    return [f"≤ {edges[0]}", *(f"{a} – {b}" for a, b in itertools.pairwise(edges)), f"> {edges[-1]}"], place
