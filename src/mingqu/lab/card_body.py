"""A fitted card as the file that decisions read, with what training saw written beside it for the watch."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import PPM
from mingqu.domain.policy_file import Plain
from mingqu.lab.calibrate import bands, probability_table
from mingqu.lab.fit import Fitted
from mingqu.lab.points import BASE_POINTS, POINTS_PER_LOG_ODDS
from mingqu.lab.sample import Sample
from mingqu.lab.stump import bins_of
from mingqu.lab.table import Column, Numbers

VALID_FROM: Final = "2026-08-01"  # a card decides nothing until a strategy names it
SCORE_BINS: Final = 10  # tenths of the training rows: where the distribution of scores is compared


def card_body(
    *,
    card_id: str,
    titles: tuple[str, str],
    attribution: str,
    sample: Sample,
    fitted: Fitted,
    line: tuple[float, float],
    training: dict[str, Plain],
    form: int,
) -> dict[str, Plain]:
    """Return the card as plain data: variables without any effect are left out.

    `line` turns points above the lowest score, in log-odds, into the probability of going bad.
    """
    lowest, highest = fitted.table.range()
    probability_ppm = probability_table(line=line, count=highest - lowest + 1, points_per_log_odds=POINTS_PER_LOG_ODDS)
    rows = sample.training_rows
    bad_rate_ppm = int(sample.bad[rows].sum()) * PPM // len(rows)
    written = _variable if form > 1 else _variable_of_format_1
    body: dict[str, Plain] = {
        "kind": "card",
        "id": card_id,
        "version": 1,
        "valid_from": VALID_FROM,
        "title_zh": titles[0],
        "title_en": titles[1],
        "attribution": attribution,
        "target": sample.target,
        "base_points": BASE_POINTS,
        "variables": [written(sample, fitted, at) for at in fitted.table.kept],
        "bands": list(bands(probability_ppm=probability_ppm, lowest=lowest, bad_rate_ppm=bad_rate_ppm)),
        "score_min": lowest,
        "probability_ppm": list(probability_ppm),
        "training": training,
    }
    return body if form == 1 else {"format": form, **body}


def _variable_of_format_1(sample: Sample, fitted: Fitted, at: int) -> dict[str, Plain]:
    feature, column = sample.features[at], sample.columns[at]
    assert isinstance(column, Numbers), "words came with format 2"
    return {
        "name": feature.name,
        "direction": fitted.model.directions[at],
        "scale_digits": column.scale_digits,
        "cuts": fitted.table.cuts[at].tolist(),
        "points": fitted.table.points[at].tolist(),
        "missing": fitted.table.missing[at],
        "reason_zh": feature.reason_zh,
        "reason_en": feature.reason_en,
    }


def _variable(sample: Sample, fitted: Fitted, at: int) -> dict[str, Plain]:
    feature, column, shape = sample.features[at], sample.columns[at], fitted.shapes[at]
    cuts = fitted.table.cuts[at]
    written: dict[str, Plain] = {
        "name": feature.name,
        "column": feature.column,
        "points": fitted.table.points[at].tolist(),
        "missing": fitted.table.missing[at],
        "reason_zh": feature.reason_zh,
        "reason_en": feature.reason_en,
    }
    if isinstance(column, Numbers):
        return written | {
            "direction": shape.direction,
            "scale_digits": column.scale_digits,
            "reading": column.reading,
            "cuts": cuts.tolist(),
        }
    assert shape.groups is not None
    place = bins_of(cuts=cuts, column=np.arange(len(shape.groups), dtype=np.float64))
    words: list[Plain] = []
    for bin_place in range(len(cuts) + 1):
        group_words = [word for at, group in enumerate(shape.groups) if place[at] == bin_place for word in group]
        words.append([*sorted(group_words)])
    return written | {"direction": "rises", "scale_digits": 0, "words": words, "other": int(place[shape.other])}


def expected(*, sample: Sample, fitted: Fitted) -> dict[str, Plain]:
    """Return what training saw, as counts: of the score in tenths of its rows, of each bin of each variable.

    The last count of a variable is that of missing values.
    """
    rows = sample.training_rows
    columns = [column.at(rows=rows) for column in sample.columns]
    values = fitted.values(columns=columns)
    scores = fitted.table.scores(values=values)
    cuts = score_cuts(scores=scores)
    place = np.searchsorted(cuts, scores, side="left")
    bad = sample.bad[rows]
    return {
        "score": {
            "cuts": cuts.tolist(),
            "cases": np.bincount(place, minlength=len(cuts) + 1).tolist(),
            "bads": np.bincount(place[bad], minlength=len(cuts) + 1).tolist(),
        },
        "variables": {
            sample.features[at].name: _counts(fitted, at, values[:, at], columns[at]) for at in fitted.table.kept
        },
    }


def score_cuts(*, scores: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the scores that end the first nine tenths of the rows, each once."""
    found = np.unique(np.quantile(scores, np.linspace(0, 1, SCORE_BINS + 1)[1:-1], method="lower").astype(np.int64))
    return np.asarray(found[found < scores.max()])


def _counts(fitted: Fitted, at: int, values: NDArray[np.float64], column: Column) -> list[Plain]:
    present = ~column.missing
    place = bins_of(cuts=fitted.table.cuts[at], column=values[present])
    counts = np.bincount(place, minlength=len(fitted.table.points[at]))
    return [*counts.tolist(), int((~present).sum())]
