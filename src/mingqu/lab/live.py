"""A trained card and any file: cells become the card's bins, scores and reasons, a chunk of rows at a time.

No library of training is needed here; numpy adds what `mingqu.domain.decision.score` adds, in columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import (
    RANK_BITS,
    REASONS_MAX,
    VARIABLES_MAX,
    Card,
    FeatureMissing,
    Variable,
    parse_card,
)
from mingqu.domain.decision.mapping import ColumnMapping, field_value
from mingqu.domain.policy_file import Document, Plain, PolicyFault, plain
from mingqu.domain.refusal import Refusal
from mingqu.lab import cell
from mingqu.lab.csv_file import CsvFile
from mingqu.lab.table import CellNotNumber

CARD_BYTES_MAX: Final = 16_000_000  # far beyond ten bins of a thousand variables


class CardUnreadable(Refusal):
    """The file is no points card."""

    code: ClassVar[str] = "card_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFile:
    """A card with the plain data it was read from."""

    card: Card
    body: dict[str, Plain]

    @property
    def mapping_id(self) -> str:
        """The mapping that it was trained through, "" without one."""
        training = self.body.get("training")
        found = training.get("mapping") if isinstance(training, dict) else ""
        return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some rows: their cells as in the file, the line each ends on, and their bins: variables × rows.

    A bin is the place in the variable's points; one more than the last is "missing". `unseen` counts words
    that training never saw, for each variable.
    """

    rows: list[list[str]]
    lines: list[int]
    bins: NDArray[np.int64]
    unseen: tuple[int, ...]


def read_card(*, path: Path) -> CardFile:
    """Return the card of a file. Errors: CardUnreadable, PolicyFault; OSError where it cannot be opened."""
    if path.stat().st_size > CARD_BYTES_MAX:
        raise CardUnreadable(f"{path.name} is too large for a card.")
    try:
        body = plain(json.loads(path.read_text(encoding="utf-8")), file=path.name)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise CardUnreadable(f"{path.name} is no JSON; name the file that `mingqu lab train --out` wrote.") from None
    if not isinstance(body, dict) or body.get("kind") != "card":
        raise CardUnreadable(f"{path.name} is no points card; name the file that `mingqu lab train --out` wrote.")
    try:
        return CardFile(card=parse_card(document=Document(file=path.name, body=body)), body=body)
    except PolicyFault as fault:
        raise CardUnreadable(f"{fault.message}") from None


def chunks(*, card: Card, file: CsvFile, mapping: ColumnMapping | None, strict: bool) -> Iterator[Chunk]:
    """Yield the file in chunks with the bins of every variable.

    Errors: FileMalformed (a column that is not there, with the closest), CellNotNumber or CellMalformed, and, where
    `strict`, FeatureMissing for a value that is missing where training saw none missing, all with line and column.
    """
    if mapping is not None:
        mapping.check_columns(columns=file.header)
        source = {field.name: field.column for field in mapping.fields if field.column}
    else:
        source = {variable.name: variable.column for variable in card.variables}
    lacking = [variable.name for variable in card.variables if variable.name not in source]
    if lacking:
        raise CardUnreadable(f"The mapping says nothing of {lacking[0]}, which the card {card.id} reads.")
    places = [file.place(column=source[variable.name]) for variable in card.variables]
    readers = [_Cells(variable, file, source[variable.name], mapping, strict) for variable in card.variables]
    for rows, lines in file.chunks():
        columns = [
            reader.bins([row[place] for row in rows], lines) for reader, place in zip(readers, places, strict=True)
        ]
        unseen = tuple(reader.unseen for reader in readers)
        yield Chunk(rows=rows, lines=lines, bins=np.stack(columns), unseen=unseen)


