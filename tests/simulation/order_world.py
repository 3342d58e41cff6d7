"""A small world in memory: a desk that keeps orders, a bank that misbehaves, a clock, and a seed that decides all.

The desk uses the same decisions as the services (`mingqu.domain.order`, `mingqu.services.chase_order`), with a
dictionary where they have the database and a `Purse` where they have the ledger. The world kills the desk's
worker between any two of its steps, lets several workers chase the same order, brings notices twice and out of
order, and looks after every tick whether anything is wrong.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault, Faults
from mingqu.channels.fake.ids import SeededIdentifiers
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain import order as life
from mingqu.domain.order import Action, AlertHuman, Ask, Order, OrderConflict, OrderKind, OrderState, Send, Wait
from mingqu.domain.personal import Personal
from mingqu.domain.word import Word
from mingqu.ports.collection import Agreed, AgreementRequest
from mingqu.services.chase_order import DeductionErrand, Errand, PayoutErrand, chase, chase_order

START: Final = datetime(2026, 8, 15, 1, 0, tzinfo=UTC)
ORDERS: Final = 6
TICKS: Final = 60
# Healing is over after a few questions for each order: the longest wait between two is 30 minutes.
HEAL_TURNS_MAX: Final = 100
RATES_PPM: Final = {
    Fault.LOSE_REQUEST: 90_000,
    Fault.LOSE_REPLY: 90_000,
    Fault.LATE: 150_000,
    Fault.REORDER: 40_000,
    Fault.DUPLICATE: 60_000,
    Fault.SERVER_ERROR: 60_000,
    Fault.REFUSE: 30_000,
}

CARD = Personal("6200001234567892")
NAME = Personal("林知夏")
ID_NUMBER = Personal("11010519491231002X")
PHONE = Personal("13800138000")


class BrokenError(AssertionError):
    """Something that must never be is."""


@dataclass(slots=True)
class Purse:
    """Money held and money posted, by order: the simplest ledger that can be wrong."""

    held: Counter[UUID] = field(default_factory=Counter)
    posted: Counter[UUID] = field(default_factory=Counter)

    def hold(self, order: Order) -> None:
        self.held[order.order_id] += order.amount_fen

    def post(self, order: Order) -> None:
        self.held[order.order_id] = 0
        self.posted[order.order_id] += order.amount_fen

    def void(self, order: Order) -> None:
        self.held[order.order_id] = 0


class Desk:
    """Keeps the orders, as the services do. The methods without a transaction are the seams of planted mistakes."""

    def __init__(self) -> None:
        self.orders: dict[UUID, Order] = {}
        self.purse = self.new_purse()
        self.alerts: list[tuple[UUID, str]] = []

    def reserve(self, order: Order) -> None:
        self.orders[order.order_id] = order
        self.purse.hold(order)

    def announce(self, *, order_id: UUID, now: datetime, resend_is_safe: bool) -> tuple[Order, Action]:
        order = self.orders[order_id]
        action = life.next_action(order, now=now, resend_is_safe=resend_is_safe)
        if isinstance(action, Send | Ask | AlertHuman):
            order = self.orders[order_id] = life.announce(order, action, at=now)
        if isinstance(action, AlertHuman):
            self.alerts.append((order_id, action.code))
        return order, action

    def hear(self, *, order_id: UUID, word: Word, at: datetime) -> Order:
        before, word = self.orders[order_id], self.understood(word)
        try:
            after = life.apply(before, word, at=at)
        except OrderConflict as conflict:
            after = life.dispute(before, conflict)
        self.orders[order_id] = after
        self.settle(before=before, after=after, word=word)
        return after

    def understood(self, word: Word) -> Word:
        return word

    def settle(self, *, before: Order, after: Order, word: Word) -> None:
        if before.open and after.state is OrderState.PAID:
            self.purse.post(after)
        if before.open and after.state is OrderState.FAILED:
            self.purse.void(after)

    def new_purse(self) -> Purse:
        return Purse()


class World:
    """One seeded history. `run` returns when every order ended and raises `BrokenError` when something went wrong."""

    def __init__(
        self,
        seed: int,
        *,
        desk: Callable[[], Desk] = Desk,
        errand: Callable[[Errand], Errand] = lambda errand: errand,
        rates: dict[Fault, int] | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.clock = SettableClock(start=START)
        self.ids = SeededIdentifiers(seed=seed, clock=self.clock)
        self.faults = Faults(seed=seed, rates={})
        processing = timedelta(seconds=self.random.choice((0, 5, 400)))
        sms = FakeSms()
        self.bank = FakeBank(clock=self.clock, sms=sms, faults=self.faults, processing=processing)
        self.desk = desk()
        self.errands: dict[UUID, Errand] = {}
        self.pocket: list[tuple[UUID, Word]] = []  # heard by some worker, not yet stored
        self.passed: dict[UUID, list[OrderState]] = {}
        token = self._agree(sms)
        for _ in range(ORDERS):
            self._reserve(token, errand)
        self.faults.misbehave(RATES_PPM if rates is None else rates)

    def _agree(self, sms: FakeSms) -> Personal[str]:
        balance_fen = self.random.choice((0, 30_000, 10_000_000))
        self.bank.open_card(
            card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE, balance_fen=balance_fen
        )
        number = self.ids.fresh(7).hex
        self.bank.request_agreement(
            AgreementRequest(
                agreement_number=number, card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE
            )
        )
        code = sms.latest_code(phone=PHONE)
        assert code is not None
        agreed = self.bank.confirm_agreement(agreement_number=number, code=code)
        assert isinstance(agreed, Agreed)
        return agreed.token

    def _reserve(self, token: Personal[str], errand: Callable[[Errand], Errand]) -> None:
        kind = self.random.choice((OrderKind.PAYOUT, OrderKind.COLLECTION, OrderKind.RETURN))
        order = life.reserve(
            order_id=self.ids.fresh(7),
            kind=kind,
            person_id=self.ids.fresh(7),
            loan_id=None,
            instrument_id=None,
            amount_fen=self.random.randint(1, 20_000),
            channel="bank",
            run_at=START + timedelta(seconds=self.random.choice((0, 0, 300))),
        )
        bound: Errand = (
            DeductionErrand(channel=self.bank, agreement_token=token)
            if kind is OrderKind.COLLECTION
            else PayoutErrand(channel=self.bank, card_number=CARD, holder_name=NAME)
        )
        self.errands[order.order_id] = errand(bound)
        self.passed[order.order_id] = [order.state]
        self.desk.reserve(order)

    def run(self) -> None:
        for _ in range(TICKS):
            self._tick()
            self.look()
        self._heal()

    def _tick(self) -> None:
        order_id = self.random.choice(list(self.desk.orders))
        match self.random.randrange(16):
            case 0 | 1 | 2:
                self._call(order_id)
            case 3 | 4 | 5:
                chase_order(order_id=order_id, orders=self.desk, errand=self.errands[order_id], clock=self.clock)
            case 6 | 7:
                self._store_something_heard()
            case 8:
                self._bring_notices()
            case 9 if self.random.random() < 0.3:  # most of what is held up arrives after a question was put
                self.faults.deliver_late()
            case 10:
                self._crash(order_id)
            case _:
                self.clock.advance(timedelta(seconds=self.random.choice((1, 10, 60, 1_800))))

    def _call(self, order_id: UUID) -> None:
        """Announce and call; what was heard stays with the worker for a while, as if its answer were slow."""
        order, action = self._announce(order_id)
        words = chase(order=order, action=action, errand=self.errands[order_id])
        self.pocket += [(order_id, word) for word in words]

    def _announce(self, order_id: UUID) -> tuple[Order, Action]:
        safe = self.errands[order_id].resend_is_safe
        return self.desk.announce(order_id=order_id, now=self.clock.now(), resend_is_safe=safe)

    def _store_something_heard(self) -> None:
        if self.pocket:
            order_id, word = self.pocket.pop(self.random.randrange(len(self.pocket)))
            self.desk.hear(order_id=order_id, word=word, at=self.clock.now())

    def _bring_notices(self) -> None:
        notices = [notice for notice in self.bank.notices() for _ in range(self.random.choice((0, 1, 2)))]
        self.random.shuffle(notices)
        for number, word in notices:
            self.desk.hear(order_id=UUID(number[:32]), word=word, at=self.clock.now())

    def _crash(self, order_id: UUID) -> None:
        """Die after the announcement or with answers in the pocket; what was stored stays."""
        if self.random.random() < 0.5:
            self._announce(order_id)
        self.pocket.clear()

    def _heal(self) -> None:
        self.faults.heal()
        for turn in range(HEAL_TURNS_MAX):
            if turn == 3:  # what is held up on its way may arrive well after the weather turned
                self.faults.deliver_late()
            for order_id, errand in self.errands.items():
                _, action = chase_order(order_id=order_id, orders=self.desk, errand=errand, clock=self.clock)
                if isinstance(action, Wait):
                    self.clock.advance_to(max(self.clock.now(), action.until))
                self.look()
            while self.pocket:
                self._store_something_heard()
                self.look()
            if turn > 3 and all(order.state.ended for order in self.desk.orders.values()):
                self._bring_notices()
                self.look()
                return
        raise BrokenError(f"an order had not ended {HEAL_TURNS_MAX} turns after all was well again")

    def look(self) -> None:
        """Compare what the desk believes with what the bank did. Errors: BrokenError."""
        moved: Counter[UUID] = Counter()
        times: Counter[UUID] = Counter()
        for number, amount_fen in self.bank.moved().items():
            moved[UUID(number[:32])] += amount_fen
            times[UUID(number[:32])] += 1
        for order_id, order in self.desk.orders.items():
            if self.passed[order_id][-1] is not order.state:
                self.passed[order_id].append(order.state)
            if times[order_id] > 1:
                raise BrokenError("the bank moved the money of one order twice")
            if order.state is OrderState.PAID and moved[order_id] != order.amount_fen:
                raise BrokenError("an order is PAID and the bank did not pay it")
            if order.state is OrderState.FAILED and moved[order_id]:
                raise BrokenError("an order is FAILED and the bank paid it")
            if self.desk.purse.held[order_id] != (order.amount_fen if order.open else 0):
                raise BrokenError("what is held is not what open orders reserve")
            if self.desk.purse.posted[order_id] != (order.amount_fen if order.state is OrderState.PAID else 0):
                raise BrokenError("what is posted is not what was paid")
            if order.conflict_code is not None:
                raise BrokenError("a conflict, with a bank that contradicts itself never")


def first_broken(
    seeds: range,
    *,
    desk: Callable[[], Desk] = Desk,
    errand: Callable[[Errand], Errand] = lambda errand: errand,
) -> tuple[int, str] | None:
    """Run seeds in turn and return the first that broke with its reason, or None."""
    for seed in seeds:
        try:
            World(seed, desk=desk, errand=errand).run()
        except BrokenError as broken:
            return seed, str(broken)
    return None
