"""A revolving account as the book keeps it: the whole state in some hundred bytes, its amounts at fixed places.

Big-endian. Days are counted from 2000-01-01, as PostgreSQL does; a day that there is none of is NO_DAY. In this order:

    head       202 bytes: layout (1), flags, how many lots, latenesses and plans, days, amounts, the last bill
    lots       53 bytes each
    lates      8 bytes each: the due day, the day it was paid
    plans      26 bytes each, then 16 for each of its sources and 16 for each of its parts

The functions spend_amounts and bill_amounts (`store/functions`) read amounts by their places, `domain/batch` heads and
lots as columns.
"""

from __future__ import annotations

from datetime import date
from operator import attrgetter
from struct import Struct
from typing import Final
from uuid import UUID

from mingqu.domain.changed import made
from mingqu.domain.spend.state import Lot, Plan, SpendState, Statement

LAYOUT: Final = 1
DUE_OPEN, BILLED = 1, 2  # flags of a head
BEARS, INSTALMENT = 1, 2  # flags of a lot
NO_DAY: Final = -(2**31)
_HEAD: Final = Struct(">BBIII4i11q")
_BILL: Final = Struct(">3i9q")
_NO_BILL: Final = bytes(_BILL.size)
BILL_AT: Final = _HEAD.size
HEAD_BYTES: Final = _HEAD.size + _BILL.size
_LOT: Final = Struct(">16s3i3qB")
LOT_BYTES: Final = _LOT.size
_LATE: Final = Struct(">2i")
_PLAN: Final = Struct(">16siHHH")
_PART: Final = Struct(">2q")
_DAY_ZERO: Final = date(2000, 1, 1).toordinal()
_ID_BYTES: Final = 16
_amounts: Final = attrgetter(
    "limit_fen", "interest_fen", "fee_fen", "penalty_fen", "credit_fen", "paid_fen", "converted_fen", "asked_fen",
    "overdue_fen", "lacking_fen", "penalty_area_fen_days",
)  # fmt: skip
_bill_amounts: Final = attrgetter(
    "principal_fen", "interest_fen", "fee_fen", "penalty_fen", "instalment_fen", "overdue_fen", "over_limit_fen",
    "minimum_fen", "total_fen",
)  # fmt: skip


def packed(state: SpendState) -> bytes:
    """Return a state as bytes. Amounts, and what a balance bore, fit 64 bits: `product.LIMIT_FEN_MAX` sees to that."""
    head = _HEAD.pack(
        LAYOUT,
        DUE_OPEN * state.due_open | BILLED * (state.bill is not None),
        len(state.lots),
        len(state.lates),
        len(state.plans),
        number_of(state.day),
        number_of(state.next_bill_on),
        _number(state.overdue_since),
        _number(state.penalty_since),
        *_amounts(state),
    )
    bill = _NO_BILL if state.bill is None else packed_bill(state.bill)
    lots = [
        _LOT.pack(
            lot.lot_id.bytes,
            number_of(lot.posted_on),
            number_of(lot.since),
            _number(lot.billed_on),
            lot.principal_fen,
            lot.refunded_fen,
            lot.area_fen_days,
            BEARS * lot.bears | INSTALMENT * lot.instalment,
        )
        for lot in state.lots
    ]
    lates = [_LATE.pack(number_of(due), number_of(paid)) for due, paid in state.lates]
    return b"".join((head, bill, *lots, *lates, *map(_packed_plan, state.plans)))


def unpacked(data: bytes) -> SpendState:
    """Return the state that was packed."""
    layout, flags, lots, lates, plans, day, next_bill_on, overdue_since, penalty_since, *rest = _HEAD.unpack_from(data)
    assert layout == LAYOUT, "a migration packs anew what another layout packed"
    (
        limit_fen, interest_fen, fee_fen, penalty_fen, credit_fen, paid_fen, converted_fen, asked_fen, overdue_fen,
        lacking_fen, area,
    ) = rest  # fmt: skip
    lots_end = HEAD_BYTES + lots * _LOT.size
    lates_end = lots_end + lates * _LATE.size
    return made(
        SpendState,
        day_of(day),
        day_of(next_bill_on),
        limit_fen,
        tuple(map(_lot, _LOT.iter_unpack(data[HEAD_BYTES:lots_end]))),
        _plans(data, lates_end, plans),
        interest_fen,
        fee_fen,
        penalty_fen,
        credit_fen,
        unpacked_bill(data[BILL_AT:HEAD_BYTES]) if flags & BILLED else None,
        bool(flags & DUE_OPEN),
        paid_fen,
        converted_fen,
        asked_fen,
        overdue_fen,
        lacking_fen,
        _day_or_none(overdue_since),
        _day_or_none(penalty_since),
        area,
        tuple((day_of(due), day_of(paid)) for due, paid in _LATE.iter_unpack(data[lots_end:lates_end])),
    )


def packed_bill(bill: Statement) -> bytes:
    """Return a bill as bytes."""
    return _BILL.pack(bill.number, number_of(bill.billed_on), number_of(bill.due), *_bill_amounts(bill))


def unpacked_bill(data: bytes) -> Statement:
    """Return the bill that was packed."""
    number, billed_on, due, *amounts = _BILL.unpack(data)
    return made(Statement, number, day_of(billed_on), day_of(due), *amounts)


def _lot(values: tuple[bytes, int, int, int, int, int, int, int]) -> Lot:
    lot_id, posted_on, since, billed_on, principal_fen, refunded_fen, area, flags = values
    return made(
        Lot,
        UUID(bytes=lot_id),
        day_of(posted_on),
        principal_fen,
        day_of(since),
        refunded_fen,
        area,
        bool(flags & BEARS),
        _day_or_none(billed_on),
        bool(flags & INSTALMENT),
    )


def _packed_plan(plan: Plan) -> bytes:
    head = _PLAN.pack(plan.plan_id.bytes, number_of(plan.converted_on), plan.count, len(plan.sources), len(plan.parts))
    return b"".join((head, *(source.bytes for source in plan.sources), *(_PART.pack(*part) for part in plan.parts)))


def _plans(data: bytes, at: int, plans: int) -> tuple[Plan, ...]:
    found = []
    for _ in range(plans):
        plan_id, converted_on, count, sources, parts = _PLAN.unpack_from(data, at)
        sources_at = at + _PLAN.size
        parts_at = sources_at + sources * _ID_BYTES
        at = parts_at + parts * _PART.size
        found.append(
            Plan(
                plan_id=UUID(bytes=plan_id),
                converted_on=day_of(converted_on),
                sources=tuple(
                    UUID(bytes=data[start : start + _ID_BYTES]) for start in range(sources_at, parts_at, _ID_BYTES)
                ),
                count=count,
                parts=tuple(_PART.iter_unpack(data[parts_at:at])),
            )
        )
    assert at == len(data), "nothing is left over"
    return tuple(found)


def number_of(day: date) -> int:
    """Return the days from 2000-01-01 to a date."""
    return day.toordinal() - _DAY_ZERO


def _number(day: date | None) -> int:
    return NO_DAY if day is None else number_of(day)


def day_of(number: int) -> date:
    """Return the date of a day counted from 2000-01-01."""
    return date.fromordinal(number + _DAY_ZERO)


def _day_or_none(number: int) -> date | None:
    return None if number == NO_DAY else day_of(number)
