"""Rows about what turned up before: they fail closed on what everybody has, and never on what nobody must give."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from mingqu.domain.decision import Decision, decide, remedies
from mingqu.domain.decision.field import DecisionInputInvalid
from mingqu.domain.policy_file import PolicyFault
from tests.properties.test_decision import GOOD, PACK, PRODUCTS
from tests.unit.domain.test_decision_tables import pack_with

FROM = date(2026, 9, 1)
PROVEN = {
    "applications_person_7d": 1,
    "people_phone_30d": 1,
    "people_card_30d": 1,
    "people_id_number_30d": 1,
    "lenders_id_number_30d": 0,
    "ring_people_30d": 0,
    "own_lenders_count": 0,
    "own_exposure_fen": 0,
    "on_black_list": False,
}
ALLOWED = ("applications_device_1d", "applications_address_1h", "people_device_30d",
           "app_account_age_months", "app_active_days_90d")  # fmt: skip


def decided(**changes: Any) -> Decision:
    return decide(inputs={**GOOD, **PROVEN, **changes}, pack=PACK, product_ids=PRODUCTS, business_date=FROM)


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_who_gives_only_what_is_needed_is_approved() -> None:
    assert decided().approved
    assert decided(**dict.fromkeys(ALLOWED)).record_bytes() == decided().record_bytes()


@pytest.mark.parametrize("name", PROVEN)
def test_a_signal_that_everybody_has_stops_the_decision_when_it_is_missing(name: str) -> None:
    for value in (None, -1, "1", 1 if name == "on_black_list" else True):
        with pytest.raises(DecisionInputInvalid):
            decided(**{name: value})


@pytest.mark.parametrize("name", ALLOWED)
def test_what_nobody_must_give_still_has_to_be_what_it_says(name: str) -> None:
    for value in (-1, "1", True):
        with pytest.raises(DecisionInputInvalid):
            decided(**{name: value})


def test_behavior_data_lifts_a_refusal_and_never_makes_one() -> None:
    assert codes(decided(people_device_30d=6)) == ["device_shared_by_many"]
    for months in range(60):
        for many in (0, 5, 6, 50):
            with_data = decided(people_device_30d=many, app_account_age_months=months, app_active_days_90d=months)
            without = decided(people_device_30d=many)
            assert with_data.approved or not without.approved


def test_who_applied_too_often_waits_a_week_and_that_helps() -> None:
    refused = decided(applications_person_7d=11)
    assert codes(refused) == ["applied_too_often"]
    found = remedies(decision=refused)
    assert found
    after = decide(
        inputs={**GOOD, **PROVEN, "applications_person_7d": 1},
        pack=PACK,
        product_ids=PRODUCTS,
        business_date=found[0].on,
    )
    assert after.approved
    assert (found[0].on - FROM).days >= 7


def test_waiting_is_no_remedy_for_what_others_do() -> None:
    for name, code in (("ring_people_30d", "ring_of_people"), ("people_card_30d", "card_shared_by_many")):
        refused = decided(**{name: 40})
        assert codes(refused) == [code]
        assert remedies(decision=refused) == ()
        assert refused.reasons[0].remedy_en


def test_a_field_of_signals_that_counts_nothing_and_a_stand_in_without_its_word_are_refused_at_load() -> None:
    def named(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
        return [one for one in fields.get("field", ()) if one["name"] == name]

    def misnamed(fields: dict[str, Any]) -> None:
        for one in named(fields, "people_card_30d"):
            one["name"] = "people_card_3d"

    def unsaid(fields: dict[str, Any]) -> None:
        for one in named(fields, "people_device_30d"):
            one["missing"] = "refuse"

    def out_of_range(fields: dict[str, Any]) -> None:
        for one in named(fields, "people_device_30d"):
            one["counts_as"] = 1_001

    for spoil in (misnamed, unsaid, out_of_range):
        with pytest.raises(PolicyFault) as fault:
            pack_with("applicant", spoil)
        assert "fields-2.toml" in fault.value.file
