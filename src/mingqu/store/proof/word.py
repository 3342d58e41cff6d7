"""Orders against their words: the log has no gap, goes forward in time, and gives the order as it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, zip_longest
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.moment import business_date_of
from mingqu.domain.order import CLOCK_SKEW_MAX, TRANSITIONS, OrderEvent, OrderState, Verdict
from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20
# Orders are replayed page by page, so that the proof of a large book needs no memory in proportion to it.
ORDERS_PER_PAGE: Final = 2_000

_PAGE: Final[LiteralString] = """
    SELECT order_id, state, run_at, sent_at, attempts, asks, conflict_code, refusal_code, reference, paid_at, value_date
    FROM channel_order WHERE cell = %s AND order_id > %s ORDER BY order_id LIMIT %s"""
_WORDS: Final[LiteralString] = """
    SELECT order_id, seq, at, direction, word, code, reference, state FROM channel_word
    WHERE cell = %s AND order_id = ANY (%s) ORDER BY order_id, seq"""

_HEARD: Final[Mapping[str, OrderEvent]] = {
    "accepted": OrderEvent.KNOWN,
    "in_progress": OrderEvent.KNOWN,
    "paid": OrderEvent.PAID,
    "refused": OrderEvent.FAILED,
    "failed": OrderEvent.FAILED,
    "not_found": OrderEvent.NOT_FOUND,
    "number_taken": OrderEvent.NUMBER_TAKEN,
    "silent": OrderEvent.SILENT,
}
# Our own words that leave the state alone.
_ASIDE: Final = frozenset(
    {
        ("said", "ask"),
        ("noted", "alert"),
        ("noted", "conflict"),
        ("noted", "decide"),
        ("noted", "not_on_statement"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What an order's row and its words both tell."""

    state: str
    sent_at: datetime | None
    attempts: int
    asks: int
    conflict_code: str | None
    refusal_code: str | None
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """One row of the log."""

    seq: int
    at: datetime
    direction: str
    word: str
    code: str | None
    reference: str | None
    state: str


def words(tx: Transaction) -> list[str]:
    """Return a sentence for each order that its words, replayed from the first, do not give."""
    return list(islice(_findings(tx), FINDINGS_MAX))


def _findings(tx: Transaction) -> Iterator[str]:
    for cell in range(tx.cells):
        after = UUID(int=0)
        while page := tx.execute(_PAGE, (cell, after, ORDERS_PER_PAGE)).fetchall():  # each page moves on
            after = page[-1][0]
            spoken: dict[UUID, list[_Word]] = defaultdict(list)
            for order_id, *word in tx.execute(_WORDS, (cell, [row[0] for row in page])):
                spoken[order_id].append(_word(*word))
            for order_id, state, run_at, sent_at, *counted, conflict, refusal, reference, paid_at, value_date in page:
                told = _Told(
                    state=state,
                    sent_at=sent_at,
                    attempts=counted[0],
                    asks=counted[1],
                    conflict_code=conflict,
                    refusal_code=refusal,
                    reference=reference,
                )
                listed = _from_the_first(spoken[order_id], run_at=run_at)
                if _replayed(listed, run_at=run_at) != told:
                    yield f"order {order_id.hex} is not what its words make of it"
                elif paid_at is not None and not _is_dated(listed, sent_at, paid_at, value_date):
                    yield f"order {order_id.hex} was paid at a time that its words do not bear out"


def _word(
    seq: int, at: datetime, direction: str, word: str, code: str | None, reference: str | None, state: str
) -> _Word:
    return _Word(seq=seq, at=at, direction=direction, word=word, code=code, reference=reference, state=state)


def _from_the_first(listed: Sequence[_Word], *, run_at: datetime) -> Sequence[_Word]:
    """Return an order's words with the first, which its own row says; the log of an order from before has it, too."""
    if listed and listed[0].seq == 1:
        return listed
    return [_word(1, run_at, "noted", "reserve", None, None, OrderState.RESERVED.value), *listed]


