"""The life of an order: its table, its back-off, its value date, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.identifier import fresh
from mingqu.domain.money import AMOUNT_FEN_MAX, AmountOutOfRange
from mingqu.domain.order import (
    ALERT_AFTER,
    REFUSALS,
    RESEND_WINDOW,
    TRANSITIONS,
    AlertHuman,
    Ask,
    Done,
    FailedAfterPaid,
    HeardBeforeSent,
    NumberKnownOtherwise,
    Order,
    OrderAlreadySent,
    OrderConflict,
    OrderEnded,
    OrderEvent,
    OrderKind,
    OrderState,
    PaidAfterFailed,
    PaidOtherwise,
    ResendNotAllowed,
    Send,
    Wait,
    announce,
    apply,
    ask_delay,
    dispute,
    next_action,
    reserve,
    withdraw,
)
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused, Silent, Word

START = datetime(2026, 8, 15, 2, 0, tzinfo=UTC)
ORDER_ID = fresh(milliseconds=1_786_759_200_000, slot=7, entropy=1)
PERSON_ID = fresh(milliseconds=1_786_759_200_000, slot=7, entropy=2)
PAID = Paid(at=START + timedelta(seconds=3), amount_fen=1_050_000, currency="CNY", reference="B1")


def an_order() -> Order:
    return reserve(
        order_id=ORDER_ID,
        kind=OrderKind.PAYOUT,
        person_id=PERSON_ID,
        loan_id=None,
        instrument_id=None,
        amount_fen=1_050_000,
        channel="bank",
        run_at=START,
    )


def after(*words: Word) -> Order:
    """An order that was sent at its time and then heard these words, a minute apart."""
    order = announce(an_order(), Send(again=False), at=START)
    for minute, word in enumerate(words, start=1):
        order = apply(order, word, at=START + timedelta(minutes=minute))
    return order


def test_every_pair_of_state_and_event_leads_somewhere_or_is_a_named_refusal() -> None:
    pairs = set(product(OrderState, OrderEvent))
    assert TRANSITIONS.keys() | REFUSALS.keys() == pairs
    assert not TRANSITIONS.keys() & REFUSALS.keys()
    assert all(issubclass(refusal, Refusal) and refusal.code != Refusal.code for refusal in REFUSALS.values())


def test_an_ended_state_is_never_left_and_no_doubt_is_taken_back() -> None:
    for (state, _), reached in TRANSITIONS.items():
        if state.ended:
            assert reached is state
        if state is OrderState.UNKNOWN:
            assert reached is not OrderState.SENT


def test_only_explicit_words_end_an_order_that_was_sent() -> None:
    endings = {event for (state, event), reached in TRANSITIONS.items() if not state.ended and reached.ended}
    assert endings == {OrderEvent.PAID, OrderEvent.FAILED, OrderEvent.WITHDRAW}
    assert TRANSITIONS[OrderState.RESERVED, OrderEvent.WITHDRAW] is OrderState.FAILED
    assert REFUSALS[OrderState.SENT, OrderEvent.WITHDRAW] is OrderAlreadySent


WORDS = st.sampled_from(
    [
        Accepted(),
        InProgress(),
        NotFound(),
        NumberTaken(),
        Silent(reason="timeout"),
        Refused(code="holder_mismatch"),
        Failed(code="card_closed"),
        PAID,
        replace(PAID, amount_fen=1_050_001),
        replace(PAID, reference="B2"),
    ]
)


@given(st.lists(WORDS, max_size=12))
def test_in_any_sequence_of_words_the_first_final_one_decides(said: list[Word]) -> None:
    order = announce(an_order(), Send(again=False), at=START)
    decided: OrderState | None = None  # the model: nothing but the first believable final word counts
    for word in said:
        try:
            heard = apply(order, word, at=START + timedelta(minutes=1))
        except OrderConflict:
            continue
        assert heard is order or heard.version == order.version + 1
        assert apply(heard, word, at=START + timedelta(minutes=1)) is heard, "a repeated answer changes nothing"
        order = heard
        if decided is None and isinstance(word, Refused | Failed):
            decided = OrderState.FAILED
        if decided is None and isinstance(word, Paid) and word.amount_fen == 1_050_000:
            decided = OrderState.PAID
    assert order.state is (decided or order.state)
    assert order.state.ended == (decided is not None)
    assert (order.paid_at is not None) == (order.value_date is not None) == (order.state is OrderState.PAID)
    assert (order.refusal_code is not None) == (order.state is OrderState.FAILED)


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 10_001))
def test_less_than_asked_is_taken_down_to_the_least_and_is_then_what_the_order_moved(
    one_fen: int, other_fen: int, paid_fen: int
) -> None:
    least_fen, asked_fen = sorted((one_fen, other_fen))
    order = announce(replace(an_order(), amount_fen=asked_fen, least_fen=least_fen), Send(again=False), at=START)
    word = replace(PAID, amount_fen=paid_fen)
    if not least_fen <= paid_fen <= asked_fen:
        with pytest.raises(PaidOtherwise):
            apply(order, word, at=START + timedelta(minutes=1))
        return
    paid = apply(order, word, at=START + timedelta(minutes=1))
    assert (paid.state, paid.amount_fen, paid.ordered_fen) == (OrderState.PAID, paid_fen, asked_fen)
    assert (paid.asked_fen is None) == (paid_fen == asked_fen)
    assert apply(paid, word, at=START + timedelta(minutes=2)) is paid, "the same word again changes nothing"
    for later_fen in {max(paid_fen - 1, 1), paid_fen + 1} - {paid_fen}:
        with pytest.raises(PaidOtherwise):  # whoever said how much moved does not say another amount afterwards
            apply(paid, replace(word, amount_fen=later_fen), at=START + timedelta(minutes=2))


def test_a_silent_channel_is_asked_by_doubling_waits_up_to_half_an_hour() -> None:
    order, now = announce(an_order(), Send(again=False), at=START), START
    asked: list[int] = []
    while len(asked) < 11:
        action = next_action(order, now=now)
        if isinstance(action, Wait):
            now = action.until
        else:
            assert isinstance(action, Ask)
            asked.append(int((now - START).total_seconds()))
            order = apply(announce(order, action, at=now), Silent(reason="timeout"), at=now)
    assert asked == [10, 30, 70, 150, 310, 630, 1270, 2550, 4350, 6150, 7950]
    assert order.state is OrderState.UNKNOWN


@given(st.integers(min_value=0, max_value=10**9))
def test_the_wait_never_shrinks_and_never_passes_its_limit(asks: int) -> None:
    assert timedelta(seconds=10) <= ask_delay(asks) <= ask_delay(asks + 1) <= timedelta(minutes=30)


def test_an_order_open_for_a_day_alerts_once_and_goes_on_being_asked() -> None:
    order, now = after(Silent(reason="timeout")), START + ALERT_AFTER
    assert next_action(order, now=now - timedelta(seconds=1)) == Ask()
    action = next_action(order, now=now)
    assert action == AlertHuman(code="order_open_too_long")
    assert isinstance(action, AlertHuman)
    alerted = announce(order, action, at=now)
    assert next_action(alerted, now=now) == Ask()
    assert alerted.open


def test_an_order_is_not_sent_before_its_time() -> None:
    assert next_action(an_order(), now=START - timedelta(seconds=1)) == Wait(until=START)
    assert next_action(an_order(), now=START) == Send(again=False)


def test_an_order_is_sent_again_only_after_not_found_and_under_the_same_number() -> None:
    lost = after(NotFound())
    due = lost.next_at
    assert next_action(lost, now=due) == Send(again=True)
    again = announce(lost, Send(again=True), at=due)
    assert again.number == lost.number == ORDER_ID.hex
    assert (again.attempts, again.sent_at, again.state) == (2, START, OrderState.UNKNOWN)
    assert next_action(again, now=again.next_at) == Ask(), "one not-found allows one send"
    with pytest.raises(ResendNotAllowed):
        announce(again, Send(again=True), at=again.next_at)


@pytest.mark.parametrize("word", [Accepted(), InProgress()])
def test_a_channel_that_knows_the_order_takes_back_its_not_found(word: Word) -> None:
    assert next_action(after(NotFound(), word), now=START + timedelta(hours=1)) == Ask()


def test_silence_does_not_allow_a_second_send() -> None:
    order = after(Silent(reason="server_error"))
    assert next_action(order, now=START + timedelta(hours=1)) == Ask()
    with pytest.raises(ResendNotAllowed):
        announce(order, Send(again=True), at=START + timedelta(hours=1))


def test_a_channel_without_documented_idempotency_is_never_sent_the_order_again() -> None:
    assert next_action(after(NotFound()), now=START + timedelta(hours=1), resend_is_safe=False) == Ask()


def test_an_order_is_not_sent_again_once_the_channel_may_have_forgotten_its_number() -> None:
    lost = replace(after(NotFound()), alerted_at=START + ALERT_AFTER)
    assert next_action(lost, now=START + RESEND_WINDOW - timedelta(seconds=1)) == Send(again=True)
    assert next_action(lost, now=START + RESEND_WINDOW) == Ask()


@pytest.mark.parametrize(
    ("success", "value_date"),
    [
        (datetime(2026, 8, 15, 15, 59, 59, tzinfo=UTC), date(2026, 8, 15)),
        (datetime(2026, 8, 15, 16, 0, 0, tzinfo=UTC), date(2026, 8, 16)),
    ],
)
def test_the_value_date_is_the_day_of_the_success_in_shanghai_however_late_it_is_heard(
    success: datetime, value_date: date
) -> None:
    order = apply(after(), replace(PAID, at=success), at=datetime(2026, 8, 20, tzinfo=UTC))
    assert (order.state, order.paid_at, order.value_date) == (OrderState.PAID, success, value_date)


@pytest.mark.parametrize(
    ("words", "conflict"),
    [
        ((Failed(code="card_closed"), PAID), PaidAfterFailed),
        ((PAID, Failed(code="card_closed")), FailedAfterPaid),
        ((PAID, Refused(code="card_closed")), FailedAfterPaid),
        ((PAID, replace(PAID, reference="B2")), PaidOtherwise),
        ((replace(PAID, amount_fen=1),), PaidOtherwise),
        ((replace(PAID, currency="HKD"),), PaidOtherwise),
        ((replace(PAID, at=START - timedelta(hours=1)),), PaidOtherwise),
        ((replace(PAID, at=START + timedelta(hours=1)),), PaidOtherwise),
        ((NumberTaken(),), NumberKnownOtherwise),
    ],
)
def test_what_cannot_be_is_a_named_conflict_that_moves_nothing(
    words: tuple[Word, ...], conflict: type[OrderConflict]
) -> None:
    order = after(*words[:-1])
    with pytest.raises(conflict) as raised:
        apply(order, words[-1], at=START + timedelta(minutes=9))
    disputed = dispute(order, raised.value)
    assert (disputed.state, disputed.value_date) == (order.state, order.value_date)
    assert next_action(disputed, now=START + timedelta(days=2)) == AlertHuman(code=conflict.code)
    alerted = announce(disputed, AlertHuman(code=conflict.code), at=START + timedelta(days=2))
    assert next_action(alerted, now=START + timedelta(days=9)) == Done()


def test_the_first_conflict_stays_the_one_to_look_at() -> None:
    disputed = dispute(after(PAID), FailedAfterPaid("first"))
    assert dispute(disputed, NumberKnownOtherwise("second")) is disputed


@pytest.mark.parametrize(
    "word", [PAID, Failed(code="x"), Accepted(), NotFound(), Silent(reason="timeout"), NumberTaken()]
)
def test_a_word_about_an_order_never_sent_is_a_conflict(word: Word) -> None:
    with pytest.raises(HeardBeforeSent):
        apply(an_order(), word, at=START)


def test_an_order_is_withdrawn_only_before_it_was_sent() -> None:
    withdrawn = withdraw(an_order(), code="offer_expired")
    assert (withdrawn.state, withdrawn.refusal_code, withdrawn.attempts) == (OrderState.FAILED, "offer_expired", 0)
    assert next_action(withdrawn, now=START) == Done()
    with pytest.raises(OrderAlreadySent):
        withdraw(after(), code="offer_expired")
    with pytest.raises(OrderEnded):
        withdraw(after(PAID), code="offer_expired")


@pytest.mark.parametrize("ended", [PAID, Failed(code="x")])
def test_an_ended_order_is_never_sent_again(ended: Word) -> None:
    order = after(ended)
    assert next_action(order, now=START + timedelta(days=3)) == Done()
    for again in (False, True):
        with pytest.raises(OrderEnded):
            announce(order, Send(again=again), at=START)


def test_a_first_send_happens_once() -> None:
    with pytest.raises(OrderAlreadySent):
        announce(after(), Send(again=False), at=START)
    with pytest.raises(ResendNotAllowed):
        announce(an_order(), Send(again=True), at=START)


@pytest.mark.parametrize("amount_fen", [0, -1, AMOUNT_FEN_MAX + 1])
def test_an_order_moves_a_positive_amount_that_the_ledger_can_hold(amount_fen: int) -> None:
    with pytest.raises(AmountOutOfRange):
        reserve(
            order_id=ORDER_ID,
            kind=OrderKind.PAYOUT,
            person_id=UUID(int=0),
            loan_id=None,
            instrument_id=None,
            amount_fen=amount_fen,
            channel="bank",
            run_at=START,
        )


def test_versions_grow_by_one_with_each_change() -> None:
    steps = [an_order()]
    steps.append(announce(steps[-1], Send(again=False), at=START))
    steps.append(apply(steps[-1], Silent(reason="timeout"), at=START))
    steps.append(announce(steps[-1], Ask(), at=START))
    steps.append(apply(steps[-1], PAID, at=START))
    assert all(later.version == earlier.version + 1 for earlier, later in pairwise(steps))
