"""Fetch the bill of a day and store it whole, or say where it is broken and when it is asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import ClassVar, Final

from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.reconciliation import Line, Moved
from mingqu.domain.refusal import Refusal
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.payout import Direction, StatementLine
from mingqu.ports.silence import ChannelSilent
from mingqu.services.access.note_refused import note_bill
from mingqu.services.close.close_day import DayNotOver
from mingqu.services.house import House
from mingqu.store.bills import bill, settlement
from mingqu.store.server.database import Transaction

# Wallets have their bills by ten in the morning, and a bill that is asked for sooner may be "none" for "not yet".
READY_AT: Final = timedelta(hours=10, minutes=15)
FIRST_RETRY: Final = timedelta(minutes=10)
RETRY_MAX: Final = timedelta(hours=2)  # doubled up to this: some twenty tries a day, of which people see the last


class BillMissing(Refusal):
    """There is no bill of this day here, and nobody who could be asked for it could give one that can be read."""

    code: ClassVar[str] = "bill_missing"


class BillRefused(Refusal):
    """The bill cannot be read; nothing of it was taken. The details say of whom, of which day, and in which place."""

    code: ClassVar[str] = "bill_refused"


class BillTakesBack(Refusal):
    """The bill is another one than before and lacks lines that were settled: people ask the channel which one holds."""

    code: ClassVar[str] = "bill_takes_back"
    status: ClassVar[int] = 409


def ready_at(on: date) -> timedelta:
    """Return how long after the start of a day its bill is first asked for."""
    return (start_of(on + timedelta(days=1)) - start_of(on)) + READY_AT


def require_over(house: House, *, on: date) -> None:
    """Return when a day is over. Errors: DayNotOver."""
    if on >= house.clock.business_date():
        raise DayNotOver("A day is reconciled when it is over.", date=on.isoformat())


def fetch_bill(house: House, *, source: str, on: date) -> None:
    """Fetch a source's bill of a day, outside of any transaction, and store it. Errors: BillRefused, BillTakesBack.

    What cannot be had is written down with the time of the next try, and what was read before stays.
    """
    known = house.bills[source]
    house.database.run(lambda tx: bill.expect(tx, source=source, on=on, at=house.clock.now()))
    try:
        lines = lines_of(known.channel.statement(on), on=on)
    except BillUnreadable as broken:
        _note(house, source=source, on=on, fault=broken.fault.value, row=broken.row, column=broken.column)
        raise _refused(source, on, broken.fault.value, broken.row, broken.column) from None
    except ChannelSilent as silent:
        _note(house, source=source, on=on, fault=silent.reason, row=None, column=None)
        raise _refused(source, on, silent.reason, None, None) from None
    try:
        store_bill(house, source=source, on=on, lines=lines)
    except BillTakesBack as refusal:
        where = {"orders": int(str(refusal.details["orders"]))}
        house.database.run(
            lambda tx: note_bill(tx, house, source=source, reason=BillTakesBack.code, on=on, where=where)
        )
        raise


def store_bill(house: House, *, source: str, on: date, lines: Sequence[Line]) -> None:
    """Store the lines of a bill, all or none; the same contents again change nothing. Errors: BillTakesBack."""

    def store(tx: Transaction) -> None:
        now = house.clock.now()
        bill.expect(tx, source=source, on=on, at=now)
        bill.load(tx, source=source, on=on, lock=True)
        if not bill.replace_lines(tx, source=source, on=on, lines=lines, at=now):
            return
        lost = settlement.without_line(tx, source=source, on=on)
        if lost:
            raise BillTakesBack("The bill lacks lines that were settled.", source=source, date=str(on), orders=lost)

    house.database.run(store)


def lines_of(said: Sequence[StatementLine], *, on: date) -> list[Line]:
    """Return a bill's movements as lines. Errors: BillUnreadable for another day, or an amount no order can have."""
    lines = []
    for number, each in enumerate(said, start=1):
        if business_date_of(each.succeeded_at) != on:
            raise BillUnreadable(fault=BillFault.OTHER_DAY, row=number)
        told = (each.order_number, each.currency, each.reference)
        whole = 0 < each.amount_fen <= AMOUNT_FEN_MAX and 0 <= each.fee_fen <= each.amount_fen
        if not (whole and each.order_number and all(text.isprintable() for text in told)):
            raise BillUnreadable(fault=BillFault.BROKEN_ROW, row=number)
        lines.append(
            Line(
                order_number=each.order_number,
                moved=Moved.IN if each.direction is Direction.IN else Moved.OUT,
                amount_fen=each.amount_fen,
                currency=each.currency,
                on=on,
                reference=each.reference,
                fee_fen=each.fee_fen,
            )
        )
    return lines


def _note(house: House, *, source: str, on: date, fault: str, row: int | None, column: str | None) -> None:
    def note(tx: Transaction) -> None:
        known = bill.load(tx, source=source, on=on, lock=True)
        assert known is not None, "a bill is expected before it is asked for"
        wait = min(FIRST_RETRY * 2 ** min(known.tries, 8), RETRY_MAX)
        next_at = house.clock.now() + wait
        bill.failed(tx, source=source, on=on, fault=fault, row=row, column=column, next_at=next_at)
        where = {name: value for name, value in (("row", row), ("column", column)) if value is not None}
        note_bill(tx, house, source=source, reason=fault, on=on, where=where)

    house.database.run(note)


def _refused(source: str, on: date, fault: str, row: int | None, column: str | None) -> BillRefused:
    where = "" if row is None else f", row {row}" + (f", column {column}" if column else "")
    return BillRefused(
        f"The bill of {source} for {on} cannot be read: {fault}{where}.",
        source=source,
        date=on.isoformat(),
        fault=fault,
        row=row,
        column=column,
    )
