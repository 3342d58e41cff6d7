"""A log message is constant and its data are fields: it can be counted, and a name cannot slip into it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import Finding, check, dotted, python_files

LOGGERS = {"log", "logger", "logging", "_log", "_logger", "LOG"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def composed_messages(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find log calls whose message is put together: an f-string, a %, a + or .format()."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = dotted(node.func.value).split(".")[-1]
        composed = any(isinstance(argument, ast.JoinedStr | ast.BinOp | ast.Call) for argument in node.args[:1])
        if owner in LOGGERS and node.func.attr in LEVELS and composed:
            yield Finding(path=path, line=node.lineno, text="a log message is constant: give the data as fields")


def printed(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find print() below the doors: what it says is lost, and may be personal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "breakpoint"):
            yield Finding(path=path, line=node.lineno, text=f"{node.func.id}(): return the value, a door will show it")


def test_log_messages_are_constant() -> None:
    assert check(composed_messages, python_files("src")) == []


def test_nothing_below_the_doors_prints() -> None:
    inner = ("domain", "ports", "store", "services", "channels")
    assert check(printed, python_files(*(f"src/mingqu/{layer}" for layer in inner))) == []


@pytest.mark.parametrize(
    "planted",
    ['log.info(f"paid {name}")', 'logger.error("paid %s" % name)', 'self.log.info("paid {}".format(name))'],
)
def test_a_planted_composed_message_is_caught(tmp_path: Path, planted: str) -> None:
    (tmp_path / "planted.py").write_text(planted)
    assert len(check(composed_messages, [tmp_path / "planted.py"])) == 1


def test_a_constant_message_with_fields_passes_and_a_print_does_not(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text('log.info("order.paid", extra={"order_id": 1})')
    (tmp_path / "planted.py").write_text("print(1)")
    assert check(composed_messages, [tmp_path / "fine.py"]) == []
    assert len(check(printed, [tmp_path / "planted.py"])) == 1
