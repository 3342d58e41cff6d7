"""A training sample: columns of whole numbers out of a CSV, and a word about each column left out."""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import SCALE_DIGITS_MAX
from mingqu.domain.decision.mapping import ColumnMapping, MappedField, field_value
from mingqu.domain.refusal import Refusal

ROWS_MAX: Final = 5_000_000
BYTES_MAX: Final = 2_000_000_000  # unpacked; beyond this a laptop's memory is at risk
BADS_MIN: Final = 50  # Fewer bad cases than this say nothing about ten bins.
WHOLE_MAX: Final = 2**53 - 1  # numbers that a float64 represents exactly
# Left out of every card by name, whatever the file calls them; a mapping can name more.
PROTECTED_WORDS: Final = ("sex", "gender", "marriage", "marital", "age", "ethnicity", "race", "religion", "nationality")
IDENTIFIER_WORDS: Final = ("id", "uuid", "index", "rownum", "customer_id", "loan_id", "account")


class SampleUnusable(Refusal):
    """The file cannot be trained on; the message says why and what to do."""

    code: ClassVar[str] = "sample_unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column to learn from. `direction` is that of the risk; "" means: find it in the sample."""

    name: str
    direction: str
    scale_digits: int
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Features, values (rows × features, whole numbers at the feature's scale, NaN where missing), who went bad."""

    features: tuple[Feature, ...]
    values: NDArray[np.float64]
    bad: NDArray[np.bool_]
    left_out: tuple[tuple[str, str], ...]
    sha256: str


def read_rows(*, path: Path) -> tuple[list[str], list[list[str]], str]:
    """Return header, rows and SHA-256 of a CSV (also .xz). Errors: SampleUnusable."""
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as stream:
        data = stream.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise SampleUnusable("The file is too large; take a sample of it.")
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        raise SampleUnusable("The file is no CSV in UTF-8; save it so.") from None
    if len(lines) < 2 or len(lines) > ROWS_MAX:
        raise SampleUnusable(f"The file needs a header and 1 to {ROWS_MAX} rows.")
    header = [name.strip() for name in lines[0]]
    if len(set(header)) != len(header):
        raise SampleUnusable("A column name stands twice in the header; rename one.")
    rows = [line for line in lines[1:] if line]
    if uneven := next((at for at, line in enumerate(rows, start=2) if len(line) != len(header)), 0):
        raise SampleUnusable(f"Line {uneven} has another number of cells than the header.", line=uneven)
    return header, rows, hashlib.sha256(data).hexdigest()


def read_sample(
    *, path: Path, target: str, bad: str = "1", mapping: ColumnMapping | None = None, exclude: Sequence[str] = ()
) -> Sample:
    """Return the sample of a file: through a mapping when there is one, else every usable column as it is called.

    Errors: SampleUnusable (no target, target not two-valued, too few bad, nothing to learn from); ColumnMissing and
    CellMalformed from the mapping.
    """
    header, rows, sha256 = read_rows(path=path)
    if target not in header:
        raise SampleUnusable(f"The file has no column {target}; it has: {', '.join(header)}.", column=target)
    outcomes = [row[header.index(target)].strip() for row in rows]
    if set(outcomes) - {bad} == set() or len(set(outcomes)) != 2 or bad not in outcomes:
        raise SampleUnusable(f"The column {target} must hold {bad} for bad and one other value.", column=target)
    went_bad = np.array([outcome == bad for outcome in outcomes])
    if min(int(went_bad.sum()), int((~went_bad).sum())) < BADS_MIN:
        raise SampleUnusable(f"At least {BADS_MIN} good and {BADS_MIN} bad cases are needed.", column=target)
    left: list[tuple[str, str]] = [(name, "named to be left out") for name in exclude]
    if mapping is not None:
        features, columns = _mapped(header, rows, mapping, left, set(exclude))
    else:
        features, columns = _plain(header, rows, target, left)
    kept = _informative(features, columns, left)
    if not kept:
        raise SampleUnusable("No column is left to learn from.")
    return Sample(
        features=tuple(features[at] for at in kept),
        values=np.column_stack([columns[at] for at in kept]),
        bad=went_bad,
        left_out=tuple(left),
        sha256=sha256,
    )


def _mapped(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    mapping: ColumnMapping,
    left: list[tuple[str, str]],
    exclude: set[str],
) -> tuple[list[Feature], list[NDArray[np.float64]]]:
    mapping.check_columns(columns=header)
    left.extend((one.column, one.because) for one in mapping.exclusions)
    used = {field.column for field in mapping.fields if field.card}
    left.extend(
        (field.column, "for policy only, never in the card")
        for field in mapping.fields
        if field.column and field.column not in used
    )
    fields = [field for field in mapping.fields if field.card and not {field.column, field.name} & exclude]
    return [_feature(field) for field in fields], [_column(field, header, rows) for field in fields]


def _feature(field: MappedField) -> Feature:
    return Feature(
        name=field.name,
        direction=field.direction,
        scale_digits=0,
        reason_zh=field.reason_zh,
        reason_en=field.reason_en,
    )


def _column(field: MappedField, header: Sequence[str], rows: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    at = header.index(field.column)
    known: dict[str, object] = {}  # most cells of a column repeat
    values = []
    for line, row in enumerate(rows, start=2):
        cell = row[at]
        if cell not in known:
            known[cell] = field_value(field=field, row={field.column: cell}, line=line)
        values.append(known[cell])
    return np.array(values, dtype=np.float64)


def _plain(
    header: Sequence[str], rows: Sequence[Sequence[str]], target: str, left: list[tuple[str, str]]
) -> tuple[list[Feature], list[NDArray[np.float64]]]:
    features: list[Feature] = []
    columns: list[NDArray[np.float64]] = []
    named_out = {name for name, _ in left}
    for at, name in enumerate(header):
        if name == target or name in named_out:
            continue
        words = name.lower().replace("-", "_").split("_")
        if any(word in PROTECTED_WORDS for word in words):
            left.append((name, "protected"))
            continue
        read = _numbers([row[at].strip() for row in rows])
        if read is None:
            left.append((name, "not a number in every row"))
            continue
        column, digits = read
        if _identifier_like(name, column):
            left.append((name, "looks like an identifier"))
            continue
        slug = "_".join(
            part for part in "".join(c if c.isalnum() and c.isascii() else "_" for c in name.lower()).split("_") if part
        )
        slug = slug if slug[:1].isalpha() else f"column_{slug or at}"
        features.append(
            Feature(
                name=slug,
                direction="",
                scale_digits=digits,
                reason_zh=f"{name} 的取值",
                reason_en=f"the value of {name}",
            )
        )
        columns.append(column)
    return features, columns


def _numbers(cells: Sequence[str]) -> tuple[NDArray[np.float64], int] | None:
    """Return the cells as whole numbers at the smallest scale that holds them, or None when one is no number."""
    digits = 0
    parsed: list[float] = []
    for cell in cells:
        if cell.lower() in ("", "na", "nan", "null", "?"):
            parsed.append(float("nan"))
            continue
        try:
            value = float(cell)
        except ValueError:
            return None
        if not np.isfinite(value):
            return None
        parsed.append(value)
        if "." in cell and "e" not in cell.lower():
            digits = max(digits, min(SCALE_DIGITS_MAX, len(cell.partition(".")[2].rstrip("0"))))
    column = np.rint(np.array(parsed) * 10**digits)
    largest = float(np.nanmax(np.abs(column))) if np.isfinite(column).any() else 0.0
    return (column, digits) if largest <= WHOLE_MAX else None


def _identifier_like(name: str, column: NDArray[np.float64]) -> bool:
    """A column named so, or a count up or down by one: it tells rows apart, not people."""
    if name.lower() in IDENTIFIER_WORDS or name.lower().endswith("_id"):
        return True
    steps = np.diff(column)
    return len(column) > 1 and bool(np.all(steps == steps[0])) and steps[0] != 0


def _informative(
    features: Sequence[Feature], columns: Sequence[NDArray[np.float64]], left: list[tuple[str, str]]
) -> list[int]:
    kept: list[int] = []
    for at, (feature, column) in enumerate(zip(features, columns, strict=True)):
        present = column[np.isfinite(column)]
        if len(present) == 0 or np.all(present == present[0]):
            left.append((feature.name, "the same in every row"))
        else:
            kept.append(at)
    return kept
