"""What the front pages say is so: commands exist, code runs and prints what is shown, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
READMES: Final = ("README.md", "README.zh.md")
FRONT: Final = (*READMES, "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAGES: Final = [ROOT / name for name in FRONT] + sorted((ROOT / "docs").rglob("*.md"))
LINK: Final = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    return [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def unknown_targets(page: str) -> list[str]:
    """Return what a page asks make to do and the Makefile cannot."""
    asked = {match for block in blocks(page, "sh") for match in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)}
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    return sorted(asked - known)


@pytest.mark.parametrize("name", READMES)
def test_the_library_example_runs_and_prints_what_is_shown(name: str) -> None:
    (example,) = blocks((ROOT / name).read_text(encoding="utf-8"), "python")
    shown = blocks((ROOT / "README.md").read_text(encoding="utf-8"), "text")[-1]
    ran = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == (shown, "")


@pytest.mark.parametrize("name", FRONT)
def test_make_can_do_what_the_page_asks(name: str) -> None:
    assert unknown_targets((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_both_languages_lead_to_the_same_pages() -> None:
    english, chinese = (set(LINK.findall((ROOT / name).read_text(encoding="utf-8"))) - set(READMES) for name in READMES)
    assert english == chinese


def test_planted_faults_are_caught(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("[a](nowhere.md) [b](page.md#part) [c](https://example.com/x)")
    assert broken_links(tmp_path / "page.md") == ["nowhere.md"]
    assert unknown_targets("```sh\nmake test\nmake profit  # soon\n```\n") == ["profit"]
