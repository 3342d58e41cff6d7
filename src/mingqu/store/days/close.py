"""Loans as the close reads and writes them: by the thousand, in columns, without opening a snapshot.

The caller holds the cell's lock. What is read comes as one array a column, in binary and with every value of a fixed
width, so that no loan of a chunk is looked at by itself; what is written goes out the same way
(`store/server/column.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, LiteralString
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mingqu.domain.batch import LineColumns, StandingColumns
from mingqu.domain.batch.arrears import ArrearsColumns
from mingqu.domain.batch.columns import NO_DAY_NUMBER, Days, Integers, days_of
from mingqu.domain.batch.standing import PLAN_ROW, PLAN_ROW_BYTES
from mingqu.store.server import column
from mingqu.store.server.column import Kind
from mingqu.store.server.database import Transaction

Ids = npt.NDArray[np.uint8]  # [n, 16]

_EPOCH_DAYS: Final = 10_957  # from 1970-01-01 to 2000-01-01, from which PostgreSQL counts
_NO_DATE: Final = -(2**31)  # "-infinity" as it is sent: a day that no loan has

# (name, SQL, type): what is read of a loan.
_READ: Final[tuple[tuple[str, LiteralString, str], ...]] = (
    ("loan_id", "l.loan_id", "V16"),
    ("person_id", "person_id", "V16"),
    ("group_id", "group_id", "V16"),
    ("currency", "currency::char(3)", "S3"),
    ("kind", "terms_kind", ">i8"),
    ("passed", "passed", ">i2"),
    ("unbilled", "principal_unbilled_fen", ">i8"),
    ("principal", "payable_principal_fen", ">i8"),
    ("interest", "payable_interest_fen", ">i8"),
    ("penalty", "payable_penalty_fen", ">i8"),
    ("fee", "payable_fee_fen", ">i8"),
    ("overdue_since", "coalesce(overdue_since, '-infinity')", ">i4"),
    ("waiting_number", "waiting_number", ">i4"),
    ("waiting_due", "coalesce(waiting_due, '-infinity')", ">i4"),
    ("waiting_principal", "waiting_principal_fen", ">i8"),
    ("waiting_unpaid", "waiting_unpaid_fen", ">i8"),
    ("suspends_on", "coalesce(suspends_on, '-infinity')", ">i4"),
    ("interest_daily", "interest_daily_micro", ">i8"),
    ("interest_base", "interest_base_micro", ">i8"),
    ("interest_on", "coalesce(interest_on, '-infinity')", ">i4"),
    ("penalty_daily", "penalty_daily_micro", ">i8"),
    ("penalty_base", "penalty_base_micro", ">i8"),
    ("penalty_on", "coalesce(penalty_on, '-infinity')", ">i4"),
    ("plan", "substr(s.plan, 1 + 24 * passed, 48)", f"V{2 * PLAN_ROW_BYTES}"),
)
assert PLAN_ROW_BYTES == 24, "the statement above counts in rows of a plan"
# Beside the columns, and in their order: all rows of the plans that are passed, one loan's behind the other's.
_ARRAYS: Final[LiteralString] = ", ".join(
    [*(f"array_agg({sql})" for _, sql, _ in _READ), "string_agg(substr(s.plan, 1, 24 * passed), '')"]
)
# Whatever the planner believes of the table, loans are looked up by their keys: OFFSET keeps the inner query apart.
_WAITING: Final[LiteralString] = f"""
    SELECT {_ARRAYS} FROM loan_diary AS d CROSS JOIN LATERAL (
        SELECT * FROM loan WHERE cell = d.cell AND loan_id = d.loan_id OFFSET 0
    ) AS l CROSS JOIN LATERAL (
        SELECT plan FROM loan_snapshot WHERE cell = d.cell AND loan_id = d.loan_id OFFSET 0
    ) AS s WHERE d.cell = %(cell)s AND d.on_date = %(on)s AND d.loan_id BETWEEN %(first)s AND %(last)s
             AND l.next_event = d.on_date AND l.plain"""  # noqa: S608  Our own list of columns.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosingLoans:
    """A chunk of n loans on the common path, with the names of what they belong to. Ids are bytes [n, 16]."""

    loan_id: Ids
    person_id: Ids
    group_id: Ids
    currency: Sequence[str]
    kind: Integers
    payable_penalty_fen: Integers
    payable_fee_fen: Integers
    standing: StandingColumns
    arrears: ArrearsColumns

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransferColumns:
    """Transfers of a morning, n of one day; `debit`, `credit`: the owners' ids, with the codes of their accounts."""

    transfer_id: Ids
    cause: Ids
    debit: Ids
    debit_code: Integers
    credit: Ids
    credit_code: Integers
    amount_fen: Integers
    reason: Integers
    currency: Sequence[str]


