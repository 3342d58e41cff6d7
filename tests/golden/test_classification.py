"""The classes of loans and cards by days past due, as their documents state them, on each side of each limit."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from mingqu.domain.classification import AssetClass, ClassMap, classify, days_past_due, map_of, provision_ppm
from mingqu.domain.rule import RuleMissing
from mingqu.store.decisions.policy import load_pack

TABLE = Path(__file__).parent / "classification.csv"
DAY = date(2026, 11, 28)


def test_each_day_falls_into_the_class_of_the_table() -> None:
    rules = load_pack().rules
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for by in ClassMap:
                found = classify(
                    days=int(row["days"]),
                    by=by,
                    rules=rules,
                    lender_type="bank",
                    product_kind="instalment",
                    business_date=DAY,
                )
                assert found.value == row[by.value], (row["days"], by)


def test_a_day_before_the_map_is_refused() -> None:
    with pytest.raises(RuleMissing):
        classify(
            days=1,
            by=ClassMap.LOAN,
            rules=load_pack().rules,
            lender_type="bank",
            product_kind="instalment",
            business_date=date(2023, 6, 30),
        )


def test_only_a_banks_cards_are_classed_as_cards() -> None:
    rules = load_pack().rules
    cards = {
        (lender_type, kind)
        for lender_type in ("bank", "consumer_finance", "microlender", "any")
        for kind in ("spend_line", "cash_line", "purpose_bound", "instalment", "any")
        if map_of(rules=rules, lender_type=lender_type, product_kind=kind, business_date=DAY) is ClassMap.CARD
    }
    assert cards == {("bank", "spend_line"), ("bank", "purpose_bound")}


def test_days_count_from_the_due_date() -> None:
    due = date(2026, 9, 15)
    assert [days_past_due(oldest_due_on=due, on=date(2026, 9, day)) for day in (14, 15, 16, 20)] == [0, 0, 1, 5]
    assert days_past_due(oldest_due_on=None, on=due) == 0


def test_a_worse_class_sets_more_aside() -> None:
    rules = load_pack().rules
    rates = [
        provision_ppm(asset_class=one, rules=rules, lender_type="any", product_kind="any", business_date=DAY)
        for one in AssetClass
    ]
    assert rates == [15_000, 30_000, 300_000, 600_000, 1_000_000]
