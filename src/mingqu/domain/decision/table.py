"""Typed tables, compiled once and failing closed: the policy table and the first-hit table.

A policy table collects the reasons of every row that is hit; the answer is "approve" only when none is.
A first-hit table answers with the first row that is hit and denies when none is: its default is mandatory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, TypeAlias

from mingqu.domain.decision.condition import Box, Spans, contains, overlap, parse_conditions, remainder
from mingqu.domain.decision.field import Field, Fields, Vector
from mingqu.domain.policy_file import Document, PolicyFault, Reader
from mingqu.domain.refusal import Refusal

REFUSE: Final = "refuse"
ALLOW: Final = "allow"
DENY: Final = "deny"
WAIT_DAYS_MAX: Final = 3_650  # ten years: longer than any record that a refusal may rest on
NEAR_MAX: Final = 10**12
RETRY_ON: Final = "{retry_on}"
Cells: TypeAlias = "tuple[tuple[int, Spans], ...]"  # places of fields, and what is admitted there


class PolicyCaseFailed(Refusal):
    """A case inside the file does not come out as written; the file is not used."""

    code: ClassVar[str] = "policy_case_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a person is told, in both languages: why, and what helps."""

    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `changeable` names the field a remedy moves; `near` says for a field the greatest distance that counts
    as a near miss; `law` names document and article when the row is law, so that nobody switches it off."""

    id: str
    box: Box
    cells: Cells
    outcome: str
    reason: str
    words: Words
    changeable: str
    wait_days: int
    near: Mapping[str, int]
    law: str

    def hit(self, vector: Vector) -> bool:
        """Return whether every cell admits its value; a missing value is admitted by none."""
        return admitted(self.cells, vector)


def admitted(cells: Cells, vector: Vector) -> bool:
    """Return whether every cell admits its value; a missing value is admitted by none."""
    for at, spans in cells:
        value = vector[at]
        if value is None:
            return False
        for low, high in spans:
            if low <= value <= high:
                break
        else:
            return False
    return True


class NearMiss(NamedTuple):
    """A row that one field alone would have hit: every other cell admits its value, and this one is `distance` away."""

    row: str
    field: str
    distance: int


class Near(NamedTuple):
    """What may be missed nearly: row, field, its place and spans, the greatest distance, and the row's other cells.

    Outside `least` … `most` the distance is too great for certain.
    """

    row: str
    field: str
    at: int
    spans: Spans
    greatest: int
    others: Cells
    least: int
    most: int

    def distance(self, vector: Vector) -> int:
        """Return how far this field alone kept the row from being hit; 0 when it did not, or too far."""
        value = vector[self.at]
        assert value is not None, "conditions stand on mandatory fields only"
        found = min(max(low - value, value - high, 0) for low, high in self.spans)
        return found if found <= self.greatest and admitted(self.others, vector) else 0


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
    rows = tuple(_row(row, fields, outcomes=(REFUSE,)) for row in reader.tables("row"))
    _unique(reader, rows)
    for at, row in enumerate(rows):
        for other in rows[:at] + rows[at + 1 :]:
            if row.reason == other.reason and contains(other.box, row.box):
                raise _row_fault(reader, row, f"unreachable: row {other.id} covers it.", "Remove one of the two.")
    table = _compiled(reader.name("id"), rows)
    _policy_cases(reader, table, fields)
    return table


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
    rows = tuple(_row(row, fields, outcomes=(ALLOW, DENY)) for row in reader.tables("row"))
    _unique(reader, rows)
    for at, row in enumerate(rows):
        rest = remainder(box=row.box, earlier=[other.box for other in rows[:at]], fields=fields)
        if rest is None:
            raise _row_fault(reader, row, "too many pieces to check.", "Split the table.")
        if not rest:
            raise _row_fault(reader, row, "unreachable: the rows above cover it.", "Remove it or move it up.")
        if unique and (clash := next((other for other in rows[:at] if overlap(row.box, other.box)), None)):
            raise _row_fault(reader, row, f"overlaps row {clash.id}.", "Narrow one of the two.")
    default = _default(reader.table("default"))
    table = FirstHitTable(id=reader.name("id"), rows=rows, default=default)
    _first_hit_cases(reader, table, fields)
    return table


def _row_fault(reader: Reader, row: Row, problem: str, remedy: str) -> PolicyFault:
    return PolicyFault(file=reader.file, row=row.id, column="when", problem=problem, remedy=remedy)


_WORDS: Final = ("text_zh", "text_en", "remedy_zh", "remedy_en")
_ROW_COLUMNS: Final = ("id", "when", "outcome", "reason", *_WORDS, "changeable", "wait_days", "near", "law")


def _row(reader: Reader, fields: Fields, *, outcomes: tuple[str, ...]) -> Row:
    reader.only(_ROW_COLUMNS)
    box = parse_conditions(reader=reader.table("when"), fields=fields)
    if not box:
        raise reader.fault("when", "no condition.", "Write at least one cell; the default is not a row.")
    outcome = reader.choice("outcome", outcomes)
    if outcome != ALLOW and not reader.has("reason"):
        raise reader.fault("reason", "a refusal without a reason.", "Name a reason code and write its words.")
    changeable = _changeable(reader, fields, box)
    wait_days = reader.integer("wait_days", least=1, most=WAIT_DAYS_MAX) if reader.has("wait_days") else 0
    words = read_words(reader) if outcome != ALLOW else Words(text_zh="", text_en="", remedy_zh="", remedy_en="")
    if (RETRY_ON in words.remedy_zh + words.remedy_en) != bool(wait_days):
        raise reader.fault("wait_days", f"{RETRY_ON} and wait_days go together.", "Write both or neither.")
    return Row(
        id=reader.name("id"),
        box=box,
        cells=tuple((fields.place[name], spans) for name, spans in box.items()),
        outcome=outcome,
        reason=reader.name("reason") if outcome != ALLOW else "",
        words=words,
        changeable=changeable,
        wait_days=wait_days,
        near=_near(reader, box),
        law=reader.text("law") if reader.has("law") else "",
    )


def _near(reader: Reader, box: Box) -> dict[str, int]:
    """Return the greatest distance by field: written as a number for a row of one cell, as a table for any row."""
    if not reader.has("near"):
        return {}
    if not isinstance(reader.value("near"), dict):
        if len(box) != 1:
            raise reader.fault("near", "which of the cells?", "Write near = { field = distance }.")
        return {next(iter(box)): reader.integer("near", least=1, most=NEAR_MAX)}
    given = reader.table("near")
    if not given.data:
        raise reader.fault("near", "empty.", "Name a field of `when`, or remove it.")
    given.only(tuple(box))
    return {name: given.integer(name, least=1, most=NEAR_MAX) for name in given.data}


def _changeable(reader: Reader, fields: Fields, box: Box) -> str:
    if not reader.has("changeable"):
        return ""
    name = reader.name("changeable")
    field = fields.named(name)
    if field is None or not field.changeable:
        raise reader.fault(
            "changeable", f"{name} is not declared changeable.", "Name a field that a person can change."
        )
    if name not in box:
        raise reader.fault("changeable", f"{name} is no condition of this row.", "Name a field of `when`.")
    return name


def read_words(reader: Reader) -> Words:
    """Return the words of a refusal; all four are mandatory: a refusal says why and what helps."""
    return Words(
        text_zh=reader.text("text_zh"),
        text_en=reader.text("text_en"),
        remedy_zh=reader.text("remedy_zh"),
        remedy_en=reader.text("remedy_en"),
    )


def _default(reader: Reader) -> Row:
    reader.only(("outcome", "reason", *_WORDS))
    return Row(
        id="default",
        box={},
        cells=(),
        outcome=reader.choice("outcome", (DENY,)),
        reason=reader.name("reason"),
        words=read_words(reader),
        changeable="",
        wait_days=0,
        near={},
        law="",
    )


def _unique(reader: Reader, rows: tuple[Row, ...]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen or row.id == "default":
            raise _row_fault(reader, row, "the id stands twice or is default.", "Give each row its own id.")
        seen.add(row.id)


def nearest_outside(*, field: Field, spans: Spans, value: int) -> int | None:
    """Return the value nearest to `value` that the spans do not admit; the lower one of two; None if there is none.

    Example: for "> 4" lenders out of 0 … 99 and a person with 7, the answer is 4.
    """
    edges = [edge for low, high in spans for edge in (low - 1, high + 1)]
    free = [
        edge
        for edge in edges
        if field.least <= edge <= field.most and not any(low <= edge <= high for low, high in spans)
    ]
    return min(free, key=lambda edge: (abs(edge - value), edge), default=None)


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
    example = reader.table("example")
    for name in sorted({name for row in rows for name in row.box}):
        if name not in example.data:
            raise example.fault(name, "missing.", "The example gives every field that the table reads.")


def _policy_cases(reader: Reader, table: PolicyTable, fields: Fields) -> None:
    _needed(reader, table.rows)
    covered: set[str] = set()
    clean = False
    for case in reader.tables("case", label="name"):
        case.only(("name", "given", "rows"))
        wanted = case.value("rows")
        found = [row.id for row in table.hits(vector=_vector(reader, case, fields))]
        if wanted != found:
            raise PolicyCaseFailed(f"{reader.file}, case {case.row}: expected {wanted}, the table gives {found}.")
        covered.update(found)
        clean = clean or not found
    for row in table.rows:
        if row.id not in covered:
            raise _row_fault(reader, row, "no case hits the row.", "Add a case that does.")
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
            raise PolicyCaseFailed(f"{reader.file}, case {case.row}: expected {wanted}, the table gives {found}.")
        covered.add(found)
    for row in (*table.rows, table.default):
        if row.id not in covered:
            raise _row_fault(reader, row, "no case hits the row.", "Add a case that does.")
