"""The worked tables of the page on dated plans are run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from mingqu.domain.calendar import DayCount
from mingqu.domain.money import Money, Rounding, format_fen
from mingqu.domain.rate import format_percent
from mingqu.domain.schedule import DatedTerms, Due, Method, RateChange, Rates, Repricing, Terms, dated, unfold
from tests.docs.table import Line, fen, rate, share_ppm

PAGE = Path(__file__).resolve().parents[2] / "docs" / "algorithms" / "dated-plans.md"
MARK = re.compile(r"<!-- worked: ([a-z-]+) -->\n((?:\|.*\n)+)")


def _lines() -> list[tuple[str, int, Line]]:
    found = []
    for name, table in MARK.findall(PAGE.read_text("utf-8")):
        cells = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
        for number, values in enumerate(cells[2:], start=1):
            found.append((name, number, dict(zip(cells[0], values, strict=True))))
    return found


def _repricing(line: Line) -> Line:
    repricing = Repricing(
        spread_ppm=share_ppm(line["spread"]),
        multiplier=Decimal(line["multiplier"]).as_integer_ratio(),
        floor_ppm=None if line["floor"] == "none" else share_ppm(line["floor"]),
        fall_ppm_max=None if line["largest fall"] == "none" else share_ppm(line["largest fall"]),
    )
    new = repricing.rate(reference=rate(line["reference"]), before=rate(line["rate before"]))
    return {"new rate": format_percent(new.yearly_ppm(rounding=Rounding.HALF_UP)).replace("%", " %")}


def _repriced(line: Line) -> Line:
    terms = Terms(
        principal=Money(1_000_000),
        method=Method.EQUAL_INSTALMENT,
        rate=rate("18 % a year"),
        start=date(2026, 1, 15),
        instalments=12,
        day_count=DayCount.ACT_365,
    )
    change = RateChange(
        day=date.fromisoformat(line["from"]),
        rate=rate(line["new rate"]),
        keeps_instalment=line["instalment"] == "kept",
    )
    rows = unfold(terms=replace(dated(terms=terms), rates=Rates(first=terms.rate, changes=(change,))))
    before = {format_fen(row.payment_fen) for row in rows if row.due <= change.day}
    after = {format_fen(row.payment_fen) for row in rows[:-1] if row.due > change.day}
    return {
        "before that": " ".join(before),
        "after": " ".join(after),
        "last": format_fen(rows[-1].payment_fen),
    }


def _capitalized(line: Line) -> Line:
    february, march = date(2026, 2, 1), date(2026, 3, 1)
    terms = DatedTerms(
        principal=Money(fen(line["principal"])),
        start=date(2026, 1, 1),
        end=Due(march, march),
        rates=Rates(first=rate(line["rate"])),
        day_count=DayCount.ACT_360,
        interest_dues=(Due(february, february),),
        capitalized_until=february if line["interest until 1 February"] == "added" else None,
    )
    return {"paid on 1 March": format_fen(unfold(terms=terms)[-1].payment_fen)}


WORKED: dict[str, Callable[[Line], Line]] = {
    "repricing": _repricing,
    "repriced": _repriced,
    "capitalized": _capitalized,
}


@pytest.mark.parametrize(("name", "number", "line"), _lines(), ids=lambda value: str(value) if value else "")
def test_a_worked_line_says_what_the_code_does(name: str, number: int, line: Line) -> None:
    found = WORKED[name](line)
    assert {column: line[column] for column in found} == found


def test_every_worked_table_of_the_page_is_run() -> None:
    assert {name for name, _, _ in _lines()} == set(WORKED)
