"""As decided and as of another day, side by side; and many decisions made again to the byte."""

from __future__ import annotations

import json
import random
from datetime import date
from typing import Any

import pytest

from mingqu.domain.decision import Pack, PolicyMissing, decide, parse_pack, replay
from mingqu.domain.decision.compare import compare
from mingqu.domain.policy_file import Document
from tests.models.test_decision_interpreter import applicant
from tests.properties.test_decision import DAY, GOOD, PACK, PRODUCTS
from tests.soak import SOAK

LATER = date(2026, 9, 15)
# The first version of everything, so that tests may write the second.
FIRST = parse_pack(documents=[one for one in PACK.documents if one.body["version"] == 1])
DECISIONS = 10_000 if SOAK else 500


def newer(name: str, **changes: Any) -> Pack:
    """Return the pack with a second version of one policy, in force from September on."""
    body = dict(next(one.body for one in FIRST.documents if one.body["id"] == name))
    second = Document(file=f"{name}-2.toml", body=body | {"version": 2, "valid_from": "2026-09-01"} | changes)
    return parse_pack(documents=[*FIRST.documents, second])


def record(changes: dict[str, Any] | None = None) -> Any:
    made = decide(inputs=GOOD | (changes or {}), pack=FIRST, product_ids=PRODUCTS, business_date=DAY)
    return json.loads(made.record_bytes())


def test_many_decisions_are_made_again_to_the_byte() -> None:
    chance = random.Random(23)
    for number in range(DECISIONS):
        notes: dict[str, Any] = {
            "variant": chance.choice(["", "champion", f"challenger:{number % 7}"]),
            "switches": {"row/band-e": f"act {number}"} if number % 5 == 0 else {},
            "read_under": {"credit_bureau": f"consent-{number}"} if number % 3 else {},
        }
        products = chance.choice([PRODUCTS, PRODUCTS[:1], PRODUCTS[1:]])
        made = decide(inputs=applicant(chance), pack=FIRST, product_ids=products, business_date=DAY, **notes)
        written = made.record_bytes()
        assert replay(record=json.loads(written), pack=FIRST) == written


def test_nothing_differs_where_nothing_changed() -> None:
    found = compare(record=record(), pack=FIRST, business_date=LATER)
    assert found.differences == ()
    assert found.now is not None
    assert (found.then.business_date, found.now.business_date) == (DAY, LATER)


def test_a_stricter_row_of_today_is_named_with_all_that_follows() -> None:
    policy: Any = next(one.body for one in FIRST.documents if one.kind == "policy")
    rows = [
        {**one, "when": {"lenders_count": "> 2"}} if one["id"] == "more-than-four-lenders" else one
        for one in policy["row"]
    ]
    cases = [
        one | {"given": one["given"] | {"lenders_count": 2}}
        if "lenders_count" in one["given"] and not one["rows"]
        else one
        for one in policy["case"]
    ]
    pack = newer("instalment-policy", row=rows, case=cases)
    told = {one.what: (one.then, one.now) for one in compare(record=record({"lenders_count": 4}), pack=pack,
                                                             business_date=LATER).differences}  # fmt: skip
    assert told["outcome"] == ("approved", "refused")
    assert told["row/more-than-four-lenders"] == (None, "too_many_lenders")
    assert told["price/tinglan-instalment"][1] is None
    assert "policy/policy/instalment-policy" in told
    assert not any(name.startswith("points/") for name in told)


def test_a_dearer_price_of_today_is_named_alone() -> None:
    pack = newer("price-chengchuan-instalment", cells=[130_000, 180_000, 216_000, "none", "none"])
    found = compare(record=record(), pack=pack, business_date=LATER).differences
    assert [one.what for one in found] == ["price/chengchuan-instalment", "policy/grid/price-chengchuan-instalment"]
    assert (found[0].then, found[0].now) == (126_000, 130_000)


def test_a_day_on_which_nothing_is_offered_is_told_as_a_problem() -> None:
    found = compare(record=record(), pack=FIRST, business_date=date(2026, 7, 1))
    assert (found.now, found.differences) == (None, ())
    assert found.problem


def test_a_record_that_names_a_version_that_is_not_here_is_not_compared() -> None:
    pack = newer("limit-total")
    made = decide(inputs=GOOD, pack=pack, product_ids=PRODUCTS, business_date=LATER)
    with pytest.raises(PolicyMissing):
        compare(record=json.loads(made.record_bytes()), pack=FIRST, business_date=LATER)
