"""Read a lender's files back: whole, as their flags say, of a history that stands, and as the book has the day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mingqu.domain.lender_file import FileKind, broken, file_name, read_flag, read_rows, require_fits
from mingqu.services.house import House
from mingqu.services.reconciliation.write_lender_files import LenderFile, write_lender_files
from mingqu.store import evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that was read back. `differs` names the first row (from 1) and column where the book says otherwise."""

    name: str
    rows: int
    sum_fen: int
    differs: str | None


def check_lender_files(house: House, *, lender: str, on: date, read: Callable[[str], bytes | None]) -> list[Checked]:
    """Return what was found in the files of a lender and day; `read` gives a file by its name, None if there is none.

    Errors: LenderFileBroken for the first file that is missing, is not what its flag says, or names a checkpoint that
    the book does not have; and those of `write_lender_files`.
    """
    return [_check(house, made, read=read) for made in write_lender_files(house, lender=lender, on=on)]


def _check(house: House, made: LenderFile, *, read: Callable[[str], bytes | None]) -> Checked:
    flagged, content = read(f"{made.name}.ok"), read(made.name)
    if flagged is None or content is None:
        raise broken(made.name, "missing" if content is None else "flag_missing")
    flag = read_flag(flagged, name=f"{made.name}.ok")
    if file_name(kind=flag.kind, lender=flag.lender, on=flag.on) != made.name:
        raise broken(made.name, "flag_of_another")
    require_fits(content, flag=flag, name=made.name)
    _require_history(house, name=made.name, number=flag.checkpoint, said=flag.checkpoint_hash)
    return Checked(
        name=made.name,
        rows=flag.rows,
        sum_fen=flag.sum_fen,
        differs=_difference(content, made.content, kind=flag.kind),
    )


def _require_history(house: House, *, name: str, number: int, said: str) -> None:
    """Return when the checkpoint that a file names is the book's. Errors: LenderFileBroken."""
    if number == 0 and said == "":
        return
    with house.database.transaction() as tx:
        known = evidence.load_checkpoint(tx, number=number)
    if known is None or known.hash().hex() != said:
        raise broken(name, "other_history")


def _difference(theirs: bytes, ours: bytes, *, kind: FileKind) -> str | None:
    if theirs == ours:
        return None
    there, here = read_rows(theirs, kind=kind), read_rows(ours, kind=kind)
    for number, (one, other) in enumerate(zip(there, here, strict=False), start=1):
        for column, value in one.items():
            if other[column] != value:
                return f"row {number}, column {column}"
    return f"row {min(len(there), len(here)) + 1}"
