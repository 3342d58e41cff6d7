"""The counts of published expectations that pass may only grow, and the runner keeps its contract."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from tests.conformance.__main__ import counts, main
from tests.conformance.published import outcomes

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT.parent / "shared" / "oracle"
RATCHET: dict[str, dict[str, int]] = json.loads(Path(__file__).with_name("ratchet.json").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(RATCHET))
def test_every_class_passes_at_least_as_many_cases_as_before(name: str) -> None:
    path = PUBLISHED / name
    if not path.exists():
        pytest.skip(f"the published expectations are not beside the project: no {name}")
    passed = {group: row["passed"] for group, row in counts(list(outcomes(path))).items()}
    assert all(passed.get(group, 0) >= least for group, least in RATCHET[name].items()), passed


def _case(years: str, **more: object) -> dict[str, object]:
    dates = {"from": "2013-01-12", "to": "2013-03-15", "unit": "month"}
    return {"id": "made-up", "family": "eu_interval", "expected_years": years, **dates, **more}


def _write(path: Path, *cases: dict[str, object]) -> str:
    path.write_bytes(lzma.compress(json.dumps({"cases": cases}).encode()))
    return str(path)


def test_the_report_counts_each_class_of_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(
        tmp_path / "intervals.json.xz",
        _case("2/12+3/366"),
        _case("2/12+3/365", id="wrong"),
        _case("1", family="of another kind"),
    )
    assert main([file, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report[file] == {
        "eu_interval": {"passed": 1, "failed": 1, "not_applicable": 0},
        "of another kind": {"passed": 0, "failed": 0, "not_applicable": 1},
    }
    assert [(entry["file"], entry["id"], entry["class"]) for entry in report["failures"]] == [
        (file, "wrong", "eu_interval")
    ]
    assert "expected" in report["failures"][0]["difference"]


def test_a_file_without_failures_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([_write(tmp_path / "intervals.json.xz", _case("2/12+3/366"))]) == 0
    assert "1 passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no JSON",
        b"[]",
        b'{"cases": []}',
        b'{"cases": [{}]}',
        b'{"cases": [{"id": 1}]}',
        b"\xfd7zXZ\x00 cut",
    ],
    ids=["missing", "empty", "text", "list", "no cases", "no id", "unknown", "cut"],
)
def test_a_file_that_cannot_be_read_is_one_line_and_code_two(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.json.xz"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert str(path) in captured.err
