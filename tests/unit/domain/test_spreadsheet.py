"""A cell of a CSV file is shown by a spreadsheet, never carried out; and a number stays the number that it is."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.spreadsheet import spreadsheet_cell
from mingqu.services.write_rows import as_csv, as_json


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "+-1", "-e"])
def test_what_begins_like_a_formula_is_shown_as_it_is(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-5", "+86", "-1.5e3", "5", "名", "a=b", "'=1", "-0.25"])
def test_numbers_and_other_words_stay(text: str) -> None:
    assert spreadsheet_cell(text) == text


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_no_number_is_changed(number: Decimal) -> None:
    assert spreadsheet_cell(f"{number:f}") == f"{number:f}"


@given(st.text(max_size=20))
def test_no_cell_begins_a_formula_unless_it_is_a_number(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert cell in (text, f"'{text}")
    if cell[:1] in ("=", "@", "\t", "\r"):
        pytest.fail(cell)
    if cell[:1] in ("+", "-"):
        float(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as reports have them."""

    cause: str
    amount_fen: int


def test_rows_for_others_are_safe_to_open_and_exact_to_read() -> None:
    rows = [Row(cause="=HYPERLINK(1)", amount_fen=-5), Row(cause="赔付", amount_fen=2**53)]
    table = list(csv.reader(io.StringIO(as_csv(Row, rows).decode())))
    assert table == [["cause", "amount_fen"], ["'=HYPERLINK(1)", "-5"], ["赔付", str(2**53)]]
    assert json.loads(as_json(Row, rows)) == [
        {"cause": "=HYPERLINK(1)", "amount_fen": -5},
        {"cause": "赔付", "amount_fen": str(2**53)},
    ]
