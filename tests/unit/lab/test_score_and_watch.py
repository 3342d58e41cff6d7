"""A card scores any file row by row or not at all, and says when people are not those it was trained on."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest

from mingqu import cli
from mingqu.domain.decision import score
from mingqu.lab.live import read_card
from mingqu.lab.watch import chance_index, watch
from mingqu.main import Wiring
from mingqu.store.decisions.policy import policy_folder
from tests.unit.lab import made_up
from tests.unit.lab.conftest import Trained


def run(*words: object) -> int:
    return cli.run(Wiring(), [str(word) for word in ("lab", *words)])


def written(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_row_comes_out_in_its_order_as_the_domain_scores_it(trained: Trained, tmp_path: Path) -> None:
    assert run("score", trained.card, trained.file, "--out", tmp_path / "scores.csv") == 0
    found, card = written(tmp_path / "scores.csv"), trained.made.card
    assert list(found[0]) == [*made_up.COLUMNS, "score", "probability", "band", "reasons"]
    assert [row["客户编号"] for row in found] == [row[0] for row in made_up.rows()]
    assert [int(row["score"]) for row in found] == trained.made.scores.tolist()
    for row in found[::11]:
        features: dict[str, int | str | None] = {}
        for variable in card.variables:
            text = row[variable.column]
            number = round(float(text) * 10**variable.scale_digits) if text and not variable.words else None
            features[variable.name] = text if variable.words else number
        scored = score(card=card, features=features)
        assert int(row["score"]) == scored.points
        assert row["probability"] == f"{scored.probability_ppm / 1_000_000:.6f}"
        assert row["band"] == scored.band
        assert row["reasons"] == "; ".join(f"{one.variable} -{one.points_lost}" for one in scored.factors)


def test_only_the_key_is_repeated_where_it_is_named_and_reasons_come_in_words(trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    assert run("score", trained.card, trained.file, "--out", out, "--key", "客户编号", "--reasons", "zh") == 0
    found = written(out)
    assert list(found[0]) == ["客户编号", "score", "probability", "band", "reasons"]
    assert any("delay_days 的取值" in row["reasons"] for row in found)


def test_a_column_called_like_ours_comes_out_under_another_name(trained: Trained, tmp_path: Path) -> None:
    lines = [[*row, "1"] for row in made_up.rows(count=5)]
    path = made_up.write(tmp_path / "a.csv", lines, header=(*made_up.COLUMNS, "score"))
    assert run("score", trained.card, path, "--out", tmp_path / "s.csv") == 0
    assert written(tmp_path / "s.csv")[0]["input_score"] == "1"


def test_a_word_that_training_never_saw_counts_as_the_card_says_and_is_counted(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made_up.write(tmp_path / "a.csv", changed(4, "Atlantis"))
    assert run("score", trained.card, path, "--out", tmp_path / "s.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["unseen_words"] == 1


def changed(place: int, text: str) -> list[list[str]]:
    lines = made_up.rows(count=40)
    lines[7][place] = text
    return lines


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (changed(2, ""), "line 9, column delay_days: no value, and training saw none missing"),
        (changed(2, "soon"), "line 9, column delay_days: not a number"),
        ([row[:2] + row[3:] for row in made_up.rows(count=3)], "has no column delay_days"),
        ([[*row, "x"] for row in made_up.rows(count=3)], "line 2: 11 cells where the header has 10"),
    ],
)
def test_a_row_that_cannot_be_scored_is_named_and_nothing_is_written(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[list[str]], said: str
) -> None:
    header = [name for name in made_up.COLUMNS if len(lines[0]) > 9 or name != "delay_days"]
    path = made_up.write(tmp_path / "a.csv", lines, header=header)
    assert run("score", trained.card, path, "--out", tmp_path / "s.csv") == 2
    assert said in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_a_file_is_not_written_over_by_its_scores(trained: Trained, tmp_path: Path) -> None:
    path = made_up.write(tmp_path / "a.csv", made_up.rows(count=3))
    before = path.read_bytes()
    assert run("score", trained.card, path, "--out", path) == 2
    assert path.read_bytes() == before


def test_a_file_that_is_no_card_is_refused(trained: Trained, tmp_path: Path) -> None:
    for content in ("", "{}", '{"kind":"card"}', "[1]"):
        path = tmp_path / "card.json"
        path.write_text(content, encoding="utf-8")
        assert run("score", path, trained.file, "--out", tmp_path / "s.csv") == 2
    assert run("score", tmp_path / "none.json", trained.file, "--out", tmp_path / "s.csv") == 2


def test_the_same_people_are_green_and_others_are_red(trained: Trained, tmp_path: Path) -> None:
    card = read_card(path=trained.card)
    others = made_up.write(tmp_path / "same.csv", made_up.rows(count=800, seed=77))
    found = watch(card_file=card, path=others, mapping=None)
    assert found.worst == "green"
    assert {one.name for one in found.outcome} == {"bad_rate", "auc"}
    late = [[*row[:2], str(int(row[2]) // 2 + 30), *row[3:]] for row in made_up.rows(count=800, seed=77)]
    assert run("watch", trained.card, made_up.write(tmp_path / "late.csv", late)) == 1
    moved = watch(card_file=card, path=tmp_path / "late.csv", mapping=None)
    assert moved.score.light == "red"
    assert max(moved.variables, key=lambda one: one.value).name == "delay_days"


def test_a_bad_rate_beyond_what_was_predicted_is_red(trained: Trained, tmp_path: Path) -> None:
    dice = random.Random(4)
    worse = [[*row[:-1], "1" if row[-1] == "1" or dice.random() < 0.3 else "0"] for row in made_up.rows(seed=9)]
    found = watch(card_file=read_card(path=trained.card), path=made_up.write(tmp_path / "w.csv", worse), mapping=None)
    assert found.score.light == "green"
    assert {one.name: one.light for one in found.outcome}["bad_rate"] == "red"


def test_a_watch_needs_what_training_saw_and_enough_rows(trained: Trained, tmp_path: Path) -> None:
    few = made_up.write(tmp_path / "few.csv", made_up.rows(count=50))
    assert run("watch", trained.card, few) == 2
    assert run("watch", policy_folder() / "cards/behaviour-2005.json", few, "--mapping", "taiwan_2005") == 2


def test_chance_alone_stays_below_its_index_ninety_nine_times() -> None:
    dice = np.random.default_rng(5)
    over = 0
    for _ in range(400):
        a, b = (dice.multinomial(1_000, [0.1] * 10) for _ in range(2))
        over += ((b - a) / 1_000 * np.log((b + 0.5) / (a + 0.5))).sum() > chance_index(
            bins=10, expected=1_000, found=1_000
        )
    assert over <= 12
    assert chance_index(bins=10, expected=1_000, found=1_000) == pytest.approx(0.0433, abs=5e-4)


def test_the_command_trains_writes_card_and_report_and_prints_one_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lightgbm")
    path, out = made_up.write(tmp_path / "b.csv", made_up.rows(count=400)), tmp_path / "card.json"
    assert run("train", path, "--target", "went_bad", "--out", out, "--time", "opened", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert "auc_out_of_time" in found
    assert read_card(path=out).card.hash == found["hash"]
    page = Path(found["report"]).read_text(encoding="utf-8")
    for heading in ("样本与排除", "区分能力", "校准与门槛", "稳定性", "变量与分箱", "公平性", "可重现"):
        assert heading in page
    assert "ROC" in page
    assert page.count("<svg") >= 6
    assert not any(word in page for word in ("http:", "https:", "<script", "<link", "src=", "@import", "nan", "inf%"))
    assert found["hash"] in page


def test_a_refused_training_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made_up.write(tmp_path / "b.csv", made_up.rows(count=400))
    assert run("train", path, "--target", "wrong", "--out", tmp_path / "card.json", "--json") == 2
    assert json.loads(capsys.readouterr().out)["refused"]["code"] == "file_malformed"
    assert run("train", tmp_path / "none.csv", "--target", "x", "--out", tmp_path / "card.json") == 2
    assert [one.name for one in tmp_path.iterdir()] == ["b.csv"]
