"""A file as columns: each is a column of numbers or of words, and its file says which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import SCALE_DIGITS_MAX
from mingqu.domain.refusal import Refusal
from mingqu.lab import cell
from mingqu.lab.csv_file import CsvFile

# A column with so many numbers among its cells is one of numbers, and the rest are mistakes to be named.
NUMBERS_PER_MILLE: Final = 900
CODES_MAX: Final = 20  # up to so many different numbers beside words, it is a column of codes like 1, 2, A


class CellNotNumber(Refusal):
    """A cell of a column of numbers is none; the message names line and column."""

    code: ClassVar[str] = "cell_not_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Whole numbers at a scale (NaN where missing), and how the file writes them."""

    values: NDArray[np.float64]
    scale_digits: int
    reading: str

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        return np.isnan(self.values)

    def at(self, *, rows: NDArray[np.int64]) -> Numbers:
        """Return the column on some rows."""
        return Numbers(values=self.values[rows], scale_digits=self.scale_digits, reading=self.reading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Levels in order of their text, and the place of each row's level, −1 where missing."""

    codes: NDArray[np.int64]
    levels: tuple[str, ...]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        return self.codes < 0

    def at(self, *, rows: NDArray[np.int64]) -> Words:
        """Return the column on some rows, with all levels."""
        return Words(codes=self.codes[rows], levels=self.levels)


Column: TypeAlias = Numbers | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The columns of a file by name, all of the same length, in the order of the file."""

    columns: dict[str, Column]
    rows: int


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What is known of one column while it is read: chunks of numbers, or of texts as they came."""

    name: str
    as_words: bool
    parts: list[NDArray[np.float64] | tuple[NDArray[np.int32], list[str]]] = field(default_factory=list)

    def take(self, cells: list[str]) -> None:
        if not self.as_words:
            read = cell.numbers(cells=cells, reading=cell.PLAIN)
            if not isinstance(read, int):
                self.parts.append(read)
                return
        places: dict[str, int] = {}
        codes = np.array([places.setdefault(text, len(places)) for text in cells], dtype=np.int32)
        self.parts.append((codes, list(places)))

    def counts(self) -> Counter[str]:
        """Count the texts of the chunks that are not plain numbers."""
        found: Counter[str] = Counter()
        for part in self.parts:
            if isinstance(part, tuple):
                codes, texts = part
                found.update(dict(zip(texts, np.bincount(codes, minlength=len(texts)).tolist(), strict=True)))
        return found


def read_table(*, file: CsvFile, words: Collection[str] = (), leave: Collection[str] = ()) -> Table:
    """Return the columns of a file. `words` are columns to read as texts, `leave` are not read at all.

    A column whose cells are numbers, all of them in one way of writing, is one of numbers; a few other cells among
    many numbers are refused by name; everything else is words. Errors: FileMalformed, CellNotNumber.
    """
    forced = set(words)
    wanted = [(place, name) for place, name in enumerate(file.header) if name not in leave]
    columns: dict[str, Column] = {}
    rows = 0
    for _ in range(2):  # the second time for columns that showed words only after a chunk of numbers
        gathered = [(place, _Gathered(name=name, as_words=name in forced)) for place, name in wanted]
        rows = 0
        for chunk in _columns(file):
            rows += len(chunk[0])
            for place, one in gathered:
                if one.name not in columns:
                    one.take(list(chunk[place]))
        again = set()
        for _place, one in gathered:
            if one.name in columns:
                continue
            column = _column(one, file)
            if column is None:
                again.add(one.name)
            else:
                columns[one.name] = column
        if not again:
            break
        forced |= again
    return Table(columns={name: columns[name] for _, name in wanted}, rows=rows)


def _columns(file: CsvFile) -> Iterator[list[tuple[str, ...]]]:
    for rows, _ in file.chunks():
        yield list(zip(*rows, strict=True))


def _column(one: _Gathered, file: CsvFile) -> Column | None:
    """Return the finished column, or None when it must be read again as words."""
    if all(not isinstance(part, tuple) for part in one.parts):
        return _numbers([part for part in one.parts if not isinstance(part, tuple)], cell.PLAIN)
    if one.as_words:
        return _words(one)
    reading = _reading(one, file)
    if reading:
        parts = [_read(part, reading) for part in one.parts]
        return _numbers(parts, reading)
    return _words(one) if all(isinstance(part, tuple) for part in one.parts) else None


def _reading(one: _Gathered, file: CsvFile) -> str:
    """Return how the column writes numbers, "" when it holds words. Errors: CellNotNumber."""
    counts = one.counts()
    plain = sum(int(np.isfinite(part).sum()) for part in one.parts if not isinstance(part, tuple))
    best, most = "", -1
    bad: dict[str, set[str]] = {}
    for reading in cell.READINGS:
        read = {text: cell.number(text=text, reading=reading) for text in counts}
        bad[reading] = {text for text, value in read.items() if value is None}
        good = plain + sum(counts[text] for text, value in read.items() if value is not None and not np.isnan(value))
        if not bad[reading] and good:
            return reading
        if good > most:
            best, most = reading, good
    wrong = sum(counts[text] for text in bad[best])
    different = _different(one, best)
    if most * 1_000 >= NUMBERS_PER_MILLE * (most + wrong) and different > CODES_MAX and wrong:
        line = _line_of(file, one.name, bad[best])
        raise CellNotNumber(
            f"{file.name}, line {line}, column {one.name}: not a number, as are {wrong} cells of this column of "
            f"numbers; correct them, leave them empty, or --exclude {one.name}.",
            line=line,
            column=one.name,
        )
    return ""


def _different(one: _Gathered, reading: str) -> int:
    """Count the different numbers of a column."""
    found: set[float] = set()
    for part in one.parts:
        values = part if not isinstance(part, tuple) else [cell.number(text=text, reading=reading) for text in part[1]]
        found.update(float(value) for value in set(values) if value is not None)
    return len({value for value in found if not np.isnan(value)})


def _line_of(file: CsvFile, name: str, texts: set[str]) -> int:
    place = file.place(column=name)
    return next(
        line for rows, lines in file.chunks() for row, line in zip(rows, lines, strict=True) if row[place] in texts
    )


def _read(part: NDArray[np.float64] | tuple[NDArray[np.int32], list[str]], reading: str) -> NDArray[np.float64]:
    if not isinstance(part, tuple):
        return part
    codes, texts = part
    read = np.array([cell.number(text=text, reading=reading) for text in texts], dtype=np.float64)
    return np.asarray(read[codes])


def _numbers(parts: list[NDArray[np.float64]], reading: str) -> Numbers:
    values = np.concatenate(parts)
    digits = cell.scale_digits(values=values, most=SCALE_DIGITS_MAX)
    return Numbers(values=cell.whole(values=values, digits=digits), scale_digits=digits, reading=reading)


def _words(one: _Gathered) -> Words:
    counts = one.counts()
    stripped = {text: text.strip() for text in counts}
    levels = sorted({text for text in stripped.values() if text.lower() not in cell.MISSING})
    place = {level: at for at, level in enumerate(levels)}
    parts = []
    for part in one.parts:
        assert isinstance(part, tuple)
        codes, texts = part
        parts.append(np.array([place.get(stripped[text], -1) for text in texts], dtype=np.int64)[codes])
    return Words(codes=np.concatenate(parts), levels=tuple(levels))
