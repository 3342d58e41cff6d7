"""One order, what is to be done about it, and what a channel's word does to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import beside
from mingqu.domain.moment import business_date_of
from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange
from mingqu.domain.order.table import (
    REFUSALS,
    TRANSITIONS,
    OrderConflict,
    OrderEvent,
    OrderKind,
    OrderState,
    PaidOtherwise,
    ResendNotAllowed,
)
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused, Silent, Word

# The first question comes after most channels have an answer; the wait then doubles, so a channel that is
# down for a day hears some fifty questions, not thousands.
FIRST_ASK_SECONDS: Final = 10
ASK_DELAY_SECONDS_MAX: Final = 1_800
# A human hears of an order that is not ended a day after its first send: by then every channel's own
# automatic closing has passed. The order goes on being asked.
ALERT_AFTER: Final = timedelta(hours=24)
# Channels promise to know a number again for 30 days at least (the shortest query window among them). We use
# a quarter of it; after that only questions are put, and a human decides.
RESEND_WINDOW: Final = timedelta(days=7)
# The statement of the last day on which it could be said is whole by then.
LOST_AFTER: Final = RESEND_WINDOW + timedelta(days=1)
# A channel's clock may be ahead of ours by this much; a success time further off is not believed.
CLOCK_SKEW_MAX: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order and all that its next step depends on. Moments are in UTC, amounts in fen."""

    order_id: UUID
    kind: OrderKind
    state: OrderState
    person_id: UUID
    loan_id: UUID | None
    instrument_id: UUID | None
    amount_fen: int
    currency: str
    channel: str
    run_at: datetime  # not sent before
    next_at: datetime  # nothing is said to the channel before
    sent_at: datetime | None = None  # the first send
    attempts: int = 0  # sends, the first one included
    asks: int = 0
    missing: bool = False  # since the last send the channel said "not found"
    alerted_at: datetime | None = None
    conflict_code: str | None = None
    decided_at: datetime | None = None  # people said which word holds: machines go on
    paid_at: datetime | None = None  # the channel's success time
    value_date: date | None = None
    reference: str | None = None  # the channel's own number
    refusal_code: str | None = None
    version: int = 0  # grows by one with each change; the store compares it before it writes
    least_fen: int | None = None  # a channel that can moves less, but not less than this; None is all or nothing
    asked_fen: int | None = None  # what was asked for, once less was moved: `amount_fen` is then what moved

    @property
    def ordered_fen(self) -> int:
        """What the order asks the channel for, the same for ever."""
        return self.amount_fen if self.asked_fen is None else self.asked_fen

    def may_move(self, amount_fen: int) -> bool:
        """Whether a channel's word that this amount moved fits the order; of one that is PAID, what moved alone."""
        if self.least_fen is None or self.state is OrderState.PAID:
            return amount_fen == self.amount_fen
        return self.least_fen <= amount_fen <= self.amount_fen

    @property
    def number(self) -> str:
        """The order's number at the channel, the same for ever: 32 hex digits."""
        return self.order_id.hex

    @property
    def open(self) -> bool:
        """Whether money is still held for this order."""
        return not self.state.ended

    @property
    def disputed(self) -> bool:
        """Whether the channel said what cannot be, and nobody has decided yet which word holds."""
        return self.conflict_code is not None and self.decided_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Say the order to the channel; `again` if it was said before."""

    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the channel what became of the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing is due before `until`."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHuman:
    """Tell a human, once; `code` says why. The next action then is decided as if nothing had been said."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Nothing is left to do by machine: the order ended, or a conflict is with a human."""


Action = Send | Ask | Wait | AlertHuman | Done


def parent_of_holds(order_id: UUID) -> UUID:
    """Return the id that a payout's holds derive from: those derived from the order are of what its end makes."""
    return beside(order_id, purpose="holds")


