"""A mapping: which column of a foreign file becomes which declared field, as data.

The same mapping serves training (features and target) and a demonstration with real applicants (every field).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from mingqu.domain.decision.field import Value
from mingqu.domain.money import Rounding, divide
from mingqu.domain.policy_file import INTEGER_MAX, Document, Reader
from mingqu.domain.refusal import Refusal

# Some statistics programs write 500000 as 5e+05.
_DECIMAL: Final = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,6}))?(?:[eE]\+?(0?\d|1[0-5]))?", re.ASCII)


class ColumnMissing(Refusal):
    """The file lacks columns that the mapping names."""

    code: ClassVar[str] = "column_missing"


class CellMalformed(Refusal):
    """A cell of the file is not the number that the mapping expects."""

    code: ClassVar[str] = "cell_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedField:
    """One field: column × multiply ÷ divide (half up), not below `least`; or, without a column, a constant."""

    name: str
    column: str
    multiply: int
    divide: int
    least: int | None
    constant: Value
    card: bool
    direction: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A column that is left out on purpose, and why."""

    column: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """All of a mapping file. `bad` is the text in the target column that means "went bad"."""

    id: str
    attribution: str
    card_id: str
    title_zh: str
    title_en: str
    target: str
    bad: str
    fields: tuple[MappedField, ...]
    exclusions: tuple[Exclusion, ...]

    def check_columns(self, *, columns: Collection[str]) -> None:
        """Refuse a file that lacks a column, and say which. Errors: ColumnMissing."""
        missing = sorted({field.column for field in self.fields if field.column} - set(columns))
        if missing:
            raise ColumnMissing(f"The file lacks {', '.join(missing)}; compare its header with {self.id}.toml.")

    def inputs(self, *, row: Mapping[str, str], line: int) -> dict[str, Value]:
        """Return one line of the file as decision inputs. Errors: ColumnMissing, CellMalformed naming line and column.

        Example: LIMIT_BAL 20000 with multiply 25 gives credit_line_fen 500_000.
        """
        return {field.name: field_value(field=field, row=row, line=line) for field in self.fields}


def field_value(*, field: MappedField, row: Mapping[str, str], line: int) -> Value:
    """Return one field of one line. Errors: ColumnMissing, CellMalformed."""
    if not field.column:
        return field.constant
    cell = row.get(field.column)
    if cell is None:
        raise ColumnMissing(f"Line {line} lacks the column {field.column}.", line=line)
    found = _DECIMAL.fullmatch(cell.strip())
    if found is None:
        raise CellMalformed(f"Line {line}, column {field.column}: not a number.", line=line, column=field.column)
    sign, whole, fraction, exponent = found.groups()
    digits = fraction or ""
    numerator = int(whole + digits) * 10 ** int(exponent or 0) * field.multiply * (-1 if sign else 1)
    value = divide(numerator, field.divide * 10 ** len(digits), Rounding.HALF_UP)
    return value if field.least is None else max(field.least, value)


def parse_mapping(*, document: Document) -> ColumnMapping:
    """Return the mapping of a file. Errors: PolicyFault with file, row and column."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "attribution", "card_id", "title_zh", "title_en", "target", "bad", "field",
                 "exclude"))  # fmt: skip
    fields = tuple(_field(row) for row in reader.tables("field", label="name"))
    if len({field.name for field in fields}) != len(fields):
        raise reader.fault("field", "a field stands twice.", "Keep one.")
    return ColumnMapping(
        id=reader.name("id"),
        attribution=reader.text("attribution"),
        card_id=reader.name("card_id"),
        title_zh=reader.text("title_zh"),
        title_en=reader.text("title_en"),
        target=reader.text("target"),
        bad=reader.text("bad"),
        fields=fields,
        exclusions=tuple(
            Exclusion(column=row.text("column"), because=row.text("because"))
            for row in reader.tables("exclude", label="column")
        ),
    )


def _field(reader: Reader) -> MappedField:
    reader.only(("name", "column", "multiply", "divide", "least", "value", "card", "direction", "reason_zh",
                 "reason_en", "note"))  # fmt: skip
    if reader.has("column") == reader.has("value"):
        raise reader.fault("column", "neither or both of column and value.", "Write one of them.")
    constant = reader.value("value") if reader.has("value") else None
    if isinstance(constant, list | dict):
        raise reader.fault("value", "not a single value.", "Write a number, a text, true or false.")
    card = reader.has("card") and reader.flag("card")
    return MappedField(
        name=reader.name("name"),
        column=reader.text("column") if reader.has("column") else "",
        multiply=reader.integer("multiply", least=1, most=10**6) if reader.has("multiply") else 1,
        divide=reader.integer("divide", least=1, most=10**6) if reader.has("divide") else 1,
        least=reader.integer("least", least=-INTEGER_MAX, most=INTEGER_MAX) if reader.has("least") else None,
        constant=constant,
        card=card,
        direction=reader.choice("direction", ("rises", "falls", "free")) if card else "free",
        reason_zh=reader.text("reason_zh") if card else "",
        reason_en=reader.text("reason_en") if card else "",
    )
