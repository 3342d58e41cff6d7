"""The points card: compiled exactly, bins merged, protected and identifying columns left out, the same each time."""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from mingqu.domain.decision import parse_card, score
from mingqu.domain.policy_file import Document
from mingqu.lab.measure import auc, kolmogorov_smirnov
from mingqu.lab.points import merge
from mingqu.lab.sample import Sample, SampleUnusable, read_sample
from mingqu.lab.stump import Steps, raw_score, train_stumps, values_of
from mingqu.lab.train import find_mapping, main, train
from mingqu.store.policy import policy_folder

pytest.importorskip("lightgbm")
ROOT = Path(__file__).resolve().parents[3]
FILE = Path(os.environ.get("MINGQU_SHARED_DATA", ROOT.parent / "shared" / "data")) / "taiwan_default_2005.csv.xz"


def write_csv(folder: Path, *, rows: int = 1_500) -> Path:
    """Write made-up borrowers: delay raises the risk, income lowers it, some incomes are unknown."""
    chance = random.Random(5)
    lines = ["ID,Age,delay_days,income,city,flat,went_bad"]
    for number in range(rows):
        delay, income = chance.randint(0, 60), round(chance.uniform(1_000, 20_000), 2)
        bad = chance.random() < 0.05 + delay / 100 - min(0.2, income / 100_000)
        cell = "" if number % 20 == 0 else f"{income}"
        lines.append(f"{number + 1},{chance.randint(18, 80)},{delay},{cell},Hangzhou,7,{int(bad)}")
    path = folder / "borrowers.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return read_sample(path=write_csv(tmp_path), target="went_bad")


def test_the_compiled_table_equals_the_raw_score_of_the_trees(sample: Sample) -> None:
    model = train_stumps(sample=sample, rows=np.arange(len(sample.bad)), stumps=80)
    assert np.abs(raw_score(model=model, values=sample.values) - model.raw_scores).max() < 1e-9
    assert dict(zip((one.name for one in sample.features), model.directions, strict=True)) == {
        "delay_days": "rises",
        "income": "falls",
    }


def test_columns_that_must_not_score_are_left_out_and_named(sample: Sample) -> None:
    assert [feature.name for feature in sample.features] == ["delay_days", "income"]
    assert dict(sample.left_out) == {
        "ID": "looks like an identifier",
        "Age": "protected",
        "city": "not a number in every row",
        "flat": "the same in every row",
    }


def test_the_card_scores_each_row_as_the_lab_does_and_training_again_gives_the_same_hash(sample: Sample) -> None:
    first = train(sample=sample, mapping=None, target="went_bad", card_id="trained-card")
    again = train(sample=sample, mapping=None, target="went_bad", card_id="trained-card")
    assert first.card.hash == again.card.hash
    assert max(len(variable.points) for variable in first.card.variables) <= 10
    names = [feature.name for feature in sample.features]
    totals = []
    for row in sample.values[:300]:
        known = {name: None if np.isnan(cell) else int(cell) for name, cell in zip(names, row, strict=True)}
        totals.append(score(card=first.card, features=known).points)
    spread = auc(risk=-np.array(totals, dtype=float), bad=sample.bad[:300])
    assert 0.6 < spread < 1
    assert first.measures["auc_test"] <= first.measures["auc_train"] + 0.02


def test_merging_keeps_ten_bins_in_order_and_the_mean() -> None:
    steps = Steps(cuts=np.arange(30, dtype=np.int64), values=np.linspace(-1, 1, 31) ** 3, missing=None)
    column = np.repeat(np.arange(31.0), 10)
    merged = merge(steps=steps, column=column)
    assert len(merged.values) == 10
    assert all(a <= b for a, b in itertools.pairwise(merged.values))
    assert values_of(steps=merged, column=column).mean() == pytest.approx(steps.values.mean())


def test_the_measures_are_those_of_a_count_by_hand() -> None:
    risk, bad = np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False])
    assert auc(risk=risk, bad=bad) == 0.875
    assert kolmogorov_smirnov(risk=np.array([2.0, 1.0]), bad=np.array([True, False])) == 1


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("a,b\n1,2\n", "c"),
        ("a,a\n1,2\n", "a"),
        ("a,b\n1\n", "b"),
        ("a,b\n" + "1,1\n" * 200, "b"),
        ("a,b\n" + "1,1\n" * 20 + "1,0\n" * 200, "b"),
        ("a,b\n" + "1,1\n1,0\n" * 100, "b"),
        ("", "b"),
    ],
)
def test_an_unusable_file_is_refused(tmp_path: Path, text: str, target: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SampleUnusable):
        read_sample(path=path, target=target)


def test_the_command_prints_one_json_value_and_a_refusal_exits_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = write_csv(tmp_path), tmp_path / "card.json"
    assert main([str(path), "--target", "went_bad", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"auc_test", "auc_train", "gini", "ks", "bins_max", "rows", "bad_rate", "report"} <= set(found)
    card = parse_card(document=Document(file="card.json", body=json.loads(out.read_text(encoding="utf-8"))))
    assert card.hash == found["hash"]
    assert main([str(path), "--target", "wrong", "--out", str(out)]) == 1
    assert capsys.readouterr().err.startswith("sample_unusable: ")


@pytest.mark.skipif(not FILE.exists(), reason=f"the public data set {FILE.name} is not beside the project")
def test_the_shipped_card_is_trained_again_with_the_same_hash() -> None:
    mapping = find_mapping(name="taiwan_2005")
    trained = train(
        sample=read_sample(path=FILE, target=mapping.target, bad=mapping.bad, mapping=mapping),
        mapping=mapping,
        target=mapping.target,
        card_id=mapping.card_id,
    )
    shipped = json.loads((policy_folder() / "cards/behaviour-2005.json").read_text(encoding="utf-8"))
    assert trained.card.hash == Document(file="card.json", body=shipped).hash
    assert trained.measures["auc_test"] >= 0.770
    assert not {"age_years", "sex", "marriage", "education"} & {one.name for one in trained.card.variables}
    difference = raw_score(model=trained.model, values=trained.sample.values) - trained.model.raw_scores
    assert np.abs(difference).max() < 1e-9
