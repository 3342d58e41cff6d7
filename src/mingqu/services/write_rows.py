"""Write flat rows as text, CSV, JSON or Parquet. A row is a frozen dataclass of dates, whole numbers, words, flags."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, ClassVar, Final, get_type_hints

from mingqu.domain.canonical import INTEGER_MAX
from mingqu.domain.refusal import Refusal
from mingqu.domain.spreadsheet import spreadsheet_cell

_GAP: Final = "  "
_EPOCH: Final = date(1970, 1, 1).toordinal()


class ParquetMissing(Refusal):
    """Parquet files are written by an optional extra of this package, which is not installed."""

    code: ClassVar[str] = "parquet_missing"
    status: ClassVar[int] = 501


def as_csv(kind: type[Any], rows: Sequence[Any]) -> bytes:
    """Return rows as CSV in UTF-8: a header, amounts as whole fen, dates as ISO 8601, flags as 0 and 1.

    Words that a spreadsheet would carry out as a formula have an apostrophe before them.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    names = _columns(kind)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in names])
    return written.getvalue().encode()


def as_json(kind: type[Any], rows: Sequence[Any]) -> bytes:
    """Return rows as one JSON array of objects; whole numbers beyond what every reader keeps exactly are texts."""
    names = _columns(kind)
    return (json.dumps([{name: _plain(getattr(row, name)) for name in names} for row in rows]) + "\n").encode()


def as_text(kind: type[Any], rows: Sequence[Any]) -> bytes:
    """Return rows as columns for the eye, amounts in yuan, with a last line of sums; of nothing, a word."""
    if not rows:
        return b"nothing to report\n"
    columns = _columns(kind)
    sums = {name: sum(getattr(row, name) for row in rows) for name in columns if name.endswith("_fen")}
    lines = [[name.removesuffix("_fen").replace("_", " ") for name in columns]]
    lines += [[_shown(name, getattr(row, name)) for name in columns] for row in rows]
    lines.append(["total" if place == 0 else _shown(name, sums.get(name, "")) for place, name in enumerate(columns)])
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    right = [hint is int for hint in columns.values()]
    return "".join(
        _GAP.join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    ).encode()


def as_parquet(kind: type[Any], rows: Sequence[Any]) -> bytes:
    """Return rows as a Parquet file: amounts int64, dates date32, words UTF-8, flags boolean, none of them null.

    Errors: ParquetMissing.
    """
    try:
        from arro3.core import Array, DataType, Field, Schema, Table
        from arro3.io import write_parquet
    except ImportError:
        raise ParquetMissing(
            "Parquet needs the extra `parquet`: pip install 'mingqu[parquet]'; CSV and JSON need nothing."
        ) from None
    types = {int: DataType.int64(), date: DataType.date32(), str: DataType.utf8(), bool: DataType.bool()}
    hints = _columns(kind)
    columns = {name: types[hint] for name, hint in hints.items()}
    # Dates are made of their numbers: days since 1970-01-01.
    arrays = [
        Array([getattr(row, name).toordinal() - _EPOCH for row in rows], DataType.int32()).cast(of)
        if hints[name] is date
        else Array([getattr(row, name) for row in rows], of)
        for name, of in columns.items()
    ]
    schema = Schema([Field(name, of, nullable=False) for name, of in columns.items()])
    written = io.BytesIO()
    write_parquet(Table.from_arrays(arrays, schema=schema), written)
    return written.getvalue()


FORMATS: Final[Mapping[str, Callable[[type[Any], Sequence[Any]], bytes]]] = {
    "text": as_text,
    "csv": as_csv,
    "parquet": as_parquet,
    "json": as_json,
}


def _columns(kind: type[Any]) -> dict[str, Any]:
    """Return the columns of a kind of row with their types, in order."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _plain(value: date | int | str) -> int | str:
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: date | int | str) -> int | str:
    if isinstance(value, bool):
        return int(value)
    return spreadsheet_cell(value) if isinstance(value, str) else _plain(value)


def _shown(name: str, value: date | int | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_fen"):
        yuan, fen = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}{yuan:,}.{fen:02}"
    return str(_plain(value))
