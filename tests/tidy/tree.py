"""The files of the project, and what a lint says about one of them."""

from __future__ import annotations

import ast
import gc
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "src" / "mingqu"
# Found where there is no git to ask (an unpacked source archive): everything but what .gitignore names.
_BUILT: Final = {".git", ".venv", "__pycache__", "build", "dist", ".mypy_cache", ".ruff_cache", ".import_linter_cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place that breaks a house rule: where, and what to do instead."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


Lint = Callable[[ast.Module, str], Iterable[Finding]]
"""A lint reads one parsed file and its path (as it is shown) and answers with what it found."""


def project_files() -> Iterator[Path]:
    """Return every file that is tracked, or could be: untracked and not ignored."""
    asked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if asked.returncode == 0:
        found = [ROOT / name for name in asked.stdout.decode().split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not _BUILT.intersection(path.relative_to(ROOT).parts)]
    return (path for path in sorted(found) if path.is_file())


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below the named folders, e.g. python_files("src", "tests")."""
    wanted = [ROOT / folder for folder in folders]
    return [path for path in project_files() if path.suffix == ".py" and any(path.is_relative_to(f) for f in wanted)]


def check(lint: Lint, paths: Iterable[Path]) -> list[str]:
    """Return what a lint finds in the files, one printable line each; an empty list is a tidy house."""
    return [str(finding) for path in paths for finding in lint(parsed(path), shown(path))]


def parsed(path: Path) -> ast.Module:
    """Return a file's syntax tree. The project's are kept while the tests of this folder run."""
    return _kept(path) if path.is_relative_to(ROOT) else ast.parse(path.read_bytes())


@cache
def _kept(path: Path) -> ast.Module:
    tree = ast.parse(path.read_bytes())
    gc.freeze()  # a million nodes that are here to stay: collecting garbage would look at each again and again
    return tree


def let_go() -> None:
    """Forget the kept trees: they take some hundred megabytes."""
    _kept.cache_clear()


def shown(path: Path) -> str:
    """Return a path as it is shown: from the top of the project where it lies inside, else its name."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for a chain of names, and "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        front = dotted(node.value)
        return f"{front}.{node.attr}" if front else ""
    return ""
