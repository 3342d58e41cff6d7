"""The table of capabilities names every row, and claims nothing that cannot be tried and is not tested."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from mingqu.cli import commands

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "capabilities.md"
STATES: Final = ("none", "thin", "whole")
GROUPS: Final = {"A": 5, "B": 10, "C": 4, "D": 9, "E": 3, "F": 3, "G": 6, "H": 7, "I": 4, "J": 4}
IDS: Final = {f"{letter}{number}" for letter, count in GROUPS.items() for number in range(1, count + 1)}
OPEN: Final = "—"
CONSOLE_DOOR: Final = re.compile(r"(GET|POST) /console(/\S*)")
DECLARED: Final = {"GET": "page", "POST": "act"}  # how the console's routes are declared, below its own path
HTTP_DOOR: Final = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE) (/\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One capability as the page states it."""

    id: str
    capability: str
    state: str
    doors: tuple[str, ...]
    tests: tuple[str, ...]


def rows(text: str) -> list[Row]:
    """Return the rows of the table; doors and tests stand between backticks, one or several."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    named = [row for row in cells if re.fullmatch(r"[A-Z]\d+", row[0])]
    assert all(len(row) == 5 for row in named), "a row has five cells: id, capability, state, door, test"
    return [
        Row(
            id=i,
            capability=c,
            state=s,
            doors=tuple(re.findall("`([^`]+)`", d)),
            tests=tuple(re.findall("`([^`]+)`", t)),
        )
        for i, c, s, d, t in named
    ]


def faults(row: Row) -> list[str]:
    """Return what a row claims and cannot show."""
    if row.state not in STATES:
        return [f"{row.id}: {row.state!r} is none of {STATES}"]
    if row.state == "none":
        return []
    said = [f"{row.id}: no door is named"] if not row.doors else []
    said += [f"{row.id}: no test is named"] if not row.tests else []
    said += [f"{row.id}: the door `{door}` does not open" for door in row.doors if not opens(door)]
    said += [f"{row.id}: there is no test {test}" for test in row.tests if not shows(test)]
    return said


@cache
def opens(door: str) -> bool:
    """Return whether a door exists: make target, `mingqu` command, HTTP path, console page, `python -m` or module."""
    words = door.split()
    if words[0] == "make":
        return re.search(rf"^{re.escape(words[1])}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    if words[0] == "mingqu":
        return _command_opens([word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)])
    if words[0] == "python":
        return _module_exists(words[2])
    if match := CONSOLE_DOOR.fullmatch(door):
        screens = (path.read_text() for path in (ROOT / "src" / "mingqu" / "console").glob("*.py"))
        return any(f'@{DECLARED[match[1]]}("{match[2]}"' in screen for screen in screens)
    if match := HTTP_DOOR.fullmatch(door):
        sources = (path.read_text() for path in (ROOT / "src" / "mingqu").rglob("*.py"))
        return any(f'"{match[1]}"' in source for source in sources)
    return _module_exists(door)


def _command_opens(words: list[str]) -> bool:
    # The last word may be an argument and not a command: its group's help opens the same door.
    return CliRunner().invoke(commands, [*words[:1], "--help"]).exit_code == 0


def _module_exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def shows(test: str) -> bool:
    """Return whether a test exists: a file or folder with tests, with `::name` the function in it."""
    path, _, name = test.partition("::")
    place = ROOT / path
    files = [place] if place.is_file() else sorted(place.rglob("test_*.py"))
    pattern = re.compile(rf"def {re.escape(name)}\b" if name else r"def test_|TestCase")
    return any(pattern.search(file.read_text()) for file in files)


def test_every_capability_has_its_row() -> None:
    listed = [row.id for row in rows(PAGE.read_text())]
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) == IDS


def test_no_row_claims_what_it_cannot_show() -> None:
    assert [fault for row in rows(PAGE.read_text()) for fault in faults(row)] == []


@pytest.mark.parametrize(
    ("state", "door", "test", "fault"),
    [
        ("done", "`make test`", "`tests/docs`", "is none of"),
        ("thin", OPEN, "`tests/docs`", "no door is named"),
        ("thin", "`make test`", OPEN, "no test is named"),
        ("whole", "`make profit`", "`tests/docs`", "does not open"),
        ("whole", "`GET /v1/profit`", "`tests/docs`", "does not open"),
        ("whole", "`GET /console/profit`", "`tests/docs`", "does not open"),
        ("whole", "`POST /console/checkouts`", "`tests/docs`", "does not open"),
        ("whole", "`mingqu.domain.profit`", "`tests/docs`", "does not open"),
        ("thin", "`make test`", "`tests/docs/test_profit.py`", "there is no test"),
        ("thin", "`make test`", "`tests/docs/test_capabilities.py::test_profit`", "there is no test"),
    ],
)
def test_a_planted_empty_claim_is_caught(state: str, door: str, test: str, fault: str) -> None:
    (row,) = rows(f"| A1 | Something | {state} | {door} | {test} |")
    assert [fault in said for said in faults(row)] == [True]


def test_a_true_claim_passes() -> None:
    doors = "`make test`, `mingqu.domain.money`, `GET /console/checkouts`, `POST /console/search`"
    claim = f"| A1 | Something | thin | {doors} | `tests/docs/test_capabilities.py` |"
    assert faults(rows(claim)[0]) == []
