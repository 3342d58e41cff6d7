"""Is the card still looking at the people it was trained on? Live rows against the counts that training wrote down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import PPM, Card
from mingqu.domain.decision.mapping import ColumnMapping
from mingqu.domain.policy_file import Plain
from mingqu.domain.refusal import Refusal
from mingqu.lab.csv_file import open_csv
from mingqu.lab.live import CardFile, chunks, points_of, scores
from mingqu.lab.measure import NORMAL_95, auc, stability_index
from mingqu.lab.outcome import outcome_of
from mingqu.lab.table import read_table

GREEN, AMBER, RED = "green", "amber", "red"
# The customary bounds of the stability index in credit: below the first nothing happened, above the second train again.
AMBER_INDEX, RED_INDEX = 0.10, 0.25
ROWS_MIN: Final = 100  # fewer rows cannot be told from chance in ten bins
_CHANCE: Final = 2.3263  # the deviation that chance exceeds once in a hundred times
# Bad rate ÷ predicted: apart by less is no trouble for a price; and the loss of AUC that is.
AMBER_RATIO, RED_RATIO = 0.10, 0.25
AMBER_AUC_LOST, RED_AUC_LOST = 0.03, 0.06


class WatchImpossible(Refusal):
    """The card does not say what training saw, or the file has too few rows to compare."""

    code: ClassVar[str] = "watch_impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One comparison: its name, the figure, its light, and words."""

    name: str
    value: float
    light: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """All comparisons of a file with training; `worst` is the light of the whole."""

    rows: int
    score: Signal
    variables: tuple[Signal, ...]
    outcome: tuple[Signal, ...]

    @property
    def worst(self) -> str:
        """Red when score or outcome is red; amber when any is amber or a variable alone is red."""
        lights = [self.score.light, *(one.light for one in self.outcome)]
        all_lights = [*lights, *(one.light for one in self.variables)]
        if RED in lights:
            return RED
        return AMBER if {AMBER, RED} & set(all_lights) else GREEN


def watch(*, card_file: CardFile, path: Path, mapping: ColumnMapping | None) -> Watched:
    """Compare a file with what training saw. Errors: WatchImpossible, and those of `live.chunks`.

    The outcome is compared where the file has the card's target column. A missing value where training saw none is a
    finding here, not an error.
    """
    card, file = card_file.card, open_csv(path=path)
    seen_score, seen_variables = _expected(card_file)
    points = points_of(card=card)
    found: list[NDArray[np.int64]] = []
    counts = [np.zeros(len(one), dtype=np.int64) for one in points]
    unseen: tuple[int, ...] = ()
    for chunk in chunks(card=card, file=file, mapping=mapping, strict=False):
        found.append(scores(card=card, points=points, bins=chunk.bins).score)
        for count, places in zip(counts, chunk.bins, strict=True):
            count += np.bincount(places, minlength=len(count))
        unseen = chunk.unseen
    score = np.concatenate(found)
    if len(score) < ROWS_MIN:
        raise WatchImpossible(f"{file.name} has {len(score)} rows; at least {ROWS_MIN} can be compared.")
    cuts = np.array(seen_score["cuts"], dtype=np.int64)
    live = np.bincount(np.searchsorted(cuts, score, side="left"), minlength=len(cuts) + 1)
    target = card_file.body.get("target")
    outcome: tuple[Signal, ...] = ()
    if isinstance(target, str) and target in file.header:
        column = read_table(file=file, leave=[name for name in file.header if name != target]).columns[target]
        rows, bad = outcome_of(column=column, bad_value=str(_training(card_file).get("bad_value", "1")))
        outcome = _outcome(card_file, score[rows], bad) if len(rows) else ()
    return Watched(
        rows=len(score),
        score=_index("score", np.array(seen_score["cases"], dtype=np.int64), live, 0),
        variables=tuple(
            _index(variable.name, np.array(seen_variables[variable.name], dtype=np.int64), count, strange)
            for variable, count, strange in zip(card.variables, counts, unseen, strict=True)
        ),
        outcome=outcome,
    )


