"""Typed tables, compiled once and failing closed: the policy table and the first-hit table.

A policy table collects the reasons of every row that is hit; the answer is "approve" only when none is.
A first-hit table answers with the first row that is hit and denies when none is: its default is mandatory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mingqu.domain.decision.condition import contains, overlap, remainder
from mingqu.domain.decision.field import Fields, Vector
from mingqu.domain.decision.row import (
    ALLOW,
    DENY,
    REFUSE,
    Near,
    NearMiss,
    Row,
    read_default,
    read_row,
    row_fault,
)
from mingqu.domain.policy_file import Document, PolicyFault, Reader
from mingqu.domain.refusal import Refusal


class PolicyCaseFailed(PolicyFault):
    """A case inside the file does not come out as written; the file is not used."""

    code: ClassVar[str] = "policy_case_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """A policy table: `hits` are collected, never only the first.

    `singles` are the rows with one cell of one span as (place of the field, low, high, place of the row), `others` the
    places of all other rows; `near` holds what may be missed nearly.
    """

    id: str
    rows: tuple[Row, ...]
    singles: tuple[tuple[int, int, int, int], ...]
    others: tuple[int, ...]
    near: tuple[Near, ...]

    def hits(self, *, vector: Vector) -> tuple[Row, ...]:
        """Return all rows that are hit, in the order of the file."""
        # Conditions stand on mandatory fields only, so no value here is None.
        found = [row for at, low, high, row in self.singles if low <= vector[at] <= high]  # type: ignore[operator]
        found += [row for row in self.others if self.rows[row].hit(vector)]
        return tuple([self.rows[row] for row in sorted(found)])

    def near_misses(self, *, vector: Vector) -> tuple[NearMiss, ...]:
        """Return (row, field, distance) where one cell alone kept a row from being hit, by no more than its `near`."""
        found = []
        for near in self.near:
            value = vector[near.at]
            if near.least <= value <= near.most and (distance := near.distance(vector)):  # type: ignore[operator]
                found.append(NearMiss(near.row, near.field, distance))
        return tuple(found)

    def without(self, *, rows: frozenset[str]) -> PolicyTable:
        """Return the table without these rows."""
        return self if not rows else _compiled(self.id, tuple(row for row in self.rows if row.id not in rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstHitTable:
    """A first-hit table; `default` is always a denial with its reason."""

    id: str
    rows: tuple[Row, ...]
    default: Row

    def first(self, *, vector: Vector) -> Row:
        """Return the first row that is hit, or the default denial."""
        for row in self.rows:
            if row.hit(vector):
                return row
        return self.default


def parse_policy_table(*, document: Document, fields: Fields) -> PolicyTable:
    """Return the policy table of a file. Errors: PolicyFault; PolicyCaseFailed when one of its cases fails.

    Checked: every cell, a reason and words for every refusal, no row hidden in another of the same reason,
    a stated `otherwise`, every row hit by a case and one case without any hit.
    """
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "valid_to", "about", "otherwise", "row", "example", "case"))
    reader.choice("otherwise", ("approve",))
    rows = tuple(read_row(row, fields, outcomes=(REFUSE,)) for row in reader.tables("row"))
    _unique(reader, rows)
    _all_tell(reader, rows, fields)
    table = _compiled(reader.name("id"), rows)
    _policy_cases(reader, table, fields)
    return table


def _all_tell(reader: Reader, rows: tuple[Row, ...], fields: Fields) -> None:
    """Refuse a row that tells nobody anything: whoever it hits is hit by other rows of the same reason."""
    for at, row in enumerate(rows):
        others = [other for other in rows[:at] + rows[at + 1 :] if other.reason == row.reason]
        if not others:
            continue
        if cover := next((other for other in others if contains(other.box, row.box)), None):
            raise row_fault(reader, row, f"unreachable: row {cover.id} covers it.", "Remove one of the two.")
        rest = remainder(box=row.box, earlier=[other.box for other in others], fields=fields)
        if rest is None:
            raise row_fault(reader, row, "too many pieces to check.", "Give some of the rows another reason.")
        if not rest:
            names = ", ".join(other.id for other in others)
            raise row_fault(reader, row, f"unreachable: rows {names} together cover it.", "Remove one of them.")


def _compiled(name: str, rows: tuple[Row, ...]) -> PolicyTable:
    single = [place for place, row in enumerate(rows) if len(row.cells) == 1 and len(row.cells[0][1]) == 1]
    return PolicyTable(
        id=name,
        rows=rows,
        singles=tuple((rows[place].cells[0][0], *rows[place].cells[0][1][0], place) for place in single),
        others=tuple(place for place in range(len(rows)) if place not in single),
        near=tuple(_nearly(row, place, name) for row in rows for place, name in enumerate(row.box) if name in row.near),
    )


def _nearly(row: Row, place: int, name: str) -> Near:
    at, spans = row.cells[place]
    greatest = row.near[name]
    others = row.cells[:place] + row.cells[place + 1 :]
    return Near(row.id, name, at, spans, greatest, others, spans[0][0] - greatest, spans[-1][1] + greatest)


def parse_first_hit_table(*, document: Document, fields: Fields) -> FirstHitTable:
    """Return the first-hit table of a file. Errors: PolicyFault; PolicyCaseFailed when one of its cases fails.

    Checked besides cells and reasons: a default that denies, no row that earlier rows cover wholly, and with
    `hit = "unique"` no two rows that overlap.
    """
    reader = document.reader()
    reader.only(
        ("kind", "id", "version", "valid_from", "valid_to", "about", "hit", "default", "row", "example", "case")
    )
    if not reader.has("default"):
        raise reader.fault("default", "missing.", 'Add [default] with outcome = "deny", a reason and words.')
    unique = reader.choice("hit", ("first", "unique")) == "unique"
    rows = tuple(read_row(row, fields, outcomes=(ALLOW, DENY)) for row in reader.tables("row"))
    _unique(reader, rows)
    for at, row in enumerate(rows):
        rest = remainder(box=row.box, earlier=[other.box for other in rows[:at]], fields=fields)
        if rest is None:
            raise row_fault(reader, row, "too many pieces to check.", "Split the table.")
        if not rest:
            raise row_fault(reader, row, "unreachable: the rows above cover it.", "Remove it or move it up.")
        if unique and (clash := next((other for other in rows[:at] if overlap(row.box, other.box)), None)):
            raise row_fault(reader, row, f"overlaps row {clash.id}.", "Narrow one of the two.")
    default = read_default(reader.table("default"))
    table = FirstHitTable(id=reader.name("id"), rows=rows, default=default)
    _first_hit_cases(reader, table, fields)
    return table


def _unique(reader: Reader, rows: tuple[Row, ...]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen or row.id == "default":
            raise row_fault(reader, row, "the id stands twice or is default.", "Give each row its own id.")
        seen.add(row.id)


def _vector(reader: Reader, case: Reader, fields: Fields) -> Vector:
    example, given = reader.table("example"), case.table("given")
    values: list[int | None] = [None] * len(fields.fields)
    for source in (example, given):
        for name, value in source.data.items():
            field = fields.named(name)
            if field is None:
                raise source.fault(name, "unknown field.", "Name a declared field.")
            if isinstance(value, list | dict):
                raise source.fault(name, "not a single value.", f"The field takes {field.describe()}.")
            try:
                values[fields.place[name]] = field.number(value)
            except Refusal:
                raise source.fault(name, "not a value of this field.", f"It takes {field.describe()}.") from None
    return tuple(values)


def _needed(reader: Reader, rows: tuple[Row, ...]) -> None:
    names = [case.text("name") for case in reader.tables("case", label="name")]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise reader.fault("case", f"{twice!r} stands twice.", "Give each case a name of its own.")
    example = reader.table("example")
    for name in sorted({name for row in rows for name in row.box}):
        if name not in example.data:
            raise example.fault(name, "missing.", "The example gives every field that the table reads.")


def _case_failed(case: Reader, column: str, wanted: object, found: object) -> PolicyCaseFailed:
    problem = f"expected {wanted}, the table gives {found}."
    remedy = "Correct the row, or the case."
    return PolicyCaseFailed(file=case.file, row=case.row, column=column, problem=problem, remedy=remedy)


def _policy_cases(reader: Reader, table: PolicyTable, fields: Fields) -> None:
    _needed(reader, table.rows)
    covered: set[str] = set()
    clean = False
    for case in reader.tables("case", label="name"):
        case.only(("name", "given", "rows"))
        wanted = case.value("rows")
        found = [row.id for row in table.hits(vector=_vector(reader, case, fields))]
        if wanted != found:
            raise _case_failed(case, "rows", wanted, found)
        covered.update(found)
        clean = clean or not found
    for row in table.rows:
        if row.id not in covered:
            raise row_fault(reader, row, "no case hits the row.", "Add a case that does.")
    if not clean:
        raise reader.fault("case", "no case passes without a reason.", "Add one with rows = [].")


def _first_hit_cases(reader: Reader, table: FirstHitTable, fields: Fields) -> None:
    _needed(reader, table.rows)
    covered: set[str] = set()
    for case in reader.tables("case", label="name"):
        case.only(("name", "given", "row"))
        wanted = case.name("row")
        found = table.first(vector=_vector(reader, case, fields)).id
        if wanted != found:
            raise _case_failed(case, "row", wanted, found)
        covered.add(found)
    for row in (*table.rows, table.default):
        if row.id not in covered:
            raise row_fault(reader, row, "no case hits the row.", "Add a case that does.")
