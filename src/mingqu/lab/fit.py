"""A card in the making: shapes, stumps, points and a line of probability, found on some rows, applied to any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.lab.calibrate import RIDGE, chances, logistic_line
from mingqu.lab.points import POINTS_PER_LOG_ODDS, PointsTable, points_table
from mingqu.lab.recipe import SEED, STUMPS_MAX, Recipe
from mingqu.lab.sample import Sample
from mingqu.lab.shape import FEW, Shape, cases_min, shape_of
from mingqu.lab.stump import Model, Trained, compiled, train_stumps
from mingqu.lab.table import Column

FOLDS: Final = 5
STUMPS_MIN: Final = 10  # with fewer there is no card to speak of, and nothing to explain
CROSS_ROWS_MAX: Final = 200_000  # more rows move a measure of five folds by less than its third digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What was found on training rows. `line` turns points above the lowest into log-odds of going bad.

    `matrix` is what the stumps were trained on, kept for the proof that the table is the model.
    """

    shapes: tuple[Shape, ...]
    model: Model
    table: PointsTable
    line: tuple[float, float]
    trained: Trained
    matrix: NDArray[np.float64]

    def values(self, *, columns: Sequence[Column]) -> NDArray[np.float64]:
        """Return rows × variables as the table reads them."""
        return np.column_stack([shape.values(column=one) for shape, one in zip(self.shapes, columns, strict=True)])

    def scores(self, *, columns: Sequence[Column]) -> NDArray[np.int64]:
        """Return the score of each row."""
        return self.table.scores(values=self.values(columns=columns))

    def log_odds(self, *, scores: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log-odds of going bad of each score."""
        return np.asarray(self.line[0] + self.line[1] * (scores - self.table.range()[0]) / POINTS_PER_LOG_ODDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """Rows scored by a card that never saw them, fold by fold: places in the sample, fold, probability, score."""

    rows: NDArray[np.int64]
    fold: NDArray[np.int64]
    probability: NDArray[np.float64]
    risks: tuple[NDArray[np.float64], ...]
    folds: tuple[NDArray[np.int64], ...]
    stumps: int
    slope: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """Shapes and the matrix to train on."""

    shapes: tuple[Shape, ...]
    matrix: NDArray[np.float64]
    directions: tuple[str, ...]


def _prepared(sample: Sample, rows: NDArray[np.int64], recipe: Recipe) -> _Prepared:
    bad = sample.bad[rows]
    columns = [column.at(rows=rows) for column in sample.columns]
    shapes = tuple(
        shape_of(column=column, bad=bad, declared=feature.direction, tested=recipe.tested)
        for column, feature in zip(columns, sample.features, strict=True)
    )
    matrix = np.column_stack([shape.values(column=column) for shape, column in zip(shapes, columns, strict=True)])
    for at, shape in enumerate(shapes):
        if shape.missing == FEW:  # a few missing values must not pull a bin of their own out of chance
            gaps = np.isnan(matrix[:, at])
            matrix[gaps, at] = np.quantile(matrix[~gaps, at], 0.5, method="lower")
    directions = tuple(shape.direction for shape in shapes)
    return _Prepared(shapes=shapes, matrix=matrix, directions=directions)


def _finished(prepared: _Prepared, bad: NDArray[np.bool_], trained: Trained, stumps: int, recipe: Recipe) -> Fitted:
    model = compiled(trained=trained, stumps=stumps)
    few = [shape.missing == FEW for shape in prepared.shapes]
    least = cases_min(rows=len(bad)) if recipe.format > 1 else 0
    table = points_table(model=model, values=prepared.matrix, few=few, joined=recipe.format > 1, least=least)
    x = (table.scores(values=prepared.matrix) - table.range()[0]) / POINTS_PER_LOG_ODDS
    return Fitted(
        shapes=prepared.shapes,
        model=model,
        table=table,
        line=logistic_line(x=x, bad=bad, ridge=RIDGE if recipe.format > 1 else 0.0),
        trained=trained,
        matrix=prepared.matrix,
    )


def fit(*, sample: Sample, rows: NDArray[np.int64], recipe: Recipe, stumps: int) -> Fitted:
    """Train, compile, merge and round on some rows. Errors: LabMissing."""
    prepared = _prepared(sample, rows, recipe)
    trained = train_stumps(
        values=prepared.matrix, bad=sample.bad[rows], directions=prepared.directions, recipe=recipe, stumps=stumps
    )
    return _finished(prepared, sample.bad[rows], trained, stumps, recipe)


def cross_fit(*, sample: Sample, recipe: Recipe) -> Tested:
    """Score each row by a card trained without its fifth; find the number of stumps on the way. Errors: LabMissing.

    The number is one for all folds, so what a fold tells about itself is hardly too good: it is one choice.
    """
    rows = _cross_rows(sample.training_rows)
    folds = [rows[part] for part in _folds(sample.bad[rows])]
    prepared, trained = [], []
    for fold in folds:
        train_rows = np.setdiff1d(rows, fold)
        ready = _prepared(sample, train_rows, recipe)
        test = None
        if recipe.stumps is None:
            columns = [column.at(rows=fold) for column in sample.columns]
            matrix = np.column_stack([s.values(column=c) for s, c in zip(ready.shapes, columns, strict=True)])
            test = (matrix, sample.bad[fold])
        trained.append(
            train_stumps(
                values=ready.matrix,
                bad=sample.bad[train_rows],
                directions=ready.directions,
                recipe=recipe,
                stumps=recipe.stumps or STUMPS_MAX,
                test=test,
            )
        )
        prepared.append(ready)
    stumps = recipe.stumps or max(STUMPS_MIN, round(sum(one.best for one in trained) / FOLDS))
    return _tested(sample, rows, folds, prepared, trained, stumps, recipe)


def _tested(
    sample: Sample,
    rows: NDArray[np.int64],
    folds: Sequence[NDArray[np.int64]],
    prepared: Sequence[_Prepared],
    trained: Sequence[Trained],
    stumps: int,
    recipe: Recipe,
) -> Tested:
    odds = np.zeros(len(sample.bad))
    number = np.zeros(len(sample.bad), dtype=np.int64)
    risks = []
    for at, fold in enumerate(folds):
        bad = sample.bad[np.setdiff1d(rows, fold)]
        fitted = _finished(prepared[at], bad, trained[at], stumps, recipe)
        scores = fitted.scores(columns=[column.at(rows=fold) for column in sample.columns])
        risks.append(-scores.astype(np.float64))
        odds[fold] = fitted.log_odds(scores=scores)
        number[fold] = at
    # How much of the spread of its log-odds a card keeps on people it has not seen.
    line = logistic_line(x=odds[rows], bad=sample.bad[rows])
    return Tested(
        rows=rows,
        fold=number[rows],
        probability=chances(x=odds[rows], line=line),
        risks=tuple(risks),
        folds=tuple(folds),
        stumps=stumps,
        slope=line,
    )


def _cross_rows(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(rows) <= CROSS_ROWS_MAX:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, CROSS_ROWS_MAX, replace=False))


def _folds(bad: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Deal good and bad cases out in turn after one seeded shuffle, so that each fold has its share of both."""
    shuffle = np.random.default_rng(SEED)
    dealt: list[list[int]] = [[] for _ in range(FOLDS)]
    for outcome in (False, True):
        rows = np.flatnonzero(bad == outcome)
        shuffle.shuffle(rows)
        for place in range(FOLDS):
            dealt[place].extend(rows[place::FOLDS].tolist())
    return [np.array(sorted(rows), dtype=np.int64) for rows in dealt]