def by_keys(tx: Transaction) -> None:
    """Let everything in this transaction be found by its key, whatever the planner believes of a table.

    A book's first orders are asked for when no statistics know of any; a plan made then, and kept, reads all of them
    for every loan. A close only ever looks rows up, so there is no plan that this takes away. Nor is a plan used that
    was kept before this was said, by a door on the same connection: each statement of a chunk is planned for itself.
    Two unsorted lists are compared line by line then, so a close that has two hashes one (`store/loans/deduction.py`).
    """
    tx.execute(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),"
        " set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true),"
        " set_config('plan_cache_mode', 'force_custom_plan', true)"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """A stretch of a cell's diary of a day: the ids of its lines, in order, as bytes [n, 16]."""

    cell: int
    on: date
    ids: Ids

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def last(self) -> UUID:
        """The loan of the last line."""
        return UUID(bytes=self.ids[-1].tobytes())

    @property
    def stretch(self) -> dict[str, object]:
        """The stretch as a statement names it."""
        return {"cell": self.cell, "on": self.on, "first": UUID(bytes=self.ids[0].tobytes()), "last": self.last}

    def without(self, loans: ClosingLoans) -> Ids:
        """Return the ids of the lines whose loan is not among these."""
        read = set(loans.loan_id.view("V16").reshape(-1).tolist())
        return self.ids[[loan_id not in read for loan_id in self.ids.view("V16").reshape(-1).tolist()]]


_LINES: Final[LiteralString] = """
    SELECT array_agg(loan_id), array_agg(plain) FROM (
        SELECT loan_id, plain FROM loan_diary
        WHERE cell = %(cell)s AND on_date = %(on)s AND loan_id > %(after)s ORDER BY loan_id LIMIT %(lines)s
    ) AS line"""
# Before every id there is.
_FIRST: Final = UUID(int=0)


def next_chunk(
    tx: Transaction, *, cell: int, on: date, after: UUID | None = None, lines_max: int, scalar_max: int
) -> Chunk | None:
    """Return the first stretch of a day's diary behind `after` with at most so many lines, and so many of them of loans
    without a plan.

    Whoever takes one chunk after the other says where the last one ended: lines that were struck off stay in the index
    until they are swept up, and from the start each chunk would walk past those of all before it.
    """
    sent = tx.columns(_LINES, {"cell": cell, "on": on, "after": after or _FIRST, "lines": lines_max})
    ids = column.ids_in(column.values_in(sent[0], kind="V16"))
    if not len(ids):
        return None
    scalar = np.flatnonzero(~column.values_in(sent[1], kind="?"))
    end = int(scalar[scalar_max - 1]) if len(scalar) >= scalar_max else len(ids) - 1
    return Chunk(cell=cell, on=on, ids=ids[: end + 1])


def noted(tx: Transaction, *, cell: int, on: date, after: UUID | None = None, loans_max: int) -> list[UUID]:
    """Return the first loans of a day's diary behind `after`, in order of id."""
    rows = tx.execute(
        """SELECT loan_id FROM loan_diary WHERE cell = %s AND on_date = %s AND loan_id > %s
           ORDER BY loan_id LIMIT %s""",
        (cell, on, after or _FIRST, loans_max),
    )
    return [row[0] for row in rows]


def noted_otherwise(tx: Transaction, *, cell: int, on: date, after: UUID, loans_max: int) -> list[UUID]:
    """Return what `noted` does, of loans alone to which a day may bring something else than an instalment.

    A loan in order that follows its plan is noted for its instalments only.
    """
    rows = tx.execute(
        """SELECT d.loan_id FROM loan_diary d JOIN loan l ON l.cell = d.cell AND l.loan_id = d.loan_id
           WHERE d.cell = %s AND d.on_date = %s AND d.loan_id > %s AND (NOT d.plain OR l.overdue_since IS NOT NULL)
           ORDER BY d.loan_id LIMIT %s""",
        (cell, on, after, loans_max),
    )
    return [row[0] for row in rows]


def strike(tx: Transaction, *, cell: int, on: date, loan_id: UUID) -> None:
    """Strike one loan off the diary of a day."""
    tx.execute("DELETE FROM loan_diary WHERE cell = %s AND on_date = %s AND loan_id = %s", (cell, on, loan_id))


