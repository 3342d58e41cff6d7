"""A function fits a screen and a file has one subject: what cannot be seen whole is not reviewed whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import Finding, check, python_files, shown

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# "path::function" → the reason a reader accepts. The aim is none.
LONG_FUNCTIONS: dict[str, str] = {}


def long_functions(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find functions above the limit; the docstring does not count, so that nobody saves on it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or f"{path}::{node.name}" in LONG_FUNCTIONS:
            continue
        first = node.body[0]
        has_docstring = ast.get_docstring(node, clean=False) is not None
        docstring_lines = (first.end_lineno or first.lineno) - first.lineno + 1 if has_docstring else 0
        lines = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines
        if lines > FUNCTION_LINES_MAX:
            text = f"{node.name} has {lines} lines, {FUNCTION_LINES_MAX} fit a screen: split it by what it does"
            yield Finding(path=path, line=node.lineno, text=text)


def long_files(paths: list[Path]) -> list[str]:
    """Find files above the limit."""
    counted = ((path, path.read_text().count("\n")) for path in paths)
    return [f"{shown(path)}: {lines} lines, split by subject" for path, lines in counted if lines > FILE_LINES_MAX]


def test_every_function_fits_a_screen() -> None:
    assert check(long_functions, python_files("src", "tests", "bench")) == []


def test_every_file_has_one_subject() -> None:
    assert long_files(python_files("src")) == []


def test_a_planted_long_function_is_caught_and_its_docstring_is_free(tmp_path: Path) -> None:
    body = "    x = 1\n" * FUNCTION_LINES_MAX
    (tmp_path / "long.py").write_text(f"def planted():\n{body}")
    docstring = '    """One.\n' + "\n" * FUNCTION_LINES_MAX + '    """\n'
    (tmp_path / "documented.py").write_text(f"def fine():\n{docstring}    return 1\n")
    assert len(check(long_functions, [tmp_path / "long.py"])) == 1
    assert check(long_functions, [tmp_path / "documented.py"]) == []


def test_a_planted_long_file_is_caught(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("x = 1\n" * (FILE_LINES_MAX + 1))
    (tmp_path / "full.py").write_text("x = 1\n" * FILE_LINES_MAX)
    assert long_files([tmp_path / "long.py", tmp_path / "full.py"]) == ["long.py: 401 lines, split by subject"]
