"""Ruff is part of the tests, so that `make test` tells of it; that mypy would speak up is tested here.

Mypy itself takes a minute where nothing is cached: `make check` runs it, and so does the project's CI.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

TOOLS = {
    "lint": ("ruff", "check", "--quiet"),
    "format": ("ruff", "format", "--check", "--quiet"),
    "types": ("mypy", "--no-error-summary"),
}


def complaints(tool: str, *arguments: str, folder: Path = ROOT) -> str:
    """Run one of the tools in a folder and return what it says; a content tool says nothing."""
    command = [sys.executable, "-m", *TOOLS[tool], *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


@pytest.mark.parametrize("tool", ["lint", "format"])
def test_the_tool_has_no_complaint(tool: str) -> None:
    said = complaints(tool)
    assert not said, said


@pytest.mark.parametrize(
    ("tool", "planted"),
    [("lint", "import os\n"), ("format", "x  =  1\n"), ("types", "amount_fen: int = '1'\n")],
)
def test_a_planted_fault_is_complained_about(tool: str, planted: str, tmp_path: Path) -> None:
    file = tmp_path / "planted.py"
    file.write_text(planted)
    config = () if tool == "types" else ("--config", str(ROOT / "pyproject.toml"))
    assert "planted" in complaints(tool, *config, str(file), folder=tmp_path)
