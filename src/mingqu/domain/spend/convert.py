"""Instalments: what may be paid in them, and how principal and fee are cut into parts."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.domain.calendar import add_months
from mingqu.domain.cost import AnnualCost, annual_cost
from mingqu.domain.money import Money, divide
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend.terms import SpendTerms

# Whole fen in every count of instalments that is usual, so that rounding adds nothing to a rate in the terms.
_EXAMPLE_FEN: Final = 3_600_000


class ConversionRefused(Refusal):
    """Instalments of this there are none: the count is not offered, the amount too small, or nothing is left."""

    code = "conversion_refused"
    status = 409


class InstalmentAlready(Refusal):
    """What is paid in instalments already is not cut into instalments again.

    Source: 银保监规〔2022〕13号, 2022-07-07.
    """

    code = "instalment_already"
    status = 409


class MinimumNotConvertible(Refusal):
    """The least payment is paid in money; only what the bill asks beyond it can be paid in instalments."""

    code = "minimum_not_convertible"
    status = 409


class ConversionWhileOverdue(Refusal):
    """An amount is overdue; once it is paid, instalments can be agreed again."""

    code = "conversion_while_overdue"
    status = 409


def cut(*, terms: SpendTerms, amount_fen: int, count: int) -> tuple[tuple[int, int], ...]:
    """Return the (principal, fee) of each instalment; the last takes what does not divide.

    Example: 12,000.00 in 12 for 8.8 %: 1,000.00 and 88.00 each; 100.00 in 3 for 2.5 %: 33.33 and 0.83 twice, then 33.34
    and 0.84. Errors: ConversionRefused.
    """
    ppm = terms.fee_ppm(count)
    if ppm is None:
        counts = ", ".join(str(offered) for offered, _ in terms.instalment_fees) or "no"
        raise ConversionRefused(f"There are {counts} instalments here.", field="count")
    if amount_fen < terms.instalment_least_fen:
        raise ConversionRefused("The amount is too small for instalments.", least_fen=terms.instalment_least_fen)
    fee_fen = divide(amount_fen * ppm, PPM, terms.rounding)
    weights = (1,) * count
    principal = Money(amount_fen).allocate(weights)
    fees = Money(fee_fen).allocate(weights)
    return tuple((part.fen, fee.fen) for part, fee in zip(principal, fees, strict=True))


def yearly_cost(*, terms: SpendTerms, count: int, on: date) -> AnnualCost:
    """Return what the fee of so many instalments is a year, as the terms say it before anything is bought.

    Each instalment takes a whole month from a day on. Source: PBOC notice 2021 No. 3 (wherever the price of credit is
    shown, its yearly rate is, and no less prominently). Example: 12 for 8.8 %: 15.86 % simple, 17.07 % effective.
    Errors: ConversionRefused.
    """
    amount_fen = max(_EXAMPLE_FEN, terms.instalment_least_fen)
    parts = cut(terms=terms, amount_fen=amount_fen, count=count)
    paid = [(add_months(day=on, months=at), -sum(part)) for at, part in enumerate(parts, start=1)]
    return annual_cost(flows=[(on, amount_fen), *paid])
