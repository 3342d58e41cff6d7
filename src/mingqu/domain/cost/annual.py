"""Yearly cost by the rules of China, the European Union and the United States, all from cash flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from math import gcd
from typing import Final

from mingqu.domain.calendar import MONTHLY, Period, PeriodUnit, add_months
from mingqu.domain.cost.root import RateUndefined, TimedFlow, root
from mingqu.domain.money import Rounding, divide

PPM: Final = 1_000_000
_RATE_SCALE: Final = 10**15
_FLOWS_MIN: Final = 2
# A flow every day for a century; a longer list is not one loan.
FLOWS_MAX: Final = 36_600


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnualCost:
    """Cost a year in parts per million: IRR of a period × periods (simple, 单利) and compounded (effective, 复利)."""

    simple_ppm: int
    effective_ppm: int


def irr_period(*, flows: Sequence[int]) -> Decimal:
    """Return the rate of one period at which evenly spaced flows, in fen, are worth nothing, to 15 decimals.

    What one side receives is positive and what it pays negative, or the other way round.
    Example: 1,000,000 received, twelve times 88,849 paid: 0.01 (to six decimals).
    Errors: RateUndefined, RateNotUnique, RateBeyondReach.
    """
    _check_count(len(flows))
    return root(flows=[TimedFlow(amount=amount, whole=index) for index, amount in enumerate(flows)])


def annual_cost(
    *,
    flows: Sequence[tuple[date, int]],
    period: Period = MONTHLY,
    rounding: Rounding = Rounding.HALF_UP,
) -> AnnualCost:
    """Return the yearly cost of dated flows in fen, simple and effective, for marketing, disclosure and contract.

    Time is counted in periods of the loan from the first flow: flows on the dates of whole periods are whole
    numbers apart, whatever the length of the months; days left over count by the month (or period) they lie in.
    simple = i × periods a year, effective = (1 + i)^(periods a year) − 1.

    Source: 中国人民银行公告〔2021〕第3号, 2021-03-31 (internal rate of return; the word 单利 must stand by the simple
    one); 《个人贷款业务明示综合融资成本规定》, 2026-03-15.
    Example: 10,000.00 received on 15 August, twelve times 888.49 paid on each 15th: 12.00 % simple
    (120,005 ppm, for the instalment is rounded to the fen), 12.68 % effective.
    Errors: RateUndefined, RateNotUnique, RateBeyondReach, and DateOutOfRange from the dates.
    """
    _check_count(len(flows))
    begin = min(day for day, _ in flows)
    times = _times(begin, tuple([day for day, _ in flows]), period)
    rate = root(flows=[TimedFlow(amount, *time) for (_, amount), time in zip(flows, times, strict=True)])
    numerator, denominator = period.per_year()
    scaled = int(rate.scaleb(15))
    return AnnualCost(
        simple_ppm=divide(scaled * numerator * PPM, _RATE_SCALE * denominator, rounding),
        effective_ppm=_compounded_ppm(rate, numerator, denominator, rounding),
    )


def _compounded_ppm(rate: Decimal, numerator: int, denominator: int, rounding: Rounding) -> int:
    with localcontext(Context(prec=60)):
        growth = (1 + rate) ** (Decimal(numerator) / denominator) - 1
        return divide(int((growth * _RATE_SCALE * PPM).to_integral_value()), _RATE_SCALE, rounding)


@lru_cache(maxsize=1_024)  # all offers for one wish have the same dates
def _times(begin: date, days: tuple[date, ...], period: Period) -> tuple[tuple[int, tuple[int, int]], ...]:
    return tuple(periods_between(start=begin, end=day, period=period) for day in days)


def periods_between(*, start: date, end: date, period: Period) -> tuple[int, tuple[int, int]]:
    """Return the periods from one date to another: whole ones and a part of one, in lowest terms.

    Months are counted back from the later date, so that the odd days stand at the beginning and every due date
    has the same; a date that is whole months after the start on its anchored day counts as whole.
    Example: 10 January to 25 March: 2 months and 15/31, the days from 10 to 25 January in the month that ends there.
    """
    if period.unit is not PeriodUnit.MONTH:
        length = period.every * (7 if period.unit is PeriodUnit.WEEK else 1)
        whole, days = divmod((end - start).days, length)
        return whole, _lowest(days, length)
    months, days, length = (end.year - start.year) * 12 + end.month - start.month, 0, 1
    if add_months(day=start, months=months) != end:
        months, days, length = _months_back(start=start, end=end)
    whole, months = divmod(months, period.every)
    return whole, _lowest(months * length + days, length * period.every)


def _months_back(*, start: date, end: date) -> tuple[int, int, int]:
    """Count whole months back from the end; return them, the days left over, and the days of the month they lie in."""
    months = (end.year - start.year) * 12 + end.month - start.month
    boundary = add_months(day=end, months=-months)
    if boundary < start:
        months -= 1
        boundary = add_months(day=end, months=-months)
    days = (boundary - start).days
    if days == 0:
        return months, 0, 1
    return months, days, (boundary - add_months(day=end, months=-months - 1)).days


def extended_irr(*, flows: Sequence[tuple[date, int]]) -> Decimal:
    """Return the yearly rate of dated flows with time as actual days over 365 (XIRR), to 15 decimals.

    Errors: RateUndefined, RateNotUnique, RateBeyondReach.
    """
    _check_count(len(flows))
    begin = min(day for day, _ in flows)
    timed = []
    for day, amount in flows:
        whole, days = divmod((day - begin).days, 365)
        timed.append(TimedFlow(amount=amount, whole=whole, part=_lowest(days, 365)))
    return root(flows=timed)


def european_rate(*, flows: Sequence[tuple[tuple[int, int], int]]) -> Decimal:
    """Return the yearly rate X with Σ flow / (1 + X)^t = 0, t in years as (numerator, denominator), to 15 decimals.

    Source: Directive 2008/48/EC (and 2014/17/EU, (EU) 2023/2225), the basic equation of the annual percentage rate.
    Example: 3,000.00 less 60.00 at 0, 3,132.09 back after half a year: 13.494231 %.
    Errors: RateUndefined, RateNotUnique, RateBeyondReach.
    """
    _check_count(len(flows))
    timed = []
    for (numerator, denominator), amount in flows:
        whole, rest = divmod(numerator, denominator)
        timed.append(TimedFlow(amount=amount, whole=whole, part=_lowest(rest, denominator)))
    return root(flows=timed)


def european_years(*, start: date, end: date, unit: PeriodUnit, years: bool = False) -> tuple[int, int]:
    """Return the time between two dates in years by the European counting, as an exact fraction.

    Whole months, weeks (or, with `years`, years) are counted back from the later date; the days left over are
    taken over 366 if the year that ends where they end has a 29 February, over 365 otherwise. DAY takes all
    days so. Source: Directive 2008/48/EC, annex I, part I, remark (c); SWD(2012) 128, section 4.1.1.
    Example: 12 January to 15 March 2013 in months: 2/12 + 3/366, for 15 January 2012 to 2013 has 366 days.
    """
    whole, per_year, boundary = 0, 1, end
    if unit is PeriodUnit.WEEK:
        whole, per_year = (end - start).days // 7, 52
        boundary = date.fromordinal(end.toordinal() - 7 * whole)
    elif unit is PeriodUnit.MONTH:
        whole, _, _ = _months_back(start=start, end=end)
        whole, per_year = (whole // 12, 1) if years else (whole, 12)
        boundary = add_months(day=end, months=-whole * 12 // per_year)
    days = (boundary - start).days
    year_days = (boundary - add_months(day=boundary, months=-12)).days
    return _lowest(whole * year_days + days * per_year, per_year * year_days)


def regulation_z_times(*, start: date, end: date, unit: Period) -> tuple[int, tuple[int, int]]:
    """Return whole unit-periods from the start and the fraction of one before them, by Regulation Z.

    Counted back from the later date. The fraction of a month is its days over 30, of several months its whole
    months as 30 days each and its days over 30 times their number, of days or weeks its days over theirs.
    Source: 12 CFR 1026, appendix J, (b)(5). Example: 23 May to 1 October, a quarter: 1 and 39/90.
    """
    if unit.unit is not PeriodUnit.MONTH:
        length = unit.every * (7 if unit.unit is PeriodUnit.WEEK else 1)
        whole, days = divmod((end - start).days, length)
        return whole, _lowest(days, length)
    months, days, _ = _months_back(start=start, end=end)
    whole, rest = divmod(months, unit.every)
    return whole, _lowest(rest * 30 + days, 30 * unit.every)


def regulation_z_rate(*, flows: Sequence[tuple[tuple[int, tuple[int, int]], int]], unit: Period) -> Decimal:
    """Return the yearly rate of the actuarial method: rate of a unit-period × unit-periods a year, to 15 decimals.

    Each flow stands at (whole unit-periods, fraction) as `regulation_z_times` counts; the fraction bears simple
    interest. Source: 12 CFR 1026, appendix J, (b)(8): A = Σ P / ((1 + f i)(1 + i)^t).
    Errors: RateUndefined, RateNotUnique, RateBeyondReach.
    """
    _check_count(len(flows))
    rate = root(
        flows=[TimedFlow(amount=amount, whole=whole, part=part) for (whole, part), amount in flows], simple_part=True
    )
    numerator, denominator = unit.per_year()
    return rate * numerator / denominator


def _check_count(count: int) -> None:
    if not _FLOWS_MIN <= count <= FLOWS_MAX:
        raise RateUndefined(f"A rate takes {_FLOWS_MIN} to {FLOWS_MAX} flows.", flows=count)


def _lowest(numerator: int, denominator: int) -> tuple[int, int]:
    divisor = gcd(numerator, denominator)
    return numerator // divisor, denominator // divisor
