"""A module called "utils" says what nobody decided: where its functions belong."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import PACKAGE, Finding, check, python_files, shown

NAMELESS = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils", "exceptions"}
NAMELESS_CLASS = re.compile(r"(Manager|Helper|Helpers|Util|Utils|Impl)$")
# The long word is one keystroke away in any editor, and the reader has no editor open.
ABBREVIATIONS = {
    "acct": "account",
    "addr": "address",
    "amt": "amount",
    "bal": "balance",
    "calc": "calculate",
    "cfg": "settings",
    "cnt": "count",
    "cust": "customer",
    "dpd": "overdue_days",
    "inst": "instrument or instalment",
    "mgr": "a name of what it does",
    "pct": "ppm",
    "prin": "principal",
    "qty": "count",
    "txn": "transfer",
}


def nameless_modules(paths: list[Path]) -> list[str]:
    """Find files and folders named after nothing."""
    relative = (Path(shown(path)) for path in paths)
    return [f"{path}: name it after its subject" for path in relative if {*path.parent.parts, path.stem} & NAMELESS]


def nameless_definitions(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find classes named after nothing, and abbreviated parameters, functions and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and NAMELESS_CLASS.search(node.name):
            yield Finding(path=path, line=node.lineno, text=f"{node.name}: name it after what it does")
        for name in _defined(node):
            short = ABBREVIATIONS.keys() & set(name.lower().split("_"))
            for word in sorted(short):
                text = f"{name}: {word} → {ABBREVIATIONS[word]}"
                yield Finding(path=path, line=getattr(node, "lineno", 0), text=text)


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id


def test_every_module_is_named_after_its_subject() -> None:
    assert nameless_modules(python_files("src", "tests", "bench")) == []


def test_definitions_are_spelled_out() -> None:
    assert check(nameless_definitions, python_files("src")) == []


def test_a_planted_nameless_module_is_caught() -> None:
    planted = [PACKAGE / "utils.py", PACKAGE / "common" / "money.py", PACKAGE / "domain" / "money.py"]
    assert len(nameless_modules(planted)) == 2


@pytest.mark.parametrize("planted", ["class LoanManager: pass", "def settle(*, amt): pass", "overdue_cnt = 3"])
def test_a_planted_nameless_definition_is_caught(tmp_path: Path, planted: str) -> None:
    (tmp_path / "planted.py").write_text(planted)
    assert len(check(nameless_definitions, [tmp_path / "planted.py"])) == 1
