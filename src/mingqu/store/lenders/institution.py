"""The directory of institutions, and what is said before somebody is sent to one, on disk."""

from __future__ import annotations

from pathlib import Path

from mingqu.domain.cash_advance import Guidance, GuidanceMissing
from mingqu.domain.institution import Directory, parse_directory
from mingqu.domain.policy_file import Document
from mingqu.store.decisions.policy import read_document


def load_directory(folder: Path) -> Directory:
    """Return the directory of a folder of policies: its files under `institutions`. Errors: PolicyFault."""
    return parse_directory(documents=_documents(folder / "institutions"))


def load_guidance(folder: Path) -> Guidance:
    """Return the newest guidance of a folder of policies. Errors: PolicyFault, GuidanceMissing."""
    found = [_guidance(one) for one in _documents(folder / "guidance")]
    if not found:
        raise GuidanceMissing("There is no guidance in the folder of policies.")
    return max(found, key=lambda one: one.version)


def _documents(folder: Path) -> list[Document]:
    return [read_document(path, file=f"{folder.name}/{path.name}") for path in sorted(folder.glob("*.toml"))]


def _guidance(document: Document) -> Guidance:
    reader = document.reader()
    reader.only(("kind", "id", "version", "title_zh", "title_en", "points_zh", "points_en"))
    reader.choice("kind", ("guidance",))
    points = [tuple(str(one) for one in reader.items(column)) for column in ("points_zh", "points_en")]
    if len(points[0]) != len(points[1]):
        raise reader.fault("points_en", "not as many as in Chinese.", "Say the same in both languages.")
    return Guidance(
        version=reader.integer("version", least=1, most=1_000_000),
        title_zh=reader.text("title_zh"),
        title_en=reader.text("title_en"),
        points_zh=points[0],
        points_en=points[1],
        hash=document.hash,
    )
