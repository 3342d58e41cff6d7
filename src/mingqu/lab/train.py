"""Train a points card from a sample: cross-fitted measures first, then one card on all training rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import PPM, Card, parse_card
from mingqu.domain.decision.mapping import ColumnMapping, parse_mapping
from mingqu.domain.policy_file import Document, Plain
from mingqu.domain.refusal import Refusal
from mingqu.lab.card_body import card_body, expected
from mingqu.lab.fit import Fitted, Tested, cross_fit, fit
from mingqu.lab.measure import Interval, auc, auc_interval, kolmogorov_smirnov, ks_interval
from mingqu.lab.recipe import SEED, Recipe
from mingqu.lab.sample import Sample, SampleUnusable
from mingqu.store.decisions.policy import read_documents


class MappingMissing(Refusal):
    """There is no mapping of this name among the policies."""

    code: ClassVar[str] = "mapping_missing"
    status: ClassVar[int] = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One set of rows with what the card says of them: "train", "test" (cross-fitted) or "out_of_time"."""

    name: str
    rows: NDArray[np.int64]
    bad: NDArray[np.bool_]
    risk: NDArray[np.float64]
    auc: Interval
    ks: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedCard:
    """A trained card: its plain body, the parsed card, its measures by name, and everything a report needs.

    `scores` are those of all rows of the sample by the final card.
    """

    body: dict[str, Plain]
    card: Card
    measures: dict[str, float]
    auc_folds: tuple[float, ...]
    parts: tuple[Part, ...]
    sample: Sample
    fitted: Fitted
    tested: Tested
    recipe: Recipe
    scores: NDArray[np.int64]


def train(*, sample: Sample, mapping: ColumnMapping | None, card_id: str, recipe: Recipe) -> TrainedCard:
    """Train, compile, merge and round; the same sample and recipe give the same card.

    "test" is five folds, each scored by a card that was trained, compiled, merged and rounded without it.
    Errors: LabMissing without LightGBM; SampleUnusable when nothing tells good from bad.
    """
    tested = cross_fit(sample=sample, recipe=recipe)
    rows = sample.training_rows
    fitted = fit(sample=sample, rows=rows, recipe=recipe, stumps=tested.stumps)
    if not fitted.table.kept:
        raise SampleUnusable("No column tells good from bad at all: the stumps found nothing to cut.")
    scores = fitted.scores(columns=sample.columns)
    measures, auc_folds = _measures(sample, tested, scores)
    intercept, slope = tested.slope
    line = fitted.line if recipe.format == 1 else (intercept + slope * fitted.line[0], slope * fitted.line[1])
    body = card_body(
        card_id=card_id,
        titles=(mapping.title_zh, mapping.title_en) if mapping else (card_id, card_id),
        attribution=mapping.attribution if mapping else "Trained on a file of the analyst's own.",
        sample=sample,
        fitted=fitted,
        line=line,
        training=_training(sample, measures, recipe, tested, fitted),
        form=recipe.format,
    )
    card = parse_card(document=Document(file=f"{card_id}.json", body=body))
    return TrainedCard(
        body=body,
        card=card,
        measures=measures,
        auc_folds=auc_folds,
        parts=_parts(sample, tested, scores),
        sample=sample,
        fitted=fitted,
        tested=tested,
        recipe=recipe,
        scores=scores,
    )


def _measures(sample: Sample, tested: Tested, scores: NDArray[np.int64]) -> tuple[dict[str, float], tuple[float, ...]]:
    rows, risk = sample.training_rows, -scores.astype(np.float64)
    aucs = [auc(risk=one, bad=sample.bad[fold]) for one, fold in zip(tested.risks, tested.folds, strict=True)]
    distances = [
        kolmogorov_smirnov(risk=one, bad=sample.bad[fold]) for one, fold in zip(tested.risks, tested.folds, strict=True)
    ]
    found = {
        "auc_test": float(np.mean(aucs)),
        "auc_train": auc(risk=risk[rows], bad=sample.bad[rows]),
        "ks_test": float(np.mean(distances)),
        "ks_train": kolmogorov_smirnov(risk=risk[rows], bad=sample.bad[rows]),
    }
    later = np.flatnonzero(sample.later)
    if len(later) and len(set(sample.bad[later].tolist())) == 2:
        found["auc_out_of_time"] = auc(risk=risk[later], bad=sample.bad[later])
        found["ks_out_of_time"] = kolmogorov_smirnov(risk=risk[later], bad=sample.bad[later])
    return found, tuple(aucs)


def _parts(sample: Sample, tested: Tested, scores: NDArray[np.int64]) -> tuple[Part, ...]:
    risk = -scores.astype(np.float64)
    chosen = [
        ("train", sample.training_rows, risk[sample.training_rows]),
        ("test", tested.rows, tested.probability),
        ("out_of_time", np.flatnonzero(sample.later), risk[sample.later]),
    ]
    return tuple(
        Part(
            name=name,
            rows=rows,
            bad=sample.bad[rows],
            risk=one,
            auc=auc_interval(risk=one, bad=sample.bad[rows]),
            ks=ks_interval(risk=one, bad=sample.bad[rows], seed=SEED),
        )
        for name, rows, one in chosen
        if len(rows) and len(set(sample.bad[rows].tolist())) == 2
    )


def _training(
    sample: Sample, measures: dict[str, float], recipe: Recipe, tested: Tested, fitted: Fitted
) -> dict[str, Plain]:
    rows = sample.training_rows
    found: dict[str, Plain] = {
        "rows": len(rows),
        "bad": int(sample.bad[rows].sum()),
        "sha256": sample.sha256,
        "seed": SEED,
        "left_out": [name for name, _ in sample.left_out],
        **{f"{name}_ppm": micro(value) for name, value in measures.items()},
    }
    if recipe.format == 1:
        return found
    return found | {
        "recipe": recipe.id,
        "stumps": tested.stumps,
        "mapping": sample.mapping_id,
        "bad_value": sample.bad_value,
        "expected": expected(sample=sample, fitted=fitted),
    }


def micro(value: float) -> int:
    """Return a measure between 0 and 1 in ppm, as cards keep it: no float enters a card."""
    return int(np.rint(value * PPM))


def find_mapping(*, name: str, folder: Path | None = None) -> ColumnMapping:
    """Return a mapping by name from the policies. Errors: MappingMissing."""
    found = [one for one in read_documents(folder=folder) if one.kind == "mapping" and one.body["id"] == name]
    if not found:
        raise MappingMissing(f"There is no mapping {name} among the policies, in mappings/.")
    return parse_mapping(document=found[-1])


def summary(*, trained: TrainedCard, report: str) -> dict[str, object]:
    """Return what `--json` prints. `auc_test`, `gini` and `ks` are means over five folds the card did not see."""
    measures, sample = trained.measures, trained.sample
    return {
        **{name: round(value, 6) for name, value in measures.items()},
        "gini": round(2 * measures["auc_test"] - 1, 6),
        "ks": round(measures["ks_test"], 6),
        "auc_folds": [round(one, 6) for one in trained.auc_folds],
        "bins_max": max(len(one.points) + (one.missing is not None) for one in trained.card.variables),
        "features": [variable.name for variable in trained.card.variables],
        "variables": len(trained.card.variables),
        "stumps": trained.tested.stumps,
        "rows": len(sample.bad),
        "rows_without_outcome": sample.rows_without_outcome,
        "bad_value": sample.bad_value,
        "bad_rate": round(float(sample.bad.mean()), 6),
        "columns_left_out": dict(sample.left_out),
        "hash": trained.card.hash,
        "report": report,
    }
