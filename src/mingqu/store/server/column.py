"""Columns of a batch as PostgreSQL's binary arrays, packed in one go.

A batch is sent as one array per column. Packing them here costs a tenth of what a general adapter
spends on looking at every element; that is most of a client's time for a single transfer.
Format: the number of dimensions, whether there are nulls, the element's type, the length, the lower
bound, then each element with its size in bytes before it (size −1 for null). Source: PostgreSQL 18,
src/backend/utils/adt/arrayfuncs.c, array_send.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_HEADER: Final = struct.Struct("!iiiii")
# The numbers of PostgreSQL's own types never change.
_BOOLEAN, _SMALLINT, _BIGINT, _BYTEA = 16, 21, 20, 17
_TEXT, _DATE, _TIMESTAMPTZ, _UUID = 25, 1082, 1184, 2950
_SIZE_OF_UUID: Final = struct.pack("!i", 16)
_NULL: Final = struct.pack("!i", -1)
_SIZED_NUMBER: Final = struct.Struct("!ii")
_SIZED_BIGINT: Final = struct.Struct("!iq")
_TRUE, _FALSE = struct.pack("!i?", 1, True), struct.pack("!i?", 1, False)
_DAY_ZERO: Final = date(2000, 1, 1).toordinal()
_MOMENT_ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Kind(Enum):
    """What a whole array is packed as."""

    SMALLINT = "smallint"
    BIGINT = "bigint"
    DATE = "date"
    UUID = "uuid"


_ARRAYS: Final = {
    Kind.SMALLINT: (_SMALLINT, ">i2"),
    Kind.BIGINT: (_BIGINT, ">i8"),
    Kind.DATE: (_DATE, ">i4"),
    Kind.UUID: (_UUID, "V16"),
}


class Column:
    """A packed array. The statement says which type it is, as in `%b::uuid[]`."""

    __slots__ = ("packed",)

    def __init__(self, packed: bytes) -> None:
        self.packed = packed


class ColumnDumper(Dumper):
    """Hands a column's bytes to the driver as they are."""

    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        """Return the packed array."""
        return obj.packed


def register(adapters: AdaptersMap) -> None:
    """Let the connections of a pool send columns."""
    adapters.register_dumper(Column, ColumnDumper)


def of_booleans(values: Sequence[bool]) -> Column:
    """Pack truths."""
    return _of_bytes(_BOOLEAN, [_TRUE if value else _FALSE for value in values])


def of_smallints(values: Sequence[int]) -> Column:
    """Pack whole numbers of two bytes."""
    return _of_numbers(_SMALLINT, 2, "h", values)


def of_bigints(values: Sequence[int]) -> Column:
    """Pack whole numbers of eight bytes."""
    return _of_numbers(_BIGINT, 8, "q", values)


def of_dates(values: Sequence[date]) -> Column:
    """Pack dates, which are numbers of days since 2000-01-01."""
    return _of_numbers(_DATE, 4, "i", [value.toordinal() - _DAY_ZERO for value in values])


def of_dates_or_nulls(values: Sequence[date | None]) -> Column:
    """Pack dates; None is null."""
    return _of_bytes(
        _DATE,
        [_NULL if value is None else _SIZED_NUMBER.pack(4, value.toordinal() - _DAY_ZERO) for value in values],
    )


