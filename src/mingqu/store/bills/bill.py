"""Bills in the book: which day of which source was read, how the fetching stands, and every line of it.

A line lies in the cell of its order. A bill that is read anew with other contents replaces its lines; the same contents
change nothing. Lines are read in order of their number, from every cell, by a cursor: a bill may be longer than memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.order import OrderKind
from mingqu.domain.reconciliation import Line, Moved, key_of
from mingqu.store.server.database import Transaction

OUT: Final = (OrderKind.PAYOUT.value, OrderKind.RETURN.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """How the bill of a day stands. `fault`, with its row and column, is why the last try read nothing."""

    source: str
    on: date
    tries: int
    next_at: datetime
    fault: str | None
    fault_row: int | None
    fault_column: str | None
    hash: bytes | None
    lines: int
    read_at: datetime | None
    reconciled_at: datetime | None
    report: Mapping[str, object] | None

    @property
    def is_read(self) -> bool:
        """Whether its lines are in the book."""
        return self.hash is not None


_SELECT: Final[LiteralString] = """
    SELECT source, on_date, tries, next_at, fault, fault_row, fault_column, hash, lines, read_at, reconciled_at, report
    FROM bill"""


def expect(tx: Transaction, *, source: str, on: date, at: datetime) -> None:
    """Write down that a bill is to be fetched from a moment on; one that is known stays as it is."""
    tx.execute(
        "INSERT INTO bill (source, on_date, state, tries, next_at) VALUES (%s, %s, 'waiting', 0, %s)"
        " ON CONFLICT DO NOTHING",
        (source, on, at),
    )


def load(tx: Transaction, *, source: str, on: date, lock: bool = False) -> Bill | None:
    """Return a bill, or None; with `lock` nobody else compares or reads it until the transaction ends."""
    row = tx.execute(
        _SELECT + " WHERE source = %s AND on_date = %s" + (" FOR UPDATE" if lock else ""), (source, on)
    ).fetchone()
    return None if row is None else _bill(row)


def of_day(tx: Transaction, *, on: date) -> list[Bill]:
    """Return the bills of a day, by source."""
    return [_bill(row) for row in tx.execute(_SELECT + " WHERE on_date = %s ORDER BY source", (on,))]


def latest(tx: Transaction, *, limit: int) -> list[Bill]:
    """Return the bills of the latest days, the newest first."""
    return [_bill(row) for row in tx.execute(_SELECT + " ORDER BY on_date DESC, source LIMIT %s", (limit,))]


def between(tx: Transaction, *, first: date, last: date) -> list[Bill]:
    """Return the bills of some days, in no order."""
    return [_bill(row) for row in tx.execute(_SELECT + " WHERE on_date BETWEEN %s AND %s", (first, last))]


def lease(tx: Transaction, *, source: str, on: date, now: datetime, until: datetime) -> bool:
    """Take a bill that is due to be fetched or compared, so that nobody else does until `until`; False if it is not."""
    taken = tx.execute(
        "UPDATE bill SET next_at = %s WHERE source = %s AND on_date = %s AND next_at <= %s AND reconciled_at IS NULL",
        (until, source, on, now),
    )
    return taken.rowcount == 1


def failed(
    tx: Transaction, *, source: str, on: date, fault: str, row: int | None, column: str | None, next_at: datetime
) -> None:
    """Write down why a bill could not be read and when it is tried again. What was read before stays."""
    tx.execute(
        "UPDATE bill SET tries = tries + 1, fault = %s, fault_row = %s, fault_column = %s, next_at = %s"
        " WHERE source = %s AND on_date = %s",
        (fault, row, column, next_at, source, on),
    )


def hash_of(lines: Iterable[Line]) -> bytes:
    """Return the hash of a bill's contents, in whatever order its lines come."""
    written = sorted(
        f"{one.order_number} {one.moved.value} {one.amount_fen} {one.currency} {one.reference} {one.fee_fen}"
        for one in lines
    )
    return hashlib.sha256("\n".join(written).encode()).digest()


