"""How each method spreads principal and interest over the periods, for a chunk of loans of one kind at a time.

The loops run over periods and each line works on all loans of the chunk: the arithmetic is that of
`schedule.spreading`, line by line, in columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mingqu.domain.batch.columns import Flags, Integers
from mingqu.domain.batch.quotient import Divisor, divided, fraction_terms
from mingqu.domain.batch.table import Kind, Table
from mingqu.domain.money import Rounding
from mingqu.domain.schedule import Method, Tail

# Principal and interest as [rows, loans] in fen, and which loans are right: the others need the scalar reference.
Spread: TypeAlias = tuple[Integers, Integers, Flags]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lookup:
    """A chunk's view of its table; `ratio_row`: int64 [loans].

    `whole`: the terms of the fractions where all periods of a loan bear the same, else None. Where the table has one
    ratio row they are single numbers: dividing by one number is four times faster than by a column.
    """

    table: Table
    ratio_row: Integers
    whole: tuple[Divisor, Divisor, Divisor] | None

    @classmethod
    def of(cls, *, table: Table, ratio_row: Integers) -> Lookup:
        """Return the view of some loans by their ratio rows."""
        whole: tuple[Divisor, Divisor, Divisor] | None = None
        if table.periods_are_alike:
            if len(table.principal_max) == 1:
                whole = (table.a[0, 0], table.c[0, 0], table.d[0, 0])
            else:
                whole = (table.a[0].take(ratio_row), table.c[0].take(ratio_row), table.d[0].take(ratio_row))
        return cls(table=table, ratio_row=ratio_row, whole=whole)

    def interest(self, *, balance: Integers, row: int) -> Integers:
        """Return the interest of each loan in one period, rounded once, in fen."""
        table = self.table
        if self.whole is not None:
            a, c, d = self.whole
        else:
            a, c, d = (terms[row].take(self.ratio_row) for terms in (table.a, table.c, table.d))
        return divided(balance, a, c, d, ties_to_even=table.kind.rounding is Rounding.HALF_EVEN)


def spread_columns(*, lookup: Lookup, principal_fen: Integers) -> Spread:
    """Return principal and interest of each row of each loan; `principal_fen` fits the table."""
    kind = lookup.table.kind
    if kind.method is Method.EQUAL_INSTALMENT:
        return _equal_instalment(lookup, principal_fen)
    parts = np.zeros((kind.rows, len(principal_fen)), dtype=np.int64)
    right = np.ones(len(principal_fen), dtype=np.bool_)
    if kind.method in (Method.EQUAL_PRINCIPAL, Method.FLAT):
        right = _equal_parts(kind, principal_fen, parts)
    else:
        parts[-1] = principal_fen
    interests = np.empty_like(parts)
    balance = principal_fen.copy()
    for row in range(kind.rows):
        bearing = principal_fen if kind.method is Method.FLAT else balance
        interests[row] = lookup.interest(balance=bearing, row=row)
        balance -= parts[row]
    return parts, interests, right


def _equal_parts(kind: Kind, principal_fen: Integers, parts: Integers) -> Flags:
    """Cut principal into equal parts, the first or the last with the tail; not right where the reference refuses."""
    right = np.ones(len(principal_fen), dtype=np.bool_)
    if kind.instalment_fen is not None:
        part = np.full_like(principal_fen, kind.instalment_fen)
    else:
        units = kind.rows * kind.multiple_fen
        right = principal_fen >= units
        a, c, d = (np.int64(term) for term in fraction_terms((1, units), kind.rounding))
        part = divided(principal_fen, a, c, d, ties_to_even=kind.rounding is Rounding.HALF_EVEN) * kind.multiple_fen
    left = principal_fen.copy()
    order = range(kind.rows - 1, -1, -1) if kind.tail is Tail.FIRST else range(kind.rows)
    for row in order[:-1]:
        np.minimum(part, left, out=parts[row])
        left -= parts[row]
    parts[order[-1]] = left
    return right


def _equal_instalment(lookup: Lookup, principal_fen: Integers) -> Spread:
    """Pay each period's interest out of the instalment and principal with the rest; the last row pays what is left.

    Not right, and so left to the reference: an instalment of less than its multiple (it is refused), an agreed
    one below the interest of its period (refused), and a first period that bears more than an instalment.
    """
    kind, table = lookup.table.kind, lookup.table
    parts, interests = (np.empty((kind.rows, len(principal_fen)), dtype=np.int64) for _ in range(2))
    if table.factors is None:
        assert kind.instalment_fen is not None
        instalment = np.full_like(principal_fen, kind.instalment_fen)
        right = np.ones(len(principal_fen), dtype=np.bool_)
    else:
        units = table.factors.times(amount_fen=principal_fen, which=lookup.ratio_row, rounding=kind.rounding)
        instalment = units * kind.multiple_fen
        # One unit may be half of one rounded up, which is refused.
        right = units > 1
    balance = principal_fen.copy()
    for row in range(kind.rows - 1):
        interest = lookup.interest(balance=balance, row=row)
        rest = instalment - interest
        if row == 0 or table.factors is None:
            right &= rest >= 0
        np.maximum(rest, 0, out=rest)
        np.minimum(rest, balance, out=parts[row])
        interests[row] = interest
        balance -= parts[row]
    parts[-1] = balance
    interests[-1] = lookup.interest(balance=balance, row=kind.rows - 1)
    return parts, interests, right
