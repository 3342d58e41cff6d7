"""A policy file as plain data: canonical bytes, hash, and reading that names file, row, column and remedy.

Policies are data: products, lenders, rules, tables, grids and points cards. Whoever reads the file turns
it into plain values (`plain`); everything here is pure. A fault stops the whole load: a policy that is
half understood never decides anything.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Final, TypeAlias

from mingqu.domain.refusal import Refusal

Plain: TypeAlias = "bool | int | str | list[Plain] | dict[str, Plain] | None"

# RFC 8785 keeps integers within what every JSON reader represents exactly.
INTEGER_MAX: Final = 2**53 - 1
NESTING_MAX: Final = 12  # No policy file nests deeper; a hostile one must not exhaust the stack.
FAR_FUTURE: Final = date(9999, 12, 31)
_NAME: Final = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


class PolicyFault(Refusal):
    """A policy file cannot be used. The message says file, row, column and what to do."""

    code: ClassVar[str] = "policy_fault"

    def __init__(
        self, *, file: str, row: str, column: str, problem: str, remedy: str, **details: int | str | bool | None
    ) -> None:
        place = ", ".join(part for part in (file, row and f"row {row}", column and f"column {column}") if part)
        super().__init__(f"{place}: {problem} {remedy}", file=file, row=row, column=column, **details)
        self.file = file
        self.row = row
        self.column = column
        self.problem = problem
        self.remedy = remedy


def plain(value: object, *, file: str) -> Plain:
    """Return a parsed TOML or JSON value with dates as ISO text; floats, times and odd keys are refused.

    A float has no place in a policy: rates are whole ppm, amounts whole fen. Errors: PolicyFault.
    """
    return _plain(value, file=file, column="", depth=0)


def _plain(value: object, *, file: str, column: str, depth: int) -> Plain:
    if depth > NESTING_MAX:
        raise PolicyFault(file=file, row="", column=column, problem="nested too deeply.", remedy="Flatten the file.")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise PolicyFault(
                file=file, row="", column=column, problem="a number beyond 2^53 − 1.", remedy="Use a smaller one."
            )
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {
            _key(key, file=file): _plain(item, file=file, column=str(key), depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, Sequence):
        return [_plain(item, file=file, column=column, depth=depth + 1) for item in value]
    raise PolicyFault(
        file=file,
        row="",
        column=column,
        problem=f"a value of type {type(value).__name__}.",
        remedy="Write whole numbers (fen, ppm, days), texts, dates or true and false.",
    )


def _key(key: object, *, file: str) -> str:
    if not isinstance(key, str) or not key.isascii():
        raise PolicyFault(
            file=file, row="", column=str(key), problem="not a column name.", remedy="Use ASCII letters for names."
        )
    return key


def canonical(value: object) -> bytes:
    """Return the canonical bytes of plain data with ASCII keys and integers within ±(2^53 − 1).

    They are those of `mingqu.domain.canonical.canonical`, which takes any value; this one is some ten times
    sooner, which a decision needs. A property test holds the two together.
    Example: {"b": 1, "a": "明"} gives the bytes of {"a":"明","b":1}.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical bytes as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One policy file: its place for messages, and its body as plain data. `hash` is over the body only."""

    file: str
    body: Mapping[str, Plain]

    @property
    def kind(self) -> str:
        """The kind of policy, e.g. "product" or "grid"."""
        return self.reader().name("kind")

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical body, 64 hexadecimal digits."""
        return digest(self.body)

    def reader(self) -> Reader:
        """Return a reader over the whole file."""
        return Reader(file=self.file, row="", data=self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads typed values out of one table of a file; each fault names file, row and column."""

    file: str
    row: str
    data: Mapping[str, Plain]

    def fault(self, column: str, problem: str, remedy: str) -> PolicyFault:
        """Return (not raise) the fault of a column."""
        return PolicyFault(file=self.file, row=self.row, column=column, problem=problem, remedy=remedy)

    def only(self, allowed: Collection[str]) -> None:
        """Refuse any column that is not allowed: a typing mistake must never be read as "no condition"."""
        for column in self.data:
            if column not in allowed:
                raise self.fault(column, "unknown column.", f"Known here: {', '.join(sorted(allowed))}.")

    def has(self, column: str) -> bool:
        """Return whether the column is present."""
        return column in self.data

    def value(self, column: str) -> Plain:
        """Return the value as it is. Errors: PolicyFault when missing."""
        if column not in self.data:
            raise self.fault(column, "missing.", "Add it.")
        return self.data[column]

    def text(self, column: str) -> str:
        """Return a text that is not blank."""
        value = self.value(column)
        if not isinstance(value, str) or not value.strip():
            raise self.fault(column, "not a text.", 'Write a text that is not blank, in quotes: "…".')
        return value

    def name(self, column: str) -> str:
        """Return a stable name: small ASCII letters, digits, hyphen or underscore."""
        value = self.text(column)
        if not _NAME.fullmatch(value):
            raise self.fault(column, f"{value!r} is not a name.", "Use small letters, digits, - and _.")
        return value

    def choice(self, column: str, choices: Collection[str]) -> str:
        """Return one of the texts allowed."""
        value = self.text(column)
        if value not in choices:
            raise self.fault(column, f"{value!r} is not known.", f"Choose one of: {', '.join(sorted(choices))}.")
        return value

    def integer(self, column: str, *, least: int, most: int) -> int:
        """Return a whole number within least … most, both allowed."""
        value = self.value(column)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(column, "not a whole number.", "Write a whole number without quotes or point.")
        if not least <= value <= most:
            raise self.fault(column, f"{value} is out of range.", f"Write a number from {least} to {most}.")
        return value

    def flag(self, column: str) -> bool:
        """Return true or false."""
        value = self.value(column)
        if not isinstance(value, bool):
            raise self.fault(column, "neither true nor false.", "Write true or false without quotes.")
        return value

    def day(self, column: str) -> date:
        """Return a date."""
        value = self.value(column)
        try:
            return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else _no_date()
        except ValueError:
            raise self.fault(column, "not a date.", "Write a date like 2026-08-01.") from None

    def period(self) -> tuple[date, date]:
        """Return [valid_from, valid_to); a missing valid_to is 9999-12-31."""
        start = self.day("valid_from")
        end = self.day("valid_to") if self.has("valid_to") else FAR_FUTURE
        if not start < end:
            raise self.fault("valid_to", "the period is empty.", "valid_to is the first day no longer valid.")
        return start, end

    def items(self, column: str) -> list[Plain]:
        """Return a list that is not empty."""
        value = self.value(column)
        if not isinstance(value, list) or not value:
            raise self.fault(column, "not a list.", "Write at least one value in square brackets.")
        return value

    def names(self, column: str, choices: Collection[str] | None = None) -> tuple[str, ...]:
        """Return a list of different texts, each one of the choices when these are given."""
        found: list[str] = []
        for value in self.items(column):
            one = Reader(file=self.file, row=self.row, data={column: value})
            found.append(one.name(column) if choices is None else one.choice(column, choices))
        if len(set(found)) != len(found):
            raise self.fault(column, "a value stands twice.", "Keep one of them.")
        return tuple(found)

    def integers(self, column: str, *, least: int, most: int) -> tuple[int, ...]:
        """Return whole numbers in strictly rising order."""
        found = tuple(
            Reader(file=self.file, row=self.row, data={column: value}).integer(column, least=least, most=most)
            for value in self.items(column)
        )
        if any(after <= before for before, after in itertools.pairwise(found)):
            raise self.fault(
                column, "the numbers do not rise.", "Sort them and drop doubles: a cut list has no overlap."
            )
        return found

    def table(self, column: str, *, row: str = "") -> Reader:
        """Return a reader over a nested table."""
        value = self.value(column)
        if not isinstance(value, dict):
            raise self.fault(column, "not a table.", f"Write it as [{column}].")
        return Reader(file=self.file, row=row or self.row or column, data=value)

    def tables(self, column: str, *, label: str = "id") -> Iterator[Reader]:
        """Yield a reader for each table of a list, named by its label or by its place in the list."""
        for place, value in enumerate(self.items(column), start=1):
            if not isinstance(value, dict):
                raise self.fault(column, f"entry {place} is not a table.", f"Write each as [[{column}]].")
            found = value.get(label)
            yield Reader(file=self.file, row=found if isinstance(found, str) else f"{column} {place}", data=value)


def _no_date() -> date:
    raise ValueError
