"""A line of a foreign file becomes decision inputs by data, exactly, or is refused by line and column."""

from __future__ import annotations

import pytest

from mingqu.domain.decision import CellMalformed, ColumnMapping, ColumnMissing, decide, parse_mapping
from mingqu.store.decisions.policy import load_pack
from tests.properties.test_decision import DAY, GOOD, PRODUCTS, STRATEGY

HEADER = ["LIMIT_BAL", "AGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"]
HEADER += [f"{name}{month}" for name in ("BILL_AMT", "PAY_AMT") for month in range(1, 7)]
LINE = dict.fromkeys(HEADER, "0") | {"LIMIT_BAL": "20000", "AGE": "24", "BILL_AMT1": "-39"}


def mapping() -> ColumnMapping:
    return parse_mapping(document=load_pack().document(kind="mapping", name="taiwan_2005"))


def test_a_line_gives_every_declared_input_and_can_be_decided() -> None:
    inputs = mapping().inputs(row=LINE, line=2)
    assert set(inputs) == set(GOOD)
    assert inputs["credit_line_fen"] == 500_000
    assert inputs["monthly_income_fen"] == 125_000
    assert inputs["statement_1_fen"] == -975
    assert inputs["total_exposure_fen"] == 0
    assert decide(inputs=inputs, pack=load_pack(), product_ids=PRODUCTS, business_date=DAY).outcome


@pytest.mark.parametrize(("cell", "fen"), [("5e+05", 12_500_000), ("0.5", 13), ("-0.5", -13), ("1.02", 26)])
def test_decimals_and_exponents_are_read_exactly_and_halves_go_away_from_zero(cell: str, fen: int) -> None:
    assert mapping().inputs(row=LINE | {"BILL_AMT2": cell}, line=2)["statement_2_fen"] == fen


@pytest.mark.parametrize("cell", ["", "x", "1,000", "nan", "inf", "1e99", "0x10", "９"])
def test_a_cell_that_is_no_number_is_refused_with_line_and_column(cell: str) -> None:
    with pytest.raises(CellMalformed) as refusal:
        mapping().inputs(row=LINE | {"AGE": cell}, line=7)
    assert refusal.value.details == {"line": 7, "column": "AGE"}


def test_a_file_without_a_column_is_refused() -> None:
    mapping().check_columns(columns=HEADER)
    with pytest.raises(ColumnMissing, match="PAY_AMT6"):
        mapping().check_columns(columns=HEADER[:-1])


@pytest.mark.parametrize(
    ("lenders", "days", "misses"),
    [
        (3, 0, ()),
        (4, 0, (("more-than-four-lenders", "lenders_count", 1),)),
        (5, 60, ()),
        (5, 61, (("delay-over-ninety-days", "overdue_days_max", 30),)),
        (5, 91, ()),
    ],
)
def test_a_near_miss_tells_the_distance_to_its_row(lenders: int, days: int, misses: object) -> None:
    vector = (*STRATEGY.fields.read(inputs=GOOD | {"lenders_count": lenders, "overdue_days_max": days}), 0, 600, 0)
    assert STRATEGY.policy.near_misses(vector=vector) == misses
