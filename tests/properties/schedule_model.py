"""An independent model of plain schedules: fractions throughout, present values instead of recursions."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction


def rounded(value: Fraction, *, half_even: bool) -> int:
    """Return a fraction as whole fen; forty digits decide a half exactly for the sizes used here."""
    scaled = value * 2
    if scaled.denominator == 1:
        exact = Decimal(scaled.numerator) / 2
        return int(exact.quantize(Decimal(1), ROUND_HALF_EVEN if half_even else ROUND_HALF_UP))
    return int(value + Fraction(1, 2)) if value >= 0 else -int(-value + Fraction(1, 2))


def month_later(day: date, months: int) -> date:
    """Return the date some months later, clipped at the month's end."""
    year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def period_rates(*, start: date, instalments: int, yearly: Fraction, days_in_year: int | None) -> list[Fraction]:
    """Return what one fen bears in each month: a twelfth, or actual days over a year of `days_in_year`."""
    dates = [month_later(start, count) for count in range(instalments + 1)]
    if days_in_year is None:
        return [yearly / 12] * instalments
    return [yearly * (dates[count + 1] - dates[count]).days / days_in_year for count in range(instalments)]


def equal_instalment(*, principal: int, rates: list[Fraction], half_even: bool) -> list[tuple[int, int]]:
    """Return (principal, interest) rows: the instalment is principal over the sum of present values of one."""
    discount, present_value_of_one = Fraction(1), Fraction(0)
    for rate in rates:
        discount /= 1 + rate
        present_value_of_one += discount
    instalment = rounded(principal / present_value_of_one, half_even=half_even)
    rows, balance = [], principal
    for number, rate in enumerate(rates, start=1):
        interest = rounded(balance * rate, half_even=half_even)
        part = balance if number == len(rates) else min(balance, instalment - interest)
        rows.append((part, interest))
        balance -= part
    return rows


def equal_principal(*, principal: int, rates: list[Fraction], half_even: bool) -> list[tuple[int, int]]:
    """Return (principal, interest) rows with equal parts of principal, the rest in the last."""
    part = rounded(Fraction(principal, len(rates)), half_even=half_even)
    rows, balance = [], principal
    for number, rate in enumerate(rates, start=1):
        taken = balance if number == len(rates) else min(balance, part)
        rows.append((taken, rounded(balance * rate, half_even=half_even)))
        balance -= taken
    return rows
