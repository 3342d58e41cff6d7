"""Schedules of many loans at once, to the fen and to the day what `schedule.build` gives for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mingqu.domain.batch.columns import Flags, Integers, LoansToSchedule, ScheduleColumns, as_day
from mingqu.domain.batch.spread import Lookup, spread_columns
from mingqu.domain.batch.table import Groups, Table, grouped, rows_of, tables
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import build

# The columns of a chunk with all its rows stay in a core's cache: half a megabyte each.
_CHUNK_ROWS: Final = 2**16
# Each line of the loop over periods costs a microsecond however few loans it works on.
_CHUNK_LOANS_MIN: Final = 2**11
# A sort of 16-bit keys is a radix sort, several times faster than one of longer keys.
_SHORT_KEYS: Final = 2**16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Output:
    """The columns being filled; see `ScheduleColumns`."""

    offsets: Integers
    due: Integers
    principal_fen: Integers
    interest_fen: Integers
    scalar: Flags


def build_all(*, loans: LoansToSchedule) -> ScheduleColumns:
    """Return the schedules of all loans, row for row those that `schedule.build` gives for `loans.terms_of(i)`.

    A loan that does not fit whole numbers of 64 bits, or whose terms are for one loan at a time (smoothing), is
    worked out by the scalar reference; a loan that the reference refuses has no rows and stands in `refused`.
    Nothing is raised for a single loan, and nothing is rounded but as its terms say.
    Example: three loans of 10,000.00 at 18 % over 12 months: 36 rows, the last of each loan pays 916.81.
    """
    rows = np.array([rows_of(terms) for terms in loans.templates], dtype=np.int64)[loans.template]
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(rows)))
    due, principal, interest = (np.zeros(int(offsets[-1]), dtype=np.int64) for _ in range(3))
    scalar = np.ones(len(loans), dtype=np.bool_)
    output = _Output(offsets=offsets, due=due, principal_fen=principal, interest_fen=interest, scalar=scalar)
    if len(loans):
        groups = grouped(loans)
        _fill(loans, groups, tables(templates=loans.templates, groups=groups), output)
    refused = _fill_one_by_one(loans, output)
    return _without_refused(output, refused)


def _fill(loans: LoansToSchedule, groups: Groups, made: list[tuple[Table, Integers]], output: _Output) -> None:
    """Work out every loan whose group has a place in a table."""
    nowhere = len(made)
    table_of, place_of = (np.full(len(groups.template), value, dtype=np.int64) for value in (nowhere, 0))
    for number, (_, members) in enumerate(made):
        table_of[members] = number
        place_of[members] = np.arange(len(members))
    tables_of_loans = table_of[groups.of_loan]
    # Stable: the loans of a table stay in their order, so that their rows are written one after another.
    order = np.argsort(tables_of_loans.astype(np.uint16) if nowhere < _SHORT_KEYS else tables_of_loans, kind="stable")
    bounds = np.searchsorted(tables_of_loans[order], np.arange(nowhere + 1)).tolist()
    for (table, _), begin, end in zip(made, bounds, bounds[1:], strict=False):
        size = max(_CHUNK_LOANS_MIN, _CHUNK_ROWS // table.kind.rows)
        for at in range(begin, end, size):
            chosen = order[at : min(at + size, end)]
            _fill_chunk(loans, table, chosen, place_of[groups.of_loan[chosen]], output)


def _fill_chunk(loans: LoansToSchedule, table: Table, chosen: Integers, place: Integers, output: _Output) -> None:
    amounts, ratio_row = loans.principal_fen[chosen], table.ratio_row[place]
    fits = (amounts > 0) & (amounts <= table.principal_max[ratio_row])
    if not fits.all():
        chosen, ratio_row, place, amounts = (column[fits] for column in (chosen, ratio_row, place, amounts))
    if not len(chosen):
        return
    principal, interest, right = spread_columns(
        lookup=Lookup.of(table=table, ratio_row=ratio_row), principal_fen=amounts
    )
    output.scalar[chosen] = ~right
    first = output.offsets[chosen]
    rows = table.kind.rows
    columns = ((output.due, table.due[place]), (output.principal_fen, principal.T), (output.interest_fen, interest.T))
    if first[-1] - first[0] == rows * (len(first) - 1):
        for column, values in columns:  # the loans lie side by side, so nothing has to be looked up
            column[first[0] : first[-1] + rows].reshape(-1, rows)[:] = values
        return
    at = (first[:, None] + np.arange(rows)).ravel()
    for column, values in columns:
        column[at] = values.ravel()


def _fill_one_by_one(loans: LoansToSchedule, output: _Output) -> tuple[tuple[int, Refusal], ...]:
    """Let the scalar reference work out what is left, and return what it refuses."""
    refused: list[tuple[int, Refusal]] = []
    for loan in np.flatnonzero(output.scalar).tolist():
        try:
            rows = build(terms=loans.terms_of(loan)).rows
        except Refusal as refusal:
            refused.append((loan, refusal))
            continue
        at = slice(int(output.offsets[loan]), int(output.offsets[loan + 1]))
        output.due[at] = [as_day(row.due) for row in rows]
        output.principal_fen[at] = [row.principal_fen for row in rows]
        output.interest_fen[at] = [row.interest_fen for row in rows]
    return tuple(refused)


def _without_refused(output: _Output, refused: tuple[tuple[int, Refusal], ...]) -> ScheduleColumns:
    """Take the rows of refused loans out."""
    offsets, columns = output.offsets, (output.due, output.principal_fen, output.interest_fen)
    if refused:
        rows = np.diff(offsets)
        gone = np.zeros(len(rows), dtype=np.bool_)
        gone[[loan for loan, _ in refused]] = True
        kept = np.repeat(~gone, rows)
        offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(np.where(gone, 0, rows))))
        columns = (columns[0][kept], columns[1][kept], columns[2][kept])
    due, principal_fen, interest_fen = columns
    return ScheduleColumns(
        offsets=offsets,
        due=due.view("datetime64[D]"),
        principal_fen=principal_fen,
        interest_fen=interest_fen,
        scalar=output.scalar,
        refused=refused,
    )
