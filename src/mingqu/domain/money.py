"""Money is a whole number of fen with its currency; every division names its rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mingqu.domain.refusal import Refusal

# The ledger keeps amounts in PostgreSQL's bigint. Sums of balances stay inside it as well.
AMOUNT_FEN_MAX: Final = 2**63 - 1
MICRO_PER_FEN: Final = 1_000_000


class AmountOutOfRange(Refusal):
    """The amount does not fit the ledger (whole fen, at most 2^63 − 1)."""

    code = "amount_out_of_range"


class AmountMalformed(Refusal):
    """The text is not an amount of money."""

    code = "amount_malformed"


class CurrencyMismatch(Refusal):
    """Two amounts of different currencies meet."""

    code = "currency_mismatch"


class Rounding(Enum):
    """How a quotient becomes whole. The product names one; Chinese products use HALF_UP."""

    HALF_UP = "half_up"  # a half goes away from zero
    HALF_EVEN = "half_even"  # a half goes to the even neighbour
    FLOOR = "floor"  # towards minus infinity
    CEILING = "ceiling"  # towards plus infinity


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Return numerator / denominator as a whole number, rounded as named.

    Example: divide(5, 2, HALF_UP) = 3, divide(5, 2, HALF_EVEN) = 2, divide(-5, 2, HALF_UP) = -3,
    divide(-5, 2, FLOOR) = -3.
    """
    if numerator >= 0 < denominator and rounding is Rounding.HALF_UP:
        return (2 * numerator + denominator) // (2 * denominator)  # nearly every division there is, in one step
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if rounding is Rounding.FLOOR:
        return numerator // denominator
    if rounding is Rounding.CEILING:
        return -(-numerator // denominator)
    quotient, rest = divmod(abs(numerator), denominator)
    doubled = 2 * rest
    up = doubled > denominator or (doubled == denominator and (rounding is Rounding.HALF_UP or quotient % 2 == 1))
    magnitude = quotient + 1 if up else quotient
    return -magnitude if numerator < 0 else magnitude


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """A whole number of fen (the smallest unit) in one currency, e.g. Money(1_050_000, "CNY") is 10,500.00 yuan."""

    fen: int
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if not isinstance(self.fen, int) or isinstance(self.fen, bool):
            raise AmountMalformed("An amount is a whole number of fen.")
        if not -AMOUNT_FEN_MAX <= self.fen <= AMOUNT_FEN_MAX:
            raise AmountOutOfRange(f"An amount is at most {AMOUNT_FEN_MAX} fen.")

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not add up.")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.fen + other.fen, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.fen - other.fen, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.fen, self.currency)

    def __str__(self) -> str:
        return f"{format_fen(self.fen)} {self.currency}"

    def allocate(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Return parts in proportion to the weights that sum to the whole; the last part takes the rest.

        Each part but the last is rounded down, so a fen is never made. Example (joint loan, 30 : 70):
        Money(78_434).allocate((30, 70)) = 235.30 and 549.04.
        """
        total = sum(weights)
        assert weights
        assert all(weight >= 0 for weight in weights)
        assert total > 0
        parts = [divide(self.fen * weight, total, Rounding.FLOOR) for weight in weights[:-1]]
        return tuple(Money(part, self.currency) for part in (*parts, self.fen - sum(parts)))


def format_fen(fen: int) -> str:
    """Return fen as people write yuan. Example: 1_050_000 → "10,500.00", -5 → "-0.05"."""
    sign = "-" if fen < 0 else ""
    yuan, cents = divmod(abs(fen), 100)
    return f"{sign}{yuan:,}.{cents:02d}"


def parse_yuan(text: str, *, currency: str = "CNY") -> Money:
    """Return the amount that "10500", "10,500.0" or "10500.00" writes, exactly.

    Errors: AmountMalformed for anything else (fractions of a fen, signs, exponents, spaces inside);
    AmountOutOfRange beyond the ledger.
    """
    yuan, point, cents = text.strip().replace(",", "").partition(".")
    if (
        not (yuan.isascii() and yuan.isdigit())
        or len(cents) > 2
        or (point and not (cents.isascii() and cents.isdigit()))
    ):
        raise AmountMalformed("An amount is written in yuan with at most two decimals, like 10500.00.")
    if len(yuan) > 19:  # before int(): a text of a million digits must not cost a second
        raise AmountOutOfRange(f"An amount is at most {AMOUNT_FEN_MAX} fen.")
    return Money(int(yuan) * 100 + int(cents.ljust(2, "0") if cents else 0), currency)
