"""One row of a table: its cells, its words, how near it may be missed, and how it is read from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from mingqu.domain.decision.condition import Box, Spans, parse_conditions
from mingqu.domain.decision.field import Field, Fields, Vector
from mingqu.domain.policy_file import PolicyFault, Reader

REFUSE: Final = "refuse"
ALLOW: Final = "allow"
DENY: Final = "deny"
WAIT_DAYS_MAX: Final = 3_650  # ten years: longer than any record that a refusal may rest on
NEAR_MAX: Final = 10**12
RETRY_ON: Final = "{retry_on}"
Cells: TypeAlias = "tuple[tuple[int, Spans], ...]"  # places of fields, and what is admitted there


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


def row_fault(reader: Reader, row: Row, problem: str, remedy: str) -> PolicyFault:
    """Return (not raise) the fault of a row's conditions."""
    return PolicyFault(file=reader.file, row=row.id, column="when", problem=problem, remedy=remedy)


_WORDS: Final = ("text_zh", "text_en", "remedy_zh", "remedy_en")
_ROW_COLUMNS: Final = ("id", "when", "outcome", "reason", *_WORDS, "changeable", "wait_days", "near", "law")


def read_row(reader: Reader, fields: Fields, *, outcomes: tuple[str, ...]) -> Row:
    """Return one row of a file, whose outcome is one of these. Errors: PolicyFault with file, row and column."""
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


def read_default(reader: Reader) -> Row:
    """Return the default of a first-hit table: a denial with its reason and words. Errors: PolicyFault."""
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
