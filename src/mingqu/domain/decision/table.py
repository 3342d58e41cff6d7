"""Typed tables, compiled once and failing closed: the policy table and the first-hit table.

A policy table collects the reasons of every row that is hit; the answer is "approve" only when none is.
A first-hit table answers with the first row that is hit and denies when none is: its default is mandatory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

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
    """One row. `changeable` names the field a remedy moves; `near` is the distance that counts as a near miss; `law`
    the document it follows from, if it does: such a row is never switched off and never overridden."""

    id: str
    box: Box
    cells: tuple[tuple[int, Spans], ...]
    outcome: str
    reason: str
    words: Words
    changeable: str
    wait_days: int
    near: int
    law: str = ""

    def hit(self, vector: Vector) -> bool:
        """Return whether every cell admits its value; a missing value is admitted by none."""
        for at, spans in self.cells:
            value = vector[at]
            if value is None:
                return False
            for low, high in spans:
                if low <= value <= high:
                    break
            else:
                return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """A policy table: `hits` are collected, never only the first.

    `singles` are the rows with one cell of one span as (place of the field, low, high, place of the row), `others` the
    places of all other rows; `near` holds (row id, place of the field, spans, greatest distance).
    """

    id: str
    rows: tuple[Row, ...]
    singles: tuple[tuple[int, int, int, int], ...]
    others: tuple[int, ...]
    near: tuple[tuple[str, int, Spans, int], ...]

    def hits(self, *, vector: Vector) -> tuple[Row, ...]:
        """Return all rows that are hit, in the order of the file."""
        # Conditions stand on mandatory fields only, so no value here is None.
        found = [row for at, low, high, row in self.singles if low <= vector[at] <= high]  # type: ignore[operator]
        found += [row for row in self.others if self.rows[row].hit(vector)]
        return tuple([self.rows[row] for row in sorted(found)])

    def near_misses(self, *, vector: Vector) -> tuple[tuple[str, int], ...]:
        """Return (row id, distance) of the rows that were missed by no more than their `near`."""
        found = []
        for row, at, spans, greatest in self.near:
            value = vector[at]
            assert value is not None, "conditions stand on mandatory fields only"
            for low, high in spans:
                distance = low - value if value < low else value - high
                if 0 < distance <= greatest and not any(a <= value <= b for a, b in spans):
                    found.append((row, distance))
                    break
        return tuple(found)


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
        near=tuple((row.id, *row.cells[0], row.near) for row in rows if row.near),
    )


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
    near = reader.integer("near", least=1, most=NEAR_MAX) if reader.has("near") else 0
    if near and len(box) != 1:
        raise reader.fault("near", "a near miss needs exactly one cell.", "Remove near or the other cells.")
    return Row(
        id=reader.name("id"),
        box=box,
        cells=tuple((fields.place[name], spans) for name, spans in box.items()),
        outcome=outcome,
        reason=reader.name("reason") if outcome != ALLOW else "",
        words=words,
        changeable=changeable,
        wait_days=wait_days,
        near=near,
        law=reader.text("law") if reader.has("law") else "",
    )


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
        near=0,
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
