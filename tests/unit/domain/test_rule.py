"""Dated rules: the row that says more wins, a day without a row is refused, overlaps are refused at load."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.rule import RuleBook, RuleMissing, RuleOverlap, parse_rules, rule_book
from mingqu.store.decisions.policy import load_pack

CAP = "all_in_cost_year_ppm_max"


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cap",
        "lender_type": "any",
        "product_kind": "any",
        "valid_from": "2026-01-01",
        "value": 1,
        "unit": "ppm_per_year",
        "document": "a document",
        "confirmed": "source",
    } | changes


def book(*rows: dict[str, Any]) -> RuleBook:
    document = Document(file="rules.toml", body={"kind": "rules", "id": "test", "version": 1, "rule": list(rows)})
    return rule_book(rules=parse_rules(document=document))


def test_the_more_exact_row_wins() -> None:
    rules = book(row(), row(lender_type="bank", value=2), row(lender_type="bank", product_kind="instalment", value=3))
    day = date(2026, 2, 1)
    find = rules.value
    assert find(rule_id="cap", lender_type="bank", product_kind="instalment", business_date=day) == 3
    assert find(rule_id="cap", lender_type="bank", product_kind="cash_line", business_date=day) == 2
    assert find(rule_id="cap", lender_type="microlender", product_kind="instalment", business_date=day) == 1


def test_a_row_ends_before_its_last_day_and_a_day_without_a_row_is_refused() -> None:
    rules = book(row(valid_to="2026-03-01"))
    assert rules.value(rule_id="cap", lender_type="a", product_kind="b", business_date=date(2026, 2, 28)) == 1
    for day in (date(2025, 12, 31), date(2026, 3, 1)):
        with pytest.raises(RuleMissing):
            rules.value(rule_id="cap", lender_type="a", product_kind="b", business_date=day)


def test_overlapping_rows_are_refused() -> None:
    with pytest.raises(RuleOverlap) as refusal:
        book(row(valid_to="2026-06-02"), row(valid_from="2026-06-01"))
    assert refusal.value.code == "rule_overlap"
    book(row(valid_to="2026-06-01"), row(valid_from="2026-06-01"))


@pytest.mark.parametrize(
    "changes",
    [
        {"valu": 3},
        {"value": "1"},
        {"value": True},
        {"value": -1},
        {"valid_from": "2026-13-01"},
        {"valid_to": "2026-01-01"},
        {"unit": "percent"},
        {"confirmed": "surely"},
        {"document": " "},
    ],
)
def test_a_faulty_row_names_file_row_and_column(changes: dict[str, Any]) -> None:
    with pytest.raises(PolicyFault) as fault:
        book(row(**changes))
    assert (fault.value.file, fault.value.row) == ("rules.toml", "cap")
    assert fault.value.column in changes


@pytest.mark.parametrize("column", ["id", "document", "unit", "confirmed", "valid_from", "value"])
def test_a_row_without_a_column_is_refused(column: str) -> None:
    whole = row()
    del whole[column]
    with pytest.raises(PolicyFault) as fault:
        book(whole)
    assert (fault.value.file, fault.value.column) == ("rules.toml", column)


def test_two_units_of_one_rule_are_refused() -> None:
    with pytest.raises(PolicyFault) as fault:
        book(row(lender_type="bank"), row(lender_type="microlender", unit="fen"))
    assert (fault.value.row, fault.value.column) == ("cap", "unit")


def test_a_rule_in_a_unit_that_it_is_not_read_in_is_refused() -> None:
    with pytest.raises(PolicyFault) as fault:
        book(row(id="exposure_person_fen_max", unit="ppm"))
    assert (fault.value.row, fault.value.column) == ("exposure_person_fen_max", "unit")
    book(row(id="exposure_person_fen_max", unit="fen"))


def test_a_day_has_the_rows_that_hold_on_it() -> None:
    rules = book(row(valid_to="2026-03-01"), row(valid_from="2026-03-01", value=2), row(lender_type="bank", value=3))
    assert [one.value for one in rules.on(business_date=date(2026, 2, 28))] == [1, 3]
    assert [one.value for one in rules.on(business_date=date(2026, 3, 1))] == [2, 3]
    assert rules.on(business_date=date(2025, 12, 31)) == ()


def test_the_microlenders_cap_steps_down_at_the_end_of_2027() -> None:
    rules = load_pack().rules
    caps = [
        rules.value(rule_id=CAP, lender_type="microlender", product_kind="instalment", business_date=day)
        for day in (date(2026, 8, 15), date(2027, 12, 30), date(2027, 12, 31))
    ]
    assert caps == [240_000, 240_000, 120_000]
