"""Rounded quotients of whole columns: int64 where the proof of fitting is made beforehand, exact integers elsewhere.

Every function here names its bound; a caller that keeps to it never wraps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from mingqu.domain.batch.columns import INT64_MAX, Flags, Integers
from mingqu.domain.money import Rounding, divide
from mingqu.domain.schedule.spreading import Ratio

# One term for all amounts, or a column with one for each.
Divisor: TypeAlias = Integers | np.int64
# A factor is kept in sixty binary places, cut into two limbs so that no product of limbs leaves int64.
LIMB_BITS: Final = 30
_LIMB_MASK: Final = (1 << LIMB_BITS) - 1
_PLACES: Final = 2 * LIMB_BITS
_HALF: Final = 1 << (_PLACES - 1)
_ONE: Final = 1 << _PLACES
# With amounts below 2^58 the error of a cut factor is below a quarter of a fen, and no sum of products overflows.
FACTOR_AMOUNT_MAX: Final = 2**58 - 1
_FACTOR_MAX: Final = 4


def fraction_terms(ratio: Ratio, rounding: Rounding) -> tuple[int, int, int]:
    """Return (a, c, d) such that amount × ratio, rounded as named, is (amount × a + c) // d for amounts from 0 on.

    HALF_EVEN is HALF_UP but for ties, see `divided`. Example: 3/200 rounded HALF_UP is (6, 200, 400).
    """
    numerator, denominator = ratio
    if rounding is Rounding.FLOOR:
        return numerator, 0, denominator
    if rounding is Rounding.CEILING:
        return numerator, denominator - 1, denominator
    return 2 * numerator, denominator, 2 * denominator


def divided(amount: Integers, a: Divisor, c: Divisor, d: Divisor, *, ties_to_even: bool | Flags) -> Integers:
    """Return (amount × a + c) // d with the terms of `fraction_terms`; the caller has shown that the product fits.

    `ties_to_even`: of all amounts, or of each.
    """
    scaled = amount * a
    scaled += c
    quotient: Integers = scaled // d
    if np.any(ties_to_even):
        quotient -= ties_to_even & (quotient * d == scaled) & (quotient & 1 == 1)
    return quotient


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """Exact factors, each shared by many loans: as fractions, and cut to sixty binary places in two limbs.

    `exact`: one fraction for each factor. `high`, `low`: int64, the limbs. `fits`: where the factor is below four.
    """

    exact: list[Ratio]
    high: Integers
    low: Integers
    fits: Flags

    @classmethod
    def of(cls, exact: list[Ratio]) -> Factors:
        """Return the factors with their limbs."""
        fits = [numerator < _FACTOR_MAX * denominator for numerator, denominator in exact]
        cut = [(n << _PLACES) // d if good else 0 for (n, d), good in zip(exact, fits, strict=True)]
        return cls(
            exact=exact,
            high=np.array([value >> LIMB_BITS for value in cut], dtype=np.int64),
            low=np.array([value & _LIMB_MASK for value in cut], dtype=np.int64),
            fits=np.array(fits, dtype=np.bool_),
        )

    def times(self, *, amount_fen: Integers, which: Integers, rounding: Rounding) -> Integers:
        """Return amount × factor, rounded as named, for amounts of 0 … FACTOR_AMOUNT_MAX and factors that fit.

        The cut factor is at most 2^−60 too small, so the product lies within amount × 2^−60 above the one
        computed. Where that span does not decide how to round, the quotient is taken in exact whole numbers.
        """
        whole, part = self._product(amount_fen, which)
        # `part` counts 2^−60; the true one lies in [part, part + amount).
        if rounding is Rounding.FLOOR:
            up = np.zeros(len(whole), dtype=np.bool_)
            decided = part + amount_fen <= _ONE
        elif rounding is Rounding.CEILING:
            up = part > 0
            decided = up & (part + amount_fen <= _ONE)
        else:
            up = part > _HALF
            decided = up | (part + amount_fen <= _HALF)
        rounded: Integers = whole + up
        for row in np.flatnonzero(~decided).tolist():
            numerator, denominator = self.exact[int(which[row])]
            rounded[row] = divide(int(amount_fen[row]) * numerator, denominator, rounding)
        return rounded

    def _product(self, amount_fen: Integers, which: Integers) -> tuple[Integers, Integers]:
        """Return amount × cut factor as a whole number and the 2^−60 beside it."""
        high, low = self.high[which], self.low[which]  # below 2^32 and 2^30
        amount_high, amount_low = amount_fen >> LIMB_BITS, amount_fen & _LIMB_MASK  # below 2^28 and 2^30
        lowest = amount_low * low  # below 2^60
        middle = amount_high * low + amount_low * high + (lowest >> LIMB_BITS)  # below 2^58 + 2^62 + 2^30
        whole = amount_high * high + (middle >> LIMB_BITS)
        part = ((middle & _LIMB_MASK) << LIMB_BITS) | (lowest & _LIMB_MASK)
        return whole, part


def amount_max(*, a: int, c: int) -> int:
    """Return the largest amount for which amount × a + c fits int64."""
    return (INT64_MAX - c) // a if a else INT64_MAX