def reserve(
    *,
    order_id: UUID,
    kind: OrderKind,
    person_id: UUID,
    loan_id: UUID | None,
    instrument_id: UUID | None,
    amount_fen: int,
    currency: str = "CNY",
    channel: str,
    run_at: datetime,
    least_fen: int | None = None,
) -> Order:
    """Return a new order in RESERVED, to be sent at `run_at` (UTC) or later. Errors: AmountOutOfRange."""
    if not 0 < amount_fen <= AMOUNT_FEN_MAX:
        raise AmountOutOfRange(f"An order moves between 1 and {AMOUNT_FEN_MAX} fen.")
    assert least_fen is None or 0 < least_fen <= amount_fen
    assert run_at.tzinfo is not None
    return Order(
        order_id=order_id,
        kind=kind,
        state=OrderState.RESERVED,
        person_id=person_id,
        loan_id=loan_id,
        instrument_id=instrument_id,
        amount_fen=amount_fen,
        currency=currency,
        channel=channel,
        run_at=run_at,
        next_at=run_at,
        least_fen=least_fen,
    )


def ask_delay(asks: int) -> timedelta:
    """Return how long to wait after `asks` questions. Example: 0 → 10 s, 1 → 20 s, 2 → 40 s … from 8 on → 30 min."""
    doublings = min(asks, ASK_DELAY_SECONDS_MAX.bit_length())  # more would only be cut again
    return timedelta(seconds=min(FIRST_ASK_SECONDS << doublings, ASK_DELAY_SECONDS_MAX))


def next_action(order: Order, *, now: datetime, resend_is_safe: bool = True) -> Action:
    """Return what is to be done about an order at `now`.

    `resend_is_safe` says that the channel documents idempotency by order number; without it an order is never
    sent twice, however often the channel says "not found".
    Example, a channel that never answers: Send at 0 s, Ask at 10 s, 30 s, 70 s, …, AlertHuman at 24 h, then Ask.
    """
    if order.alerted_at is None:
        if order.conflict_code is not None and order.disputed:
            return AlertHuman(code=order.conflict_code)
        if order.open and order.sent_at is not None and now - order.sent_at >= ALERT_AFTER:
            return AlertHuman(code="order_open_too_long")
    if order.state.ended or order.disputed:
        return Done()
    if now < order.next_at:
        return Wait(until=order.next_at)
    if order.sent_at is None:
        return Send(again=False)
    if order.missing and resend_is_safe and now - order.sent_at < RESEND_WINDOW:
        return Send(again=True)
    return Ask()


def announce(order: Order, action: Send | Ask | AlertHuman, *, at: datetime) -> Order:
    """Return the order as it must be stored *before* the action is carried out.

    If the process dies in between, the store says SENT for something that was perhaps never said: that costs one
    question. The other way round it could cost the money twice.
    Errors: OrderAlreadySent, OrderEnded, ResendNotAllowed.
    """
    match action:
        case Send(again=again):
            state = _moved(order, OrderEvent.RESEND if again else OrderEvent.SEND)
            if again and not order.missing:
                raise ResendNotAllowed("The channel has not said that it does not know this order. Ask it first.")
            return replace(
                order,
                state=state,
                sent_at=order.sent_at or at,
                attempts=order.attempts + 1,
                missing=False,
                next_at=at + ask_delay(order.asks),
                version=order.version + 1,
            )
        case Ask():
            asks = order.asks + 1
            return replace(order, asks=asks, next_at=at + ask_delay(asks), version=order.version + 1)
        case AlertHuman():
            return replace(order, alerted_at=at, version=order.version + 1)


def withdraw(order: Order, *, code: str) -> Order:
    """Return the order ended as FAILED before anything was said. Errors: OrderAlreadySent, OrderEnded."""
    state = _moved(order, OrderEvent.WITHDRAW)
    return replace(order, state=state, refusal_code=code, version=order.version + 1)


