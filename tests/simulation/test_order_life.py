"""The life of an order on thousands of bad days: safe at each tick, ended once the weather is fine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from mingqu.domain.order import Ask, Order, OrderState
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused, Silent, Word
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.payout import PayoutRequest
from mingqu.services.chase_order import DeductionErrand, Errand, PayoutErrand
from tests.simulation.order_world import Desk, Purse, World, first_broken

SEEDS = 20_000 if os.environ.get("MINGQU_SOAK") else 300
BATCHES = 4
PLANTED_SEEDS = range(20)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_seed_breaks_the_life_of_an_order(batch: int) -> None:
    assert first_broken(range(batch, SEEDS, BATCHES)) is None


def test_the_same_seed_tells_the_same_story() -> None:
    stories = []
    for _ in range(2):
        world = World(11)
        world.run()
        stories.append((list(world.desk.orders.values()), world.bank.moved()))
    assert stories[0] == stories[1]


def test_the_seeds_reach_every_state_and_the_rarer_turns() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        world = World(seed)
        world.run()
        for order in world.desk.orders.values():
            seen.update(state.value for state in world.passed[order.order_id])
            seen["sent again"] += order.attempts > 1
            seen["healed"] += OrderState.UNKNOWN in world.passed[order.order_id] and order.state is OrderState.PAID
    for turn in ("RESERVED", "SENT", "UNKNOWN", "PAID", "FAILED", "sent again", "healed"):
        assert seen[turn] >= 10, (turn, seen)


class TimeoutIsFailure(Desk):
    def understood(self, word: Word) -> Word:
        return Failed(code="timeout") if isinstance(word, Silent) else word


class NotFoundIsFailure(Desk):
    def understood(self, word: Word) -> Word:
        return Failed(code="not_found") if isinstance(word, NotFound) else word


class CallbackAppliedTwice(Desk):
    def settle(self, *, before: Order, after: Order, word: Word) -> None:
        if isinstance(word, Paid):
            self.purse.post(after)
        elif before.open and after.state is OrderState.FAILED:
            self.purse.void(after)


class PurseWhoseVoidPosts(Purse):
    def void(self, order: Order) -> None:
        self.post(order)


class VoidThatPosts(Desk):
    def new_purse(self) -> Purse:
        return PurseWhoseVoidPosts()


@dataclass(frozen=True)
class NewNumberOnRetry:
    """Sends an order anew under a number of its own, as a caller does who makes the key at the moment of sending."""

    errand: Errand

    @property
    def resend_is_safe(self) -> bool:
        return True

    def number(self, order: Order) -> str:
        return f"{order.number}-{order.attempts}"

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        match self.errand:
            case PayoutErrand(channel=payouts, card_number=card, holder_name=name):
                return payouts.send(
                    PayoutRequest(
                        order_number=self.number(order),
                        amount_fen=order.amount_fen,
                        currency=order.currency,
                        card_number=card,
                        holder_name=name,
                    )
                )
            case DeductionErrand(channel=collections, agreement_token=token):
                return collections.deduct(
                    DeductionRequest(
                        order_number=self.number(order),
                        amount_fen=order.amount_fen,
                        currency=order.currency,
                        agreement_token=token,
                    )
                )
        raise AssertionError("no other errand is made here")

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        assert isinstance(self.errand, PayoutErrand | DeductionErrand)
        return self.errand.channel.ask(self.number(order))


@pytest.mark.parametrize(
    ("desk", "reason"),
    [
        (TimeoutIsFailure, "an order is FAILED and the bank paid it"),
        (NotFoundIsFailure, "an order is FAILED and the bank paid it"),
        (CallbackAppliedTwice, "what is posted is not what was paid"),
        (VoidThatPosts, "what is posted is not what was paid"),
    ],
)
def test_a_desk_with_a_planted_mistake_is_caught_within_twenty_seeds(desk: Callable[[], Desk], reason: str) -> None:
    caught = first_broken(PLANTED_SEEDS, desk=desk)
    assert caught is not None
    assert caught[1] == reason


def test_a_new_number_on_retry_is_caught_within_twenty_seeds() -> None:
    caught = first_broken(PLANTED_SEEDS, errand=NewNumberOnRetry)
    assert caught is not None
    assert caught[1] == "the bank moved the money of one order twice"


def test_an_order_the_bank_never_answers_alerts_a_human_once_and_goes_on_being_asked() -> None:
    world = World(3, rates={})
    order_id = next(iter(world.desk.orders))
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
    assert world.desk.purse.held[order_id] == order.amount_fen
