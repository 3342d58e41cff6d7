"""What the monitor finds in a card's words, and what it does not."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.purpose import read_contract
from mingqu.domain.purpose.watch import Deed, Finding, Heard, Rule, parse_watch, watch
from mingqu.store.decisions.policy import policy_folder, read_document

FOLDER = policy_folder() / "purpose"
CONTRACT = read_contract(read_document(FOLDER / "auto-card-1.toml", file="contract.toml"))
FILE = read_document(FOLDER / "watch-2.toml", file="watch.toml")
ROWS = parse_watch(document=FILE)
NOON = datetime(2026, 8, 15, 12, tzinfo=MARKET_TIME)
DAY = date(2026, 9, 1)


def word(number: int, *, minutes: int = 0, fen: int = 9_000_000, at: str = "DLR-MINGHE-001", **said: str) -> Heard:
    told = {"kind": "authorise", "outcome": "approved", "reason": ""} | said
    return Heard(word=f"w{number}", at=NOON + timedelta(minutes=minutes), amount_fen=fen, merchant=at, **told)


def found(*heard: Heard, late: tuple[tuple[str, date], ...] = ()) -> list[Finding]:
    return watch(rows=ROWS, contract=CONTRACT, heard=heard, late=late, on=DAY)


def deeds(*heard: Heard, late: tuple[tuple[str, date], ...] = ()) -> list[tuple[Rule, Deed]]:
    return [(one.rule, one.deed) for one in found(*heard, late=late)]


def test_an_amount_in_parts_below_the_most_of_a_spend_is_seen_and_a_large_one_alone_is_not() -> None:
    assert deeds(word(1, fen=15_000_000)) == []
    assert deeds(word(1), word(2, minutes=30, fen=6_000_000)) == []  # just the most of a spend
    (one,) = found(word(1), word(2, minutes=30, fen=6_000_001))
    assert (one.rule, one.deed, one.facts["amount_fen"]) == (Rule.SPLIT_AMOUNTS, Deed.FREEZE, 15_000_001)
    assert deeds(word(1), word(2, minutes=1_441)) == []  # a day and a minute apart
    assert deeds(word(1), word(2, at="DLR-YUNTU-001")) == []  # two dealers sell two things
    assert deeds(word(1), word(2, outcome="declined", reason="above_per_day")) == []


def test_a_spend_that_was_taken_back_is_no_part_of_an_amount() -> None:
    parts = (word(1, reference="a-1"), word(3, minutes=30, reference="a-2"))
    assert [one.deed for one in found(*parts)] == [Deed.FREEZE]
    for outcome in ("released", "reversed"):
        back = word(2, minutes=20, kind="reverse", outcome=outcome, reference="b", of="a-1")
        assert found(parts[0], back, parts[1]) == []
    refused = word(2, minutes=20, kind="reverse", outcome="refused", reference="b", of="a-1", reason="hold_ended")
    assert [one.deed for one in found(parts[0], refused, parts[1])] == [Deed.FREEZE]


def test_an_amount_in_parts_below_the_most_of_a_clause_is_seen_as_well() -> None:
    def paid(number: int, fen: int) -> Heard:
        return word(number, minutes=number, fen=fen, at="INS-PINGHU-001", clause="car-insurance")

    assert found(paid(1, 1_000_000), paid(2, 1_000_000)) == []  # just the most of what the clause allows
    (one,) = found(paid(1, 1_000_000), paid(2, 1_000_001))
    assert (one.rule, one.deed, one.facts["amount_fen"]) == (Rule.SPLIT_AMOUNTS, Deed.FREEZE, 2_000_001)


def test_what_is_as_good_as_cash_is_watched_once_and_frozen_the_third_time() -> None:
    tries = [word(n, minutes=n, outcome="declined", reason="cash_like_merchant", at="ATM") for n in range(3)]
    assert deeds(*tries[:2]) == [(Rule.CASH_LIKE, Deed.WATCH)] * 2
    assert (Rule.CASH_LIKE, Deed.FREEZE) in deeds(*tries)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kind": "refund", "outcome": "refused", "reason": "refund_elsewhere"}, (Rule.REFUND_ELSEWHERE, Deed.FREEZE)),
        ({"kind": "advise", "outcome": "declined", "reason": "x"}, (Rule.PAID_WITHOUT_ASKING, Deed.FREEZE)),
        ({"kind": "advise", "outcome": "approved"}, None),
        ({"kind": "refund", "outcome": "refused", "reason": "refund_above_captured"}, (Rule.MIXED_MONEY, Deed.FREEZE)),
        ({"kind": "refund", "outcome": "refused", "reason": "authorisation_unknown"}, (Rule.MIXED_MONEY, Deed.FREEZE)),
        ({"kind": "refund", "outcome": "refused", "reason": "amount_not_positive"}, None),
        ({"kind": "capture", "outcome": "refused", "reason": "authorisation_unknown"}, None),
        ({"outcome": "declined", "reason": "outside_term"}, None),
    ],
)
def test_one_word_is_enough_where_money_leaves_its_purpose(
    said: dict[str, str], expected: tuple[Rule, Deed] | None
) -> None:
    assert deeds(word(1, **said)) == ([] if expected is None else [expected])


def test_five_refusals_within_an_hour_are_unusual_and_over_a_day_are_not() -> None:
    def tries(apart: int) -> list[Heard]:
        return [word(n, minutes=n * apart, outcome="declined", reason="outside_term") for n in range(5)]

    assert deeds(*tries(15)) == [(Rule.UNUSUAL_USE, Deed.WATCH)]
    assert deeds(*tries(16)) == []


def test_a_paper_that_is_late_freezes_and_a_month_later_makes_the_loan_due() -> None:
    freeze, accelerate = (Rule.EVIDENCE_OVERDUE, Deed.FREEZE), (Rule.EVIDENCE_OVERDUE, Deed.ACCELERATE)

    def late(days: int) -> list[tuple[Rule, Deed]]:
        return deeds(late=(("invoice", DAY - timedelta(days=days)),))

    assert (late(0), late(1), late(30), late(31)) == ([], [freeze], [freeze], [freeze, accelerate])


def test_what_is_unspent_is_seen_on_the_day_the_contract_is_over_and_not_before() -> None:
    def seen(day: date, unspent_fen: int) -> list[Rule]:
        found = watch(rows=ROWS, contract=CONTRACT, heard=(), late=(), on=day, unspent_fen=unspent_fen)
        return [one.rule for one in found]

    assert seen(CONTRACT.ends_on, 100) == [Rule.UNSPENT_AT_END]
    assert seen(CONTRACT.ends_on - timedelta(days=1), 100) == seen(CONTRACT.ends_on, 0) == []


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 15_000_000), st.booleans()), max_size=12))
def test_what_was_found_is_found_again_with_the_same_mark(words: list[tuple[int, int, bool]]) -> None:
    heard = [
        word(n, minutes=minutes, fen=fen, **({} if yes else {"outcome": "declined", "reason": "cash_like_merchant"}))
        for n, (minutes, fen, yes) in enumerate(sorted(words))
    ]
    for upto in range(len(heard)):  # a later word never unsays an earlier finding
        assert {one.mark for one in found(*heard[:upto])} <= {one.mark for one in found(*heard)}


@pytest.mark.parametrize(
    "row",
    [
        {"rule": "gossip", "deed": "watch"},
        {"rule": "cash_like", "deed": "shout"},
        {"rule": "cash_like", "deed": "watch", "days": 1},
        {"rule": "evidence_overdue", "deed": "freeze"},
    ],
)
def test_a_rule_that_is_not_understood_is_refused(row: dict[str, str | int]) -> None:
    with pytest.raises(PolicyFault):
        parse_watch(document=Document(file="watch.toml", body={**FILE.body, "row": [row]}))
