"""No floats near money: a float is off by a fen once in some thousand loans, and nobody can say why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT, Finding, check, python_files, shown

FOLDERS = ("src/mingqu/domain", "src/mingqu/store", "src/mingqu/services", "src/mingqu/ports")
# Files that may hold floats or divide Decimals, each with the reason a reader accepts. The aim is none.
FLOATS_ALLOWED = {
    "src/mingqu/domain/cost/root.py": "a float guesses where a rate lies, a bracket of Decimals proves it and decides",
}


def inexact_numbers(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find `round(`, `float(`, float literals in the domain, and a true division by or of a number."""
    literals = "/domain/" in f"/{path}"
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("round", "float"):
            yield Finding(path=path, line=line, text=f"{node.func.id}() hides how it rounds: use money.divide")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _has_number(node):
            yield Finding(path=path, line=line, text="a division names its rounding: use money.divide or //")
        elif literals and isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield Finding(path=path, line=line, text=f"{node.value!r} is a float: keep whole fen, micro-fen or ppm")


def _has_number(node: ast.BinOp) -> bool:
    sides = (side.value for side in (node.left, node.right) if isinstance(side, ast.Constant))
    return any(isinstance(value, int | float) for value in sides)


def test_the_books_are_kept_without_floats() -> None:
    paths = [path for path in python_files(*FOLDERS) if shown(path) not in FLOATS_ALLOWED]
    assert check(inexact_numbers, paths) == []


@pytest.mark.parametrize("path", FLOATS_ALLOWED)
def test_an_exception_that_is_not_needed_any_more_is_taken_back(path: str) -> None:
    assert check(inexact_numbers, [ROOT / path]) != []


@pytest.mark.parametrize(
    "planted",
    ["amount = cents / 100", "half = 1 / periods", "fen = round(amount)", "fen = float(text)", "rate_a_day = 0.0003"],
)
def test_a_planted_float_is_caught(tmp_path: Path, planted: str) -> None:
    (tmp_path / "domain").mkdir()
    file = tmp_path / "domain" / "planted.py"
    file.write_text(f"{planted}\n")
    found = list(inexact_numbers(ast.parse(file.read_text()), "domain/planted.py"))
    assert [finding.line for finding in found] == [1]


def test_a_path_and_a_whole_division_pass() -> None:
    assert list(inexact_numbers(ast.parse('file = folder / "a.sql"\nfen = micro // 1_000_000'), "domain/fine.py")) == []
