"""A training sample: typed columns out of a CSV, who went bad, and a word about each column left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.mapping import ColumnMapping, MappedField, field_value
from mingqu.domain.refusal import Refusal
from mingqu.lab import cell, screen
from mingqu.lab.csv_file import CsvFile, open_csv
from mingqu.lab.outcome import CASES_MIN, Outcome, read_outcome
from mingqu.lab.table import Column, Numbers, Table, Words, read_table

OUT_OF_TIME_PER_MILLE: Final = 200  # the latest part of the rows, kept from training where a time is named
PROTECTED, TIME, NAMED = "protected", "it is the time", "named to be left out"


class SampleUnusable(Refusal):
    """The file cannot be trained on; the message says why and what to do."""

    code: ClassVar[str] = "sample_unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column to learn from. `direction` is that of the risk; "" means: find it in the sample.

    `name` is a stable name for programs, `column` what the file calls it.
    """

    name: str
    column: str
    direction: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Features with their columns, who went bad, the same rows in all of them, in the order of the file.

    `later` are the rows kept for the out-of-time test. `guarded` are protected columns, for fairness alone.
    """

    file: str
    sha256: str
    target: str
    bad_value: str
    features: tuple[Feature, ...]
    columns: tuple[Column, ...]
    bad: NDArray[np.bool_]
    later: NDArray[np.bool_]
    left_out: tuple[tuple[str, str], ...]
    guarded: tuple[tuple[str, Column], ...]
    rows_without_outcome: int
    mapping_id: str

    @property
    def training_rows(self) -> NDArray[np.int64]:
        """The places of the rows that training may see."""
        return np.flatnonzero(~self.later)


def read_sample(
    *,
    path: Path,
    target: str,
    bad: str | None = None,
    mapping: ColumnMapping | None = None,
    exclude: Sequence[str] = (),
    time: str | None = None,
) -> Sample:
    """Return the sample of a file: through a mapping when there is one, else every usable column as it is called.

    Errors: FileMalformed, CellNotNumber, TargetUnusable, ColumnLeaks, SampleUnusable (nothing to learn from, a time
    that is none); ColumnMissing and CellMalformed from the mapping.
    """
    file = open_csv(path=path)
    for name in (target, *exclude, *([time] if time else ())):
        file.place(column=name)
    table = read_table(file=file, leave=[name for name in exclude if name != target])
    outcome = read_outcome(column=table.columns[target], name=target, bad=bad)
    left: list[tuple[str, str]] = [(name, NAMED) for name in exclude if name != target]
    guarded = [
        (name, column.at(rows=outcome.rows))
        for name, column in table.columns.items()
        if screen.protected(name=name) and name != target
    ]
    if mapping is not None:
        mapping.check_columns(columns=file.header)
        features, columns = _mapped(file, mapping, outcome, left, set(exclude))
    else:
        features, columns = _plain(table, target, time, outcome, left)
    if not features:
        raise SampleUnusable(
            f"No column of {file.name} is left to learn from: {'; '.join(f'{a}: {b}' for a, b in left)}."
        )
    later = np.zeros(len(outcome.rows), dtype=bool) if time is None else _later(table, time, outcome)
    _enough(outcome.bad, later)
    return Sample(
        file=file.name,
        sha256=file.sha256,
        target=target,
        bad_value=outcome.bad_value,
        features=tuple(features),
        columns=tuple(columns),
        bad=outcome.bad,
        later=later,
        left_out=tuple(left),
        guarded=tuple(guarded),
        rows_without_outcome=outcome.without,
        mapping_id=mapping.id if mapping else "",
    )


def _enough(bad: NDArray[np.bool_], later: NDArray[np.bool_]) -> None:
    bads = int(bad[~later].sum())
    goods = int((~later).sum()) - bads
    if min(bads, goods) < CASES_MIN:
        raise SampleUnusable(
            f"Before the out-of-time part {bads} bad and {goods} good cases are left; {CASES_MIN} are needed."
        )


def _plain(
    table: Table, target: str, time: str | None, outcome: Outcome, left: list[tuple[str, str]]
) -> tuple[list[Feature], list[Column]]:
    features: list[Feature] = []
    columns: list[Column] = []
    for place, (name, whole_column) in enumerate(table.columns.items(), start=1):
        if name in (target, time):
            if name == time:
                left.append((name, TIME))
            continue
        if screen.protected(name=name):
            left.append((name, PROTECTED))
            continue
        column = whole_column.at(rows=outcome.rows)
        if reason := screen.reason_to_leave_out(name=name, column=column, bad=outcome.bad):
            left.append((name, reason))
            continue
        slug = _slug(name, place, {one.name for one in features})
        features.append(
            Feature(name=slug, column=name, direction="", reason_zh=f"{name} 的取值", reason_en=f"the value of {name}")
        )
        columns.append(column)
    return features, columns


def _slug(name: str, place: int, taken: set[str]) -> str:
    """Return a name for programs: "Credit Amount (DM)" is credit_amount_dm, 年收入 in column 4 is column_4."""
    mapped = "".join(c if c.isalnum() and c.isascii() else "_" for c in name.lower())
    slug = "_".join(part for part in mapped.split("_") if part)
    slug = slug if slug[:1].isalpha() else f"column_{place}"
    return slug if slug not in taken else f"{slug}_{place}"


def _mapped(
    file: CsvFile, mapping: ColumnMapping, outcome: Outcome, left: list[tuple[str, str]], exclude: set[str]
) -> tuple[list[Feature], list[Column]]:
    left.extend((one.column, one.because) for one in mapping.exclusions)
    used = {field.column for field in mapping.fields if field.card}
    left.extend(
        (field.column, "for policy only, never in the card")
        for field in mapping.fields
        if field.column and field.column not in used
    )
    fields = [field for field in mapping.fields if field.card and not {field.column, field.name} & exclude]
    columns = mapped_columns(file=file, fields=fields)
    features: list[Feature] = []
    kept: list[Column] = []
    for one, whole_column in zip(fields, columns, strict=True):
        column = whole_column.at(rows=outcome.rows)
        if reason := screen.reason_to_leave_out(name=one.name, column=column, bad=outcome.bad):
            left.append((one.name, reason))
            continue
        features.append(
            Feature(
                name=one.name,
                column=one.name,
                direction=one.direction,
                reason_zh=one.reason_zh,
                reason_en=one.reason_en,
            )
        )
        kept.append(column)
    return features, kept


def mapped_columns(*, file: CsvFile, fields: Sequence[MappedField]) -> list[Numbers]:
    """Return the fields of a mapping as columns of whole numbers. Errors: FileMalformed, CellMalformed."""
    places = [file.place(column=field.column) for field in fields]
    parts: list[list[NDArray[np.float64]]] = [[] for _ in fields]
    known: list[dict[str, float]] = [{} for _ in fields]  # most cells of a column repeat
    for rows, lines in file.chunks():
        for at, (field, place) in enumerate(zip(fields, places, strict=True)):
            seen, values = known[at], []
            for row, line in zip(rows, lines, strict=True):
                text = row[place]
                if text not in seen:
                    value = field_value(field=field, row={field.column: text}, line=line)
                    assert isinstance(value, int), "a field with a column is a number"
                    seen[text] = float(value)
                values.append(seen[text])
            parts[at].append(np.array(values, dtype=np.float64))
    return [Numbers(values=np.concatenate(part), scale_digits=0, reading=cell.PLAIN) for part in parts]


def _later(table: Table, time: str, outcome: Outcome) -> NDArray[np.bool_]:
    """Return which rows are the latest fifth: everything from the moment on at which a fifth begins."""
    column = table.columns[time].at(rows=outcome.rows)
    if column.missing.any():
        raise SampleUnusable(f"The time {time} is missing in {int(column.missing.sum())} rows.", column=time)
    if isinstance(column, Words):
        days = [cell.day_number(text=level) for level in column.levels]
        if any(day is None for at, day in enumerate(days) if at in set(column.codes.tolist())):
            raise SampleUnusable(f"The column {time} is no time: write dates like 2026-08-15.", column=time)
        moments = np.array([0 if day is None else day for day in days])[column.codes]
    else:
        moments = column.values
    ordered = np.sort(moments)
    start = ordered[len(ordered) - max(1, len(ordered) * OUT_OF_TIME_PER_MILLE // 1_000)]
    later = np.asarray(moments >= start)
    if later.all():
        raise SampleUnusable(f"The time {time} is nearly the same in all rows; nothing comes before the last part.")
    return later
