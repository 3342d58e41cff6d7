"""A rule that moves between an offer and its signature counts on the day of the signature, and nothing is half done."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mingqu.demo.journey import take_loan
from mingqu.domain.gate import RuleBroken
from mingqu.domain.moment import start_of
from mingqu.domain.order import OrderKind
from mingqu.domain.rule import Rule, RuleBook
from mingqu.services.offers.price_offer import CostAboveCap
from tests.journeys.reading import arrive, borrow, live_until, orders_of, rows_of
from tests.world import OpenWorld


def with_row(world: OpenWorld, rule_id: str, *, since: date, value: int) -> None:
    """Let another value of a rule hold from a day on, for whatever lender."""
    pack = world.house.pack
    rows: list[Rule] = []
    for row in pack.rules.rules:
        if row.id != rule_id or not row.covers(business_date=since):
            rows.append(row)
            continue
        rows += [replace(row, valid_to=since), replace(row, valid_from=since, value=value, document="a new document")]
    held = world.house.policies
    held._seen = replace(held.last_seen, pack=replace(pack, rules=RuleBook(rules=tuple(rows))))


def test_rules_of_the_day_are_asked_at_signature_and_payout(world: OpenWorld) -> None:
    known = arrive(world)
    today = world.house.clock.business_date()
    with_row(world, "exposure_person_fen_max", since=today, value=1_500_000)
    first = borrow(world, known)  # 10,000.00 of 15,000.00
    (payout,) = orders_of(world.house, first.signed.loan_id, OrderKind.PAYOUT)
    assert payout.state.value == "PAID"
    take_loan(world, known, amount_fen=300_000, instalments=12, method="equal_instalment")  # its payout is on its way
    with pytest.raises(RuleBroken) as refusal:
        take_loan(world, known, amount_fen=210_000, instalments=12, method="equal_instalment")
    said = refusal.value.details
    assert (said["rule_id"], said["document"], said["moment"]) == (
        "exposure_person_fen_max",
        "a new document",
        "contract",
    )
    assert (said["allowed"], said["found"]) == (1_500_000, 1_510_000)
    take_loan(world, known, amount_fen=200_000, instalments=12, method="equal_instalment")  # to the fen

    # The cap falls at midnight; the offer was made before, within the cap of its own day.
    tomorrow = today + timedelta(days=1)
    with_row(world, "all_in_cost_year_ppm_max", since=tomorrow, value=100_000)
    with_row(world, "exposure_person_fen_max", since=today, value=30_000_000)
    world.go_to(start_of(tomorrow) - timedelta(seconds=20))
    before = rows_of(world.house)["contract"]
    with pytest.raises(CostAboveCap) as above:
        take_loan(world, known, amount_fen=100_000, instalments=12, method="equal_instalment")
    assert (above.value.details["moment"], above.value.details["cap_ppm"]) == ("contract", 100_000)
    assert rows_of(world.house)["contract"] == before
    live_until(world, tomorrow)
