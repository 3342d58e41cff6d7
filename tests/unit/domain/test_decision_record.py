"""What a record says and replays: notes of the caller, switches, cells of prices, near misses of rows of many cells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mingqu.domain.decision import Decision, DecisionRecordMalformed, decide, replay
from mingqu.domain.decision.decide import CallerNoteMalformed
from mingqu.domain.decision.strategy import LawNotSwitchedOff
from mingqu.domain.policy_file import PolicyFault, canonical
from tests.properties.test_decision import DAY, GOOD, PACK, PRODUCTS
from tests.unit.domain.test_decision_tables import pack_with, row

CONSENT = "0198a1b2-0000-7000-8000-0000000000c1"
NOTES: dict[str, Any] = {
    "variant": "challenger:cheaper",
    "switches": {"row/more-than-four-lenders": "act-7", "lender/tinglan": "act-8"},
    "read_under": {"credit_bureau": CONSENT},
}


def decided(changes: dict[str, Any] | None = None, **notes: Any) -> Decision:
    return decide(inputs=GOOD | (changes or {}), pack=PACK, product_ids=PRODUCTS, business_date=DAY, **notes)


def test_a_record_with_every_note_is_canonical_and_replays_to_the_byte() -> None:
    made = decided({"lenders_count": 5}, **NOTES)
    written = made.record_bytes()
    assert written == canonical(made.record())
    assert replay(record=json.loads(written), pack=PACK) == written
    public = json.loads(written)["public"]
    assert (public["variant"], public["switches"]) == (NOTES["variant"], NOTES["switches"])
    assert public["product_ids"] == list(PRODUCTS)


def test_a_row_that_is_switched_off_is_not_read_and_a_lender_makes_no_offer() -> None:
    assert not decided({"lenders_count": 5}).approved
    made = decided({"lenders_count": 5}, **NOTES)
    assert made.approved
    assert [price.product_id for price in made.prices] == ["chengchuan-instalment"]
    assert made.near_misses == ()
    nobody = decided(switches={f"product/{name}": "act" for name in PRODUCTS})
    assert [reason.code for reason in nobody.reasons] == ["no_product_for_profile"]
    assert decided(switches={"row/unheard-of": "act"}).prices == decided().prices


def test_a_row_that_is_law_cannot_be_switched_off() -> None:
    pack = pack_with("instalment-policy", lambda p: row(p, "age-below-eighteen").update(law="a document, article 1"))
    off = {"row/age-below-eighteen": "x"}
    with pytest.raises(LawNotSwitchedOff):
        decide(inputs=GOOD, pack=pack, product_ids=PRODUCTS, business_date=DAY, switches=off)


def test_each_input_says_its_source_and_the_consent_it_was_read_under() -> None:
    read = {one.name: one for one in decided(**NOTES).signals_read}
    assert set(read) == set(GOOD)
    assert (read["lenders_count"].value, read["lenders_count"].source) == (1, "bureau")
    assert read["lenders_count"].consent_id == CONSENT
    assert read["requested_amount_fen"].consent_id == ""
    alone = decided(read_under={"lenders_count": "a", "credit_bureau": "b"})
    assert {one.name: one.consent_id for one in alone.signals_read}["lenders_count"] == "a"


def test_the_cells_of_limit_and_every_price_are_named() -> None:
    made = decided()
    cells = dict(made.price_cells)
    for price in made.prices:
        offer = next(one for one in made.strategy.offers if one.product.id == price.product_id)
        assert offer.prices.cells[cells[price.product_id]] == price.rate_year_ppm
    assert made.strategy.limits.cells[made.limit_cell] == made.limit_fen
    refused = decided({"overdue_now": True})
    assert refused.price_cells == made.price_cells


@pytest.mark.parametrize("note", ["ü", "x" * 201, "a\nb", 7, None])
def test_a_note_that_could_not_stand_in_a_record_is_refused(note: Any) -> None:
    for notes in ({"variant": note}, {"switches": {"row/x": note}}, {"read_under": {note: "x"}}):
        if notes == {"variant": None}:
            continue  # nothing was noted
        with pytest.raises(CallerNoteMalformed):
            decided(**notes)


@pytest.mark.parametrize("part", ["switches", "read_under"])
def test_a_record_whose_notes_are_no_texts_by_name_is_refused(part: str) -> None:
    record = json.loads(decided(**NOTES).record_bytes())
    record["public" if part == "switches" else "sealed"][part] = ["x"]
    with pytest.raises(DecisionRecordMalformed):
        replay(record=record, pack=PACK)


def test_switches_written_into_a_record_of_the_first_format_do_nothing() -> None:
    record = json.loads(decided({"lenders_count": 5}).record_bytes())
    record["public"] |= {"format": 1, "switches": {"row/more-than-four-lenders": "x"}}
    assert json.loads(replay(record=record, pack=PACK))["public"]["outcome"] == "refused"


def two_cells(near: Any) -> Any:
    def change(policy: dict[str, Any]) -> None:
        lenders = row(policy, "more-than-four-lenders")
        lenders["when"] = {"lenders_count": "> 4", "monthly_income_fen": "< 500000"}
        lenders["near"] = near
        policy["case"] = [
            one | {"given": one["given"] | {"monthly_income_fen": 499_999}}
            if "more-than-four-lenders" in one["rows"]
            else one
            for one in policy["case"]
        ]

    return pack_with("instalment-policy", change)


@pytest.mark.parametrize(
    ("lenders", "income", "misses"),
    [
        (4, 400_000, [("more-than-four-lenders", "lenders_count", 1)]),
        (5, 500_000, [("more-than-four-lenders", "monthly_income_fen", 1)]),
        (5, 509_999, [("more-than-four-lenders", "monthly_income_fen", 10_000)]),
        (5, 510_000, []),  # too far
        (4, 500_000, []),  # two cells miss: neither alone would hit
        (5, 400_000, []),  # hit
        (3, 400_000, []),
    ],
)
def test_a_near_miss_of_a_row_with_two_cells_is_a_miss_by_one_of_them(lenders: int, income: int, misses: Any) -> None:
    pack = two_cells({"lenders_count": 1, "monthly_income_fen": 10_000})
    inputs = GOOD | {"lenders_count": lenders, "monthly_income_fen": income}
    made = decide(inputs=inputs, pack=pack, product_ids=PRODUCTS, business_date=DAY)
    assert list(made.near_misses) == misses


@pytest.mark.parametrize("near", [1, {}, {"age_years": 1}, {"lenders_count": 0}, {"lenders_count": True}])
def test_a_near_miss_that_names_no_cell_of_its_row_is_refused(near: Any) -> None:
    with pytest.raises(PolicyFault) as fault:
        two_cells(near)
    assert fault.value.file == "decision/policy.toml"
    assert fault.value.row == "more-than-four-lenders"
