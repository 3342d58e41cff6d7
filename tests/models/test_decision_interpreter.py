"""The compiled decision equals a naive reading of the policy files, written without any of its code."""

from __future__ import annotations

import json
import math
import random
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from mingqu.domain.decision import decide
from mingqu.store.decisions.policy import load_pack, policy_folder
from tests.soak import SOAK

DAY = date(2026, 8, 15)
PRODUCTS = ("chengchuan-instalment", "tinglan-instalment")
APPLICANTS = 20_000 if SOAK else 4_000


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((policy_folder() / name).read_text(encoding="utf-8"))


FIELDS = {one["name"]: one for one in toml("decision/fields.toml")["field"]}
POLICY = toml("decision/policy.toml")
LIMITS = toml("decision/limit.toml")
PRICES = {name: toml(f"decision/price-{name}.toml") for name in PRODUCTS}
TERMS = {name: toml(f"products/{name}.toml") for name in PRODUCTS}
CARD = json.loads((Path(policy_folder()) / "cards/behaviour-2005.json").read_text(encoding="utf-8"))


def holds(cell: Any, value: Any) -> bool:
    """Read one cell the slow way."""
    if isinstance(cell, list):
        return value in cell
    if not isinstance(cell, str) or isinstance(value, str):
        return bool(cell == value)
    if ".." in cell:
        low, high = (int(part) for part in cell.split(".."))
        return low <= value <= high
    found = re.match(r"(\D+)(-?\d+)", cell.replace(" ", ""))
    assert found
    bound = int(found[2])
    return {
        "<": value < bound,
        "<=": value <= bound,
        ">": value > bound,
        ">=": value >= bound,
        "=": value == bound,
    }[found[1]]


def scored(person: dict[str, Any]) -> tuple[int, str]:
    total = CARD["base_points"]
    for variable in CARD["variables"]:
        place = sum(1 for cut in variable["cuts"] if person[variable["name"]] > cut)
        total += variable["points"][place]
    band = [one["name"] for one in CARD["bands"] if one["score_min"] is None or total >= one["score_min"]][-1]
    return total, band


def cell_of(grid: dict[str, Any], person: dict[str, Any]) -> Any:
    found = grid["cells"]
    for axis in grid["axis"]:
        value = person[axis["field"]]
        place = axis["values"].index(value) if "values" in axis else sum(1 for cut in axis["cuts"] if value >= cut)
        found = found[place]
    return found


def interpreted(
    person: dict[str, Any], products: tuple[str, ...]
) -> tuple[str, list[str], int, list[tuple[str, int, int]]]:
    """Return outcome, reason codes, total limit and prices as the files say."""
    _, band = scored(person)
    person = person | {"band": band}
    reasons = [
        row["reason"] for row in POLICY["row"] if all(holds(cell, person[name]) for name, cell in row["when"].items())
    ]
    if reasons:
        return "refused", reasons, 0, []
    total = max(0, min(cell_of(LIMITS, person), 20_000_000 - person["total_exposure_fen"]))
    prices = []
    for name in products:
        rate, terms = cell_of(PRICES[name], person), TERMS[name]
        limit = math.floor(min(total, terms["amount_max_fen"]) / terms["amount_step_fen"]) * terms["amount_step_fen"]
        if rate != "none" and limit >= terms["amount_min_fen"]:
            prices.append((name, rate, limit))
    return ("approved", [], total, prices) if prices else ("refused", ["no_product_for_profile"], 0, [])


def applicant(chance: random.Random) -> dict[str, Any]:
    """Return a person, mostly plausible, often on an edge."""
    wanted: dict[str, Any] = {
        "identity_level": chance.choice([4, 4, 4, 4, 5, 3]),
        "age_years": chance.choice([17, 18, 30, 70]),
        "consents_given": chance.random() < 0.95,
        "overdue_now": chance.random() < 0.05,
        "overdue_days_max": chance.choice([0, 0, 0, 30, 90, 91]),
        "lenders_count": chance.choice([0, 1, 2, 4, 5]),
        "total_exposure_fen": chance.choice([0, 0, 1_234_567, 19_949_999, 19_950_000, 19_950_001, 10**12]),
        "monthly_income_fen": chance.choice([99_999, 100_000, 199_999, 200_000, 600_000, 1_999_999, 2_000_000]),
        "requested_amount_fen": 1_000_000,
    }
    late = chance.choice([-2, -1, -1, 0, 0, 1, 2, 3])
    for name, field in FIELDS.items():
        if field["source"] == "card" or name in wanted:
            continue
        if name.startswith("months_late"):
            wanted[name] = late if chance.random() < 0.7 else chance.randint(-2, 8)
        else:
            cuts = next(one["cuts"] for one in CARD["variables"] if one["name"] == name)
            near = chance.choice(cuts) + chance.choice([-1, 0, 1])
            wanted[name] = max(field["least"], near if chance.random() < 0.6 else chance.randint(0, 50_000_000))
    return wanted


def test_the_compiled_decision_equals_a_naive_reading_of_the_files() -> None:
    pack, chance = load_pack(), random.Random(7)
    outcomes: dict[str, int] = {}
    for _ in range(APPLICANTS):
        person, products = applicant(chance), chance.choice([PRODUCTS, PRODUCTS[:1], PRODUCTS[1:]])
        decision = decide(inputs=person, pack=pack, product_ids=products, business_date=DAY)
        total, band = scored(person)
        assert (decision.score, decision.band) == (total, band), person
        prices = [(one.product_id, one.rate_year_ppm, one.limit_fen) for one in decision.prices]
        found = (decision.outcome, [one.code for one in decision.reasons], decision.limit_fen, prices)
        assert found == interpreted(person, products), person
        for key in (decision.outcome, band, *found[1]):
            outcomes[key] = outcomes.get(key, 0) + 1
    # The sample really visits every band, every reason and both outcomes.
    reasons = {row["reason"] for row in POLICY["row"]} | {"no_product_for_profile", "approved", "refused", *"ABCDE"}
    assert set(outcomes) == reasons
