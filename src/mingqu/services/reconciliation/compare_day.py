"""Compare a day's bill with our orders, keep the breaks, and say what it came to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.reconciliation import Break, BreakKind, Line, Moved, Tally, compare
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.reconciliation.fetch_bill import BillMissing
from mingqu.store.bills import bill, reconciliation
from mingqu.store.bills.reconciliation import KnownBreak
from mingqu.store.server.database import Transaction

# People work breaks one by one. More of them than this is another merchant's bill, or a day whose book is not this one.
BREAKS_MAX: Final = 20_000
LENDER: Final = "lender:"  # begins the name of a lender's own ledger as a source; its code follows


class BreaksTooMany(Refusal):
    """A bill and the book have so little in common that no break of it was kept."""

    code: ClassVar[str] = "breaks_too_many"


class SourceUnknown(Refusal):
    """Nobody of this name gives us bills: there is no such channel here, and no such lender."""

    code: ClassVar[str] = "bill_source_unknown"


@dataclass(slots=True, kw_only=True)
class Side:
    """What one side says of the day: how many lines, and fen that came in and went out."""

    lines: int = 0
    in_fen: int = 0
    out_fen: int = 0

    def told(self) -> dict[str, int]:
        """Return the side as a report writes it."""
        return {"lines": self.lines, "in_fen": self.in_fen, "out_fen": self.out_fen}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A day that was compared: both sides, what was agreed on, and every break of it as it stands now."""

    source: str
    on: date
    ours: Side = field(default_factory=Side)
    theirs: Side = field(default_factory=Side)
    tally: Tally = field(default_factory=Tally)
    breaks: tuple[KnownBreak, ...] = ()

    def told(self) -> dict[str, object]:
        """Return counts and sums as a report writes them."""
        return {
            "ours": self.ours.told(),
            "theirs": self.theirs.told(),
            "agreed": self.tally.agreed,
            "agreed_in_fen": self.tally.agreed_in_fen,
            "agreed_out_fen": self.tally.agreed_out_fen,
            "fee_fen": self.tally.fee_fen,
            "breaks": {kind.value: self.tally.breaks[kind] for kind in BreakKind},
        }


def compare_day(house: House, *, source: str, on: date) -> Compared:
    """Compare a bill that was read with the orders of its day, and keep what differs. Run again it is the same.

    Both sides are streams in order of their numbers, cell by cell, so memory is that of the breaks.
    Errors: BillMissing, BreaksTooMany, SourceUnknown, NumberRepeated; nothing has then changed.
    """
    lender_id = lender_of(house, source=source)
    channels = sorted(house.bills[source].channels) if source in house.bills else [source]

    def work(tx: Transaction) -> Compared:
        known = bill.load(tx, source=source, on=on, lock=True)
        if known is None or not known.is_read:
            raise BillMissing(f"There is no bill of {source} for {on}.", source=source, date=on.isoformat())
        made, found = Compared(source=source, on=on), list[Break]()
        for cell in range(tx.cells):
            first, last = bill.window(on)
            ours = bill.our_lines(tx, cell=cell, channels=channels, lender_id=lender_id, first=first, last=last)
            theirs = bill.their_lines(tx, cell=cell, source=source, first=first, last=last)
            for finding in compare(ours=_counted(ours, made.ours, on), theirs=_counted(theirs, made.theirs, on), on=on):
                made.tally.add(finding)
                if isinstance(finding, Break):
                    found.append(finding)
                    if len(found) > BREAKS_MAX:
                        raise BreaksTooMany(f"More than {BREAKS_MAX} breaks: this is no bill of this book's day.")
        now = house.clock.now()
        reconciliation.keep(tx, source=source, on=on, found=found, at=now)
        bill.reconciled(tx, source=source, on=on, report=made.told(), at=now)
        return Compared(
            source=source,
            on=on,
            ours=made.ours,
            theirs=made.theirs,
            tally=made.tally,
            breaks=tuple(reconciliation.of_day(tx, source=source, on=on)),
        )

    return house.database.run(work)


def lender_of(house: House, *, source: str) -> UUID | None:
    """Return the lender whose own ledger a source is, or None when it is a channel. Errors: SourceUnknown."""
    if not source.startswith(LENDER):
        return None
    code = source.removeprefix(LENDER)
    found = next((one.id for one in house.pack.lenders if one.code == code), None)
    if found is None:
        raise SourceUnknown(f"There is no lender {code!r}.")
    return found


def _counted(lines: Iterable[Line], side: Side, on: date) -> Iterator[Line]:
    for line in lines:
        if line.on == on:
            side.lines += 1
            if line.moved is Moved.IN:
                side.in_fen += line.amount_fen
            else:
                side.out_fen += line.amount_fen
        yield line
