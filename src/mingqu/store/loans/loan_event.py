"""Events of a loan as rows: kind, dates and amounts in columns of their own, the rest of what was said as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from mingqu.domain.canonical import Canonical
from mingqu.domain.loan import (
    Accelerated,
    Cancelled,
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    FeeCharged,
    FeeWaived,
    Intent,
    MigratedIn,
    OverpaymentReturned,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Repaid,
    Rescheduled,
    Reversed,
    WrittenOff,
)
from mingqu.domain.loan.posting import PURSE_OF, Purse
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

# Words that are stored: never changed, never used again.
EVENTS: Final[dict[str, type[Event]]] = {
    "disbursed": Disbursed,
    "migrated_in": MigratedIn,
    "cancelled": Cancelled,
    "rate_changed": RateChanged,
    "paused": Paused,
    "rescheduled": Rescheduled,
    "fee_charged": FeeCharged,
    "fee_waived": FeeWaived,
    "repaid": Repaid,
    "charged_back": ChargedBack,
    "overpayment_returned": OverpaymentReturned,
    "re_aged": ReAged,
    "re_amortized": ReAmortized,
    "accelerated": Accelerated,
    "charged_off": ChargedOff,
    "charge_off_undone": ChargeOffUndone,
    "written_off": WrittenOff,
    "reversed": Reversed,
}
_KINDS: Final = {kind: name for name, kind in EVENTS.items()}
# What the lender gives up is told as a repayment, of which no channel and no order knows.
CONCEDED: Final = frozenset(receipt for receipt, purse in PURSE_OF.items() if purse is Purse.CONCESSION)
# What has a column; anything else an event says is its detail, unless it is what is meant when nothing is said.
_COLUMNS: Final = frozenset({"event_id", "value_date", "amount_fen", "intent", "target"})
_DETAILS: Final = {
    kind: tuple((field.name, field.default) for field in fields(kind) if field.name not in _COLUMNS) for kind in _KINDS
}

_APPEND: Final = """
    INSERT INTO loan_event (cell, loan_id, event_id, kind, value_date, posted_on, posted_at, amount_fen, intent, target,
                            detail)
    SELECT $1::smallint, e.loan_id, e.event_id, e.kind, e.value_date, $2::date, $3::timestamptz, e.amount_fen, e.intent,
           e.target, e.detail::jsonb
    FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::date[], $8::bigint[], $9::text[], $10::uuid[], $11::text[])
         AS e (loan_id, event_id, kind, value_date, amount_fen, intent, target, detail)
"""


def kind_of(event: Event) -> str:
    """Return the word under which events of this kind are stored."""
    return _KINDS[type(event)]


def detail_of(event: Event) -> dict[str, Canonical] | None:
    """Return what an event says beyond its columns, None if that is nothing.

    Example: of a repayment that the lender gave up, {"receipt": "goodwill"}; of an ordinary one, None.
    """
    said = {name: value for name, default in _DETAILS[type(event)] if (value := getattr(event, name)) != default}
    detail: dict[str, Canonical] = msgspec.to_builtins(said)
    return detail or None


def columns_of(event: Event) -> tuple[str | None, UUID | None, str | None]:
    """Return intent, target and detail of an event, ready to store."""
    detail = detail_of(event)
    return (
        event.intent.value if isinstance(event, Repaid) else None,
        getattr(event, "target", None),
        None if detail is None else msgspec.json.encode(detail).decode(),
    )


def appended(*, cell: int, events: Sequence[tuple[UUID, Event]], posted_on: date, posted_at: datetime) -> Statement:
    """Return what adds events, each as (loan, event), to their histories. One is never changed and never taken away."""
    intents, targets, details = zip(*(columns_of(event) for _, event in events), strict=True)
    return Statement(
        _APPEND,
        (
            column.smallint(cell),
            column.day(posted_on),
            column.moment(posted_at),
            column.of_uuids([loan_id for loan_id, _ in events]).packed,
            column.of_uuids([event.event_id for _, event in events]).packed,
            column.of_texts([kind_of(event) for _, event in events]).packed,
            column.of_dates([event.value_date for _, event in events]).packed,
            column.of_bigints_or_nulls([getattr(event, "amount_fen", None) for _, event in events]).packed,
            column.of_texts_or_nulls(intents).packed,
            column.of_uuids(targets).packed,
            column.of_texts_or_nulls(details).packed,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEvent:
    """An event with the business date and moment at which it became known."""

    event: Event
    kind: str
    posted_on: date
    posted_at: datetime


def known_events(tx: Transaction, *, cell: int, loan_id: UUID) -> list[KnownEvent]:
    """Return a loan's events in the order in which they became known."""
    rows = tx.execute(
        """SELECT posted_on, posted_at, kind, event_id, value_date, amount_fen, intent, target, detail FROM loan_event
           WHERE cell = %s AND loan_id = %s ORDER BY posted_at, event_id""",
        (cell, loan_id),
    )
    return [KnownEvent(event=event_of(*row[2:]), kind=row[2], posted_on=row[0], posted_at=row[1]) for row in rows]


def event_of(
    kind: str,
    event_id: UUID,
    value_date: date,
    amount_fen: int | None,
    intent: str | None,
    target: UUID | None,
    detail: dict[str, Any] | None,
) -> Event:
    """Return the event that a row holds."""
    values: dict[str, object] = {"event_id": event_id, "value_date": value_date}
    if amount_fen is not None:
        values["amount_fen"] = amount_fen
    if intent is not None:
        values["intent"] = Intent(intent)
    if target is not None:
        values["target"] = target
    if detail is None:
        return EVENTS[kind](**values)  # type: ignore[arg-type]  # the row was written from this very class
    return msgspec.convert({**values, **detail}, EVENTS[kind])
