"""Compare two sorted streams of lines for one day: a merge that holds the lines of one number at a time.

A day is compared together with its neighbors, for two clocks rarely agree at midnight. A line of the day is told once:

    both sides, everything the same, same day                 agreed
    the same but for the day, one day apart                   SHIFTED, on the day of the other side
    another amount                                            AMOUNT
    another currency                                          CURRENCY
    theirs again, when one of that number was told already    DUPLICATE
    theirs, under a number that is none of ours by its form   FOREIGN
    theirs, and we have nothing of it                         LONG
    ours, and they have nothing of it                         SHORT

What is a day before or after is there to be paired with and is not told itself. So SHORT on day D, found while only
the bill of D is there, is gone when the bill of D+1 has the line: it is then SHIFTED on D+1.

Example: we have A 100 on the 5th and B 70 on the 5th; they have A 100 on the 5th, B 71 on the 5th and C 5 on the 5th.
A is agreed, B is a break of AMOUNT (70 beside 71), and C is LONG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import ClassVar, Final

from mingqu.domain.reconciliation.line import Line, Moved, in_order, is_ours
from mingqu.domain.refusal import Refusal

# Of one number there is a payment and perhaps its mistake; a side that says one number oftener is not a bill.
LINES_PER_NUMBER_MAX: Final = 1_000


class NumberRepeated(Refusal):
    """One side has so many lines of one number that it is no bill: nothing of it is compared."""

    code: ClassVar[str] = "bill_number_repeated"


class BreakKind(Enum):
    """In which way two sides differ. Words are stored: never changed, never used again."""

    LONG = "long"  # they have it, we do not
    SHORT = "short"  # we have it, they do not
    AMOUNT = "amount"
    CURRENCY = "currency"
    SHIFTED = "shifted"  # both have it, a day apart
    DUPLICATE = "duplicate"
    FOREIGN = "foreign"  # a number that cannot be ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Both sides say the same of one movement on the day that was compared."""

    ours: Line
    theirs: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One difference. `ordinal` counts breaks of one kind and number, from 0; a side that has nothing is None."""

    kind: BreakKind
    on: date
    ours: Line | None
    theirs: Line | None
    ordinal: int = 0

    @property
    def line(self) -> Line:
        """The line that speaks for the break: theirs where there is one."""
        found = self.theirs or self.ours
        assert found is not None, "a break is of a line"
        return found


Finding = Agreed | Break


class Tally:
    """What a comparison came to: counts and fen, filled as findings pass. Amounts are those of the day itself."""

    __slots__ = ("agreed", "agreed_in_fen", "agreed_out_fen", "breaks", "fee_fen")

    def __init__(self) -> None:
        self.agreed = self.agreed_in_fen = self.agreed_out_fen = self.fee_fen = 0
        self.breaks: dict[BreakKind, int] = dict.fromkeys(BreakKind, 0)

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        if isinstance(finding, Break):
            self.breaks[finding.kind] += 1
            return
        theirs = finding.theirs
        self.agreed += 1
        self.fee_fen += theirs.fee_fen
        if theirs.moved is Moved.IN:
            self.agreed_in_fen += theirs.amount_fen
        else:
            self.agreed_out_fen += theirs.amount_fen


def compare(*, ours: Iterable[Line], theirs: Iterable[Line], on: date) -> Iterator[Finding]:
    """Yield what a day comes to, in order of numbers. Both sides are sorted by `in_order`, neighbors included.

    Memory is that of the lines of one number. Errors: NumberRepeated.
    """
    left, right = _Side(ours), _Side(theirs)
    while left.head is not None or right.head is not None:
        one, other = left.head, right.head
        if one is None or (other is not None and other.order_number < one.order_number):
            assert other is not None
            if not right.alone():
                yield from _told([], right.take(other.order_number), on)
                continue
            right.step()
            if other.on == on:
                kind = BreakKind.LONG if is_ours(other.order_number) else BreakKind.FOREIGN
                yield Break(kind=kind, on=on, ours=None, theirs=other)
        elif other is None or one.order_number < other.order_number:
            yield from _told(left.take(one.order_number), [], on)
        elif left.alone() and right.alone() and _same(one, other) and one.on == other.on:  # as nearly all are
            left.step()
            right.step()
            if one.on == on:
                yield Agreed(ours=one, theirs=other)
        else:
            number = one.order_number
            yield from _told(left.take(number), right.take(number), on)


class _Side:
    """A stream with its next two lines in hand: `head`, and the one behind it."""

    __slots__ = ("_behind", "_lines", "head")

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self.head = next(self._lines, None)
        self._behind = next(self._lines, None)

    def step(self) -> None:
        assert self.head is not None
        assert self._behind is None or in_order(self.head) <= in_order(self._behind), "sides are sorted"
        self.head, self._behind = self._behind, next(self._lines, None)

    def alone(self) -> bool:
        """Whether the next line is the only one of its number."""
        assert self.head is not None
        return self._behind is None or self._behind.order_number != self.head.order_number

    def take(self, number: str) -> list[Line]:
        """Return every line of a number. Errors: NumberRepeated."""
        taken: list[Line] = []
        while self.head is not None and self.head.order_number == number:
            if len(taken) == LINES_PER_NUMBER_MAX:
                raise NumberRepeated(f"One number stands on more than {LINES_PER_NUMBER_MAX} lines.")
            taken.append(self.head)
            self.step()
        return taken


def _told(ours: list[Line], theirs: list[Line], on: date) -> Iterator[Finding]:
    """Yield what the lines of one number come to: pairs from the most alike to the least, then what is left over."""
    named = bool(ours)
    counts: dict[BreakKind, int] = {}

    def broken(kind: BreakKind, left: Line | None, right: Line | None) -> Break:
        ordinal = counts.get(kind, 0)
        counts[kind] = ordinal + 1
        return Break(kind=kind, on=on, ours=left, theirs=right, ordinal=ordinal)

    for left, right in _paired(ours, theirs, lambda a, b: _same(a, b) and a.on == b.on):
        if right.on == on:
            yield Agreed(ours=left, theirs=right)
    pairs = (
        (BreakKind.SHIFTED, lambda a, b: _same(a, b) and abs((a.on - b.on).days) == 1),
        (BreakKind.AMOUNT, lambda a, b: a.moved is b.moved and a.currency == b.currency and _near(a, b)),
        (BreakKind.CURRENCY, lambda a, b: a.moved is b.moved and _near(a, b)),
    )
    for kind, alike in pairs:
        for left, right in _paired(ours, theirs, alike):
            if right.on == on:
                yield broken(kind, left, right)
    for right in theirs:
        is_first, named = not named, True
        if right.on == on:
            strange = BreakKind.LONG if is_ours(right.order_number) else BreakKind.FOREIGN
            yield broken(strange if is_first else BreakKind.DUPLICATE, None, right)
    for left in ours:
        if left.on == on:
            yield broken(BreakKind.SHORT, left, None)


def _paired(ours: list[Line], theirs: list[Line], alike: Callable[[Line, Line], bool]) -> Iterator[tuple[Line, Line]]:
    """Take pairs that are alike out of both lists and yield them, each line in one pair at most."""
    for right in list(theirs):
        left = next((one for one in ours if alike(one, right)), None)
        if left is not None:
            ours.remove(left)
            theirs.remove(right)
            yield left, right


def _same(one: Line, other: Line) -> bool:
    return one.amount_fen == other.amount_fen and one.moved is other.moved and one.currency == other.currency


def _near(one: Line, other: Line) -> bool:
    return abs((one.on - other.on).days) <= 1
