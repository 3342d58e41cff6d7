"""A CSV of real applicants, read whole and checked before the first of them applies."""

from __future__ import annotations

import csv
import lzma
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, ClassVar, Final

from mingqu.domain.decision import CellMalformed, ColumnMapping, ColumnMissing, parse_mapping
from mingqu.domain.decision.field import DecisionInputInvalid, Fields
from mingqu.domain.decision.pack import Pack
from mingqu.domain.party import ADULT_AGE_YEARS
from mingqu.domain.refusal import Refusal

# A row of credit data has some hundreds of characters; a longer line is another kind of file.
LINE_CHARACTERS_MAX: Final = 10_000


class ApplicantFileUnreadable(Refusal):
    """The file is not a CSV with a header and rows, or not text in UTF-8."""

    code: ClassVar[str] = "applicant_file_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicantRow:
    """One row: what the house's declared fields take of it, and whether the data calls the person bad."""

    inputs: Mapping[str, int]
    known_bad: bool


def read_applicants(*, file: Path, pack: Pack, mapping_id: str, on: date, limit: int) -> list[ApplicantRow]:
    """Return up to `limit` rows of a CSV (or .csv.xz); each fault names its line. `on` is the date of applying.

    Errors: PolicyMissing, ApplicantFileUnreadable, ColumnMissing, CellMalformed (also what no declared field takes,
    and an age at which nobody may apply).
    """
    mapping = parse_mapping(document=pack.document(kind="mapping", name=mapping_id))
    products = tuple(product.id for product in pack.offered(business_date=on))
    fields = pack.on(business_date=on, product_ids=products).fields
    found: list[ApplicantRow] = []
    try:
        with _opened(file) as text:
            reader = csv.DictReader(_lines(text, file.name), strict=True)
            mapping.check_columns(columns=reader.fieldnames or ())
            if mapping.target not in (reader.fieldnames or ()):
                raise ColumnMissing(f"The file lacks {mapping.target}, which says what became of each person.")
            for row in reader:
                if len(found) == limit:
                    break
                found.append(_row(row, line=reader.line_num, mapping=mapping, fields=fields))
    except (UnicodeDecodeError, csv.Error, lzma.LZMAError, EOFError):
        raise ApplicantFileUnreadable(f"{file.name} is not a CSV file in UTF-8.") from None
    except OSError as error:
        raise ApplicantFileUnreadable(f"{file.name} cannot be read: {error.strerror or 'it is damaged'}.") from None
    if not found:
        raise ApplicantFileUnreadable(f"{file.name} has a header and no rows.")
    return found


def _row(row: Mapping[str, str], *, line: int, mapping: ColumnMapping, fields: Fields) -> ApplicantRow:
    if row.get(mapping.target) is None:
        raise ColumnMissing(f"Line {line} lacks the column {mapping.target}.", line=line)
    inputs: dict[str, int] = {}
    for name, value in mapping.inputs(row=row, line=line).items():
        field = fields.named(name)
        try:
            if field is not None:
                field.number(value)
        except DecisionInputInvalid as refusal:
            raise CellMalformed(f"Line {line}: {refusal.message}", line=line, field=name) from None
        inputs[name] = int(value or 0)
    if inputs["age_years"] < ADULT_AGE_YEARS:
        raise CellMalformed(f"Line {line}: an applicant is {ADULT_AGE_YEARS} or older.", line=line, field="age_years")
    return ApplicantRow(inputs=inputs, known_bad=row[mapping.target].strip() == mapping.bad)


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    # A byte-order mark, as some spreadsheets write it, is not part of the first column's name.
    if file.suffix == ".xz":
        with lzma.open(file, "rt", encoding="utf-8-sig", newline="") as packed:
            yield packed
    else:
        with file.open(encoding="utf-8-sig", newline="") as plain:
            yield plain


def _lines(text: IO[str], name: str) -> Iterator[str]:
    """Yield lines; one that does not end is refused before it fills the memory."""
    while line := text.readline(LINE_CHARACTERS_MAX + 1):  # ends with the file
        if len(line) > LINE_CHARACTERS_MAX:
            raise ApplicantFileUnreadable(f"{name} has a line of more than {LINE_CHARACTERS_MAX:,} characters.")
        yield line