class _Cells:
    """Turns the cells of one column into bins of one variable."""

    def __init__(
        self, variable: Variable, file: CsvFile, column: str, mapping: ColumnMapping | None, strict: bool
    ) -> None:
        self._variable, self._file, self._column, self._strict = variable, file, column, strict
        field = next((one for one in mapping.fields if one.name == variable.name), None) if mapping else None
        self._field = field
        self._cuts = np.array(variable.cuts, dtype=np.float64)
        self._words = {word: at for at, words in enumerate(variable.words) for word in words}
        self._known: dict[str, float] = {}
        self.unseen = 0

    def bins(self, cells: list[str], lines: list[int]) -> NDArray[np.int64]:
        absent = len(self._variable.points)
        if self._variable.words:
            found = self._bins_of_words(cells)
        else:
            values = self._values(cells, lines)
            found = np.where(np.isnan(values), absent, np.searchsorted(self._cuts, np.nan_to_num(values), side="left"))
        if self._strict and self._variable.missing is None and np.any(found == absent):
            at = int(np.argmax(found == absent))
            raise FeatureMissing(
                f"{self._file.name}, line {lines[at]}, column {self._column}: no value, and training saw none missing; "
                "fill it in or leave the row out.",
                line=lines[at],
                column=self._column,
            )
        return found

    def _bins_of_words(self, cells: list[str]) -> NDArray[np.int64]:
        absent, place = len(self._variable.points), {}
        for text in dict.fromkeys(cells):
            word = text.strip()
            place[text] = absent if word.lower() in cell.MISSING else self._words.get(word, -1)
        found = np.array([place[text] for text in cells], dtype=np.int64)
        self.unseen += int((found < 0).sum())
        return np.where(found < 0, self._variable.other, found)

    def _values(self, cells: list[str], lines: list[int]) -> NDArray[np.float64]:
        if self._field is not None:
            for text, line in zip(cells, lines, strict=True):
                if text not in self._known:
                    value = field_value(field=self._field, row={self._column: text}, line=line)
                    assert isinstance(value, int), "a field with a column is a number"
                    self._known[text] = float(value)
            return np.array([self._known[text] for text in cells], dtype=np.float64)
        read = cell.numbers(cells=cells, reading=self._variable.reading)
        if isinstance(read, int):
            raise CellNotNumber(
                f"{self._file.name}, line {lines[read]}, column {self._column}: not a number; correct it.",
                line=lines[read],
                column=self._column,
            )
        return cell.whole(values=read, digits=self._variable.scale_digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of each row: the score, and the ranks of its up to four factors, costliest first, 0 where there is none."""

    score: NDArray[np.int64]
    ranks: NDArray[np.int64]


def points_of(*, card: Card) -> list[NDArray[np.int64]]:
    """Return the points of each variable by bin, the last for missing ones.

    Where training saw none missing, a missing value counts as the middle of the points: only a watch reads that.
    """
    return [
        np.array(
            [*one.points, one.missing if one.missing is not None else sorted(one.points)[len(one.points) // 2]],
            dtype=np.int64,
        )
        for one in card.variables
    ]


def scores(*, card: Card, points: Sequence[NDArray[np.int64]], bins: NDArray[np.int64]) -> Scores:
    """Return score and factors of a chunk's rows: the same as `mingqu.domain.decision.score` gives row by row."""
    gained = np.stack([one[places] for one, places in zip(points, bins, strict=True)])
    # As in the domain: points lost above RANK_BITS, the place of the variable below, so that one number carries both.
    ranks = np.array(card.best, dtype=np.int64)[:, None] - (gained << RANK_BITS)
    ranks = np.where(ranks >> RANK_BITS > 0, ranks, 0)
    if len(ranks) > REASONS_MAX:
        ranks = np.partition(ranks, len(ranks) - REASONS_MAX, axis=0)[-REASONS_MAX:]
    return Scores(score=card.base_points + gained.sum(axis=0), ranks=-np.sort(-ranks, axis=0))


def factor_of(*, card: Card, rank: int) -> tuple[Variable, int]:
    """Return the variable of a rank and the points it lost."""
    return card.variables[VARIABLES_MAX - 1 - (rank & (VARIABLES_MAX - 1))], rank >> RANK_BITS
