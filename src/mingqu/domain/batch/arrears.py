"""What overdue loans owe on a day beyond what is billed: the penalty of each late instalment, for many loans at once.

Each instalment's penalty is rounded by itself, so the line of a loan's accrual does not say it. It is worked out from
the rows of the loan's plan that are billed and not paid, to the fen as `quote` does, or the loan is left to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import gcd
from typing import Final

import numpy as np

from mingqu.domain.batch.columns import INT64_MAX, Flags, Integers, as_date, as_day
from mingqu.domain.batch.morning import FEN_MAX
from mingqu.domain.batch.quotient import amount_max, divided, fraction_terms
from mingqu.domain.loan import LoanTerms
from mingqu.domain.loan.state import penalty_exact
from mingqu.domain.money import Rounding

# Days of the years 1900 to 2200 differ by less than this, so a template and a day pack into one number.
_DAY_SPAN: Final = 2**18
_FRACTION: Final = 5  # numbers that say what one fen bears


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrearsColumns:
    """Instalments that are billed and not paid, m of n loans, as the plans of these had them before a morning.

    `loan`: int64 [m], the place of the loan. `since`: int64 [m], the day from which what is left of its principal bears
    penalty once it is overdue. `number`: int64 [m]. `principal_fen`: int64 [m], what is left of it.
    """

    loan: Integers
    since: Integers
    number: Integers
    principal_fen: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PenaltyColumns:
    """The penalty that runs on n loans, int64 [n] in fen, and which loans it is known of; of the others it is 0."""

    fen: Integers
    known: Flags


def running_penalty(
    *,
    arrears: ArrearsColumns,
    terms: tuple[LoanTerms, ...],
    template: Integers,
    payable_principal_fen: Integers,
    waiting_number: Integers,
    on: date,
) -> PenaltyColumns:
    """Return the penalty of loans to a day, beyond what is billed of it; loan i has the terms `terms[template[i]]`.

    `payable_principal_fen` is what was payable before the morning of `on`: a loan whose rows do not add up to it was
    written when plans did not have them, and is not known. `waiting_number` is the instalment that waits to be overdue
    after that morning, and bears nothing: 0 for none. Nor is a loan known whose figures do not fit 64 bits.
    Example: 833.34 at 0.05 % a day × 1.5 for 17 days: 10.63.
    """
    day = as_day(on)
    bears = (
        (arrears.principal_fen > 0)
        & (arrears.number != waiting_number[arrears.loan])
        & (arrears.since < day)
        & (arrears.since > day - _DAY_SPAN)
    )
    rows = np.flatnonzero(bears)
    penalty, fits = _penalties(
        principal_fen=arrears.principal_fen[rows], since=arrears.since[rows], day=day,
        terms=terms, template=template[arrears.loan[rows]],
    )  # fmt: skip
    payable = _sums(arrears.loan, np.minimum(arrears.principal_fen, FEN_MAX), loans=len(template))
    known: Flags = payable == payable_principal_fen
    known[arrears.loan[rows[~fits]]] = False
    fen = _sums(arrears.loan[rows], penalty, loans=len(template))
    return PenaltyColumns(fen=np.where(known, fen, 0), known=known)


def _penalties(
    *, principal_fen: Integers, since: Integers, day: int, terms: tuple[LoanTerms, ...], template: Integers
) -> tuple[Integers, Flags]:
    """Return the penalty of amounts from a day on, each rounded as its terms say, and where that fits."""
    keys, places = np.unique(template * _DAY_SPAN + (day - since), return_inverse=True)
    fractions = [_fraction(terms[key // _DAY_SPAN], day - key % _DAY_SPAN, day) for key in keys.tolist()]
    columns = np.array(fractions, dtype=np.int64).reshape(len(keys), _FRACTION)[places]
    a, c, d, largest, to_even = (columns[:, part] for part in range(_FRACTION))
    fits: Flags = principal_fen <= largest
    penalty = divided(np.where(fits, principal_fen, 0), a, c, d, ties_to_even=to_even == 1)
    fits &= penalty <= FEN_MAX
    return np.where(fits, penalty, 0), fits


def _fraction(terms: LoanTerms, since: int, day: int) -> tuple[int, int, int, int, int]:
    """Return what one fen bears between two days: the terms of `divided`, the largest amount, and how a tie goes."""
    numerator, denominator = penalty_exact(terms=terms, principal_fen=1, start=as_date(since), end=as_date(day))
    divisor = gcd(numerator, denominator)
    a, c, d = fraction_terms((numerator // divisor, denominator // divisor), terms.rounding)
    if max(a, c, d) > INT64_MAX:
        return 0, 0, 1, -1, 0
    return a, c, d, min(FEN_MAX, amount_max(a=a, c=c)), int(terms.rounding is Rounding.HALF_EVEN)


def _sums(loan: Integers, fen: Integers, *, loans: int) -> Integers:
    """Return the sum for each loan: of a thousand amounts of FEN_MAX it fits 64 bits."""
    sums = np.zeros(loans, dtype=np.int64)
    np.add.at(sums, loan, fen)
    return sums
