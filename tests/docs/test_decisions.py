"""A decision has a page with the same parts, the index quotes it, and each dependency has its line."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs" / "decisions"
PAGES: Final = sorted(FOLDER.glob("[0-9]*.md"))
PARTS: Final = ("**Situation.**", "**Decision.**", "**What enforces it.**")


def declared() -> set[str]:
    """Return the names of every package that pyproject.toml and assets/package.json ask for."""
    assets = json.loads((ROOT / "assets" / "package.json").read_text())["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *(line for group in project["dependency-groups"].values() for line in group),
    ]
    return {re.split(r"[\[<>=;! ]", line, maxsplit=1)[0] for line in wanted} | set(assets)


def listed(page: str) -> set[str]:
    """Return the names of every package that the page has a line for."""
    firsts = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    return {name.strip() for first in firsts for name in first.split(",")} - {"package", "---"}


def faults(page: str) -> list[str]:
    """Return what a decision's page lacks."""
    quoted = len(re.findall(r"^> .+", page, re.MULTILINE))
    said = [] if quoted == 1 else [f"one quoted line, not {quoted}"]
    return said + [part for part in PARTS if part not in page]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_has_its_parts_and_the_index_quotes_it(page: Path) -> None:
    text = page.read_text()
    assert faults(text) == []
    quote = next(line[2:] for line in text.splitlines() if line.startswith("> "))
    index = (FOLDER / "README.md").read_text()
    assert f"]({page.name})" in index
    assert f"| {quote} |" in index


def test_decisions_are_numbered_without_a_hole() -> None:
    assert [int(page.name[:4]) for page in PAGES] == list(range(1, len(PAGES) + 1))


def test_every_dependency_has_its_line_and_every_line_its_dependency() -> None:
    page = (FOLDER / "0003-dependencies.md").read_text()
    implied = {"psycopg-binary", "psycopg-pool"}  # extras of psycopg, named for their licence
    assert listed(page) - implied == declared()


def test_planted_faults_are_caught() -> None:
    assert faults("# 0099. Nothing\n\n> One.\n> Two.\n\n**Situation.** x") == [
        "one quoted line, not 2",
        "**Decision.**",
        "**What enforces it.**",
    ]
    assert listed("| package | why |\n|---|---|\n| one, two | x |\n") == {"one", "two"}