def is_due(tx: Transaction, *, cell: int, on: date, loan_id: UUID) -> bool:
    """Return whether a loan's next event is on that very day."""
    row = tx.execute(
        "SELECT next_event = %s FROM loan WHERE cell = %s AND loan_id = %s", (on, cell, loan_id)
    ).fetchone()
    return row is not None and bool(row[0])


def done(tx: Transaction, *, chunk: Chunk) -> None:
    """Strike a stretch off the diary."""
    tx.execute(
        """DELETE FROM loan_diary WHERE cell = %(cell)s AND on_date = %(on)s
           AND loan_id BETWEEN %(first)s AND %(last)s""",
        chunk.stretch,
    )


def waiting(tx: Transaction, *, chunk: Chunk) -> ClosingLoans:
    """Return the loans of a stretch that are on the common path and whose next event is on that very day."""
    *sent, behind = tx.columns(_WAITING, chunk.stretch)
    rows = {name: column.values_in(values, kind=kind) for (name, _, kind), values in zip(_READ, sent, strict=True)}
    plan = np.ascontiguousarray(rows["plan"]).view(PLAN_ROW).reshape(len(rows["kind"]), 2)
    return ClosingLoans(
        loan_id=column.ids_in(rows["loan_id"]),
        person_id=column.ids_in(rows["person_id"]),
        group_id=column.ids_in(rows["group_id"]),
        currency=[code.decode("ascii") for code in rows["currency"].tolist()],
        kind=_numbers(rows["kind"]),
        payable_penalty_fen=_numbers(rows["penalty"]),
        payable_fee_fen=_numbers(rows["fee"]),
        standing=StandingColumns(
            passed=_numbers(rows["passed"]),
            running=plan[:, 0],
            following=plan[:, 1],
            principal_unbilled_fen=_numbers(rows["unbilled"]),
            payable_principal_fen=_numbers(rows["principal"]),
            payable_interest_fen=_numbers(rows["interest"]),
            overdue_since=_days(rows["overdue_since"]),
            waiting_number=_numbers(rows["waiting_number"]),
            waiting_due=_days(rows["waiting_due"]),
            waiting_principal_fen=_numbers(rows["waiting_principal"]),
            waiting_unpaid_fen=_numbers(rows["waiting_unpaid"]),
            suspends_on=_days(rows["suspends_on"]),
            interest=_lines(rows, "interest"),
            penalty=_lines(rows, "penalty"),
        ),
        arrears=_arrears(_numbers(rows["passed"]), behind),
    )


def _arrears(passed: Integers, behind: bytes) -> ArrearsColumns:
    """Return what is in the rows of plans that are passed, so many of each loan."""
    row = np.frombuffer(behind, dtype=PLAN_ROW)
    assert len(row) == passed.sum(), "a plan has all rows that are passed"
    return ArrearsColumns(
        loan=np.repeat(np.arange(len(passed)), passed),
        since=_numbers(row["due"]),
        number=_numbers(row["number"]),
        principal_fen=_numbers(row["principal_fen"]),
    )