def apply(order: Order, word: Word, *, at: datetime) -> Order:
    """Return the order after a word of the channel was heard at `at`; the same object if it changes nothing.

    The value date of a paid order is the business date of the channel's success time, its amount what moved: less than
    it asked for where `least_fen` allows that. Example: of 30,000 fen, at least 1,500, a wallet gives 12,000: the order
    is PAID with `amount_fen` 12,000 and `asked_fen` 30,000.
    Errors: OrderConflict and its kinds, with nothing applied; pass the refusal to `dispute` so that a human hears.
    """
    state = _moved(order, _event_of(word))
    match word:
        case Paid():
            _believable(order, word, at)
            if order.state is OrderState.PAID:
                return order
            return replace(
                with_moved(order, amount_fen=word.amount_fen),
                state=state,
                missing=False,
                paid_at=word.at,
                value_date=business_date_of(word.at),
                reference=word.reference,
                version=order.version + 1,
            )
        case Refused(code=code) | Failed(code=code) if order.open:
            return replace(order, state=state, missing=False, refusal_code=code, version=order.version + 1)
    if order.state.ended:
        return order
    missing = _missing(order, word)
    if state is order.state and missing == order.missing:
        return order
    return replace(order, state=state, missing=missing, version=order.version + 1)


def dispute(order: Order, conflict: OrderConflict) -> Order:
    """Return the order marked with a conflict: its state and money stay, machines leave it, a human is alerted."""
    if order.disputed:
        return order  # the first conflict is the one to look at; later words are in the log
    code = order.conflict_code or conflict.code
    return replace(order, conflict_code=code, decided_at=None, alerted_at=None, version=order.version + 1)


def is_lost(order: Order, *, now: datetime, after: timedelta = LOST_AFTER) -> bool:
    """Whether an order is known to nobody and may be said no more: its channel's statements are to be read for it.

    That is so `after` its first send, when the last day on which it may have been said is on a statement. Of one that
    people said to ask about further, that is so again a window later.
    """
    if not (order.open and order.missing) or order.disputed or order.sent_at is None:
        return False
    since = order.sent_at if order.decided_at is None else max(order.sent_at, order.decided_at)
    return now - since >= after


def with_moved(order: Order, *, amount_fen: int) -> Order:
    """Return the order with what moved, and what was asked beside it if that was more."""
    assert order.may_move(amount_fen)
    asked_fen = order.asked_fen if amount_fen == order.amount_fen else order.amount_fen
    return replace(order, amount_fen=amount_fen, asked_fen=asked_fen)


def _moved(order: Order, event: OrderEvent) -> OrderState:
    refusal = REFUSALS.get((order.state, event))
    if refusal is not None:
        raise refusal(
            f"An order that is {order.state.value} cannot take the event {event.value}.",
            order_number=order.number,
            state=order.state.value,
            event=event.value,
        )
    return TRANSITIONS[(order.state, event)]


def _event_of(word: Word) -> OrderEvent:
    match word:
        case Accepted() | InProgress():
            return OrderEvent.KNOWN
        case Paid():
            return OrderEvent.PAID
        case Refused() | Failed():
            return OrderEvent.FAILED
        case NotFound():
            return OrderEvent.NOT_FOUND
        case NumberTaken():
            return OrderEvent.NUMBER_TAKEN
        case Silent():
            return OrderEvent.SILENT


def _missing(order: Order, word: Word) -> bool:
    match word:
        case NotFound():
            return True
        case Accepted() | InProgress():
            return False
        case _:
            return order.missing  # silence neither confirms nor withdraws a "not found"


def _believable(order: Order, word: Paid, at: datetime) -> None:
    """Errors: PaidOtherwise, naming what differs and never the amounts of somebody else's order."""
    assert order.sent_at is not None
    differing = None
    if not order.may_move(word.amount_fen):
        differing = "amount_fen"
    elif word.currency != order.currency:
        differing = "currency"
    elif order.state is OrderState.PAID and word.reference != order.reference:
        differing = "reference"
    elif not order.sent_at - CLOCK_SKEW_MAX <= word.at <= at + CLOCK_SKEW_MAX:
        differing = "paid_at"
    if differing is not None:
        raise PaidOtherwise(
            f"The channel says paid, but {differing} does not fit the order.",
            order_number=order.number,
            field=differing,
        )