def replace_lines(tx: Transaction, *, source: str, on: date, lines: Sequence[Line], at: datetime) -> bool:
    """Store a bill whole; return whether its contents are new. The caller holds the bill (`load` with `lock`)."""
    hashed = hash_of(lines)
    known = load(tx, source=source, on=on)
    assert known is not None, "a bill is expected before it is read"
    if known.hash != hashed:
        for cell in range(tx.cells):
            tx.execute("DELETE FROM bill_line WHERE cell = %s AND source = %s AND on_date = %s", (cell, source, on))
        tx.copy(
            "COPY bill_line (cell, source, on_date, order_number, line, order_key, direction, amount_fen, currency,"
            " reference, fee_fen) FROM STDIN",
            (_row(tx, source, on, number, line) for number, line in enumerate(lines, start=1)),
        )
    tx.execute(
        "UPDATE bill SET state = 'read', hash = %s, lines = %s, read_at = %s, fault = NULL, fault_row = NULL,"
        " fault_column = NULL WHERE source = %s AND on_date = %s",
        (hashed, len(lines), at, source, on),
    )
    return known.hash != hashed


def reconciled(tx: Transaction, *, source: str, on: date, report: Mapping[str, object], at: datetime) -> None:
    """Write down what the comparison of a day came to."""
    tx.execute(
        "UPDATE bill SET reconciled_at = %s, report = %s WHERE source = %s AND on_date = %s",
        (at, json.dumps(report), source, on),
    )


def their_lines(tx: Transaction, *, cell: int, source: str, first: date, last: date) -> Iterator[Line]:
    """Yield the lines of a source in a cell from `first` to `last`, both included, by number and day."""
    rows = tx.stream(
        """SELECT order_number, direction, amount_fen, currency, on_date, reference, fee_fen FROM bill_line
           WHERE cell = %s AND source = %s AND on_date BETWEEN %s AND %s ORDER BY order_number, on_date, line""",
        (cell, source, first, last),
        name="mingqu_theirs",
    )
    for number, direction, amount_fen, currency, on, reference, fee_fen in rows:
        yield Line(
            order_number=number,
            moved=Moved(direction),
            amount_fen=amount_fen,
            currency=currency,
            on=on,
            reference=reference,
            fee_fen=fee_fen,
        )


def our_lines(
    tx: Transaction, *, cell: int, channels: Sequence[str], lender_id: UUID | None, first: date, last: date
) -> Iterator[Line]:
    """Yield the orders of some channels that were paid from `first` to `last`, by number.

    With a lender those of its loans, whatever the channel.
    """
    rows = tx.stream(
        """SELECT encode(uuid_send(o.order_id), 'hex'), o.kind, o.amount_fen, o.currency, o.value_date, o.reference
           FROM channel_order o
           WHERE o.cell = %(cell)s AND o.state = 'PAID' AND o.value_date BETWEEN %(first)s AND %(last)s
             AND CASE WHEN %(lender)s::uuid IS NULL THEN o.channel = ANY (%(channels)s)
                      ELSE EXISTS (SELECT FROM loan l WHERE l.cell = o.cell AND l.loan_id = o.loan_id
                                   AND l.lender_id = %(lender)s) END
           ORDER BY o.order_id""",
        {"cell": cell, "first": first, "last": last, "lender": lender_id, "channels": list(channels)},
        name="mingqu_ours",
    )
    for number, kind, amount_fen, currency, on, reference in rows:
        moved = Moved.OUT if kind in OUT else Moved.IN
        yield Line(
            order_number=number, moved=moved, amount_fen=amount_fen, currency=currency, on=on, reference=reference
        )


def window(on: date) -> tuple[date, date]:
    """Return the first and last day that are read to compare a day: a line may be paired with one of a neighbor."""
    return on - timedelta(days=1), on + timedelta(days=1)


def _row(tx: Transaction, source: str, on: date, number: int, line: Line) -> tuple[object, ...]:
    key = key_of(line.order_number)
    return (
        tx.cell_of(key),
        source,
        on,
        line.order_number,
        number,
        key,
        line.moved.value,
        line.amount_fen,
        line.currency,
        line.reference,
        line.fee_fen,
    )


def _bill(row: tuple[object, ...]) -> Bill:
    names = ("source", "on", "tries", "next_at", "fault", "fault_row", "fault_column", "hash", "lines", "read_at")
    told = dict(zip((*names, "reconciled_at", "report"), row, strict=True))
    return Bill(**told)  # type: ignore[arg-type]  # as the columns of _SELECT are