def _replayed(listed: Sequence[_Word], *, run_at: datetime) -> _Told | None:
    """Return what the words make of an order; None where a word cannot follow the ones before it."""
    if not _is_whole(listed, run_at=run_at):
        return None
    state, missing, latest = OrderState.RESERVED, False, listed[0].at
    sent_at: datetime | None = None
    for word, following in zip_longest(listed[1:], listed[2:]):
        event = _event(word, state)
        if (word.word, word.code) == ("decide", Verdict.NEVER_PAID.value):
            if not (missing and state is OrderState.UNKNOWN):
                return None
            state = OrderState.FAILED
        if event is None and (word.direction, word.word) not in _ASIDE:
            return None
        if (word.word, word.code) == ("decide", Verdict.PAID.value) and state is OrderState.FAILED:
            state = OrderState.PAID
        if event is OrderEvent.RESEND and not missing:
            return None
        # A word that could not be was kept, changed nothing, and is followed by the note of a conflict.
        disputed = following is not None and (following.direction, following.word) == ("noted", "conflict")
        if event is not None and not disputed:
            moved = TRANSITIONS.get((state, event))
            if moved is None:
                return None
            missing = _still_missing(event, missing=missing)
            state = moved
        if word.state != state.value:
            return None
        # A worker reads its clock before it waits for the lock, so neighbors may be turned about by a little.
        if sent_at is not None and word.at < latest - CLOCK_SKEW_MAX:
            return None
        if event in (OrderEvent.SEND, OrderEvent.RESEND):
            sent_at = sent_at or word.at
        latest = word.at if sent_at is None else max(latest, word.at)
    return _summed(listed, state=state, sent_at=sent_at)


def _is_whole(listed: Sequence[_Word], *, run_at: datetime) -> bool:
    """Whether the words are numbered without a gap and begin with the reservation, whose time is the order's own."""
    if [word.seq for word in listed] != list(range(1, len(listed) + 1)) or not listed:
        return False
    first = listed[0]
    return (first.direction, first.word, first.state, first.at) == ("noted", "reserve", "RESERVED", run_at)


def _event(word: _Word, state: OrderState) -> OrderEvent | None:
    match word.direction, word.word:
        case "said", "send":
            return OrderEvent.SEND if state is OrderState.RESERVED else OrderEvent.RESEND
        case "noted", "withdraw":
            return OrderEvent.WITHDRAW
        case "heard", heard:
            return _HEARD.get(heard)
        case _:
            return None


def _still_missing(event: OrderEvent, *, missing: bool) -> bool:
    if event is OrderEvent.SILENT:
        return missing  # silence neither confirms nor withdraws a "not found"
    return event is OrderEvent.NOT_FOUND


def _summed(listed: Sequence[_Word], *, state: OrderState, sent_at: datetime | None) -> _Told:
    said = [word.word for word in listed if word.direction == "said"]
    ended = next((word for word in listed if word.state == state.value), None) if state.ended else None
    return _Told(
        state=state.value,
        sent_at=sent_at,
        attempts=said.count("send"),
        asks=said.count("ask"),
        conflict_code=next((word.code for word in listed if word.word == "conflict"), None),
        refusal_code=ended.code if ended is not None and state is OrderState.FAILED else None,
        reference=ended.reference if ended is not None and state is OrderState.PAID else None,
    )


def _is_dated(listed: Sequence[_Word], sent_at: datetime | None, paid_at: datetime, value_date: date) -> bool:
    """Whether the channel's success time lies between our first send and the word, and gives the value date."""
    heard_at = next((word.at for word in listed if word.state == OrderState.PAID.value), None)
    return (
        sent_at is not None
        and heard_at is not None
        and sent_at - CLOCK_SKEW_MAX <= paid_at <= heard_at + CLOCK_SKEW_MAX
        and value_date == business_date_of(paid_at)
    )
