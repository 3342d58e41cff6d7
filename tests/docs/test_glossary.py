"""The glossary's code names are the names in the code, so that a Chinese contract and a function can meet."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "glossary.md"
TERMS_MIN: Final = 60
LATER: Final = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the glossary; `later` says that no code has the name yet."""

    chinese: str
    names: tuple[str, ...]
    later: bool
    meaning: str


def terms(text: str) -> list[Term]:
    """Return the terms of the page: 中文 | `name`, or `name` (later) | meaning."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    found = [row for row in cells if len(row) == 3 and "`" in row[1]]
    return [
        Term(chinese=zh, names=tuple(re.findall("`([^`]+)`", names)), later=f"({LATER})" in names, meaning=meaning)
        for zh, names, meaning in found
    ]


@cache
def code_names() -> frozenset[str]:
    """Return every name of the code: definitions, fields, parameters, modules, stored words and SQL words."""
    names: set[str] = set()
    for path in (ROOT / "src" / "mingqu").rglob("*.py"):
        names |= {path.stem, path.parent.name, *_names_of(ast.parse(path.read_bytes()))}
    for path in (ROOT / "src" / "mingqu").rglob("*.sql"):
        names |= set(re.findall(r"[a-z_]+", re.sub(r"--.*", "", path.read_text())))
    return frozenset(names)


def _names_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield node.value


def faults(found: list[Term], known: frozenset[str]) -> list[str]:
    """Return the terms whose mark is wrong: a name that no code has, or a `later` that has come."""
    said = []
    for term in found:
        missing = [name for name in term.names if name not in known]
        if missing and not term.later:
            said.append(f"{term.chinese}: no code is named {', '.join(missing)}")
        if term.later and not missing:
            said.append(f"{term.chinese}: {', '.join(term.names)} has come, drop the ({LATER})")
    return said


def test_every_name_in_the_glossary_is_a_name_in_the_code() -> None:
    assert faults(terms(PAGE.read_text()), code_names()) == []


def test_the_glossary_covers_the_trade() -> None:
    found = terms(PAGE.read_text())
    assert len(found) >= TERMS_MIN
    assert len({term.chinese for term in found}) == len(found)
    assert all(term.meaning for term in found)


def test_planted_false_names_are_caught() -> None:
    planted = ("借据 | `loan`", "高利 | `usury`", "罚息 | `penalty` (later)", "展期 | `extend` (later)")
    found = terms("\n".join(f"| {term} | x |" for term in planted))
    assert faults(found, frozenset({"loan", "penalty"})) == [
        "高利: no code is named usury",
        "罚息: penalty has come, drop the (later)",
    ]
