"""What holds for every decision: it fails closed, replays to the byte, and its remedies help."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.decision import (
    DecisionInputInvalid,
    DecisionRecordMalformed,
    PolicyMissing,
    decide,
    replay,
    score,
)
from mingqu.domain.policy_file import canonical
from mingqu.domain.refusal import Refusal
from mingqu.store.decisions.policy import load_pack
from tests.soak import examples

DAY = date(2026, 8, 15)
PRODUCTS = ("chengchuan-instalment", "tinglan-instalment")
PACK = load_pack()
STRATEGY = PACK.on(business_date=DAY, product_ids=PRODUCTS)
PASSED = STRATEGY.fields.fields[: STRATEGY.fields.passed]
GOOD: dict[str, Any] = {
    "identity_level": 4,
    "age_years": 30,
    "consents_given": True,
    "lenders_count": 1,
    "total_exposure_fen": 0,
    "overdue_now": False,
    "overdue_days_max": 0,
    "monthly_income_fen": 800_000,
    "requested_amount_fen": 1_000_000,
    "credit_line_fen": 5_000_000,
    **{f"months_late_{month}": -1 for month in range(1, 7)},
    **{f"statement_{month}_fen": 100_000 for month in range(1, 7)},
    **{f"paid_{month}_fen": 300_000 for month in range(1, 7)},
}


def values(field: Any) -> st.SearchStrategy[Any]:
    if field.type == "flag":
        return st.booleans()
    usual = GOOD[field.name]
    near = st.integers(max(field.least, usual - 5), min(field.most, usual + 5))
    return st.one_of(st.just(usual), near, st.integers(field.least, min(field.most, 40_000_000)))


people = st.fixed_dictionaries({field.name: values(field) for field in PASSED})
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.lists(st.none()),
)


def decided(inputs: Any) -> Any:
    return decide(inputs=inputs, pack=PACK, product_ids=PRODUCTS, business_date=DAY)


def test_the_good_person_is_approved_with_a_price_from_both_lenders() -> None:
    decision = decided(GOOD)
    assert decision.approved
    assert [price.product_id for price in decision.prices] == list(PRODUCTS)


@settings(max_examples=examples(300), deadline=None)
@given(people)
def test_a_replay_gives_the_same_bytes_and_the_quick_writer_the_canonical_ones(person: dict[str, Any]) -> None:
    decision = decided(person)
    written = decision.record_bytes()
    assert written == canonical(decision.record())
    assert replay(record=json.loads(written), pack=PACK) == written
    assert decision.inputs == person


@settings(max_examples=examples(300), deadline=None)
@given(people)
def test_every_remedy_with_a_needed_value_removes_its_reason(person: dict[str, Any]) -> None:
    decision = decided(person)
    remedies = {reason.field: reason.needed for reason in decision.reasons if reason.needed is not None}
    changed = {
        name: bool(remedies[name]) if isinstance(value, bool) and name in remedies else remedies.get(name, value)
        for name, value in person.items()
    }
    left = {reason.row for reason in decided(changed).reasons}
    assert not left & {reason.row for reason in decision.reasons if reason.field}
    for reason in decision.reasons:
        assert reason.text_zh
        assert reason.text_en
        assert reason.remedy_zh
        assert reason.remedy_en
        assert "{" not in reason.remedy_zh + reason.remedy_en


@settings(max_examples=examples(300), deadline=None)
@given(st.dictionaries(st.one_of(st.sampled_from(sorted(GOOD)), st.text(max_size=8)), junk, max_size=40))
def test_a_hostile_context_is_never_an_approval(context: dict[str, Any]) -> None:
    with pytest.raises(DecisionInputInvalid):
        decided({name: value for name, value in context.items() if name != "age_years"})


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(PASSED), junk)
def test_one_strange_value_is_never_an_approval_by_accident(field: Any, value: Any) -> None:
    fits = type(value) is bool if field.type == "flag" else type(value) is int and field.least <= value <= field.most
    if fits:
        assert decided(GOOD | {field.name: value}).outcome in ("approved", "refused")
        return
    with pytest.raises(DecisionInputInvalid) as refusal:
        decided(GOOD | {field.name: value})
    assert refusal.value.details == {"field": field.name}


@pytest.mark.parametrize("name", ["band", "score", "probability_ppm", "Age_years", "sex"])
def test_an_input_that_no_field_declares_is_refused(name: str) -> None:
    with pytest.raises(DecisionInputInvalid):
        decided(GOOD | {name: 1})


@pytest.mark.parametrize("context", [{}, None, [], (), "", 0, True, float("nan"), [("age_years", 30)], {None: None}])
def test_a_context_that_is_empty_or_none_at_all_is_refused(context: Any) -> None:
    with pytest.raises(DecisionInputInvalid):
        decided(context)


class Age(int):
    """A number that only looks like one."""


HOSTILE: Final[list[Any]] = [
    None, float("nan"), float("inf"), 1.0, "1", "", b"1", 2**63, -(2**63), 10**400, [], [1], {}, {"age_years": 30},
    Age(30), object(), 1j,
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(GOOD))
def test_no_hostile_value_anywhere_is_taken_for_an_answer(name: str) -> None:
    crossed = 1 if isinstance(GOOD[name], bool) else True  # a number for a flag, a flag for a number
    for value in (*HOSTILE, crossed):
        with pytest.raises(DecisionInputInvalid):
            decided(GOOD | {name: value})
    with pytest.raises(DecisionInputInvalid):
        decided({key: value for key, value in GOOD.items() if key != name})
    with pytest.raises(DecisionInputInvalid):
        decided(GOOD | {f"{name} ": GOOD[name]})


@settings(max_examples=examples(200), deadline=None)
@given(people)
def test_a_worse_delay_never_raises_the_score(person: dict[str, Any]) -> None:
    features = {variable.name: person[variable.name] for variable in STRATEGY.card.variables}
    before = score(card=STRATEGY.card, features=features)
    after = score(card=STRATEGY.card, features=features | {"months_late_1": features["months_late_1"] + 1})
    assert after.points <= before.points
    assert after.probability_ppm >= before.probability_ppm


@settings(max_examples=examples(100), deadline=None)
@given(
    st.recursive(st.one_of(junk, st.dates()), lambda inner: st.dictionaries(st.text(max_size=8), inner), max_leaves=8)
)
def test_a_record_of_somebody_elses_making_is_refused(record: Any) -> None:
    with pytest.raises(DecisionRecordMalformed):
        replay(record={"public": record, "sealed": record}, pack=PACK)


@pytest.mark.parametrize("change", ["hash", "missing", "extra"])
def test_a_record_that_names_another_version_is_not_replayed(change: str) -> None:
    record = json.loads(decided(GOOD).record_bytes())
    versions = record["public"]["versions"]
    if change == "hash":
        versions["card/behaviour-2005"] = "0" * 64
    elif change == "missing":
        del versions["policy/instalment-policy"]
    else:
        versions["policy/another"] = "0" * 64
    with pytest.raises((PolicyMissing, Refusal)):
        replay(record=record, pack=PACK)
