"""`mingqu lab replay` without a book: a CSV through a mapping; one JSON object, or one line of refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mingqu import cli
from mingqu.main import Wiring
from mingqu.store.decisions.policy import policy_folder

DAY = "2026-10-01"
COLUMNS = (
    "LIMIT_BAL,AGE,PAY_0,PAY_2,PAY_3,PAY_4,PAY_5,PAY_6,BILL_AMT1,BILL_AMT2,BILL_AMT3,BILL_AMT4,BILL_AMT5,BILL_AMT6,"
    "PAY_AMT1,PAY_AMT2,PAY_AMT3,PAY_AMT4,PAY_AMT5,PAY_AMT6"
)


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """Return forty people on time with a line of 300,000, and two of them seventeen years old."""
    file = tmp_path / "past.csv"
    ages = [17, 17, *range(21, 59)]
    rows = [f"300000,{age},-1,-1,-1,-1,-1,-1,{'9000,' * 6}{','.join(['8000'] * 6)}" for age in ages]
    file.write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """Return a draft of the limit grid in which band A gets a little more in its highest range but one."""
    text = (policy_folder() / "decision" / "limit.toml").read_text(encoding="utf-8")
    changed = text.replace("version = 1", "version = 2").replace("8_000_000, 20_000_000]", "9_000_000, 21_000_000]")
    file = tmp_path / "limit-2.toml"
    file.write_text(changed, encoding="utf-8")
    return file


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    code = cli.run(Wiring(), ["lab", "replay", *[str(word) for word in words], "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_csv_is_decided_twice_and_told_as_one_object(
    past: Path, draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, "--policy", draft, "--file", past, "--since", DAY)
    assert code == 0
    assert (said["applications"], said["all"]["people"], said["unreadable"]) == (40, 40, {})
    assert said["all"]["before"]["approved"] == said["all"]["after"]["approved"] == 38
    assert said["rows"]["before"] == said["rows"]["after"] == {"age-below-eighteen": 2}
    assert said["all"]["after"]["expected_loss_fen"] > said["all"]["before"]["expected_loss_fen"]
    assert "own_exposure_fen" in said["assumed"]
    assert said["changes"] == {
        "grid/limit-total": [
            {"place": "cells[0][4]", "before": 8_000_000, "after": 9_000_000},
            {"place": "cells[0][5]", "before": 20_000_000, "after": 21_000_000},
        ]
    }
    assert cli.run(Wiring(), ["lab", "replay", "--policy", str(draft), "--file", str(past), "--since", DAY]) == 0
    told = capsys.readouterr().out
    assert "age-below-eighteen" not in told  # nobody changes sides
    assert "cells[0][4]: 8000000 → 9000000" in told


def test_bad_input_is_one_refusal(past: Path, draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = draft.with_name("broken.toml")
    broken.write_text(draft.read_text(encoding="utf-8").replace("[0, 0, 0, 0, 0, 0]", "[0, 0, 0, 0, 0, 7]"), "utf-8")
    ragged = past.with_name("ragged.csv")
    ragged.write_text(past.read_text(encoding="utf-8").replace("300000,30", "many,30"), encoding="utf-8")
    for words, refused in (
        (("--policy", broken, "--file", past, "--since", DAY), "grid_case_failed"),
        (("--policy", draft, "--file", ragged, "--since", DAY), "cell_malformed"),
        (("--policy", draft, "--file", past, "--since", DAY, "--mapping", "nowhere"), "mapping_missing"),
        (("--policy", draft, "--file", past, "--since", "2001-01-01"), "policy_missing"),
        (("--policy", draft.with_name("no.toml"), "--file", past), "command_malformed"),
        (("--policy", "no-draft", "--file", past), "identifier_malformed"),
        (("--policy", draft), "command_malformed"),
        (("--policy", draft, "--since", "2026-05-02", "--until", "2026-05-01"), "period_empty"),
    ):
        code, said = run(capsys, *words)
        assert (code, said["refused"]["code"]) == (cli.EXIT_REFUSED, refused)