def of_moments(values: Sequence[datetime]) -> Column:
    """Pack moments, which are numbers of microseconds since 2000-01-01 in UTC."""
    return _of_numbers(_TIMESTAMPTZ, 8, "q", [(value - _MOMENT_ZERO) // _MICROSECOND for value in values])


def of_texts(values: Sequence[str]) -> Column:
    """Pack ASCII texts."""
    return of_utf8([value.encode("ascii") for value in values])


def of_utf8(values: Sequence[bytes]) -> Column:
    """Pack texts that are encoded already, as JSON is."""
    return _of_bytes(_TEXT, [_sized(value) for value in values])


def of_few_texts(values: Sequence[str]) -> Column:
    """Pack ASCII texts of which there are few different ones, each looked at once."""
    sized = {value: _sized(value.encode("ascii")) for value in set(values)}
    return _of_bytes(_TEXT, [sized[value] for value in values])


def of_texts_or_nulls(values: Sequence[str | None]) -> Column:
    """Pack texts; None is null."""
    return _of_bytes(_TEXT, [_NULL if value is None else _sized(value.encode()) for value in values])


def of_bigints_or_nulls(values: Sequence[int | None]) -> Column:
    """Pack whole numbers of eight bytes; None is null."""
    return _of_bytes(_BIGINT, [_NULL if value is None else _SIZED_BIGINT.pack(8, value) for value in values])


def of_bytes_or_nulls(values: Sequence[bytes | None]) -> Column:
    """Pack strings of bytes; None is null."""
    return _of_bytes(_BYTEA, [_NULL if value is None else _sized(value) for value in values])


def of_uuids(values: Sequence[UUID | None]) -> Column:
    """Pack ids; None is null."""
    return _of_bytes(_UUID, [_NULL if value is None else _SIZE_OF_UUID + value.bytes for value in values])


def of_array(values: npt.NDArray[np.int64] | npt.NDArray[np.uint8], *, kind: Kind) -> Column:
    """Pack a whole array at once: numbers [n], days counted from 2000-01-01 [n], or ids as bytes [n, 16]."""
    element_type, letter = _ARRAYS[kind]
    sized = np.empty(len(values), dtype=np.dtype([("size", ">i4"), ("value", letter)]))
    sized["size"] = sized.dtype["value"].itemsize
    sized["value"] = values.view("V16").reshape(-1) if kind is Kind.UUID else values
    return Column(_HEADER.pack(1, 0, element_type, len(values), 1) + sized.tobytes())


def of_fixed_bytes(values: npt.NDArray[Any]) -> Column:
    """Pack strings of bytes that are all of one length: an array of numpy's "V"."""
    sized = np.empty(len(values), dtype=[("size", ">i4"), ("value", values.dtype)])
    sized["size"], sized["value"] = values.dtype.itemsize, values
    return of_sized_bytes(sized.tobytes(), length=len(values))


def of_sized_bytes(elements: bytes, *, length: int) -> Column:
    """Pack strings of bytes that already lie one after the other, each with its size in four bytes before it."""
    return Column(_HEADER.pack(1, 0, _BYTEA, length, 1) + elements)


def smallint(value: int) -> bytes:
    """Pack one whole number of two bytes."""
    return value.to_bytes(2, "big", signed=True)


def bigint(value: int) -> bytes:
    """Pack one whole number of eight bytes."""
    return value.to_bytes(8, "big", signed=True)


def day(value: date) -> bytes:
    """Pack one date."""
    return (value.toordinal() - _DAY_ZERO).to_bytes(4, "big", signed=True)


def moment(value: datetime) -> bytes:
    """Pack one moment, in UTC or with its offset."""
    return bigint((value - _MOMENT_ZERO) // _MICROSECOND)


def read_smallint(packed: bytes) -> int:
    """Read one whole number of two bytes."""
    return int.from_bytes(packed, "big", signed=True)


def read_smallints(packed: bytes) -> list[int]:
    """Read an array of whole numbers of two bytes without nulls."""
    (length,) = struct.unpack_from("!i", packed, 12)
    return list(struct.unpack_from("!" + "4xh" * length, packed, _HEADER.size))


def values_in(sent: bytes, *, kind: str) -> npt.NDArray[Any]:
    """Return the elements of an array as the server sends it: none of them null, all of one size, numpy's `kind`.

    No bytes are an array of nothing: so an aggregate of no rows is sent.
    """
    sized = np.dtype([("size", ">i4"), ("value", kind)])
    values = np.frombuffer(sent[_HEADER.size :], dtype=sized)
    assert (values["size"] == sized["value"].itemsize).all(), "an element has the size of its type"
    return np.asarray(values["value"])


def ids_in(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return ids that were read as "V16" as bytes [n, 16]."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), 16)


def _of_numbers(element_type: int, size: int, letter: str, values: Sequence[int]) -> Column:
    sized = [number for value in values for number in (size, value)]
    return Column(
        _HEADER.pack(1, 0, element_type, len(values), 1) + struct.pack("!" + f"i{letter}" * len(values), *sized)
    )


def _sized(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value


def _of_bytes(element_type: int, elements: Sequence[bytes]) -> Column:
    return Column(_HEADER.pack(1, 1, element_type, len(elements), 1) + b"".join(elements))
