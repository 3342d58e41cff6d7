"""What loans of the same kind share: due days, fractions of the periods, and how large an amount may be.

A table is made once for each kind of terms in a batch; loans then only look up in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from mingqu.domain.batch.columns import NO_DAY_NUMBER, Flags, Integers, LoansToSchedule, days_of
from mingqu.domain.batch.dates import due_days, first_is_whole, printed_days
from mingqu.domain.batch.quotient import FACTOR_AMOUNT_MAX, Factors, amount_max, fraction_terms
from mingqu.domain.batch.ratios import RatioRows, ratio_rows, summed
from mingqu.domain.money import Rounding
from mingqu.domain.schedule import Method, Smoothing, Tail, Terms
from mingqu.domain.schedule.spreading import Ratio, exact_instalment

# Sums of a schedule stay below this, which leaves room for doubling them when a half is rounded.
_TOTAL_MAX: Final = 2**62
# Agreed amounts above this are somebody's slip; the scalar path says so.
_AGREED_MAX: Final = 2**48
# A table of keys is faster than sorting them, as long as it is not much larger than the caches.
_KEYS_MAX: Final = 2**22


class Kind(NamedTuple):
    """What loans must share to be worked out in one loop over their periods."""

    method: Method
    rows: int
    rounding: Rounding
    tail: Tail
    multiple_fen: int
    instalment_fen: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """The different (template, start, first due date) among the loans, in order of template.

    `template`, `start`, `first_due`: int64 [g], days as whole numbers. `of_loan`: int64 [n].
    """

    template: Integers
    start: Integers
    first_due: Integers
    of_loan: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """One kind of loans with what they look up.

    `due`: int64 [groups, rows], days. `ratio_row`: int64 [groups], which fractions a group has.
    `a`, `c`, `d`: int64 [rows, ratio rows], the terms of `quotient.fraction_terms` for each period.
    `principal_max`: int64 [ratio rows], fen; larger amounts, and all where it is 0, do not fit.
    `periods_are_alike`: whether every ratio row has one fraction for all its periods. `factors`: the equal
    instalment of one fen by ratio row, in multiples.
    """

    kind: Kind
    due: Integers
    ratio_row: Integers
    a: Integers
    c: Integers
    d: Integers
    principal_max: Integers
    periods_are_alike: bool
    factors: Factors | None


def grouped(loans: LoansToSchedule) -> Groups:
    """Return the different groups of the loans."""
    start = days_of(loans.start)
    if loans.first_due is not None:
        return _grouped_by_sorting(loans.template, start, days_of(loans.first_due))
    low = int(start.min())
    width = int(start.max()) - low + 1
    if width * len(loans.templates) > _KEYS_MAX:
        return _grouped_by_sorting(loans.template, start, np.full_like(start, NO_DAY_NUMBER))
    keys = loans.template * width + (start - low)
    present = np.zeros(width * len(loans.templates), dtype=np.bool_)
    present[keys] = True
    found = np.flatnonzero(present)
    places = np.cumsum(present) - 1
    return Groups(
        template=found // width,
        start=found % width + low,
        first_due=np.full(len(found), NO_DAY_NUMBER, dtype=np.int64),
        of_loan=places[keys],
    )


def _grouped_by_sorting(template: Integers, start: Integers, first_due: Integers) -> Groups:
    order = np.lexsort((first_due, start, template))
    sorted_columns = [column[order] for column in (template, start, first_due)]
    opens = np.ones(len(order), dtype=np.bool_)
    opens[1:] = np.any([column[1:] != column[:-1] for column in sorted_columns], axis=0)
    of_loan = np.empty(len(order), dtype=np.int64)
    of_loan[order] = np.cumsum(opens) - 1
    columns = [column[opens] for column in sorted_columns]
    return Groups(template=columns[0], start=columns[1], first_due=columns[2], of_loan=of_loan)


def rows_of(terms: Terms) -> int:
    """Return how many rows the schedule of the terms has."""
    return 1 if terms.method is Method.SINGLE_PAYMENT else terms.instalments


def tables(*, templates: tuple[Terms, ...], groups: Groups) -> list[tuple[Table, Integers]]:
    """Return a table for each kind among the templates, each with the groups [its groups] that it holds."""
    kinds: dict[Kind, list[tuple[Terms, Integers]]] = {}
    bounds = np.searchsorted(groups.template, np.arange(len(templates) + 1))
    for number, terms in enumerate(templates):
        mine = np.arange(bounds[number], bounds[number + 1])
        if len(mine) and _is_for_columns(terms):
            kind = Kind(
                terms.method, rows_of(terms), terms.rounding, terms.tail, terms.multiple_fen, terms.instalment_fen
            )
            kinds.setdefault(kind, []).append((terms, mine))
    return [_table(kind, members, groups) for kind, members in kinds.items()]


def _is_for_columns(terms: Terms) -> bool:
    """Evening out is a search with a few tries for each loan, and huge agreed amounts do not fit: not for columns."""
    return terms.smoothing is Smoothing.NONE and max(terms.multiple_fen, terms.instalment_fen or 0) <= _AGREED_MAX


def _table(kind: Kind, members: list[tuple[Terms, Integers]], groups: Groups) -> tuple[Table, Integers]:
    dues, places, row_ofs = [], [], []
    rows: list[list[Ratio]] = []
    for terms, mine in members:
        due, ratios, allowed = _periods(terms, groups.start[mine], groups.first_due[mine])
        dues.append(due)
        row_ofs.append(ratios.row_of + len(rows))
        places.append(mine[allowed])
        rows += ratios.rows
    a, c, d, principal_max = _fitted(kind, rows)
    factors = None
    if kind.method is Method.EQUAL_INSTALMENT and kind.instalment_fen is None:
        factors = Factors.of([_instalment_of_one_fen(row, kind.multiple_fen) for row in rows])
        principal_max = np.where(factors.fits, np.minimum(principal_max, FACTOR_AMOUNT_MAX), 0)
    table = Table(
        kind=kind,
        due=np.concatenate(dues),
        ratio_row=np.concatenate(row_ofs),
        a=a,
        c=c,
        d=d,
        principal_max=principal_max,
        periods_are_alike=all(row.count(row[0]) == len(row) for row in rows),
        factors=factors,
    )
    return table, np.concatenate(places)


def _periods(terms: Terms, start: Integers, first_due: Integers) -> tuple[Integers, RatioRows, Flags]:
    """Return printed due days and fractions of the groups of one template that the calendar allows."""
    agreed, allowed = due_days(terms=terms, start=start, first_due=first_due)
    printed, ordered = printed_days(terms=terms, start=start, agreed=agreed)
    allowed &= ordered
    start, first_due, agreed, printed = (column[allowed] for column in (start, first_due, agreed, printed))
    ratios = ratio_rows(
        terms=terms,
        start=start,
        bears_until=printed if terms.shift_bears_interest else agreed,
        whole_first=first_is_whole(terms=terms, start=start, first_due=first_due),
    )
    if terms.method is Method.SINGLE_PAYMENT:
        return printed[:, -1:], RatioRows(rows=summed(ratios.rows), row_of=ratios.row_of), allowed
    return printed, ratios, allowed


def _fitted(kind: Kind, rows: list[list[Ratio]]) -> tuple[Integers, Integers, Integers, Integers]:
    """Return the terms of each fraction as [rows, ratio rows], and the largest principal each ratio row can bear."""
    shape = (len(rows), kind.rows, 3)
    if not rows:
        nothing = np.zeros((kind.rows, 0), dtype=np.int64)
        return nothing, nothing, nothing, np.zeros(0, dtype=np.int64)
    known: dict[Ratio, tuple[int, int, int]] = {}
    limits, listed = [], []
    for row in rows:
        bears, largest = 0, _TOTAL_MAX
        for ratio in set(row):
            known.setdefault(ratio, fraction_terms(ratio, kind.rounding))
        for ratio, times in _counted(row):
            multiplier, addend, divisor = known[ratio]
            largest = min(largest, amount_max(a=multiplier, c=addend)) if divisor < _TOTAL_MAX else 0
            bears += times * (ratio[0] // ratio[1] + 1)
        limits.append(min(largest, _TOTAL_MAX // (bears + 1) - kind.rows))
        listed.append([known[ratio] if limits[-1] > 0 else (0, 0, 1) for ratio in row])
    columns = np.array(listed, dtype=np.int64).reshape(shape)
    a, c, d = (np.ascontiguousarray(columns[:, :, part].T) for part in range(3))
    principal_max: Integers = np.maximum(np.array(limits, dtype=np.int64), 0)
    return a, c, d, principal_max


def _counted(row: list[Ratio]) -> Iterable[tuple[Ratio, int]]:
    counts: dict[Ratio, int] = {}
    for ratio in row:
        counts[ratio] = counts.get(ratio, 0) + 1
    return counts.items()


def _instalment_of_one_fen(row: list[Ratio], multiple_fen: int) -> Ratio:
    numerator, denominator = exact_instalment(principal_fen=1, ratios=row, accrued=(0, 1))
    return numerator, denominator * multiple_fen
