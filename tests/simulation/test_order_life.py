"""The life of an order on thousands of bad days: safe at each tick, ended once the weather is fine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from mingqu.domain.order import Ask, OrderState
from mingqu.domain.word import Silent
from mingqu.simulation.course import live_orders
from mingqu.simulation.order_desk import Desk
from mingqu.simulation.order_rails import ITEM_SILENT
from mingqu.simulation.order_world import OrderWorld
from mingqu.simulation.tills import PART_LATE
from mingqu.simulation.weather import BAD, FINE, NAMES, Trouble, read_weather
from tests.simulation.planted import (
    AskedIsBooked,
    BillBelieved,
    CallbackAppliedTwice,
    ForgeryBelieved,
    NewNumberOnRetry,
    NotFoundIsFailure,
    TimeoutIsFailure,
    VoidThatPosts,
)
from tests.soak import SOAK

SEEDS = 100_000 if SOAK else 2_000
BATCHES = 8
PLANTED_SEEDS = range(20)

# What every batch of seeds must have met on each rail beside the bank's own; a refusal is too rare for each of them.
MET_BY_SENDING = ("lose_request", "lose_reply", "late", "reorder", "duplicate", "server_error")
SENT_BY = ("payout.entrust", "transfer.send", "refund.send", "batch.send", "combined.create")
MET = (
    *(f"{call} {fault}" for call in SENT_BY for fault in MET_BY_SENDING),
    *(f"{call} {fault}" for call in ("transfer.ask", "combined.ask") for fault in (*MET_BY_SENDING, "not_found")),
    *(f"refund.ask {fault}" for fault in ("lose_request", "lose_reply", "not_found")),
    "transfer.send refuse", "batch.send refuse", ITEM_SILENT, PART_LATE,
    "entrusted returned", "alipay_account returned", "hosted returned",
)  # fmt: skip


@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_seed_breaks_the_life_of_an_order(batch: int) -> None:
    course = live_orders(seeds=range(batch, SEEDS, BATCHES))
    assert course.broke is None, f"seed {course.broke.seed}: {course.broke.reason}"
    assert course.seeds == SEEDS // BATCHES
    assert [turn for turn in MET if not course.tally.calls[turn]] == []
    assert course.tally.operations["settle parts"]
    assert course.tally.ends["less than asked"]


def test_the_same_seed_tells_the_same_story() -> None:
    stories = []
    for _ in range(2):
        world = OrderWorld(11)
        world.run()
        stories.append((list(world.desk.orders.values()), world.bank.moved(), world.tally.last_operations()))
    assert stories[0] == stories[1]


def test_the_seeds_reach_every_state_every_fault_and_the_rarer_turns() -> None:
    seen: Counter[str] = Counter()
    for seed in range(80):
        world = OrderWorld(seed)
        world.run()
        seen.update(world.tally.faults)
        seen["decided"] += world.tally.operations["decide"]
        seen["break seen"] += bool(world.desk.breaks)
        for order in world.desk.orders.values():
            passed = world.truth.passed[order.order_id.int]
            seen.update(state.value for state in passed)
            seen["sent again"] += order.attempts > 1
            seen["healed"] += OrderState.UNKNOWN in passed and order.state is OrderState.PAID
            ended = order.state is OrderState.PAID and order.order_id != world.paid_before.order_id
            seen[f"{order.kind.value} {order.channel}"] += ended
    turns = ("RESERVED", "SENT", "UNKNOWN", "PAID", "FAILED", "sent again", "healed", "decided", "break seen")
    faults = [name for name in NAMES if name != Trouble.SESSION.value]  # orders in memory have no session to lose
    for turn in (*turns, *faults):
        assert seen[turn] >= 5, (turn, seen)
    assert all(seen[turn] for turn in ("collection hosted", "return hosted", "collection wechat")), seen


def test_in_fine_weather_nothing_goes_wrong() -> None:
    course = live_orders(seeds=range(20), weather=FINE)
    assert course.broke is None
    assert not course.tally.faults


def test_only_what_was_chosen_goes_wrong() -> None:
    course = live_orders(seeds=range(20), weather=read_weather(text="lose_reply,crash"))
    assert course.broke is None
    assert set(course.tally.faults) == {"lose_reply", "crash"}


@pytest.mark.parametrize(
    ("desk", "reason"),
    [
        (TimeoutIsFailure, "an order is FAILED and the bank paid it"),
        (NotFoundIsFailure, "an order is FAILED and the bank paid it"),
        (CallbackAppliedTwice, "what is posted is not what was paid"),
        (BillBelieved, "an order is FAILED and the bank paid it"),
        (AskedIsBooked, "what is posted is not what was paid"),
        (ForgeryBelieved, "an order is PAID and the bank did not pay it"),
        (VoidThatPosts, "what is posted is not what was paid"),
    ],
)
def test_a_desk_with_a_planted_mistake_is_caught_within_twenty_seeds(desk: Callable[[], Desk], reason: str) -> None:
    reasons = {_reason(seed, desk=desk) for seed in PLANTED_SEEDS}
    assert reason in reasons, reasons


def test_a_new_number_on_retry_is_caught_within_twenty_seeds() -> None:
    courses = [live_orders(seeds=[seed], errand=NewNumberOnRetry) for seed in PLANTED_SEEDS]
    assert "the bank moved the money of one order twice" in {each.broke and each.broke.reason for each in courses}


def test_what_was_done_last_can_be_read_when_a_seed_breaks() -> None:
    course = live_orders(seeds=PLANTED_SEEDS, desk=TimeoutIsFailure)
    assert course.broke is not None
    assert any("FAILED" in line for line in course.broke.last_operations[-2:])
    again = live_orders(seeds=[course.broke.seed], desk=TimeoutIsFailure, weather=read_weather(text=BAD.written))
    assert again.broke == course.broke


def test_an_order_the_bank_never_answers_alerts_a_human_once_and_goes_on_being_asked() -> None:
    world = OrderWorld(3, weather=FINE)
    order_id = next(order.order_id for order in world.desk.orders.values() if order.open)
    order, action = world.desk.announce(order_id=order_id, now=world.clock.now(), resend_is_safe=True)
    asks = 0
    for _ in range(200):
        world.clock.advance(timedelta(minutes=15))
        order, action = world.desk.announce(order_id=order_id, now=world.clock.now(), resend_is_safe=True)
        asks += isinstance(action, Ask)
        if isinstance(action, Ask):
            world.desk.hear(order_id=order_id, word=Silent(reason="timeout"), at=world.clock.now())
    assert world.desk.alerts == [(order_id, "order_open_too_long")]
    assert world.desk.orders[order_id].state is OrderState.UNKNOWN
    assert asks > 90
    assert world.desk.purse.held[order_id.int] == order.amount_fen


def _reason(seed: int, *, desk: Callable[[], Desk]) -> str | None:
    course = live_orders(seeds=[seed], desk=desk)
    return None if course.broke is None else course.broke.reason
