"""Revolving accounts in columns: many of them, as the book keeps them, read and packed again without a look at each.

The layout is that of `domain/spend/packed.py`. Latenesses and plans, which no morning here reads, stay
the bytes they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mingqu.domain.batch.columns import Integers
from mingqu.domain.spend import packed

HEAD: Final = np.dtype(
    [
        ("layout", "u1"), ("flags", "u1"), ("lots", ">u4"), ("lates", ">u4"), ("plans", ">u4"), ("day", ">i4"),
        ("next_bill_on", ">i4"), ("overdue_since", ">i4"), ("penalty_since", ">i4"), ("limit", ">i8"),
        ("interest", ">i8"), ("fee", ">i8"), ("penalty", ">i8"), ("credit", ">i8"), ("paid", ">i8"),
        ("converted", ">i8"), ("asked", ">i8"), ("overdue", ">i8"), ("lacking", ">i8"), ("penalty_area", ">i8"),
        ("number", ">i4"), ("billed_on", ">i4"), ("due", ">i4"), ("bill_principal", ">i8"), ("bill_interest", ">i8"),
        ("bill_fee", ">i8"), ("bill_penalty", ">i8"), ("bill_instalment", ">i8"), ("bill_overdue", ">i8"),
        ("bill_over_limit", ">i8"), ("bill_minimum", ">i8"), ("bill_total", ">i8"),
    ]
)  # fmt: skip
LOT: Final = np.dtype(
    [
        ("lot_id", "V16"), ("posted_on", ">i4"), ("since", ">i4"), ("billed_on", ">i4"), ("principal", ">i8"),
        ("refunded", ">i8"), ("area", ">i8"), ("flags", "u1"),
    ]
)  # fmt: skip
assert (HEAD.itemsize, LOT.itemsize) == (packed.HEAD_BYTES, packed.LOT_BYTES), "one layout"
_SIZE_BYTES: Final = 4  # of an element of an array, before it
Rows = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RevolvingColumns:
    """n accounts: `head`, rows of HEAD [n]; `lot`, rows of LOT, and `rest`, bytes, of one account after the other.

    What is of account i lies from `lot_from[i]` to `lot_from[i + 1]` − 1, and the same of the rest.
    """

    head: Rows
    lot: Rows
    lot_from: Integers
    rest: Bytes
    rest_from: Integers

    def __len__(self) -> int:
        return len(self.head)

    def only(self, chosen: Integers) -> RevolvingColumns:
        """Return the accounts at some places."""
        lots, rest = np.diff(self.lot_from)[chosen], np.diff(self.rest_from)[chosen]
        return RevolvingColumns(
            head=self.head[chosen],
            lot=self.lot[_stretches(self.lot_from[chosen], lots)],
            lot_from=offsets(lots),
            rest=self.rest[_stretches(self.rest_from[chosen], rest)],
            rest_from=offsets(rest),
        )


def read_columns(*, heads: Rows, sizes: Integers, tails: bytes) -> RevolvingColumns:
    """Return accounts from their heads, rows of HEAD [n], and what lies behind these, so many bytes of each in turn."""
    assert (heads["layout"] == packed.LAYOUT).all(), "a migration packs anew what another layout packed"
    tail = np.frombuffer(tails, dtype=np.uint8)
    starts, lots = offsets(sizes), heads["lots"].astype(np.int64)
    lot_bytes = lots * LOT.itemsize
    rest = sizes - lot_bytes
    lot = np.ascontiguousarray(tail[_stretches(starts[:-1], lot_bytes)]).view(LOT)
    return RevolvingColumns(
        head=heads,
        lot=lot,
        lot_from=offsets(lots),
        rest=tail[_stretches(starts[:-1] + lot_bytes, rest)],
        rest_from=offsets(rest),
    )


def sized_bytes(accounts: RevolvingColumns) -> bytes:
    """Return accounts packed, each with its size in four bytes before it, as the elements of an array are sent."""
    lots, rest = np.diff(accounts.lot_from) * LOT.itemsize, np.diff(accounts.rest_from)
    sizes = HEAD.itemsize + lots + rest
    starts = offsets(sizes + _SIZE_BYTES)
    made = np.empty(int(starts[-1]), dtype=np.uint8)
    at = starts[:-1]
    made[at[:, None] + np.arange(_SIZE_BYTES)] = _bytes_of(sizes.astype(">i4"))
    at = at + _SIZE_BYTES
    made[at[:, None] + np.arange(HEAD.itemsize)] = _bytes_of(accounts.head)
    at = at + HEAD.itemsize
    made[_stretches(at, lots)] = _bytes_of(accounts.lot).reshape(-1)
    made[_stretches(at + lots, rest)] = accounts.rest
    return made.tobytes()


def bills_of(accounts: RevolvingColumns) -> Rows:
    """Return the last bill of each account, packed: rows of as many bytes as one has [n]."""
    size = packed.HEAD_BYTES - packed.BILL_AT
    return np.ascontiguousarray(_bytes_of(accounts.head)[:, packed.BILL_AT :]).view(f"V{size}").reshape(-1)


def offsets(counts: Integers) -> Integers:
    """Return where each stretch begins whose lengths are these, and where the last one ends."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)))


def _stretches(starts: Integers, lengths: Integers) -> Integers:
    """Return the places of stretches, one stretch after the other."""
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total, dtype=np.int64)


def _bytes_of(rows: Rows) -> Bytes:
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
