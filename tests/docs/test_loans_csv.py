"""The page of the CSV names every column in its order, and every fault that a line can have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from mingqu.domain.schedule import Method
from mingqu.domain.taking_over import COLUMNS

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "reference" / "loans-csv.md").read_text(encoding="utf-8")
SOURCES: Final = (
    *(ROOT / "src" / "mingqu" / "domain" / "taking_over").glob("*.py"),
    *(ROOT / "src" / "mingqu" / "services" / name for name in ("books/take_over_book.py", "loans/like_lines.py")),
)


def table(heading: str) -> list[str]:
    """Return what stands in the first column of the table under a heading."""
    body = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `(\w+)` \| \S", body, re.MULTILINE)


def test_the_columns_of_the_page_are_those_of_the_program_in_their_order() -> None:
    assert table("column") == list(COLUMNS)


def test_every_method_is_named() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `method`")]
    assert set(re.findall(r"`(\w+)`", row)) == {"method", *(method.value for method in Method)}


def test_every_fault_of_a_line_is_explained() -> None:
    raised = {code for path in SOURCES for code in re.findall(r'code="(\w+)"', path.read_text(encoding="utf-8"))}
    # Codes of the engine stand on the page of error codes.
    assert set(table("fault")) == raised - {"migration_unsound"}
