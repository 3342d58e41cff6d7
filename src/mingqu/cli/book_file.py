"""A file of loans: read twice, once for its hash and once for its lines, and never whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from mingqu.domain.refusal import Refusal

# A line with a plan of 360 instalments, each with eight amounts, is shorter; a longer one is another kind of file.
LINE_BYTES_MAX: Final = 100_000
_BLOCK_BYTES: Final = 1 << 20
_MARK: Final = b"\xef\xbb\xbf"  # which some programs write before the first column


class BookFileUnreadable(Refusal):
    """The file is not text in ASCII with lines of a sane length."""

    code: ClassVar[str] = "book_file_unreadable"


class BookFileChanged(Refusal):
    """The file became another one while it was read: nothing was taken over."""

    code: ClassVar[str] = "book_file_changed"
    status: ClassVar[int] = 409


class BookFile:
    """A file with its hash and number of lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        hashed, self.lines_total = hashlib.sha256(), 0
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                hashed.update(block)
                self.lines_total += block.count(b"\n")
        self.hash = hashed.digest()

    def lines(self) -> Iterator[str]:
        """Yield the lines, each with its end. Errors: BookFileUnreadable, BookFileChanged."""
        hashed = hashlib.sha256()
        with self._path.open("rb") as file:
            number = 0
            while line := file.readline(LINE_BYTES_MAX):
                number += 1
                hashed.update(line)
                if number == 1:
                    line = line.removeprefix(_MARK)
                if len(line) == LINE_BYTES_MAX or not line.isascii():
                    raise BookFileUnreadable(
                        f"Line {number} is not ASCII text of less than {LINE_BYTES_MAX} characters."
                    )
                yield line.decode("ascii")
        if hashed.digest() != self.hash:
            raise BookFileChanged("The file changed while it was read; give it again when nobody writes to it.")
