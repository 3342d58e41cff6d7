"""Money with a purpose never reaches a payee outside its contract, whatever a hostile network says in whatever order.

The contract is read a second time by an interpreter that walks its file clause by clause, written from
docs/algorithms/purpose.md and sharing nothing with what decides.
"""

from __future__ import annotations

import random
import tomllib
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.policy_file import Document, PolicyFault, plain
from mingqu.domain.purpose import Approved, CardState, Spend, authorise, compiled, read_contract
from mingqu.domain.purpose.follow import Followed, Following, Move, Standing, follow
from tests.soak import SOAK

FILE = Path(__file__).parents[2] / "policies" / "purpose" / "auto-card-1.toml"
HISTORIES = 10_000 if SOAK else 500
STEPS = 30
MERCHANTS = ("DLR-MINGHE-001", "DLR-YUNTU-001", "INS-PINGHU-001", "DLR-MINGHE-0O1", "dlr-minghe-001", "CASINO-1", "")
CATEGORIES = ("5511", "5521", "6300", "6011", "7995", "5812")
CHANNELS = ("pos", "entrusted", "online", "atm")
AMOUNTS = (-1, 0, 1, 500_000, 2_000_000, 2_000_001, 9_000_000, 15_000_000, 15_000_001, 20_000_000, 2**62)
SETS = {
    "merchants": "merchant",
    "categories": "category",
    "channels": "channel",
    "devices": "device",
    "places": "place",
    "vins": "vin",
}


def body() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


def document(data: dict[str, Any]) -> Document:
    written = plain(data, file="contract.toml")
    assert isinstance(written, dict)
    return Document(file="contract.toml", body=written)


def fits(clause: dict[str, Any], spend: Spend, payees: list[str]) -> bool:
    for column, attribute in SETS.items():
        if column in clause and getattr(spend, attribute) not in clause[column]:
            return False
    if clause.get("listed_payee") and spend.merchant not in payees:
        return False
    minute = spend.at.hour * 60 + spend.at.minute
    if minute < clause.get("minute_from", 0) or minute >= clause.get("minute_to", 1_440):
        return False
    most: int = clause.get("amount_max_fen", 2**63)
    return spend.amount_fen <= most


def naive(data: dict[str, Any], spend: Spend, *, used: int, used_today: int, limit: int, have: set[str]) -> str:
    """Return "allow" or "deny", read from the file as a person would."""
    day = spend.at.date()
    if spend.currency != data["currency"] or spend.amount_fen <= 0 or not data["from"] <= day < data["to"]:
        return "deny"
    for clause in data["clause"]:
        if fits(clause, spend, data["payees"]):
            if clause["effect"] == "deny":
                return "deny"
            break
    if spend.amount_fen > data["per_spend_fen"] or used_today + spend.amount_fen > data["per_day_fen"]:
        return "deny"
    total = used + spend.amount_fen
    if total > limit or total > data["total_fen"]:
        return "deny"
    for stage in data["stage"]:
        if total <= stage["up_to_fen"]:
            return "allow" if set(stage["needs"]) <= have else "deny"
    return "allow"


