"""Mutated tables, grids, cards and packs are refused at load, by name; first-hit tables deny by default."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mingqu.domain.decision import (
    FeatureMissing,
    GridCaseFailed,
    Pack,
    PolicyCaseFailed,
    PriceAboveCap,
    parse_card,
    parse_fields,
    parse_first_hit_table,
    parse_pack,
    score,
)
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import RuleOverlap
from mingqu.store.decisions.policy import read_documents

SHIPPED = read_documents()
ROOT = Path(__file__).resolve().parents[3]
Change = Callable[[dict[str, Any]], object]


def body(name: str) -> dict[str, Any]:
    return copy.deepcopy(next(dict(one.body) for one in SHIPPED if one.body["id"] == name))


def pack_with(name: str, change: Change) -> Pack:
    """Return the shipped pack with one document changed."""
    documents = []
    for one in SHIPPED:
        changed = copy.deepcopy(dict(one.body))
        if changed["id"] == name:
            change(changed)
        documents.append(Document(file=one.file, body=changed))
    return parse_pack(documents=documents)


def row(policy: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in policy["row"] if one["id"] == name)


POLICY_MUTANTS: dict[str, Change] = {
    "a typing mistake in a field": lambda p: row(p, "band-e")["when"].update(bnad="E"),
    "a typing mistake in a column": lambda p: row(p, "band-e").update(reson="x"),
    "a number as a cell": lambda p: row(p, "age-below-eighteen")["when"].update(age_years=18),
    "a text that is no cell": lambda p: row(p, "age-below-eighteen")["when"].update(age_years="under 18"),
    "an empty cell": lambda p: row(p, "age-below-eighteen")["when"].update(age_years=""),
    "a flag as text": lambda p: row(p, "overdue-now")["when"].update(overdue_now="true"),
    "an unknown choice": lambda p: row(p, "band-e")["when"].update(band="F"),
    "a choice in small letters": lambda p: row(p, "band-e")["when"].update(band="e"),
    "an empty list of choices": lambda p: row(p, "band-e")["when"].update(band=[]),
    "every choice": lambda p: row(p, "band-e")["when"].update(band=list("ABCDE")),
    "swapped bounds": lambda p: row(p, "late-three-months")["when"].update(months_late_1="99 .. 3"),
    "an empty range": lambda p: row(p, "age-below-eighteen")["when"].update(age_years="< 0"),
    "a range beyond the field": lambda p: row(p, "identity-below-four")["when"].update(identity_level="> 5"),
    "a range that admits everything": lambda p: row(p, "identity-below-four")["when"].update(identity_level="<= 5"),
    "no condition": lambda p: row(p, "band-e").update(when={}),
    "no reason": lambda p: row(p, "band-e").pop("reason"),
    "no remedy": lambda p: row(p, "band-e").pop("remedy_zh"),
    "a blank text": lambda p: row(p, "band-e").update(text_en="  "),
    "a waiting time that is not told": lambda p: row(p, "late-three-months").update(
        remedy_zh="等待。", remedy_en="Wait."
    ),
    "an outcome that approves": lambda p: row(p, "band-e").update(outcome="approve"),
    "a change that nobody can make": lambda p: row(p, "age-below-eighteen").update(changeable="age_years"),
    "a change that is no condition": lambda p: row(p, "band-e").update(changeable="lenders_count"),
    "no stated otherwise": lambda p: p.pop("otherwise"),
    "an id twice": lambda p: row(p, "band-e").update(id="overdue-now"),
    "a hidden row": lambda p: p["row"].append(
        row(p, "age-below-eighteen") | {"id": "x", "when": {"age_years": "< 16"}}
    ),
    "a row without a case": lambda p: p["case"].pop(),
    "no clean case": lambda p: p.update(case=p["case"][2:]),
    "an example without a field": lambda p: p["example"].pop("band"),
    "a case with an unknown field": lambda p: p["case"][0]["given"].update(income=1),
    "no rows": lambda p: p.update(row=[]),
}


@pytest.mark.parametrize("name", POLICY_MUTANTS)
def test_a_mutated_policy_is_refused(name: str) -> None:
    with pytest.raises(PolicyFault) as fault:
        pack_with("instalment-policy", POLICY_MUTANTS[name])
    assert fault.value.file == "decision/policy.toml"
    assert fault.value.remedy


def test_a_moved_threshold_is_caught_by_the_cases_of_the_file() -> None:
    for cell in ("< 17", "< 19"):
        with pytest.raises(PolicyCaseFailed):
            pack_with(
                "instalment-policy", lambda p, cell=cell: row(p, "age-below-eighteen")["when"].update(age_years=cell)
            )


GRID_MUTANTS: dict[str, Change] = {
    "a missing row": lambda g: g["cells"].pop(),
    "a missing cell": lambda g: g["cells"][0].pop(),
    "a cell too much": lambda g: g["cells"][0].append(1),
    "a negative cell": lambda g: g["cells"][4].__setitem__(0, -1),
    "a text as a cell": lambda g: g["cells"][0].__setitem__(0, "much"),
    "nothing where amounts stand": lambda g: g["cells"][4].__setitem__(0, "none"),
    "cuts that do not rise": lambda g: g["axis"][1].update(cuts=[200_000, 200_000, 600_000, 1_000_000, 2_000_000]),
    "a cut too much": lambda g: g["axis"][1]["cuts"].append(9_000_000),
    "a choice left out": lambda g: g["axis"][0].update(values=list("ABCD")),
    "choices in another order": lambda g: g["axis"][0].update(values=list("EDCBA")),
    "an unknown axis": lambda g: g["axis"][0].update(field="sex"),
    "an axis twice": lambda g: g["axis"].append(g["axis"][1]),
    "a limit that rises with the risk": lambda g: g["cells"].reverse(),
    "a limit that falls with the income": lambda g: g["cells"][1].__setitem__(2, 799_999),
    "another unit": lambda g: g.update(unit="yuan"),
}


@pytest.mark.parametrize("name", GRID_MUTANTS)
def test_a_mutated_limit_grid_is_refused(name: str) -> None:
    with pytest.raises(PolicyFault) as fault:
        pack_with("limit-total", GRID_MUTANTS[name])
    assert fault.value.file == "decision/limit.toml"


def test_a_moved_cut_is_caught_by_the_cases_of_the_grid() -> None:
    with pytest.raises(GridCaseFailed):
        pack_with("limit-total", lambda g: g["axis"][1]["cuts"].__setitem__(0, 200_001))


def test_a_price_that_falls_with_the_risk_is_refused() -> None:
    with pytest.raises(PolicyFault, match="monotone"):
        pack_with("price-tinglan-instalment", lambda g: g["cells"].__setitem__(2, 100_000))


def test_a_price_above_the_cap_of_its_lender_and_date_is_refused() -> None:
    def dearer(grid: dict[str, Any]) -> None:
        grid["cells"][2] = 240_001

    with pytest.raises(PriceAboveCap):
        pack_with("price-chengchuan-instalment", dearer)
    # Unchanged prices, but a product that would outlive the microlenders' cap of 24 %.
    with pytest.raises(PriceAboveCap) as refusal:
        pack_with("tinglan-instalment", lambda product: product.update(valid_to="2028-01-01"))
    assert refusal.value.details["cap_year_ppm"] == 120_000


CARD_MUTANTS: dict[str, Change] = {
    "a protected variable": lambda c: c["variables"][0].update(name="age"),
    "a variable twice": lambda c: c["variables"].append(c["variables"][0]),
    "a variable that is not declared": lambda c: c["variables"][0].update(name="shoe_size"),
    "points against the direction": lambda c: c["variables"][1]["points"].reverse(),
    "points one too few": lambda c: c["variables"][1]["points"].pop(),
    "a float as points": lambda c: c["variables"][1].update(points=[1.5] * len(c["variables"][1]["points"])),
    "cuts that do not rise": lambda c: c["variables"][1]["cuts"].reverse(),
    "a worst band with a bound": lambda c: c["bands"][0].update(score_min=300),
    "bands out of order": lambda c: c["bands"].reverse(),
    "a band too few": lambda c: c["bands"].pop(),
    "another lowest score": lambda c: c.update(score_min=c["score_min"] + 1),
    "a probability too few": lambda c: c["probability_ppm"].pop(),
    "a probability that rises with the score": lambda c: c["probability_ppm"].reverse(),
    "no attribution": lambda c: c.pop("attribution"),
    "a column that is unknown": lambda c: c.update(colour="red"),
}


@pytest.mark.parametrize("name", CARD_MUTANTS)
def test_a_mutated_card_is_refused(name: str) -> None:
    with pytest.raises(PolicyFault):
        pack_with("behaviour-2005", CARD_MUTANTS[name])


def test_a_card_raises_on_missing_where_training_saw_none_and_scores_it_where_it_did() -> None:
    card = parse_card(document=Document(file="c.json", body=body("behaviour-2005")))
    features: dict[str, int | None] = {variable.name: 0 for variable in card.variables}
    first = card.variables[0]
    with pytest.raises(FeatureMissing):
        score(card=card, features=features | {first.name: None})
    changed = body("behaviour-2005")
    changed["variables"][0]["missing"] = 0
    known = parse_card(document=Document(file="c.json", body=changed))
    assert score(card=known, features=features | {first.name: None}).contributions[0] == 0
    assert known.hash != card.hash


def test_factors_are_the_points_lost_most_first_and_of_equals_the_earlier() -> None:
    card = parse_card(document=Document(file="c.json", body=body("behaviour-2005")))
    found = score(card=card, features={variable.name: 3 for variable in card.variables})
    lost = [
        (variable.name, max(variable.points) - points)
        for variable, points in zip(card.variables, found.contributions, strict=True)
    ]
    wanted = sorted((one for one in lost if one[1]), key=lambda one: -one[1])[:4]
    assert [(factor.variable, factor.points_lost) for factor in found.factors] == wanted
    assert found.points == card.base_points + sum(found.contributions)


@pytest.mark.parametrize("name", ["fields", "strategy", "rules", "unknown kind", "version twice"])
def test_a_pack_with_a_part_missing_or_double_is_refused(name: str) -> None:
    documents = list(SHIPPED)
    if name == "unknown kind":
        documents.append(Document(file="x.toml", body={"kind": "wish", "id": "x", "version": 1}))
    elif name == "version twice":
        documents.append(documents[0])
    elif name == "strategy":
        documents.append(Document(file="x.toml", body=body("instalment") | {"id": "another"}))
    else:
        documents = [one for one in documents if one.kind != name]
    with pytest.raises(Refusal):
        parse_pack(documents=documents)


def test_rules_that_overlap_are_refused_with_the_pack() -> None:
    with pytest.raises(RuleOverlap):
        pack_with("cn-price", lambda rules: rules["rule"][2].pop("valid_to"))


def first_hit(**changes: Any) -> Document:
    words = {"text_zh": "不可", "text_en": "no", "remedy_zh": "等", "remedy_en": "wait"}
    table: dict[str, Any] = {
        "kind": "first_hit",
        "id": "spend",
        "version": 1,
        "hit": "first",
        "row": [
            {"id": "low", "when": {"lenders_count": "<= 2"}, "outcome": "allow"},
            {"id": "late", "when": {"lenders_count": "<= 4", "overdue_now": True}, "outcome": "deny", "reason": "r"}
            | words,
            {"id": "middle", "when": {"lenders_count": "<= 4"}, "outcome": "allow"},
        ],
        "default": {"outcome": "deny", "reason": "not_allowed"} | words,
        "example": {"lenders_count": 0, "overdue_now": False},
        "case": [
            {"name": "a", "given": {}, "row": "low"},
            {"name": "b", "given": {"lenders_count": 3, "overdue_now": True}, "row": "late"},
            {"name": "c", "given": {"lenders_count": 3}, "row": "middle"},
            {"name": "d", "given": {"lenders_count": 5}, "row": "default"},
        ],
    }
    return Document(file="spend.toml", body=table | changes)


FIELDS = parse_fields(document=next(one for one in SHIPPED if one.kind == "fields"))


def test_a_first_hit_table_answers_with_its_first_row_and_denies_by_default() -> None:
    table = parse_first_hit_table(document=first_hit(), fields=FIELDS)
    assert table.default.outcome == "deny"
    nobody = (None,) * len(FIELDS.fields)
    assert table.first(vector=nobody).id == "default"


def test_a_first_hit_table_without_default_is_refused() -> None:
    document = first_hit()
    with pytest.raises(PolicyFault, match="default"):
        parse_first_hit_table(
            document=Document(file="s.toml", body={k: v for k, v in document.body.items() if k != "default"}),
            fields=FIELDS,
        )
    with pytest.raises(PolicyFault):
        parse_first_hit_table(document=first_hit(default={"outcome": "allow"}), fields=FIELDS)


def test_a_row_that_earlier_rows_cover_together_is_unreachable() -> None:
    rows: Any = first_hit().body["row"]
    # Neither row alone covers it: one takes what is at most 2, the other what is above.
    hidden = [rows[0], {"id": "high", "when": {"lenders_count": "> 2"}, "outcome": "allow"}, rows[2]]
    with pytest.raises(PolicyFault, match="unreachable"):
        parse_first_hit_table(document=first_hit(row=hidden), fields=FIELDS)


def test_a_unique_table_refuses_rows_that_overlap() -> None:
    with pytest.raises(PolicyFault, match="overlaps"):
        parse_first_hit_table(document=first_hit(hit="unique"), fields=FIELDS)


def test_every_reason_code_is_documented() -> None:
    page = (ROOT / "docs/reference/reason-codes.md").read_text(encoding="utf-8")
    codes = {one["reason"] for one in body("instalment-policy")["row"]} | {body("instalment")["no_offer"]["reason"]}
    assert codes == {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
