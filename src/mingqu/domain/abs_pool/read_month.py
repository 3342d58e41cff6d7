"""Reading the file of a pool's month: each value typed, each fault with its loan and column, nothing guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from mingqu.domain.abs_pool.loan import OfferedLoan, PooledLoan
from mingqu.domain.abs_pool.month import PoolMonth, Standing
from mingqu.domain.abs_pool.terms import INSTALMENTS_MAX, PoolTerms
from mingqu.domain.policy_file import INTEGER_MAX, Document, PolicyFault, Reader
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal

LATE_DAYS_MAX: Final = 36_500  # a loan that is late for a century is a mistake
MONTH_DAYS_MAX: Final = 366  # a file of more than a year was given the wrong days


class PoolFileMalformed(Refusal):
    """The file of a pool's month does not say what it must. The message names loan, column and what to do."""

    code: ClassVar[str] = "pool_file_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFile:
    """A file of a month, read so far that its pool can be looked up."""

    month: PoolMonth
    file: str


def read_month(*, document: Document) -> PoolFile:
    """Return the month that a file describes. Errors: PoolFileMalformed."""
    try:
        return PoolFile(month=_month(document.reader()), file=document.file)
    except PolicyFault as fault:
        raise PoolFileMalformed(fault.message, **fault.details) from None


def check_against(*, file: PoolFile, terms: PoolTerms) -> None:
    """Check what only the pool's terms tell. Errors: PoolFileMalformed.

    No more notes than were issued, and no unpaid fee that the pool does not know.
    """
    opening = file.month.opening
    for column, left_fen, issued_fen in (
        ("senior_fen", opening.senior_fen, terms.senior_fen),
        ("subordinate_fen", opening.subordinate_fen, terms.subordinate_fen),
    ):
        if left_fen > issued_fen:
            raise _malformed(file, column, f"{left_fen} is more than the {issued_fen} issued.", "Correct it.")
    for name in opening.fees_short_fen:
        if name not in {fee.id for fee in terms.fees}:
            raise _malformed(file, "fees_short_fen", f"the pool has no fee {name!r}.", "Name one that it has.")


def _malformed(file: PoolFile, column: str, problem: str, remedy: str) -> PoolFileMalformed:
    fault = PolicyFault(file=file.file, row="opening", column=column, problem=problem, remedy=remedy)
    return PoolFileMalformed(fault.message, **fault.details)


def _month(reader: Reader) -> PoolMonth:
    reader.only(("pool", "from", "to", "opening", "loans", "offered"))
    start, end = reader.day("from"), reader.day("to")
    if not 0 < (end - start).days <= MONTH_DAYS_MAX:
        raise reader.fault("to", "not after `from`, or more than a year later.", "Write the first day after it.")
    loans = tuple(_pooled(row, reader) for row in _rows(reader, "loans"))
    offered = tuple(_offered(row) for row in _rows(reader, "offered"))
    _only_once(reader, "loans", loans)
    _only_once(reader, "offered", offered)
    return PoolMonth(
        pool_id=reader.name("pool"),
        start=start,
        end=end,
        opening=_standing(reader.table("opening")),
        loans=loans,
        offered=offered,
    )


def _rows(reader: Reader, column: str) -> list[Reader]:
    """Return the rows of a list that may be empty, and must be there."""
    return [] if reader.value(column) == [] else list(reader.tables(column))


def _only_once(reader: Reader, column: str, loans: Sequence[OfferedLoan | PooledLoan]) -> None:
    seen: set[str] = set()
    for loan in loans:
        if loan.id in seen:
            raise reader.fault(column, f"loan {loan.id!r} stands twice.", "Keep one of them.")
        seen.add(loan.id)


def _standing(row: Reader) -> Standing:
    row.only(Standing.__slots__)
    short = row.table("fees_short_fen")
    return Standing(
        senior_fen=_fen(row, "senior_fen"),
        subordinate_fen=_fen(row, "subordinate_fen"),
        cash_fen=_fen(row, "cash_fen"),
        fees_short_fen={name: _fen(short, name) for name in short.data},
        senior_interest_short_fen=_fen(row, "senior_interest_short_fen"),
        amortizing_since=None if row.value("amortizing_since") is None else row.day("amortizing_since"),
    )


def _pooled(row: Reader, whole: Reader) -> PooledLoan:
    row.only(PooledLoan.__slots__)
    bought_on, bought_fen = row.day("bought_on"), _fen(row, "bought_fen", least=1)
    if bought_on > whole.day("from"):
        raise row.fault("bought_on", "after the month began.", "Give it with the next month.")
    opening_fen = _fen(row, "opening_fen", most=bought_fen)
    defaulted_fen = _fen(row, "defaulted_fen", most=bought_fen)
    if 0 < defaulted_fen < opening_fen:
        raise row.fault("defaulted_fen", "less than what was left later.", "Write the principal of the day of default.")
    return PooledLoan(
        id=row.text("id"),
        borrower=row.text("borrower"),
        region=row.text("region"),
        product=row.name("product"),
        bought_on=bought_on,
        bought_fen=bought_fen,
        opening_fen=opening_fen,
        repaid_fen=_fen(row, "repaid_fen", most=opening_fen),
        interest_fen=_fen(row, "interest_fen"),
        overdue_days=row.integer("overdue_days", least=0, most=LATE_DAYS_MAX),
        defaulted_fen=defaulted_fen,
    )


def _offered(row: Reader) -> OfferedLoan:
    row.only(OfferedLoan.__slots__)
    overdue_days = row.integer("overdue_days", least=0, most=LATE_DAYS_MAX)
    return OfferedLoan(
        id=row.text("id"),
        borrower=row.text("borrower"),
        region=row.text("region"),
        product=row.name("product"),
        principal_fen=_fen(row, "principal_fen", least=1),
        rate_ppm=row.integer("rate_ppm", least=0, most=PPM),
        paid_instalments=row.integer("paid_instalments", least=0, most=INSTALMENTS_MAX),
        overdue_days=overdue_days,
        overdue_days_ever=row.integer("overdue_days_ever", least=overdue_days, most=LATE_DAYS_MAX),
        last_due=row.day("last_due"),
    )


def _fen(row: Reader, column: str, *, least: int = 0, most: int = INTEGER_MAX) -> int:
    return row.integer(column, least=least, most=most)