def save(tx: Transaction, *, cell: int, loan_id: Ids, as_of: date, next_event: Days, standing: StandingColumns) -> None:
    """Write how loans of a cell stand after a morning, in one statement; their snapshots stay as they are."""
    updated = tx.execute(
        """UPDATE loan SET as_of = %s, next_event = nullif(u.next_event, '-infinity'), passed = u.passed,
               principal_unbilled_fen = u.unbilled, payable_principal_fen = u.principal,
               payable_interest_fen = u.interest, overdue_since = nullif(u.overdue_since, '-infinity'),
               waiting_number = u.waiting_number, waiting_due = nullif(u.waiting_due, '-infinity'),
               waiting_principal_fen = u.waiting_principal, waiting_unpaid_fen = u.waiting_unpaid,
               suspends_on = nullif(u.suspends_on, '-infinity'), interest_daily_micro = u.interest_daily,
               interest_base_micro = u.interest_base, interest_on = nullif(u.interest_on, '-infinity'),
               penalty_daily_micro = u.penalty_daily, penalty_base_micro = u.penalty_base,
               penalty_on = nullif(u.penalty_on, '-infinity')
           FROM unnest(%b::uuid[], %b::date[], %b::smallint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::date[],
                       %b::bigint[], %b::date[], %b::bigint[], %b::bigint[], %b::date[], %b::bigint[], %b::bigint[],
                       %b::date[], %b::bigint[], %b::bigint[], %b::date[])
                AS u (loan_id, next_event, passed, unbilled, principal, interest, overdue_since, waiting_number,
                      waiting_due, waiting_principal, waiting_unpaid, suspends_on, interest_daily, interest_base,
                      interest_on, penalty_daily, penalty_base, penalty_on)
           WHERE loan.cell = %s AND loan.loan_id = u.loan_id""",
        (
            as_of,
            column.of_array(loan_id, kind=Kind.UUID),
            _dates(next_event),
            column.of_array(standing.passed, kind=Kind.SMALLINT),
            _bigints(standing.principal_unbilled_fen),
            _bigints(standing.payable_principal_fen),
            _bigints(standing.payable_interest_fen),
            _dates(standing.overdue_since),
            _bigints(standing.waiting_number),
            _dates(standing.waiting_due),
            _bigints(standing.waiting_principal_fen),
            _bigints(standing.waiting_unpaid_fen),
            _dates(standing.suspends_on),
            _bigints(standing.interest.daily_micro),
            _bigints(standing.interest.base_micro),
            _dates(standing.interest.on),
            _bigints(standing.penalty.daily_micro),
            _bigints(standing.penalty.base_micro),
            _dates(standing.penalty.on),
            cell,
        ),
    ).rowcount
    assert updated == len(loan_id), "a loan that is saved was read before, under the same lock"
    tx.execute(
        """INSERT INTO loan_diary SELECT %s, on_date, loan_id, true FROM unnest(%b::date[], %b::uuid[])
           AS u (on_date, loan_id) WHERE on_date <> '-infinity' ON CONFLICT DO NOTHING""",
        (cell, _dates(next_event), column.of_array(loan_id, kind=Kind.UUID)),
    )


def post(tx: Transaction, *, cell: int, transfers: TransferColumns, on: date) -> bool:
    """Post all transfers of a morning and return whether all are in the books; otherwise roll back."""
    count = len(transfers.reason)
    if count == 0:
        return True
    days = column.of_array(np.full(count, on.toordinal() - _DAY_ZERO, dtype=np.int64), kind=Kind.DATE)
    currencies = column.of_few_texts(transfers.currency)
    row = tx.execute(
        "SELECT 1 >= ALL (post_batch(%s::smallint, %b::uuid[], %b::smallint[],"
        " %b::uuid[], %b::smallint[], %b::text[], %b::uuid[], %b::smallint[], %b::text[],"
        " %b::bigint[], %b::smallint[], %b::date[], %b::date[], %b::uuid[], %b::uuid[]))",
        (
            cell,
            column.of_array(transfers.transfer_id, kind=Kind.UUID),
            column.of_array(np.ones(count, dtype=np.int64), kind=Kind.SMALLINT),
            column.of_array(transfers.debit, kind=Kind.UUID),
            column.of_array(transfers.debit_code, kind=Kind.SMALLINT),
            currencies,
            column.of_array(transfers.credit, kind=Kind.UUID),
            column.of_array(transfers.credit_code, kind=Kind.SMALLINT),
            currencies,
            _bigints(transfers.amount_fen),
            column.of_array(transfers.reason, kind=Kind.SMALLINT),
            days,
            days,
            column.of_array(transfers.cause, kind=Kind.UUID),
            column.of_uuids([None] * count),
        ),
    ).fetchone()
    assert row is not None
    return bool(row[0])


_DAY_ZERO: Final = date(2000, 1, 1).toordinal()


def _numbers(values: npt.NDArray[Any]) -> Integers:
    return values.astype(np.int64)


def _days(values: npt.NDArray[Any]) -> Days:
    numbers = values.astype(np.int64)
    return np.where(numbers == _NO_DATE, NO_DAY_NUMBER, numbers + _EPOCH_DAYS).view("datetime64[D]")


def _lines(rows: Mapping[str, npt.NDArray[Any]], name: str) -> LineColumns:
    return LineColumns(
        daily_micro=_numbers(rows[f"{name}_daily"]),
        base_micro=_numbers(rows[f"{name}_base"]),
        on=_days(rows[f"{name}_on"]),
    )


def _bigints(values: Integers) -> column.Column:
    return column.of_array(values, kind=Kind.BIGINT)


def _dates(values: Days) -> column.Column:
    numbers = days_of(values)
    return column.of_array(np.where(numbers == NO_DAY_NUMBER, _NO_DATE, numbers - _EPOCH_DAYS), kind=Kind.DATE)
