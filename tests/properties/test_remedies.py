"""Every remedy shown changes the answer when it is followed, and no part of it could have been left out.

What waiting does is read here from the file itself, the slow way, and every answer comes from the whole decision.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mingqu.domain.decision import Change, Decision, Pack, Remedy, decide, decide_again, improvements, remedies
from mingqu.domain.decision.pack import parse_pack
from mingqu.domain.policy_file import PolicyFault
from mingqu.store.decisions.policy import policy_folder
from tests.properties.test_decision import DAY, GOOD, PACK, PRODUCTS, STRATEGY
from tests.soak import examples
from tests.unit.domain.test_decision_tables import pack_with, row

GUIDE = tomllib.loads((policy_folder() / "decision/remedies.toml").read_text(encoding="utf-8"))
STEPS = {one["field"]: one["step"] for one in GUIDE["lever"]}
RANGES = {field.name: (field.least, field.most) for field in STRATEGY.fields.fields}
CHANGEABLE = ("identity_level", "consents_given", "requested_amount_fen", "overdue_now", "lenders_count",
              "total_exposure_fen")  # fmt: skip


def alone(pack: Pack) -> Pack:
    """Return the pack with only what decides on DAY: a remedy is measured by the policies of its decision."""
    used = set(pack.on(business_date=DAY, product_ids=PRODUCTS).versions.values())
    return parse_pack(documents=[one for one in pack.documents if one.hash in used])


def asks_much(policy: dict[str, Any]) -> None:
    """Add a row of two cells, one of them the amount asked for, and a wait that a single row asks for."""
    policy["row"].append(
        row(policy, "more-than-four-lenders")
        | {"id": "much-at-many", "reason": "much_at_many", "near": {"lenders_count": 1}}
        | {"when": {"lenders_count": "> 2", "requested_amount_fen": "> 500000"}}
    )
    policy["example"]["requested_amount_fen"] = 100_000
    policy["case"].append(
        {
            "name": "much at three",
            "given": {"lenders_count": 3, "requested_amount_fen": 500_001},
            "rows": ["much-at-many"],
        }
    )


PACKS = {"shipped": alone(PACK), "two cells": alone(pack_with("instalment-policy", asks_much))}


def aged(person: dict[str, Any], days: int) -> dict[str, Any]:
    """Let days pass one by one."""
    for day in range(1, days + 1):
        before = dict(person)
        for rule in GUIDE["ageing"]:
            if day % rule["every_days"]:
                continue
            value = before[rule["takes"]] if "takes" in rule else rule.get("becomes", before[rule["field"]])
            least, most = RANGES[rule["field"]]
            person = person | {rule["field"]: max(least, min(most, value + rule.get("adds", 0)))}
    return person


def follow(person: dict[str, Any], changes: Iterable[Change], pack: Pack) -> Decision:
    """Do what the changes say and apply again on the day they name."""
    parts = list(changes)
    on = max((date.fromisoformat(str(one.needed)) for one in parts if not one.field), default=DAY)
    after = aged(person, (on - DAY).days) | {one.field: one.needed for one in parts if one.field}
    offered = tuple(one for one in PRODUCTS if one in {each.id for each in pack.offered(business_date=on)})
    return decide(inputs=after, pack=pack, product_ids=offered, business_date=on)


def decided(person: dict[str, Any], pack: Pack) -> Decision:
    return decide(inputs=person, pack=pack, product_ids=PRODUCTS, business_date=DAY)


late = st.sampled_from([-2, -1, -1, 0, 0, 1, 2, 3, 4, 8])
refusable = st.fixed_dictionaries(
    {
        "identity_level": st.sampled_from([4, 4, 4, 3, 0]),
        "age_years": st.sampled_from([30, 30, 30, 17, 16]),
        "consents_given": st.sampled_from([True, True, True, False]),
        "overdue_now": st.sampled_from([False, False, True]),
        "overdue_days_max": st.sampled_from([0, 0, 90, 91, 400]),
        "lenders_count": st.integers(0, 9),
        "total_exposure_fen": st.one_of(st.just(0), st.integers(19_800_000, 20_300_000), st.integers(0, 10**9)),
        "monthly_income_fen": st.sampled_from([99_999, 150_000, 300_000, 800_000, 3_000_000]),
        "requested_amount_fen": st.sampled_from([100_000, 500_000, 500_001, 1_234_567]),
        "credit_line_fen": st.sampled_from([100_000, 1_000_000, 5_000_000]),
        **{f"months_late_{month}": late for month in range(1, 7)},
        **{f"statement_{month}_fen": st.integers(-10_000, 5_000_000) for month in range(1, 7)},
        **{f"paid_{month}_fen": st.sampled_from([0, 0, 20_000, 300_000]) for month in range(1, 7)},
    }
)


def asked_to_wait(decision: Decision) -> bool:
    return any(reason.retry_on for reason in decision.reasons)


def check_minimal(person: dict[str, Any], refused: Decision, remedy: Remedy, pack: Pack) -> None:
    """Nothing may be left out or made smaller, but for the waiting that the refusal itself asks for."""
    must = [one for one in remedy.changes if not one.field and asked_to_wait(refused)]
    free = [one for one in remedy.changes if one not in must]
    for size in range(len(free)):
        for part in combinations(free, size):
            assert not follow(person, [*part, *must], pack).approved, (part, remedy)
    for one in free:
        if isinstance(one.needed, int) and not isinstance(one.needed, bool):
            assert isinstance(one.now, int)
            toward = STEPS[one.field] if one.needed < one.now else -STEPS[one.field]
            weaker = replace(one, needed=one.needed + toward)
            others = [each for each in remedy.changes if each is not one]
            assert not follow(person, [weaker, *others], pack).approved, (weaker, remedy)


@pytest.mark.parametrize("name", PACKS)
@settings(max_examples=examples(80), deadline=None)
@given(person=refusable)
def test_every_remedy_changes_the_answer_and_no_part_of_it_can_be_left_out(name: str, person: dict[str, Any]) -> None:
    pack = PACKS[name]
    refused = decided(person, pack)
    assume(not refused.approved)
    found = remedies(decision=refused)
    assert len(found) <= 3
    for remedy in found:
        after = follow(person, remedy.changes, pack)
        assert after.approved, remedy
        assert (after.limit_fen, after.prices, after.business_date) == (remedy.limit_fen, remedy.prices, remedy.on)
        assert remedy.on >= max((one.retry_on for one in refused.reasons if one.retry_on), default=DAY)
        check_minimal(person, refused, remedy, pack)
    sets = [{one.field for one in remedy.changes if one.field or not asked_to_wait(refused)} for remedy in found]
    assert not any(one <= other for one, other in combinations(sets, 2))


@settings(max_examples=examples(40), deadline=None)
@given(person=refusable)
def test_what_a_single_change_can_reach_is_found(person: dict[str, Any]) -> None:
    pack = PACKS["two cells"]
    refused = decided(person, pack)
    assume(not refused.approved and not asked_to_wait(refused))
    found = remedies(decision=refused)
    wide = {
        "identity_level": range(person["identity_level"], 6),
        "consents_given": [True],
        "overdue_now": [False],
        "lenders_count": range(person["lenders_count"]),
        "requested_amount_fen": range(person["requested_amount_fen"], 0, -10_000),
        "total_exposure_fen": [*range(person["total_exposure_fen"] % 10_000, 20_300_000, 250_000), 0],
    }
    for name in CHANGEABLE:
        helps = [value for value in wide[name] if decided(person | {name: value}, pack).approved]
        if helps:
            assert any({one.field for one in remedy.changes} == {name} for remedy in found), (name, helps[0], found)


@settings(max_examples=examples(20), deadline=None)
@given(person=refusable)
def test_remedies_are_the_same_from_the_record(person: dict[str, Any]) -> None:
    made = decided(person, PACKS["shipped"])
    again = decide_again(record=json.loads(made.record_bytes()), pack=PACKS["shipped"])
    assert remedies(decision=again) == remedies(decision=made)
    assert improvements(decision=again) == improvements(decision=made)


@settings(max_examples=examples(20), deadline=None)
@given(person=refusable, exposure=st.integers(0, 19_900_000))
def test_what_is_said_to_give_more_gives_more(person: dict[str, Any], exposure: int) -> None:
    person = person | {"lenders_count": 2, "overdue_now": False, "total_exposure_fen": exposure, "age_years": 30}
    made = decided(person, PACKS["shipped"])
    assume(made.approved)
    rates = {one.product_id: one.rate_year_ppm for one in made.prices}
    for remedy in improvements(decision=made):
        after = follow(person, remedy.changes, PACKS["shipped"])
        then = {one.product_id: one.rate_year_ppm for one in after.prices}
        assert after.limit_fen >= made.limit_fen
        assert all(then[name] <= rate for name, rate in rates.items())
        assert after.limit_fen > made.limit_fen or then != rates
        assert after.limit_fen == remedy.limit_fen


def test_a_product_that_ends_is_not_promised_for_a_later_day() -> None:
    """Both products end before the day for which waiting would help: nothing is promised."""
    documents = [
        type(one)(file=one.file, body=dict(one.body) | {"valid_to": "2027-01-01"}) if one.kind == "product" else one
        for one in PACKS["shipped"].documents
    ]
    child = GOOD | {"age_years": 17}
    assert remedies(decision=decided(child, PACKS["shipped"]))
    assert remedies(decision=decided(child, parse_pack(documents=documents))) == ()


def test_the_words_of_a_remedy_name_amounts_and_days() -> None:
    (remedy,) = remedies(decision=decided(GOOD | {"total_exposure_fen": 20_500_123}, PACKS["shipped"]))
    (change,) = remedy.changes
    assert (change.action, change.by) == ("repay", 560_000)
    assert change.text_en == "Repay 5,600.00 yuan, so that you owe 199,401.23 yuan to all lenders together."
    (waiting,) = remedies(decision=decided(GOOD | {"overdue_days_max": 91}, PACKS["shipped"]))
    assert waiting.on == DAY + timedelta(days=365)
    assert waiting.on.isoformat() in waiting.changes[0].text_zh


GUIDE_MUTANTS: dict[str, Any] = {
    "a lever on what nobody can change": lambda g: g["lever"][0].update(field="age_years"),
    "a lever on an unknown field": lambda g: g["lever"][0].update(field="shoe_size"),
    "a lever on what the card computes": lambda g: g["lever"][0].update(field="band"),
    "a lever twice": lambda g: g["lever"].append(g["lever"][0]),
    "an unknown action": lambda g: g["lever"][0].update(action="pray"),
    "no direction": lambda g: g["lever"][0].pop("direction"),
    "a step of nothing": lambda g: g["lever"][0].update(step=0),
    "a flag in steps of two": lambda g: g["lever"][1].update(step=2),
    "a blank text": lambda g: g["lever"][0].update(text_zh=" "),
    "a column too much": lambda g: g["lever"][0].update(hope=1),
    "ageing of an unknown field": lambda g: g["ageing"][0].update(field="x"),
    "ageing in two ways": lambda g: g["ageing"][0].update(adds=1),
    "ageing in no way": lambda g: g["ageing"][0].pop("becomes"),
    "ageing to what the field does not take": lambda g: g["ageing"][0].update(becomes=-3),
    "ageing that takes from an unknown field": lambda g: g["ageing"][1].update(takes="x"),
    "waiting without a day": lambda g: g["waiting"].update(text_en="Wait."),
    "waiting without steps": lambda g: g["waiting"].pop("step_days"),
}


@pytest.mark.parametrize("name", GUIDE_MUTANTS)
def test_a_mutated_file_of_remedies_is_refused(name: str) -> None:
    documents = [type(one)(file=one.file, body=json.loads(json.dumps(dict(one.body)))) for one in PACK.documents]
    body: Any = next(one.body for one in documents if one.kind == "remedies")
    GUIDE_MUTANTS[name](body)
    with pytest.raises(PolicyFault) as fault:
        parse_pack(documents=documents)
    assert fault.value.file == "decision/remedies.toml"
