"""One morning of the close for many loans at once: the bill, the start of an overdue, and what their accrual gains.

For every loan of the common path it is, to the micro-fen, what `loan.bring_up` does on that morning; the others are
named in a column and go to the scalar reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import gcd
from typing import Final

import numpy as np

from mingqu.domain.batch.accrual import LineColumns, line_at
from mingqu.domain.batch.columns import INT64_MAX, NO_DAY_NUMBER, Days, Flags, Integers, as_date, as_day, days_of
from mingqu.domain.batch.outcome import AccrualColumns, MorningOutcome, billed_postings, happenings
from mingqu.domain.loan import LoanTerms
from mingqu.domain.loan.state import penalty_exact
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.schedule import accrued_ratio
from mingqu.domain.schedule.spreading import Ratio

# Forty-four milliards of yuan: a fen more than any loan here, and a million times as much still fits int64.
FEN_MAX: Final = 2**42
# Days of the years 1900 to 2200 differ by less than this, so a template and a day pack into one number.
_DAY_SPAN: Final = 2**18


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MorningColumns:
    """What a morning reads of n loans; amounts int64 [n] in fen, days datetime64[D] [n].

    `template`: int64, the loan has `terms[template]`. `common`: bool, the loan is on the common path: active or with
    something unpaid, at most one billed instalment waiting to be overdue, no terms beyond those worked out here.
    `running_*`: the instalment that is running, its due day NaT if there is none; `following_due`: the due day of the
    one after it, which begins when the running one ends, or NaT. `principal_unbilled_fen` includes the running one's.
    `waiting_*`: the billed instalment with something unpaid that is not overdue yet, its due day NaT if there is none.
    `suspends_on`: the day on which income from the loan stops if nothing is paid until then, or NaT.
    `interest`, `penalty`: the lines of the snapshot.
    """

    terms: tuple[LoanTerms, ...]
    template: Integers
    common: Flags
    running_number: Integers
    running_due: Days
    running_principal_fen: Integers
    running_interest_fen: Integers
    following_due: Days
    principal_unbilled_fen: Integers
    waiting_number: Integers
    waiting_due: Days
    waiting_principal_fen: Integers
    waiting_unpaid_fen: Integers
    suspends_on: Days
    interest: LineColumns
    penalty: LineColumns

    def __len__(self) -> int:
        return len(self.template)


def morning(*, loans: MorningColumns, on: date) -> MorningOutcome:
    """Return what the morning of `on` does to the loans, each of which has been brought up to an earlier one.

    A loan goes to the scalar reference if it is not on the common path, if an earlier morning of it was left out, if
    its instalment asks for nothing, if income from it stops that day, or if a figure does not fit 64 bits; its other
    columns then say nothing. A loan on which nothing falls that day only has its lines moved to it.
    Example: an instalment of 833.34 and 100.00 due that day: postings of both, one happening of 933.34.
    """
    day = as_day(on)
    running, following, waiting, suspends = (
        days_of(column) for column in (loans.running_due, loans.following_due, loans.waiting_due, loans.suspends_on)
    )
    grace = np.array([terms.grace_days for terms in loans.terms], dtype=np.int64)[loans.template]
    overdue_from = np.where(waiting == NO_DAY_NUMBER, NO_DAY_NUMBER, np.maximum(waiting, 0) + grace + 1)
    billed: Flags = running == day
    overdue: Flags = overdue_from == day
    left_out = ((running < day) & (running != NO_DAY_NUMBER)) | ((overdue_from < day) & (waiting != NO_DAY_NUMBER))
    asks_for_nothing = (loans.running_principal_fen == 0) & (loans.running_interest_fen == 0)
    left_out |= (suspends <= day) & (suspends != NO_DAY_NUMBER)
    fits = loans.common & ~left_out & _amounts_fit(loans) & ~(billed & asks_for_nothing)
    interest, interest_lines, interest_fits = _interest(loans, billed & fits, following, day)
    penalty, penalty_lines, penalty_fits = _penalty(loans, overdue & fits, waiting, day)
    fits &= interest_fits & penalty_fits
    billed &= fits
    overdue &= fits
    billed_fen = np.where(billed, loans.running_principal_fen + loans.running_interest_fen, 0)
    next_event = _earliest(
        np.where(billed, following, running),
        np.where(billed, day + grace + 1, NO_DAY_NUMBER),
        np.where(overdue, NO_DAY_NUMBER, overdue_from),
        suspends,
    )
    return MorningOutcome(
        on=on,
        scalar=~fits,
        billed=billed,
        overdue=overdue,
        postings=billed_postings(
            billed=billed, principal_fen=loans.running_principal_fen, interest_fen=loans.running_interest_fen
        ),
        happenings=happenings(
            overdue=overdue,
            overdue_number=loans.waiting_number,
            overdue_fen=loans.waiting_unpaid_fen,
            billed=billed,
            billed_number=loans.running_number,
            billed_fen=billed_fen,
        ),
        next_event=np.where(fits, next_event, NO_DAY_NUMBER).view("datetime64[D]"),
        interest=interest,
        penalty=penalty,
        interest_line=interest_lines,
        penalty_line=penalty_lines,
    )


def _amounts_fit(loans: MorningColumns) -> Flags:
    fits = np.ones(len(loans), dtype=np.bool_)
    for column in (
        loans.running_principal_fen,
        loans.running_interest_fen,
        loans.principal_unbilled_fen,
        loans.waiting_principal_fen,
        loans.waiting_unpaid_fen,
    ):
        fits &= (column >= 0) & (column <= FEN_MAX)
    return fits


def _interest(
    loans: MorningColumns, billed: Flags, following: Integers, day: int
) -> tuple[AccrualColumns, LineColumns, Flags]:
    """Return what a bill does to the interest: the line ends, the next begins, the difference is named.

    The rule is `loan.replay`'s: below a fen for the one figure billed it is rounding, anything larger is income.
    """
    old, on = loans.interest, days_of(loans.interest.on)
    accrued, fits = line_at(daily_micro=old.daily_micro, base_micro=old.base_micro, on=on, day=day)
    principal = np.where(billed, loans.principal_unbilled_fen - loans.running_principal_fen, 0)
    goes_on = billed & (following != NO_DAY_NUMBER)
    daily, daily_fits = _slopes(loans, goes_on, following, principal, _interest_ratio(as_date(day)))
    gain = np.where(billed, loans.running_interest_fen * MICRO_PER_FEN - accrued, 0)
    rounding = (np.abs(gain) < MICRO_PER_FEN) & (loans.running_interest_fen > 0)
    accrual = AccrualColumns(
        slope_micro=np.where(billed, daily - old.daily_micro, 0),
        income_micro=np.where(rounding, 0, gain),
        rounding_micro=np.where(rounding, gain, 0),
    )
    line = LineColumns(
        daily_micro=np.where(billed, daily, old.daily_micro),
        base_micro=np.where(billed, 0, old.base_micro),
        on=np.where(billed, np.where(goes_on, day, NO_DAY_NUMBER), on).view("datetime64[D]"),
    )
    # The difference of two figures from 0 to 2^62 fits; a line below nothing is not for columns.
    return accrual, line, fits & daily_fits & (accrued >= 0) & (old.daily_micro >= 0)


def _penalty(
    loans: MorningColumns, overdue: Flags, waiting: Integers, day: int
) -> tuple[AccrualColumns, LineColumns, Flags]:
    """Return what the start of an overdue does to the penalty: it counts from the due day, so it comes with a gain."""
    old, on = loans.penalty, days_of(loans.penalty.on)
    accrued, fits = line_at(daily_micro=old.daily_micro, base_micro=old.base_micro, on=on, day=day)
    principal = np.where(overdue, loans.waiting_principal_fen, 0)
    daily, daily_fits = _slopes(loans, overdue, waiting, principal, _penalty_ratio)
    days = np.where(overdue, day - np.maximum(waiting, day - _DAY_SPAN), 0)
    gain = daily * days
    # A slope below 2^44 micro-fen a day times fewer than 2^18 days, beside what was there below 2^61, fits.
    fits &= daily_fits & (daily < 2**43) & (accrued >= 0) & (accrued < 2**61)
    fits &= (old.daily_micro >= 0) & (old.daily_micro < 2**61)
    gain, daily = np.where(fits, gain, 0), np.where(fits, daily, 0)
    slope = np.where(fits, old.daily_micro, 0) + daily
    accrual = AccrualColumns(slope_micro=daily, income_micro=gain, rounding_micro=np.zeros_like(gain))
    line = LineColumns(
        daily_micro=slope,
        base_micro=np.where(slope > 0, accrued + gain, 0),
        on=np.where(slope > 0, day, NO_DAY_NUMBER).view("datetime64[D]"),
    )
    return accrual, line, fits


def _slopes(
    loans: MorningColumns,
    wanted: Flags,
    days: Integers,
    principal_fen: Integers,
    ratio: Callable[[LoanTerms, date], Ratio],
) -> tuple[Integers, Flags]:
    """Return micro-fen a day, floored, for loans that begin to bear something, and where that fits.

    `ratio` says what one fen bears a day for the terms and a day; it is asked once for each pair of them.
    """
    slopes, fits = np.zeros(len(loans), dtype=np.int64), np.ones(len(loans), dtype=np.bool_)
    chosen = np.flatnonzero(wanted)
    keys, places = np.unique(loans.template[chosen] * _DAY_SPAN + days[chosen], return_inverse=True)
    numerators, denominators, limits = [], [], []
    for key in keys.tolist():
        template, day = divmod(key, _DAY_SPAN)
        numerator, denominator = ratio(loans.terms[template], as_date(day))
        numerator *= MICRO_PER_FEN
        divisor = gcd(numerator, denominator)
        numerator, denominator = numerator // divisor, denominator // divisor
        small = max(numerator, denominator) <= INT64_MAX
        limits.append(INT64_MAX // max(numerator, 1) if small else -1)
        numerators.append(numerator if small else 0)
        denominators.append(denominator if small else 1)
    columns = (np.array(values, dtype=np.int64)[places] for values in (numerators, denominators, limits))
    numerator_column, denominator_column, limit = columns
    amounts = principal_fen[chosen]
    fits[chosen] = amounts <= limit
    slopes[chosen] = np.where(fits[chosen], amounts, 0) * numerator_column // denominator_column
    return slopes, fits


def _interest_ratio(start: date) -> Callable[[LoanTerms, date], Ratio]:
    """Return what one fen of a period that begins on `start` bears a day, by terms and due day; see `interest_line`."""

    def ratio(terms: LoanTerms, due: date) -> Ratio:
        numerator, denominator = accrued_ratio(
            principal_fen=1, terms=terms, period_start=start, period_due=due, whole=True, start=start, end=due
        )
        return numerator, denominator * (due - start).days

    return ratio


def _penalty_ratio(terms: LoanTerms, due: date) -> Ratio:
    """Return what one overdue fen bears on the day it fell due, by which the whole line goes; see `penalty_line`."""
    return penalty_exact(terms=terms, principal_fen=1, start=due, end=due + timedelta(days=1))


def _earliest(*columns: Integers) -> Integers:
    """Return the earliest day of each loan, NO_DAY_NUMBER where there is none."""
    earliest = np.full_like(columns[0], INT64_MAX)
    for column in columns:
        np.minimum(earliest, np.where(column == NO_DAY_NUMBER, INT64_MAX, column), out=earliest)
    return np.where(earliest == INT64_MAX, NO_DAY_NUMBER, earliest)
