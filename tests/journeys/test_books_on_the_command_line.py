"""Import, export and generate as commands: one JSON value, one line of refusal, files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mingqu import cli
from mingqu.main import Wiring
from tests.journeys.command import passing_folder


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any, str]:
    """Run a command; its exit code, the one JSON value it printed, and what it said to people."""
    code = cli.run(Wiring(), [str(word) for word in words])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_a_book_is_made_up_written_taken_over_refused_and_handed_back(capsys: pytest.CaptureFixture[str]) -> None:
    with passing_folder() as folder:
        data, made, back = ("--data", folder / "book"), folder / "made.csv", folder / "back.csv"
        code, said, _ = run(capsys, "generate", "--loans", "40", "--seed", "3", "--out", made, *data, "--json")
        assert (code, said["loans"], len(made.read_text().splitlines())) == (0, 40, 41)
        code, said, _ = run(capsys, "generate", "--loans", "40", "--seed", "3", *data, "--json")
        assert (code, said["loans"], said["again"]) == (0, 40, False)
        # The file is the very book that was made up.
        code, said, _ = run(capsys, "import", made, *data, "--json")
        assert (code, said["loans"], said["again"]) == (0, 40, True)
        code, said, _ = run(capsys, "export", "--out", back, *data, "--json")
        assert (code, said["loans"], said["left_out"]) == (0, 40, [])
        assert sorted(back.read_text().splitlines()) == sorted(made.read_text().splitlines())
        made.write_text(made.read_text().replace("G3-00000001,", "G3-9,").replace(",CNY,", ",USD,", 1))
        code, said, told = run(capsys, "import", made, *data, "--json")
        assert code == cli.EXIT_REFUSED
        assert said["refused"]["code"] == "book_file_refused"
        assert (said["refused"]["faults"][0]["line"], said["refused"]["faults"][0]["code"]) == (2, "currency_unknown")
        assert "line 3, loan_reference: reference_taken" in told
        for content, refused in ((b"", "book_file_refused"), (b"\xe5\n", "book_file_unreadable")):
            made.write_bytes(content)
            code, said, _ = run(capsys, "import", made, *data, "--json")
            assert (code, said["refused"]["code"]) == (cli.EXIT_REFUSED, refused)
