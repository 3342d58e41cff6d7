"""Monotone stumps (LightGBM trees with one split) and their exact compilation to a table of bins.

A stump adds one value on each side of one cut of one variable. The sum of all stumps of a variable is therefore
a step function of that variable alone, and the model is a table. Nothing is lost in the translation: the compiled
table gives LightGBM's raw score up to the order of additions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.refusal import Refusal
from mingqu.lab.sample import Sample

SEED: Final = 20260815
STUMPS: Final = 400
SETTINGS: Final[dict[str, Any]] = {
    "objective": "binary",
    "num_leaves": 2,
    "learning_rate": 0.1,
    "min_data_in_leaf": 100,
    "lambda_l2": 5.0,
    "max_bin": 255,
    "monotone_constraints_method": "basic",
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # one thread adds in one order: the same file gives the same card
    "verbosity": -1,
}
_SIGN: Final = {"rises": 1, "falls": -1, "free": 0}


class LabMissing(Refusal):
    """Training needs the optional extra `lab`."""

    code: ClassVar[str] = "lab_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The step function of one variable: value[i] for bin i, cuts as in the card (≤ cut is the bin before it)."""

    cuts: NDArray[np.int64]
    values: NDArray[np.float64]
    missing: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The trained stumps as tables, and LightGBM's own raw scores on the sample for comparison."""

    directions: tuple[str, ...]
    steps: tuple[Steps, ...]
    raw_scores: NDArray[np.float64]


def train_stumps(*, sample: Sample, rows: NDArray[np.int64], stumps: int = STUMPS) -> Model:
    """Train on some rows of the sample and compile. Errors: LabMissing when LightGBM is not installed.

    Deterministic: one thread, one seed. A direction that the sample leaves open is that of the variable's own rank
    order on these rows.
    """
    try:
        import lightgbm
    except ImportError:
        raise LabMissing('Training needs LightGBM: pip install "mingqu[lab]".') from None
    values, bad = sample.values[rows], sample.bad[rows]
    directions = tuple(
        feature.direction or _direction(values[:, at], bad) for at, feature in enumerate(sample.features)
    )
    data = lightgbm.Dataset(
        values, label=bad.astype(np.float64), params={"verbosity": -1, "max_bin": SETTINGS["max_bin"]}
    )
    settings = {**SETTINGS, "monotone_constraints": [_SIGN[direction] for direction in directions]}
    booster = lightgbm.train(settings, data, num_boost_round=stumps)
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    missing_seen = [bool(np.isnan(values[:, at]).any()) for at in range(values.shape[1])]
    steps = tuple(_steps(trees, at, missing_seen[at]) for at in range(values.shape[1]))
    return Model(directions=directions, steps=steps, raw_scores=np.asarray(booster.predict(values, raw_score=True)))


def _direction(column: NDArray[np.float64], bad: NDArray[np.bool_]) -> str:
    from mingqu.lab.measure import auc

    present = np.isfinite(column)
    if len(set(bad[present])) < 2:
        return "free"
    return "rises" if auc(risk=column[present], bad=bad[present]) >= 0.5 else "falls"


def _steps(trees: list[dict[str, Any]], feature: int, missing_seen: bool) -> Steps:
    mine = [tree for tree in trees if tree.get("split_feature") == feature]
    # Values are whole, so "≤ threshold" is "≤ the whole number at or below it".
    cuts = np.array(sorted({int(np.floor(tree["threshold"])) for tree in mine}), dtype=np.int64)
    values = np.zeros(len(cuts) + 1)
    missing = 0.0
    for tree in mine:
        assert tree["decision_type"] == "<="
        at = int(np.searchsorted(cuts, np.floor(tree["threshold"])))
        left, right = tree["left_child"]["leaf_value"], tree["right_child"]["leaf_value"]
        values[: at + 1] += left
        values[at + 1 :] += right
        missing += left if tree["default_left"] else right
    return Steps(cuts=cuts, values=values, missing=missing if missing_seen else None)


def raw_score(*, model: Model, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the compiled tables' raw score of rows (log-odds of going bad)."""
    total = np.zeros(len(values))
    for at, steps in enumerate(model.steps):
        total += values_of(steps=steps, column=values[:, at])
    return total


def values_of(*, steps: Steps, column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the step function's value for each entry of a column."""
    found = steps.values[bins_of(cuts=steps.cuts, column=column)]
    return np.where(np.isnan(column), steps.missing if steps.missing is not None else np.nan, found)


def bins_of(*, cuts: NDArray[np.int64], column: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each entry, bin 0 being ≤ the first cut; a missing value gets bin 0 here."""
    return np.searchsorted(cuts, np.nan_to_num(column, nan=-np.inf), side="left")
