"""A clone works on any machine behind any mirror: no file names a registry, or a folder of its author's machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT, Finding, project_files, shown

# Put together here, so that this file passes its own test.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("registry", "npmjs", "org"),
        ("npmmirror", "com"),
        ("ghcr", "io"),
        ("docker", "io"),
        ("quay", "io"),
        ("conda", "anaconda", "org"),
    )
)
REGISTRY = re.compile("|".join(re.escape(host) for host in REGISTRIES) + r"|--(?:extra-)?index-url|--trusted-host")
HOMES = re.compile(r"/(?:home|Users|root|work)/\w")


def hosts_and_paths(paths: Iterable[Path]) -> Iterator[Finding]:
    """Find registry hosts, package index options and absolute paths of a machine in text files."""
    here = str(ROOT)
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # an image, a font or a compressed file: it names no host that anything reads
            continue
        for number, line in enumerate(lines, start=1):
            if REGISTRY.search(line):
                yield Finding(path=shown(path), line=number, text="names a package registry")
            if HOMES.search(line) or (len(here) > 1 and f"{here}/" in line):
                yield Finding(path=shown(path), line=number, text="names a folder of one machine")


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    this = Path(__file__).resolve()
    assert [str(finding) for finding in hosts_and_paths(path for path in project_files() if path != this)] == []


@pytest.mark.parametrize(
    "planted",
    [
        "https://" + ".".join(("files", "python" + "hosted", "org")) + "/packages/x",
        "--index" + "-url https://mirror.example/simple",
        "DATA = '" + "/".join(("", "home", "somebody", "book")) + "'",
        f"cd {ROOT}/docs",
    ],
)
def test_a_planted_host_or_path_is_caught(tmp_path: Path, planted: str) -> None:
    (tmp_path / "planted.txt").write_text(f"fine\n{planted}\n")
    found = list(hosts_and_paths([tmp_path / "planted.txt"]))
    assert found
    assert {finding.line for finding in found} == {2}
