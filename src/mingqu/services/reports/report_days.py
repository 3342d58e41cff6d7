"""Reports of closed days: trial balance, portfolio, income. By the day of posting, so that a closed day stays as it is.

The rows are flat and made of whole fen, text and dates, as a spreadsheet or a warehouse takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain.refusal import Refusal
from mingqu.services.close.sum_days import sum_all_days
from mingqu.services.house import House
from mingqu.store.days.day_sum import NOBODY
from mingqu.store.reports import day_report
from mingqu.store.reports.day_report import Standing, Turnover


class DayNotClosed(Refusal):
    """Reports and lender files are of days that every cell has closed; what is booked on an open day still grows."""

    code: ClassVar[str] = "day_not_closed"
    status: ClassVar[int] = 409


class DayBeforeBook(Refusal):
    """The book was opened after the day that is asked for."""

    code: ClassVar[str] = "day_before_book"


class PortfolioNotKept(Refusal):
    """The book is older than its daily portfolios: they begin with the day on which it was brought up to them."""

    code: ClassVar[str] = "portfolio_not_kept"
    status: ClassVar[int] = 404


class DaysOutOfOrder(Refusal):
    """A report from one day to another begins no later than it ends."""

    code: ClassVar[str] = "days_out_of_order"


class LenderUnknown(Refusal):
    """There is no lender with this id or code."""

    code: ClassVar[str] = "lender_unknown"
    status: ClassVar[int] = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalanceRow:
    """One account code of one lender (none: limits of persons): before the first day, in between, at the end."""

    as_of: date
    lender: str
    code: int
    account: str
    currency: str
    opening_debit_fen: int
    opening_credit_fen: int
    debits_fen: int
    credits_fen: int
    closing_debit_fen: int
    closing_credit_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRow:
    """Loans of one product and lender that stood alike when the day ended."""

    as_of: date
    lender: str
    product: str
    currency: str
    stage: str
    arrears: str
    non_accrual: bool
    loans: int
    principal_fen: int
    principal_unbilled_fen: int
    principal_billed_fen: int
    principal_overdue_fen: int
    interest_fen: int
    penalty_fen: int
    fee_fen: int
    accrued_interest_fen: int
    accrued_penalty_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeRow:
    """What one product of one lender earned on one day; `net_fen` is after what was given up and lost."""

    on: date
    lender: str
    product: str
    currency: str
    interest_fen: int
    penalty_fen: int
    fee_fen: int
    rounding_fen: int
    concession_fen: int
    loss_fen: int
    net_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which days and whose: `as_of` is the last closed day where none is given, `first` the same day."""

    as_of: date | None = None
    first: date | None = None
    lender: str | None = None
    product: str | None = None  # reports of what became of loans alone; the others have a column for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Which closed days are meant and whose; before `portfolio_from` and `turns_from` the book kept less."""

    first: date
    last: date
    lender_id: UUID | None
    portfolio_from: date
    turns_from: date


def report_trial_balance(house: House, *, asked: Asked) -> list[TrialBalanceRow]:
    """Return the balance of each account code and lender when `as_of` ended, and its turnover since `first`.

    Errors: DayNotClosed, DayBeforeBook, DaysOutOfOrder, LenderUnknown.
    """
    days = closed_days(house, asked=asked)
    with house.database.transaction() as tx:
        found = day_report.turnovers(tx, first=days.first, last=days.last, lender_id=days.lender_id)
    names = _names(house)
    return [_trial_balance_row(one, as_of=days.last, lender=_name(names, one.lender_id)) for one in found]


def report_portfolio(house: House, *, asked: Asked) -> list[PortfolioRow]:
    """Return how the running loans stood when `as_of` ended.

    Errors: DayNotClosed, DayBeforeBook, PortfolioNotKept, LenderUnknown.
    """
    assert asked.first is None, "a portfolio is of one moment"
    days = closed_days(house, asked=asked)
    if days.last < days.portfolio_from:
        raise PortfolioNotKept(f"Portfolios are kept from {days.portfolio_from} on.")
    with house.database.transaction() as tx:
        found = day_report.portfolio(tx, on=days.last, lender_id=days.lender_id)
    names = _names(house)
    return [_portfolio_row(one, as_of=days.last, lender=_name(names, one.lender_id)) for one in found]