class History:
    """A card's life as an independent book tells it: what each merchant has, in fen."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.data = body()
        if self.dice.random() < 0.5:
            self.dice.shuffle(self.data["payees"])
            first, last = self.data["clause"][:-1], self.data["clause"][-1]
            self.dice.shuffle(first)
            self.data["clause"] = [*first, last]
        self.compiled = compiled(read_contract(document(self.data)))
        self.limit = self.dice.choice((1_000_000, 16_000_000, 20_000_000))
        self.at = datetime(2026, 8, 1, 9, 0, tzinfo=MARKET_TIME)
        self.have: set[str] = set()
        self.spends: list[tuple[str, date, Standing]] = []
        self.paid: dict[str, int] = {}

    @property
    def used(self) -> int:
        return sum(s.amount_fen if s.state == "held" else s.captured_fen - s.returned_fen for _, _, s in self.spends)

    def today(self) -> int:
        on = self.at.date()
        mine = [standing for _, day, standing in self.spends if day == on]
        return sum(s.amount_fen if s.state == "held" else s.captured_fen for s in mine)

    def ask(self) -> None:
        spend = Spend(
            merchant=self.dice.choice(MERCHANTS),
            category=self.dice.choice(CATEGORIES),
            amount_fen=self.dice.choice(AMOUNTS),
            currency=self.dice.choice(("CNY", "CNY", "CNY", "USD")),
            channel=self.dice.choice(CHANNELS),
            device="D1",
            place=self.dice.choice(("CN", "CN", "US")),
            at=self.at,
        )
        if self.dice.random() < 0.5:  # nearly what the contract allows: one thing of it is changed
            name = self.dice.choice(("merchant", "category", "currency", "channel", "place", "amount_fen"))
            spend = replace(spend_at(amount_fen=2_000_000, at=self.at), **{name: getattr(spend, name)})
        used, today = self.used, self.today()
        state = CardState(
            limit_fen=self.limit,
            used_fen=used,
            day_used_fen=today,
            day=self.at.date(),
            evidence=frozenset(self.have),
        )
        decided = authorise(self.compiled, state=state, spend=spend)
        wanted = naive(self.data, spend, used=used, used_today=today, limit=self.limit, have=self.have)
        assert ("allow" if isinstance(decided, Approved) else "deny") == wanted, (spend, decided)
        if isinstance(decided, Approved):
            assert spend.merchant in self.data["payees"]
            lapses = self.at.date() + timedelta(days=7)
            standing = Standing(amount_fen=spend.amount_fen, expires_on=lapses)
            self.spends.append((spend.merchant, self.at.date(), standing))

    def say(self) -> None:
        if not self.spends:
            return
        at = self.dice.randrange(len(self.spends))
        merchant, day, standing = self.spends[at]
        came = follow(
            standing=standing,
            saying=self.dice.choice(list(Following)),
            amount_fen=self.dice.choice((standing.amount_fen, standing.captured_fen, self.dice.choice(AMOUNTS))),
            on=self.at.date(),
            elsewhere=self.dice.random() < 0.2,
        )
        if not isinstance(came, Followed):
            return
        self.spends[at] = (merchant, day, came.standing)
        if came.move is Move.POST:
            assert standing.state == "held"
            assert 0 < came.amount_fen <= standing.amount_fen
            assert self.at.date() < standing.expires_on
            self.paid[merchant] = self.paid.get(merchant, 0) + came.amount_fen
        elif came.move is Move.RETURN:
            self.paid[merchant] -= came.amount_fen

    def live(self) -> int:
        for _ in range(STEPS):
            self.at += timedelta(minutes=self.dice.choice((1, 60, 700, 1_440, 1_440)))
            if self.dice.random() < 0.05:
                self.have.add(self.dice.choice(("invoice", "registration", "insurance")))
            (self.ask if self.dice.random() < 0.6 else self.say)()
            assert set(self.paid) <= set(self.data["payees"])
            assert all(fen >= 0 for fen in self.paid.values())
            assert sum(self.paid.values()) <= self.used <= self.limit
        return len(self.paid)


def test_purpose_bound_money_never_reaches_a_payee_outside_its_contract() -> None:
    assert sum(History(seed).live() for seed in range(HISTORIES)) > HISTORIES // 10  # some of it is spent


FAULTS = [
    ({"kind": "product"}, "kind"),
    ({"payees": []}, "payees"),
    ({"surprise": 1}, "surprise"),
    ({"to": date(2026, 1, 1)}, "to"),
    ({"per_day_fen": 30_000_000}, "per_day_fen"),
    ({"stage": [{"up_to_fen": 1, "needs": []}]}, "stage"),
    ({"evidence": [{"kind": "selfie", "days": 3}]}, "kind"),
    ({"clause": []}, "effect"),
]


@pytest.mark.parametrize(("change", "column"), FAULTS)
def test_a_contract_with_a_fault_is_refused_as_a_whole_and_the_place_is_named(
    change: dict[str, Any], column: str
) -> None:
    with pytest.raises(PolicyFault) as refused:
        read_contract(document({**body(), **change}))
    assert (refused.value.file, refused.value.column) == ("contract.toml", column)


ROW_FAULTS = [
    (1, {"listed_payee": False}, "merchants"),
    (1, {"categories": ["55"]}, "categories"),
    (1, {"vins": ["IOQ00000000000000"]}, "vins"),
    (1, {"minute_from": 1_320}, "minute_to"),
    (1, {"id": "cash-like"}, "id"),
    (5, {"effect": "allow", "listed_payee": True}, "effect"),
    (5, {"categories": ["5511"]}, "effect"),
]


@pytest.mark.parametrize(("row", "change", "column"), ROW_FAULTS)
def test_a_clause_with_a_fault_is_named_by_its_row(row: int, change: dict[str, Any], column: str) -> None:
    data = body()
    data["clause"][row] |= change
    with pytest.raises(PolicyFault) as refused:
        read_contract(document(data))
    assert refused.value.column == column
    assert refused.value.row.startswith("clause ")


def test_a_clause_that_names_merchants_names_payees_only() -> None:
    data = body()
    data["clause"][3]["merchants"] = ["CASINO-1"]
    with pytest.raises(PolicyFault, match="does not name"):
        read_contract(document(data))


def spend_at(hour: int = 9, **change: Any) -> Spend:
    said: dict[str, Any] = {
        "merchant": "DLR-MINGHE-001",
        "category": "5511",
        "amount_fen": 1_000,
        "currency": "CNY",
        "channel": "pos",
        "device": "D1",
        "place": "CN",
        "at": datetime(2026, 8, 20, hour, 0, tzinfo=MARKET_TIME),
    }
    return Spend(**said | change)


STATE: dict[str, Any] = {"limit_fen": 20_000_000, "day": date(2026, 8, 20)}
NOS = [
    ({}, {"frozen": True}, ("card", "card_frozen", None)),
    ({"currency": "USD"}, {}, ("currency", "currency_differs", None)),
    ({"category": "6011"}, {}, ("cash-like", "cash_like_merchant", None)),
    ({"hour": 23}, {}, ("dealer-at-night", "outside_hours_or_place", None)),
    ({"merchant": "X"}, {}, ("payees", "payee_not_in_contract", None)),
    ({"merchant": "X", "hour": 23}, {}, ("dealer-at-night", "outside_hours_or_place", None)),
    (
        {"merchant": "INS-PINGHU-001", "category": "6300", "amount_fen": 2_000_001},
        {},
        ("car-insurance", "above_clause", None),
    ),
    (
        {"merchant": "X", "category": "6300", "amount_fen": 2_000_001},
        {},
        ("everything-else", "payee_not_in_contract", None),
    ),
    ({"merchant": "X", "category": "5812"}, {}, ("everything-else", "payee_not_in_contract", None)),
    ({"amount_fen": 15_000_001}, {}, ("per_spend", "above_per_spend", None)),
    ({}, {"day_used_fen": 15_000_000}, ("per_day", "above_per_day", date(2026, 8, 21))),
    ({}, {"used_fen": 20_000_000}, ("total", "above_total", None)),
    ({}, {"used_fen": 15_000_000}, ("stage", "stage_not_released", None)),
    ({}, {"first_captured_on": date(2026, 8, 4)}, ("evidence_invoice", "evidence_overdue", None)),
]


@pytest.mark.parametrize(("asked", "stands", "wanted"), NOS)
def test_a_no_names_its_clause_its_reason_and_when_it_helps(
    asked: dict[str, Any], stands: dict[str, Any], wanted: tuple[str, str, date | None]
) -> None:
    by = compiled(read_contract(document(body())))
    decided = authorise(by, state=CardState(**STATE | stands), spend=spend_at(**asked))
    assert not isinstance(decided, Approved)
    assert (decided.clause, decided.reason, decided.from_on) == wanted
    assert decided.remedy


def test_evidence_is_in_time_on_its_last_day() -> None:
    by = compiled(read_contract(document(body())))
    state = CardState(**STATE, first_captured_on=date(2026, 8, 5))
    assert isinstance(authorise(by, state=state, spend=spend_at()), Approved)
