"""The points card: compiled exactly, bins merged, words and missing values in bins of their own, the same each time."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mingqu.domain.decision import FeatureMissing, parse_card, score
from mingqu.domain.policy_file import Document
from mingqu.lab.measure import (
    auc,
    auc_interval,
    information_value,
    kolmogorov_smirnov,
    ks_interval,
    stability_index,
    weights_of_evidence,
)
from mingqu.lab.points import merge
from mingqu.lab.recipe import FIRST, SEARCHED
from mingqu.lab.sample import read_sample
from mingqu.lab.shape import direction_of, shape_of
from mingqu.lab.stump import Steps, raw_score, values_of
from mingqu.lab.table import Words
from mingqu.lab.train import find_mapping, summary, train
from mingqu.store.decisions.policy import policy_folder
from tests.unit.lab import made_up
from tests.unit.lab.conftest import Trained

pytest.importorskip("lightgbm")
ROOT = Path(__file__).resolve().parents[3]
FILE = Path(os.environ.get("MINGQU_SHARED_DATA", ROOT.parent / "shared" / "data")) / "taiwan_default_2005.csv.xz"
on_real_data = pytest.mark.skipif(
    not FILE.exists(), reason=f"the public data set {FILE.name} is not beside the project"
)


def test_the_compiled_table_equals_the_raw_score_of_the_trees_with_words_and_missing_values(trained: Trained) -> None:
    fitted = trained.made.fitted
    trees = fitted.trained.booster.predict(fitted.matrix, raw_score=True)
    assert np.isnan(fitted.matrix).any()
    assert np.abs(raw_score(model=fitted.model, values=fitted.matrix) - trees).max() < 1e-9


def test_training_again_gives_the_same_hash(trained: Trained) -> None:
    sample = read_sample(path=trained.file, target="went_bad")
    again = train(sample=sample, mapping=None, card_id="made-up", recipe=SEARCHED)
    assert again.card.hash == trained.made.card.hash


def test_the_card_says_what_the_file_was_made_of(trained: Trained) -> None:
    card = {variable.name: variable for variable in trained.made.card.variables}
    assert card["delay_days"].direction == "rises"
    assert card["income"].direction == "falls"
    assert card["income"].scale_digits == 2
    assert card["income"].missing is not None
    assert card["delay_days"].missing is None
    risky = next(at for at, words in enumerate(card["city"].words) if "City A" in words)
    assert card["city"].words[risky] == ("City A",)
    assert card["city"].points[risky] == 0 < max(card["city"].points)
    assert all(len(one.points) + (one.missing is not None) <= 10 for one in card.values())


def test_the_domain_scores_each_row_as_the_lab_does(trained: Trained) -> None:
    made = trained.made
    kept = [
        made.sample.features.index(f) for f in made.sample.features if f.name in {v.name for v in made.card.variables}
    ]
    for row in range(0, 1_200, 7):
        features: dict[str, int | str | None] = {}
        for at in kept:
            column = made.sample.columns[at]
            name = made.sample.features[at].name
            if isinstance(column, Words):
                features[name] = column.levels[column.codes[row]]
            else:
                features[name] = None if column.missing[row] else int(column.values[row])
        assert score(card=made.card, features=features).points == made.scores[row]


def test_a_missing_value_that_training_never_saw_raises_and_a_new_word_counts_as_stated(trained: Trained) -> None:
    card = trained.made.card
    known: dict[str, int | str | None] = {one.name: "City A" if one.words else 1 for one in card.variables}
    with pytest.raises(FeatureMissing):
        score(card=card, features=known | {"delay_days": None})
    city = next(at for at, one in enumerate(card.variables) if one.name == "city")
    found = score(card=card, features=known | {"city": "Atlantis"})
    assert found.contributions[city] == card.variables[city].points[card.variables[city].other]


def test_probabilities_of_the_card_sum_to_the_bad_cases(trained: Trained) -> None:
    made = trained.made
    predicted = np.array(made.card.probability_ppm)[made.scores - made.card.score_min].sum() / 1e6
    assert predicted == pytest.approx(made.sample.bad.sum(), rel=0.03)


def test_the_summary_has_what_programs_read(trained: Trained) -> None:
    found = summary(trained=trained.made, report="r.html")
    assert {"auc_test", "auc_train", "gini", "ks", "bins_max", "rows", "bad_rate", "report", "columns_left_out",
            "features", "auc_folds"} <= set(found)  # fmt: skip
    assert len(trained.made.auc_folds) == 5
    assert 0.65 < trained.made.measures["auc_test"] <= trained.made.measures["auc_train"] + 0.02


@pytest.mark.parametrize(("count", "seed"), [(150, 1), (500, 2)])
def test_a_small_sample_trains(tmp_path: Path, count: int, seed: int) -> None:
    path = made_up.write(tmp_path / "small.csv", made_up.rows(count=count, seed=seed))
    made = train(sample=read_sample(path=path, target="went_bad"), mapping=None, card_id="small", recipe=SEARCHED)
    assert made.card.variables


def test_levels_are_grouped_by_rising_risk_and_rare_ones_together() -> None:
    dice = np.random.default_rng(3)
    codes = dice.choice(4, 3_000, p=[0.4, 0.3, 0.298, 0.002])
    bad = dice.random(3_000) < np.array([0.4, 0.1, 0.2, 0.9])[codes]
    shape = shape_of(column=Words(codes=codes, levels=("a", "b", "c", "d")), bad=bad, declared="", tested=True)
    assert shape.groups is not None
    place = {word: at for at, group in enumerate(shape.groups) for word in group}
    assert place["b"] < place["c"] < place["a"]
    assert shape.other == place["d"]
    values = shape.values(column=Words(codes=np.array([-1, 0, 1]), levels=("b", "new")))
    assert np.isnan(values[0])
    assert values[1:].tolist() == [
        place["b"],
        shape.other,
    ]


def test_a_u_has_no_direction_and_a_slope_with_noise_has_one() -> None:
    dice = np.random.default_rng(3)
    values = dice.uniform(-1, 1, 5_000)
    u_shaped, sloped = dice.random(5_000) < values**2 * 0.6, dice.random(5_000) < 0.3 - 0.2 * values
    assert direction_of(values=values, bad=u_shaped, tested=True) == "free"
    assert direction_of(values=values, bad=u_shaped, tested=False) in ("rises", "falls")
    assert direction_of(values=values, bad=sloped, tested=True) == "falls"


def test_merging_keeps_ten_bins_in_order_and_the_mean() -> None:
    steps = Steps(cuts=np.arange(30, dtype=np.int64), values=np.linspace(-1, 1, 31) ** 3, missing=None)
    column = np.repeat(np.arange(31.0), 10)
    merged = merge(steps=steps, column=column)
    assert len(merged.values) == 10
    assert all(a <= b for a, b in itertools.pairwise(merged.values))
    assert values_of(steps=merged, column=column).mean() == pytest.approx(steps.values.mean())
    wide = merge(steps=steps, column=column, least=40)
    assert np.bincount(np.searchsorted(wide.cuts, column)).min() >= 40


def test_the_measures_are_those_of_a_count_by_hand() -> None:
    risk, bad = np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False])
    assert auc(risk=risk, bad=bad) == 0.875
    assert kolmogorov_smirnov(risk=np.array([2.0, 1.0]), bad=np.array([True, False])) == 1
    goods, bads = np.array([60, 40]), np.array([2, 8])
    assert weights_of_evidence(goods=goods, bads=bads)[0] == pytest.approx(np.log((60.5 / 101) / (2.5 / 11)))
    assert information_value(goods=goods, bads=bads) == pytest.approx(
        (0.6 - 0.2) * np.log((60.5 / 101) / (2.5 / 11)) + (0.4 - 0.8) * np.log((40.5 / 101) / (8.5 / 11))
    )
    even, moved = np.array([10**9, 10**9]), np.array([6 * 10**8, 4 * 10**8])
    assert stability_index(expected=even, found=moved) == pytest.approx(0.0405, abs=1e-4)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    dice = np.random.default_rng(11)
    held = {"auc": 0, "ks": 0}
    for _ in range(60):
        bad = np.arange(400) < 100
        risk = dice.normal(bad * 1.0, 1)
        a, k = auc_interval(risk=risk, bad=bad), ks_interval(risk=risk, bad=bad, seed=1, draws=60)
        held["auc"] += a.low <= 0.7602 <= a.high  # Φ(1 ÷ √2)
        held["ks"] += k.low <= k.value <= k.high
    assert 52 <= held["auc"] <= 60
    assert held["ks"] == 60


@on_real_data
def test_the_shipped_card_is_trained_again_with_the_same_hash() -> None:
    mapping = find_mapping(name="taiwan_2005")
    sample = read_sample(path=FILE, target=mapping.target, bad=mapping.bad, mapping=mapping)
    made = train(sample=sample, mapping=mapping, card_id=mapping.card_id, recipe=FIRST)
    shipped = json.loads((policy_folder() / "cards/behaviour-2005.json").read_text(encoding="utf-8"))
    assert made.card.hash == Document(file="card.json", body=shipped).hash
    assert made.measures["auc_test"] >= 0.770
    assert not {"age_years", "sex", "marriage", "education"} & {one.name for one in made.card.variables}
    trees = made.fitted.trained.booster.predict(made.fitted.matrix, raw_score=True)
    assert np.abs(raw_score(model=made.fitted.model, values=made.fitted.matrix) - trees).max() < 1e-9


@on_real_data
@pytest.mark.soak
@pytest.mark.skipif(os.environ.get("MINGQU_SOAK") != "1", reason="set MINGQU_SOAK=1 for the long version")
def test_a_card_of_the_real_file_as_it_is_beats_the_classic_card() -> None:
    made = train(sample=read_sample(path=FILE, target="class"), mapping=None, card_id="raw", recipe=SEARCHED)
    assert made.measures["auc_test"] >= 0.775
    parse_card(document=Document(file="raw.json", body=made.body))
