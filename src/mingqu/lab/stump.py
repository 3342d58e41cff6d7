"""Monotone stumps (LightGBM trees with one split) and their exact compilation to a table of bins.

A stump adds one value on each side of one cut of one variable. The sum of all stumps of a variable is therefore
a step function of that variable alone, and the model is a table. Nothing is lost in the translation: the compiled
table gives LightGBM's raw score up to the order of additions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.refusal import Refusal
from mingqu.lab.cell import WHOLE_MAX
from mingqu.lab.recipe import PATIENCE, SEED, STUMPS_MAX, Recipe

_SIGN: Final = {"rises": 1, "falls": -1, "free": 0}
_BINS_OF_LIGHTGBM: Final = 255


class LabMissing(Refusal):
    """Training needs the optional extra `lab`."""

    code: ClassVar[str] = "lab_missing"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The step function of one variable: value[i] for bin i, cuts as in the card (≤ cut is the bin before it).

    `missing` is the value without a value, None where training saw none missing.
    """

    cuts: NDArray[np.int64]
    values: NDArray[np.float64]
    missing: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """LightGBM's trees after training; `best` is the number of stumps that served the test rows best."""

    booster: Any
    directions: tuple[str, ...]
    missing_seen: tuple[bool, ...]
    best: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The trained stumps as tables, one step function a variable."""

    directions: tuple[str, ...]
    steps: tuple[Steps, ...]


def train_stumps(
    *,
    values: NDArray[np.float64],
    bad: NDArray[np.bool_],
    directions: Sequence[str],
    recipe: Recipe,
    stumps: int,
    test: tuple[NDArray[np.float64], NDArray[np.bool_]] | None = None,
) -> Trained:
    """Train on rows × variables (NaN is missing). With `test` it ends when that part gains no more.

    Deterministic: one thread, one seed. Errors: LabMissing when LightGBM is not installed.
    """
    try:
        import lightgbm
    except ImportError:
        raise LabMissing('Training needs LightGBM: pip install "mingqu[lab]".') from None
    settings = _settings(recipe, len(bad)) | {"monotone_constraints": [_SIGN[one] for one in directions]}
    data = lightgbm.Dataset(
        values, label=bad.astype(np.float64), params=settings if recipe.format > 1 else _first_dataset_settings()
    )
    more: dict[str, Any] = {}
    if test is not None:
        held = lightgbm.Dataset(test[0], label=test[1].astype(np.float64), reference=data)
        ending = lightgbm.early_stopping(PATIENCE, verbose=False)
        more = {"valid_sets": [held], "callbacks": [ending]}
    booster = lightgbm.train(settings, data, num_boost_round=min(stumps, STUMPS_MAX), **more)
    return Trained(
        booster=booster,
        directions=tuple(directions),
        missing_seen=tuple(bool(np.isnan(values[:, at]).any()) for at in range(values.shape[1])),
        best=booster.best_iteration if test is not None else booster.num_trees(),
    )


def _first_dataset_settings() -> dict[str, Any]:
    return {"verbosity": -1, "max_bin": _BINS_OF_LIGHTGBM}


def _settings(recipe: Recipe, rows: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "num_leaves": 2,
        "learning_rate": recipe.rate(rows=rows),
        "min_data_in_leaf": recipe.leaf_cases_min(rows=rows),
        "lambda_l2": recipe.lambda_l2,
        "max_bin": _BINS_OF_LIGHTGBM,
        "monotone_constraints_method": "basic",
        "seed": SEED,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,  # one thread adds in one order: the same file gives the same card
        "verbosity": -1,
    }


def compiled(*, trained: Trained, stumps: int | None = None) -> Model:
    """Return the first so many stumps, by default all, as tables."""
    dump = trained.booster.dump_model(num_iteration=-1 if stumps is None else stumps)
    trees = [tree["tree_structure"] for tree in dump["tree_info"]]
    mine: list[list[dict[str, Any]]] = [[] for _ in trained.directions]
    constant = 0.0
    for tree in trees:
        if "split_feature" in tree:
            mine[tree["split_feature"]].append(tree)
        else:
            constant += tree["leaf_value"]  # no cut was worth making; what it adds goes to the first variable
    steps = [_steps(trees_of, seen) for trees_of, seen in zip(mine, trained.missing_seen, strict=True)]
    if constant:
        first = steps[0]
        steps[0] = Steps(
            cuts=first.cuts,
            values=first.values + constant,
            missing=None if first.missing is None else first.missing + constant,
        )
    return Model(directions=trained.directions, steps=tuple(steps))


def _steps(trees: list[dict[str, Any]], missing_seen: bool) -> Steps:
    # Values are whole, so "≤ threshold" is "≤ the whole number at or below it"; a threshold beyond all values parts
    # those that are there from those that are missing.
    places = [int(np.floor(max(-WHOLE_MAX, min(WHOLE_MAX, tree["threshold"])))) for tree in trees]
    cuts = np.array(sorted(set(places)), dtype=np.int64)
    values = np.zeros(len(cuts) + 1)
    missing = 0.0
    for tree, place in zip(trees, places, strict=True):
        assert tree["decision_type"] == "<="
        at = int(np.searchsorted(cuts, place))
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
