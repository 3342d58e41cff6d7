"""Drafts tried on a CSV of past applications, through a mapping and the policies that come with the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from mingqu.domain.decision.field import LIST_SOURCE, SIGNAL_SOURCE, Value
from mingqu.domain.decision.trial import Trial
from mingqu.domain.decision.try_out import PastApplication, TryOut
from mingqu.domain.policy_file import Document
from mingqu.lab.csv_file import open_csv
from mingqu.lab.train import find_mapping
from mingqu.store.decisions.policy import load_pack

UNKNOWN_TO_FILES: Final = (SIGNAL_SOURCE, LIST_SOURCE)  # what this house counts and keeps itself


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedFile:
    """What came out for so many `rows`. `assumed` are signals and lists that no file has: nothing stood there."""

    trial: Trial
    try_out: TryOut
    rows: int
    assumed: tuple[str, ...]


def try_file(
    *,
    path: Path,
    mapping: str,
    drafts: Sequence[Document],
    business_date: date,
    progress: Callable[[int, int | None], None],
) -> TriedFile:
    """Decide every row of a CSV as of a day, without the drafts and with them, for every product offered that day.

    Signals and lists that the mapping does not give stand at the least that their field allows. Errors: MappingMissing,
    ColumnMissing, CellMalformed and FileMalformed with line and column, PolicyMissing, and those of `Trial`.
    """
    pack = load_pack()
    trial = Trial(pack=pack, drafts=drafts)
    through, file = find_mapping(name=mapping), open_csv(path=path)
    through.check_columns(columns=file.header)
    products = tuple(one.id for one in pack.offered(business_date=business_date))
    fields = trial.pair(business_date=business_date, product_ids=products).before.fields
    given = {one.name for one in through.fields}
    assumed: dict[str, Value] = {
        one.name: one.written(one.least)
        for one in fields.fields
        if one.source in UNKNOWN_TO_FILES and one.name not in given
    }
    try_out, rows = TryOut(trial=trial), 0
    for cells, lines in file.chunks():
        for row, line in zip(cells, lines, strict=True):
            inputs = assumed | through.inputs(row=dict(zip(file.header, row, strict=True)), line=line)
            try_out.add(application=PastApplication(inputs=inputs, business_date=business_date, product_ids=products))
        rows += len(cells)
        progress(rows, None)
    try_out.finish()
    return TriedFile(trial=trial, try_out=try_out, rows=rows, assumed=tuple(assumed))