def report_income(house: House, *, asked: Asked) -> list[IncomeRow]:
    """Return what was earned on each day from `first` to `as_of`.

    Errors: DayNotClosed, DayBeforeBook, DaysOutOfOrder, LenderUnknown.
    """
    days = closed_days(house, asked=asked)
    with house.database.transaction() as tx:
        found = day_report.income(tx, first=days.first, last=days.last, lender_id=days.lender_id)
    names = _names(house)
    return [
        IncomeRow(
            on=one.on,
            lender=_name(names, one.lender_id),
            product=one.product_id,
            currency=one.currency,
            interest_fen=one.interest_fen,
            penalty_fen=one.penalty_fen,
            fee_fen=one.fee_fen,
            rounding_fen=one.rounding_fen,
            concession_fen=one.concession_fen,
            loss_fen=one.loss_fen,
            net_fen=one.interest_fen
            + one.penalty_fen
            + one.fee_fen
            + one.rounding_fen
            - one.concession_fen
            - one.loss_fen,
        )
        for one in found
    ]


def closed_days(house: House, *, asked: Asked) -> Days:
    """Return the days and the lender meant, after adding up what a close that was killed left over.

    Errors: DayNotClosed, DayBeforeBook, DaysOutOfOrder, LenderUnknown.
    """
    lender_id = _lender_id(house, asked.lender)
    sum_all_days(house)
    with house.database.transaction() as tx:
        span = day_report.span(tx)
    if span.last is None:
        raise DayNotClosed(_nothing_yet(first=span.first, today=house.clock.business_date()))
    last = asked.as_of or span.last
    first = asked.first or last
    if last > span.last:
        raise DayNotClosed(f"{last} is not closed yet; the last closed day is {span.last}.")
    if min(first, last) < span.first:
        raise DayBeforeBook(f"The book was opened on {span.first}; there is nothing to say of {min(first, last)}.")
    if first > last:
        raise DaysOutOfOrder(f"A report from {first} to {last} would end before it begins.")
    return Days(
        first=first,
        last=last,
        lender_id=lender_id,
        portfolio_from=span.portfolio_from,
        turns_from=span.turns_from,
    )


def _nothing_yet(*, first: date, today: date) -> str:
    """Return why there is no report of a book yet, and what there is instead."""
    if first < today:
        return "No day of this book is closed yet: `mingqu close` closes the days that are over."
    return (
        f"No day of this book is closed yet: its first, {first}, is not over. What was taken over is booked on it and "
        "in its reports once it is closed; until then it stands in what `mingqu import` says, also of a file that "
        "it took over before, and `mingqu export` writes the loans."
    )


def _lender_id(house: House, named: str | None) -> UUID | None:
    if named is None:
        return None
    for lender in house.pack.lenders:
        if named in (lender.code, str(lender.id), lender.id.hex):
            return lender.id
    known = ", ".join(sorted(lender.code for lender in house.pack.lenders))
    raise LenderUnknown(f"There is no such lender; there are {known}.")


def _names(house: House) -> dict[UUID, str]:
    """Return the codes of lenders; of none, nothing."""
    return {NOBODY: ""} | {lender.id: lender.code for lender in house.pack.lenders}


def _name(names: dict[UUID, str], lender_id: UUID) -> str:
    """Return a lender's code; of one that the policies do not name any more, the id."""
    return names.get(lender_id, str(lender_id))


def _trial_balance_row(one: Turnover, *, as_of: date, lender: str) -> TrialBalanceRow:
    closing = one.opening_fen + one.debits_fen - one.credits_fen
    return TrialBalanceRow(
        as_of=as_of,
        lender=lender,
        code=int(one.code),
        account=one.code.name.lower(),
        currency=one.currency,
        opening_debit_fen=max(0, one.opening_fen),
        opening_credit_fen=max(0, -one.opening_fen),
        debits_fen=one.debits_fen,
        credits_fen=one.credits_fen,
        closing_debit_fen=max(0, closing),
        closing_credit_fen=max(0, -closing),
    )


def _portfolio_row(one: Standing, *, as_of: date, lender: str) -> PortfolioRow:
    return PortfolioRow(
        as_of=as_of,
        lender=lender,
        product=one.product_id,
        currency=one.currency,
        stage=one.stage,
        arrears=one.arrears,
        non_accrual=one.non_accrual,
        loans=one.loans,
        principal_fen=one.principal_unbilled_fen + one.principal_billed_fen,
        principal_unbilled_fen=one.principal_unbilled_fen,
        principal_billed_fen=one.principal_billed_fen,
        principal_overdue_fen=one.principal_overdue_fen,
        interest_fen=one.interest_fen,
        penalty_fen=one.penalty_fen,
        fee_fen=one.fee_fen,
        accrued_interest_fen=one.accrued_interest_fen,
        accrued_penalty_fen=one.accrued_penalty_fen,
    )
