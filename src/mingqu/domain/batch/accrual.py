"""Accrual on read for a whole book: base + daily × days in whole micro-fen, a million lines in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from mingqu.domain.batch.columns import INT64_MAX, NO_DAY_NUMBER, Days, Flags, Integers, as_day, days_of

# A block of every column stays in a core's cache while it is worked on.
_BLOCK_LINES: Final = 2**15
# Two summands of at most this many bits each make a sum that fits int64.
_SUMMAND_BITS: Final = 62
_SUMMAND_MAX: Final = 2**_SUMMAND_BITS - 1
# The sum of a block of halves of 32 bits fits int64 whatever they are.
_LOW_BITS: Final = 32
_LOW_MASK: Final = (1 << _LOW_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineColumns:
    """The straight lines of n loans, as their snapshots keep them; see `mingqu.domain.loan.Line`.

    `daily_micro`, `base_micro`: int64 [n], micro-fen a day and at `on`. `on`: datetime64[D] [n], NaT where
    no line runs.
    """

    daily_micro: Integers
    base_micro: Integers
    on: Days

    def __post_init__(self) -> None:
        assert self.daily_micro.shape == self.base_micro.shape == self.on.shape, "one length"
        assert self.daily_micro.dtype == self.base_micro.dtype == np.int64, "whole numbers of 64 bits"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccruedColumns:
    """What n lines have accrued: `micro` int64 [n] in micro-fen.

    `beyond`: the loans whose figure does not fit 64 bits, with the exact figure; their place in `micro` is 0.
    """

    micro: Integers
    beyond: tuple[tuple[int, int], ...]

    def total_micro(self) -> int:
        """Return the exact sum over all loans, however large."""
        return total(column=self.micro) + sum(figure for _, figure in self.beyond)


def accrued(*, lines: LineColumns, day: date) -> AccruedColumns:
    """Return what each line has accrued when `day` begins, in micro-fen: `Line.at` for every loan.

    A figure that does not fit 64 bits is worked out in exact whole numbers; nothing wraps.
    Example: base 0, 5,000,000 micro-fen a day, from 15 to 25 August: 50,000,000, which is 0.50 yuan.
    """
    day_number, on = as_day(day), days_of(lines.on)
    micro = np.empty(len(on), dtype=np.int64)
    days = np.empty(min(_BLOCK_LINES, len(on)), dtype=np.int64)
    beyond: list[tuple[int, int]] = []
    for begin in range(0, len(on), _BLOCK_LINES):
        block = slice(begin, begin + _BLOCK_LINES)
        daily, base, answer = lines.daily_micro[block], lines.base_micro[block], micro[block]
        passed = days[: len(answer)]
        np.subtract(day_number, on[block], out=passed)
        bits = [int(np.bitwise_or.reduce(column)) for column in (daily, passed, base)]
        # All at or above zero (no sign bit is set), and so few bits that neither product nor sum can leave int64.
        if min(bits) >= 0 and bits[0].bit_length() + bits[1].bit_length() <= _SUMMAND_BITS >= bits[2].bit_length():
            np.multiply(daily, passed, out=answer)
            np.add(answer, base, out=answer)
        else:
            answer[:], fits = line_at(daily_micro=daily, base_micro=base, on=on[block], day=day_number)
            exact = [
                (row, int(base[row]) + int(daily[row]) * (day_number - int(on[begin + row])))
                for row in np.flatnonzero(~fits).tolist()
            ]
            for row, figure in exact:
                if -INT64_MAX <= figure <= INT64_MAX:
                    answer[row] = figure
                else:
                    beyond.append((begin + row, figure))
    return AccruedColumns(micro=micro, beyond=tuple(beyond))


def line_at(*, daily_micro: Integers, base_micro: Integers, on: Integers, day: int) -> tuple[Integers, Flags]:
    """Return what lines have accrued when a day (a number) begins, and where that surely fits; elsewhere it is 0.

    Where no line runs (`on` is NO_DAY_NUMBER) nothing has accrued.
    """
    runs = on != NO_DAY_NUMBER
    days = day - np.where(runs, on, day)
    # One day more, so that no bound is divided by nothing.
    daily_max = _SUMMAND_MAX // (int(np.abs(days).max(initial=0)) + 1)
    fits = (daily_micro <= daily_max) & (daily_micro >= -daily_max)
    fits &= (base_micro <= _SUMMAND_MAX) & (base_micro >= -_SUMMAND_MAX)
    fits |= ~runs
    wanted = fits & runs
    micro = np.where(wanted, base_micro, 0) + np.where(wanted, daily_micro, 0) * days
    return micro, fits


def total(*, column: Integers) -> int:
    """Return the exact sum of a column of whole numbers, which itself need not fit 64 bits."""
    # 2^31 rows of 32 bits each are the most that a sum of one half can hold; no book has as many.
    assert len(column) < 2**31
    return (int(np.sum(column >> _LOW_BITS)) << _LOW_BITS) + int(np.sum(column & _LOW_MASK))
