"""Grids: a whole number for each combination of choices and ranges, complete by construction and checked.

A range axis has a list of rising cuts: n cuts make n + 1 ranges, the first below the first cut, each next from
its cut on. There is thus no overlap and no gap. A choice axis names every choice of its field.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from mingqu.domain.decision.field import CARD_SOURCE, Fields, FieldType, Vector
from mingqu.domain.policy_file import INTEGER_MAX, Document, PolicyFault, Reader
from mingqu.domain.refusal import Refusal

UNITS: Final = ("fen", "ppm_per_year")
NOT_OFFERED: Final = "none"
CELLS_MAX: Final = 100_000  # A grid beyond this was generated, not decided.
Axes: TypeAlias = "tuple[Axis, ...]"


class GridCaseFailed(PolicyFault):
    """A case inside the file does not come out as written; the file is not used."""

    code: ClassVar[str] = "grid_case_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: its field, the cuts (or none for a choice axis), the number of ranges, and which way values go."""

    field: str
    at: int
    cuts: tuple[int, ...]
    size: int
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A complete grid. `cells` lie in the order of the axes, the last axis fastest; None means "not offered"."""

    id: str
    unit: str
    axes: tuple[Axis, ...]
    cells: tuple[int | None, ...]

    def place(self, *, vector: Vector) -> int:
        """Return the number of the cell that the inputs fall into."""
        place = 0
        for axis in self.axes:
            value = vector[axis.at]
            assert value is not None, "grids read mandatory fields only"
            place = place * axis.size + (bisect_right(axis.cuts, value) if axis.cuts else value)
        return place

    def cell_name(self, place: int) -> str:
        """Return where a cell lies, for messages. Example: "band 3, monthly_income_fen 1", counted from 1."""
        parts = []
        for axis in reversed(self.axes):
            place, at = divmod(place, axis.size)
            parts.append(f"{axis.field} {at + 1}")
        return ", ".join(reversed(parts))

    def value(self, *, vector: Vector) -> int | None:
        """Return the cell's value in the grid's unit, None when it is not offered."""
        return self.cells[self.place(vector=vector)]


def parse_grid(*, document: Document, fields: Fields) -> Grid:
    """Return the grid of a file. Errors: PolicyFault; GridCaseFailed when one of its cases fails.

    Checked: axes on declared mandatory fields, cuts rising and inside the range, every cell present and in
    range, monotone along each axis where declared ("rises", "falls" or "free").
    """
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "valid_to", "about", "unit", "axis", "cells", "case"))
    unit = reader.choice("unit", UNITS)
    axes = tuple(_axis(row, fields) for row in reader.tables("axis", label="field"))
    if len({axis.field for axis in axes}) != len(axes):
        raise reader.fault("axis", "a field stands twice.", "Keep one axis for each field.")
    count = 1
    for axis in axes:
        count *= axis.size
    if count > CELLS_MAX:
        raise reader.fault("axis", f"{count} cells are too many.", f"Keep to {CELLS_MAX}.")
    cells = tuple(_cells(reader, reader.value("cells"), axes, unit))
    grid = Grid(id=reader.name("id"), unit=unit, axes=axes, cells=cells)
    _check_monotone(reader, grid)
    _check_cases(reader, grid, fields)
    return grid


def _axis(reader: Reader, fields: Fields) -> Axis:
    reader.only(("field", "cuts", "values", "direction"))
    name = reader.name("field")
    field = fields.named(name)
    if field is None or field.missing_allowed or not {"limit", "price"} & set(field.use):
        raise reader.fault("field", f"{name} is no mandatory field for limit or price.", "Declare it so.")
    cuts: tuple[int, ...] = ()
    if field.type is FieldType.INTEGER:
        cuts = reader.integers("cuts", least=field.least + 1, most=field.most)
        size = len(cuts) + 1
    else:
        named = reader.items("values")
        if field.type is FieldType.FLAG or named != list(field.choices):
            raise reader.fault("values", "not every choice in its order.", f"Write {list(field.choices)}.")
        size = len(named)
    direction = reader.choice("direction", ("rises", "falls", "free"))
    if direction == "free" and field.source == CARD_SOURCE:
        raise reader.fault("direction", "price and limit follow the risk.", "Write rises or falls.")
    return Axis(field=name, at=fields.place[name], cuts=cuts, size=size, direction=direction)


def _cells(reader: Reader, value: object, axes: Axes, unit: str) -> Iterator[int | None]:
    if not axes:
        if value == NOT_OFFERED and unit == "ppm_per_year":
            yield None
            return
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= INTEGER_MAX:
            raise reader.fault("cells", f"{value!r} is not a cell.", "Write a whole number of the grid's unit, from 0.")
        yield value
        return
    if not isinstance(value, list) or len(value) != axes[0].size:
        raise reader.fault("cells", f"a gap or too much along {axes[0].field}.", f"Write {axes[0].size} entries there.")
    for part in value:
        yield from _cells(reader, part, axes[1:], unit)


def _check_monotone(reader: Reader, grid: Grid) -> None:
    """A price that falls with worse risk, or a limit that does, is a slip of the pen: refuse it where declared."""
    # "Not offered" stands above every price.
    heights = [INTEGER_MAX + 1 if cell is None else cell for cell in grid.cells]
    stride = 1
    for axis in reversed(grid.axes):
        for at, height in enumerate(heights):
            if axis.direction == "free" or at // stride % axis.size == axis.size - 1:
                continue
            after = heights[at + stride]
            if (after < height) if axis.direction == "rises" else (after > height):
                problem = f"not monotone along {axis.field}, at {grid.cell_name(at)}."
                raise reader.fault("cells", problem, f"It is declared: {axis.direction}.")
        stride *= axis.size


def _check_cases(reader: Reader, grid: Grid, fields: Fields) -> None:
    names: set[str] = set()
    for case in reader.tables("case", label="name"):
        case.only(("name", "given", "value"))
        if (name_of := case.text("name")) in names:
            raise case.fault("name", "the case stands twice.", "Give each case a name of its own.")
        names.add(name_of)
        given = case.table("given")
        values: list[int | None] = [None] * len(fields.fields)
        for name, value in given.data.items():
            field = fields.named(name)
            if field is None or isinstance(value, list | dict):
                raise given.fault(name, "not a value of a declared field.", "Name a declared field.")
            try:
                values[fields.place[name]] = field.number(value)
            except Refusal:
                raise given.fault(name, "not a value of this field.", f"It takes {field.describe()}.") from None
        for axis in grid.axes:
            if values[axis.at] is None:
                raise given.fault(axis.field, "missing.", "A case gives every axis of the grid.")
        found = grid.value(vector=tuple(values))
        wanted = None if case.value("value") == NOT_OFFERED else case.value("value")
        if wanted != found:
            raise GridCaseFailed(
                file=case.file,
                row=case.row,
                column="value",
                problem=f"expected {wanted}, the grid gives {found}.",
                remedy="Correct the cell, or the case.",
            )
