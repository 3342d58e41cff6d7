"""Only the clock port knows now and only the id port rolls dice, so that a run can be repeated from its seed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT, Finding, check, dotted, python_files

CLOCK = {
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
}
CHANCE_MODULES = {"random"}
CHANCE = {"uuid1", "uuid4", "uuid7"}
UNGUESSABLE = {"secrets", "os.urandom"}
# The one implementation of the clock and id ports, the analyst's room, which runs outside a loan's life, and the other
# side, which has a time, numbers and keys of its own.
OUTSIDE = ("src/mingqu/channels/system", "src/mingqu/lab", "src/mingqu/sandbox")
# What must be unguessable: a seed that repeats a run would repeat a secret as well.
_KEYS = "keys, nonces and salts"
_PLACES = "the name of a draft or a private folder, which nobody may prepare beforehand"
SECRETS_ALLOWED = {
    "src/mingqu/client/connection.py": "a key by which another program could pass its request off as this one",
    "src/mingqu/web/record.py": "the id of a request, which only the log and its answer repeat",
    "src/mingqu/store/server/keyring.py": _KEYS,
    "src/mingqu/store/people/vault.py": _KEYS,
    "src/mingqu/store/server/binaries.py": _PLACES,
    "src/mingqu/store/server/data_folder.py": _PLACES,
    "src/mingqu/store/server/postgres.py": _PLACES,
}


def clock_and_chance(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find a look at the clock and a throw of the dice."""
    if path.startswith(OUTSIDE):
        return
    for node in ast.walk(tree):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        imported = set(_imported(node))
        if name and any(name == clock or name.endswith(f".{clock}") for clock in CLOCK):
            yield Finding(path=path, line=_line(node), text=f"{name} reads the clock: take the moment as an argument")
        if (name and name.split(".")[-1] in CHANCE) or imported & CHANCE:
            yield Finding(path=path, line=_line(node), text="ids are made by the Identifiers port")
        if imported & CHANCE_MODULES:
            yield Finding(path=path, line=_line(node), text="random repeats nothing: take the entropy as an argument")
        if path not in SECRETS_ALLOWED and (name in UNGUESSABLE or imported & UNGUESSABLE):
            yield Finding(path=path, line=_line(node), text="secrets are made in a few named places only")


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        yield node.module.split(".")[0]
        if node.module in ("uuid", "os"):
            yield from (alias.name if node.module == "uuid" else f"os.{alias.name}" for alias in node.names)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def test_nothing_but_the_ports_knows_now_or_rolls_dice() -> None:
    assert check(clock_and_chance, python_files("src")) == []


@pytest.mark.parametrize("path", SECRETS_ALLOWED)
def test_an_exception_that_is_not_needed_any_more_is_taken_back(path: str) -> None:
    tree = ast.parse((ROOT / path).read_bytes())
    assert list(clock_and_chance(tree, "elsewhere.py")) != []


@pytest.mark.parametrize(
    "planted",
    [
        "from datetime import date; day = date.today()",
        "import datetime; at = datetime.datetime.now(tz=None)",
        "import time; at = time.time()",
        "import random",
        "from random import choice",
        "from uuid import uuid4",
        "import uuid; made = uuid.uuid4()",
        "import secrets",
        "import os; salt = os.urandom(16)",
        "from os import urandom",
    ],
)
def test_a_planted_clock_or_die_is_caught(tmp_path: Path, planted: str) -> None:
    file = tmp_path / "planted.py"
    file.write_text(f"{planted}\n")
    assert len(check(clock_and_chance, [file])) == 1


def test_the_system_channel_may_look_at_the_clock() -> None:
    tree = ast.parse("import time; at = time.time()")
    assert list(clock_and_chance(tree, "src/mingqu/channels/system/clock.py")) == []
