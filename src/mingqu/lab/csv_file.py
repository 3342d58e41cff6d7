"""An analyst's CSV as others wrote it: packed or not, UTF-8, UTF-16 or GB 18030, separated by , ; tab or |.

The file is read twice: once for its hash and its alphabet, once for its rows, in chunks and never whole.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Final

from mingqu.domain.refusal import Refusal

ROWS_MAX: Final = 5_000_000
COLUMNS_MAX: Final = 2_000  # A file with more is a matrix, not a table that somebody can explain.
BYTES_MAX: Final = 4_000_000_000  # unpacked; beyond this a laptop's memory is at risk
CELL_CHARACTERS_MAX: Final = 131_072  # A longer cell is a quote that was never closed.
CHUNK_ROWS: Final = 50_000  # as many as are held as text at a time: some 50 MB of a wide file
SEPARATORS: Final = (",", ";", "\t", "|")
_BLOCK_BYTES: Final = 1 << 20
_SNIFF_CHARACTERS: Final = 1 << 16
# In order of trial; UTF-16 only where a mark says so. GB 18030 holds GBK and GB 2312.
_ALPHABETS: Final = ("utf-8-sig", "gb18030")


class FileMalformed(Refusal):
    """The file is no CSV with a header and rows of equal length; the message names the line and what to do."""

    code: ClassVar[str] = "file_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """A CSV that was looked at: its header, alphabet, separator, and the SHA-256 of its unpacked bytes."""

    path: Path
    header: tuple[str, ...]
    alphabet: str
    separator: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    def place(self, *, column: str) -> int:
        """Return the place of a column. Errors: FileMalformed that names the closest columns."""
        if column in self.header:
            return self.header.index(column)
        raise FileMalformed(f"{self.name} has no column {column}; {self._closest(column)}", column=column)

    def _closest(self, column: str) -> str:
        from difflib import get_close_matches

        lower = {name.lower(): name for name in self.header}
        near = [lower[name] for name in get_close_matches(column.lower(), list(lower), n=3, cutoff=0.5)]
        shown = near or list(self.header[:8])
        rest = "" if near or len(self.header) <= len(shown) else f" and {len(self.header) - len(shown)} more"
        return f"{'the closest are' if near else 'it has'}: {', '.join(shown)}{rest}."

    def chunks(self) -> Iterator[tuple[list[list[str]], list[int]]]:
        """Yield rows of cells with the line each ends on. Errors: FileMalformed with the line."""
        with _opened(self.path) as stream:
            lines = _reader(io.TextIOWrapper(stream, encoding=self.alphabet, newline=""), self.separator)
            width, count = len(self.header), -1
            rows: list[list[str]] = []
            numbers: list[int] = []
            try:
                for row in lines:
                    if not row:
                        continue
                    count += 1
                    if count == 0:
                        continue  # the header
                    if len(row) != width:
                        raise self._ragged(row, lines.line_num)
                    rows.append(row)
                    numbers.append(lines.line_num)
                    if len(rows) == CHUNK_ROWS:
                        yield rows, numbers
                        rows, numbers = [], []
            except csv.Error as error:
                raise FileMalformed(f"{self.name}, line {lines.line_num}: {error}; is a quote left open?") from None
            if count > ROWS_MAX:
                raise FileMalformed(f"{self.name} has more than {ROWS_MAX} rows; take a sample of it.")
            if count < 1:
                raise FileMalformed(f"{self.name} has a header and no rows.")
            if rows:
                yield rows, numbers

    def _ragged(self, row: list[str], line: int) -> FileMalformed:
        return FileMalformed(
            f"{self.name}, line {line}: {len(row)} cells where the header has {len(self.header)}; mend the line, or "
            "put quotes around cells that hold the separator.",
            line=line,
        )


def open_csv(*, path: Path) -> CsvFile:
    """Look at a CSV, also packed as .gz or .xz. Errors: FileMalformed, and OSError where it cannot be opened."""
    sha256, alphabet, start = _looked_through(path)
    if not start.strip():
        raise FileMalformed(f"{path.name} is empty; it needs a header and rows.")
    separator = _separator(start)
    try:
        first: list[str] = next((row for row in _reader(io.StringIO(start, newline=""), separator) if row), [])
    except csv.Error as error:
        raise FileMalformed(f"{path.name}, line 1: {error}.") from None
    header = [name.strip() or f"column_{place}" for place, name in enumerate(first, start=1)]
    if len(header) > COLUMNS_MAX:
        raise FileMalformed(f"{path.name} has more than {COLUMNS_MAX} columns; is the separator right?")
    twice = next((name for place, name in enumerate(header) if name in header[:place]), "")
    if twice:
        raise FileMalformed(f"{path.name}: the column {twice} stands twice in the header; rename one.", column=twice)
    return CsvFile(path=path, header=tuple(header), alphabet=alphabet, separator=separator, sha256=sha256)


def _reader(text: IO[str], separator: str) -> Any:
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    return csv.reader(text, delimiter=separator)


def _opened(path: Path) -> IO[bytes]:
    packed = path.suffix.lower()
    if packed == ".xz":
        return lzma.open(path)
    return gzip.open(path) if packed == ".gz" else path.open("rb")  # type: ignore[return-value]  # reads as bytes


def _looked_through(path: Path) -> tuple[str, str, str]:
    """Return SHA-256, alphabet and the first characters; one pass decides which alphabets fit the whole file."""
    hashed, size, start = hashlib.sha256(), 0, b""
    tries: dict[str, codecs.IncrementalDecoder] = {}
    try:
        with _opened(path) as stream:
            while block := stream.read(_BLOCK_BYTES):
                if not size:
                    start = block[: 4 * _SNIFF_CHARACTERS]
                    marked = block[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
                    names = ("utf-16",) if marked else _ALPHABETS
                    tries = {name: codecs.getincrementaldecoder(name)() for name in names}
                size += len(block)
                if size > BYTES_MAX:
                    raise FileMalformed(f"{path.name} is larger than {BYTES_MAX} bytes; take a sample of it.")
                hashed.update(block)
                tries = {name: decoder for name, decoder in tries.items() if _takes(decoder, block, final=False)}
    except (lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError):
        raise FileMalformed(f"{path.name} cannot be unpacked; is it whole?") from None
    fitting = [name for name, decoder in tries.items() if _takes(decoder, b"", final=True)]
    if size and (not fitting or (b"\0" in start and fitting[0] != "utf-16")):
        raise FileMalformed(f"{path.name} is neither UTF-8 nor GB 18030 text; save it as CSV in UTF-8.")
    alphabet = fitting[0] if fitting else _ALPHABETS[0]
    return hashed.hexdigest(), alphabet, start.decode(alphabet, errors="ignore")


def _takes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _separator(start: str) -> str:
    """Return the separator that cuts the first lines into the most cells of equal number."""
    lines = [line for line in start.splitlines()[:20] if line.strip()]
    whole = lines[:-1] if len(lines) > 1 and len(start) >= _SNIFF_CHARACTERS else lines
    best, most = ",", 0
    for separator in SEPARATORS:
        try:
            widths = [len(row) for row in csv.reader(whole, delimiter=separator) if row]
        except csv.Error:
            continue
        # A comma inside of numbers cuts lines unevenly: what cuts the header and most lines alike is the separator.
        alike = sum(width == widths[0] for width in widths) if widths else 0
        weight = (widths[0] - 1) * alike if widths else 0
        if weight > most:
            best, most = separator, weight
    return best
