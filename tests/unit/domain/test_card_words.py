"""Cards of format 2: variables of words, columns with names of their own, cards of format 1 unchanged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from mingqu.domain.decision import parse_card, score
from mingqu.domain.decision.card import score_values, with_choices
from mingqu.domain.policy_file import Document, PolicyFault

WORDS = {
    "name": "home", "column": "住房", "direction": "rises", "scale_digits": 0, "words": [["own"], ["rent", "parents"]],
    "other": 1, "points": [40, 0], "missing": 10, "reason_zh": "住房", "reason_en": "the home",
}  # fmt: skip
NUMBER = {
    "name": "late", "column": "Late", "direction": "rises", "scale_digits": 1, "reading": "percent", "cuts": [0, 20],
    "points": [60, 25, 0], "missing": None, "reason_zh": "逾期", "reason_en": "late",
}  # fmt: skip
BODY: dict[str, Any] = {
    "kind": "card", "format": 2, "id": "c", "version": 1, "valid_from": "2026-08-01", "title_zh": "卡",
    "title_en": "card",
    "attribution": "made up", "target": "bad", "base_points": 300, "variables": [WORDS, NUMBER], "score_min": 300,
    "bands": [{"name": "B", "score_min": None}, {"name": "A", "score_min": 350}],
    "probability_ppm": [1_000 - at for at in range(101)], "training": {},
}  # fmt: skip


def changed(change: Callable[[dict[str, Any]], object]) -> Document:
    body = copy.deepcopy(BODY)
    change(body)
    return Document(file="c.json", body=body)


def test_a_word_gives_the_points_of_its_bin_a_new_one_those_of_the_stated_bin() -> None:
    card = parse_card(document=changed(lambda body: None))
    points = {
        word: score(card=card, features={"home": word, "late": 0}).points for word in ("own", "rent", "boat", None)
    }
    assert points == {"own": 400, "rent": 360, "boat": 360, None: 370}
    assert card.variables[0].column == "住房"
    assert card.variables[1].reading == "percent"


def test_a_choice_passed_as_its_place_gives_the_points_of_its_word() -> None:
    card = with_choices(
        card=parse_card(document=changed(lambda body: None)), choices={"home": ("rent", "castle", "own"), "late": ()}
    )
    assert [score_values(card=card, values=[place, 0]).points for place in (0, 1, 2, None)] == [360, 360, 400, 370]


MUTANTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a word twice": lambda b: b["variables"][0]["words"][1].append("own"),
    "a list of words too few": lambda b: b["variables"][0]["words"].pop(),
    "an empty list of words": lambda b: b["variables"][0].update(words=[["own"], []]),
    "another bin that is none": lambda b: b["variables"][0].update(other=2),
    "no other bin": lambda b: b["variables"][0].pop("other"),
    "words and cuts": lambda b: b["variables"][0].update(cuts=[0]),
    "a reading that is unknown": lambda b: b["variables"][1].update(reading="roman"),
    "no column": lambda b: b["variables"][1].pop("column"),
    "points against the direction": lambda b: b["variables"][0].update(points=[0, 40]),
    "words in format 1": lambda b: b.update(format=1),
    "no format": lambda b: b.pop("format"),
    "format 3": lambda b: b.update(format=3),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutated_card_is_refused(name: str) -> None:
    with pytest.raises(PolicyFault):
        parse_card(document=changed(MUTANTS[name]))