def _training(card_file: CardFile) -> dict[str, Plain]:
    training = card_file.body.get("training")
    return training if isinstance(training, dict) else {}


def _expected(card_file: CardFile) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    expected = _training(card_file).get("expected")
    if not isinstance(expected, dict):
        raise WatchImpossible(f"The card {card_file.card.id} does not say what training saw; train it again.")
    score, variables = expected.get("score"), expected.get("variables")
    if not isinstance(score, dict) or not isinstance(variables, dict):
        raise WatchImpossible(f"The card {card_file.card.id} does not say what training saw; train it again.")
    return {name: _whole(value) for name, value in score.items()}, {
        name: _whole(value) for name, value in variables.items()
    }


def _whole(value: Plain) -> list[int]:
    return [one for one in value if isinstance(one, int)] if isinstance(value, list) else []


def _index(name: str, expected: NDArray[np.int64], live: NDArray[np.int64], strange: int) -> Signal:
    value = stability_index(expected=expected, found=live)
    beyond = value > chance_index(bins=len(live), expected=int(expected.sum()), found=int(live.sum()))
    light = GREEN if value < AMBER_INDEX or not beyond else AMBER if value < RED_INDEX else RED
    said = f"{strange} values that training never saw" if strange else ""
    if name != "score" and expected[-1] == 0 and live[-1]:
        said, light = f"{int(live[-1])} missing where training saw none", RED
    return Signal(name=name, value=value, light=light, said=said)


def chance_index(*, bins: int, expected: int, found: int) -> float:
    """Return the stability index that two samples of one population exceed once in a hundred times.

    The index × n m ÷ (n + m) is about chi-square with bins − 1 degrees of freedom; its quantile is Wilson's and
    Hilferty's (1931). Example: ten bins, 1,000 and 1,000 rows: 0.043.
    """
    free = max(1, bins - 1)
    quantile = free * (1 - 2 / (9 * free) + _CHANCE * (2 / (9 * free)) ** 0.5) ** 3
    return float(quantile * (expected + found) / (expected * found))


def _outcome(card_file: CardFile, score: NDArray[np.int64], bad: NDArray[np.bool_]) -> tuple[Signal, ...]:
    card = card_file.card
    predicted = _probability(card, score)
    rate, mean = float(bad.mean()), float(predicted.mean())
    noise = NORMAL_95 * float(np.sqrt((predicted * (1 - predicted)).sum())) / len(bad)
    apart = abs(rate / mean - 1) if mean else 0.0
    light = GREEN if abs(rate - mean) <= noise or apart < AMBER_RATIO else AMBER if apart < RED_RATIO else RED
    signals = [
        Signal(name="bad_rate", value=rate, light=light, said=f"the card predicted {mean:.4f}, chance is ±{noise:.4f}")
    ]
    trained_ppm = _training(card_file).get("auc_test_ppm")
    if len(set(bad.tolist())) == 2 and isinstance(trained_ppm, int):
        value = auc(risk=-score.astype(np.float64), bad=bad)
        bads, goods = int(bad.sum()), int((~bad).sum())
        reach = NORMAL_95 * ((bads + goods + 1) / (12 * bads * goods)) ** 0.5
        lost = trained_ppm / PPM - value
        light = GREEN if lost < max(AMBER_AUC_LOST, reach) else AMBER if lost < max(RED_AUC_LOST, reach) else RED
        said = f"in training {trained_ppm / PPM:.4f}, chance is ±{reach:.4f}"
        signals.append(Signal(name="auc", value=value, light=light, said=said))
    return tuple(signals)


def _probability(card: Card, score: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.array(card.probability_ppm, dtype=np.float64)[score - card.score_min] / PPM)
