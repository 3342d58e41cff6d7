"""The rate at which cash flows are worth nothing, correct to its last printed decimal.

A float only guesses where to look. What is returned is proved by Decimal arithmetic of 40 digits: the value
changes its sign between half a unit of the last decimal below the answer and half a unit above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from itertools import pairwise
from math import gcd
from typing import Final, NamedTuple

from mingqu.domain.refusal import Refusal

# Fifteen decimals of a rate: 10^9 finer than the parts per million that are shown.
PLACES: Final = 15
# Rates are about 1, flows below 10^19 and fewer than 10^4: 40 digits leave 12 to spare beyond the 15.
_CONTEXT: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)
_UNIT: Final = Decimal(1).scaleb(-PLACES)
# One hundred million per cent for a period. A loan beyond it is priced by a mistake.
RATE_MAX: Final = Decimal(1_000_000)
RATE_MIN: Final = Decimal("-0.999999")
# Every step halves the bracket at least: from 10^6 wide to 10^-15 takes 70. From a good guess one suffices.
STEPS_MAX: Final = 100
GUESSES_MAX: Final = 40


class RateUndefined(Refusal):
    """The cash flows have no rate: money goes one way only."""

    code = "cost_rate_undefined"


class RateNotUnique(Refusal):
    """The cash flows change direction in a way that more than one rate explains."""

    code = "cost_rate_not_unique"


class RateBeyondReach(Refusal):
    """The rate lies beyond 100,000,000 % or below −99.9999 % for a period."""

    code = "cost_rate_beyond_reach"


class TimedFlow(NamedTuple):
    """An amount at a time of `whole` periods plus `part` of one; amounts have one sign for each direction.

    A discount is (1 + x)^whole, and for the part either (1 + x)^part or, with simple interest, 1 + part · x.
    """

    amount: int
    whole: int
    part: tuple[int, int] = (0, 1)


def root(*, flows: Sequence[TimedFlow], simple_part: bool = False) -> Decimal:
    """Return the x at which the discounted flows sum to zero, rounded half even to 15 decimals.

    Errors: RateUndefined, RateNotUnique, RateBeyondReach.
    """
    ordered = sorted(flows, key=_time_of)
    merged = _merged(ordered)
    _refuse_ambiguous([flow.amount for flow in merged])
    equation = _Equation(merged, simple_part=simple_part)
    with localcontext(_CONTEXT):
        return _proved(equation, equation.guess())


def _time_of(flow: TimedFlow) -> float:
    return flow.whole + flow.part[0] / flow.part[1]


def _merged(ordered: Sequence[TimedFlow]) -> list[TimedFlow]:
    """Sum amounts of the same moment, so that a fee kept back on the first day counts as a smaller loan."""
    merged: list[TimedFlow] = []
    last: TimedFlow | None = None
    for flow in ordered:
        if last is not None and last.whole == flow.whole and last.part == flow.part:
            flow = TimedFlow(amount=merged.pop().amount + flow.amount, whole=flow.whole, part=flow.part)
        merged.append(flow)
        last = flow
    return [flow for flow in merged if flow.amount]


def _refuse_ambiguous(amounts: Sequence[int]) -> None:
    """Accept one change of sign in the flows (Descartes), or one in their running sum (Norstrøm)."""
    changes = sum((before > 0) != (after > 0) for before, after in pairwise(amounts))
    if changes == 0:
        raise RateUndefined("Money goes one way only: there is no rate.")
    if changes == 1:
        return
    running, total = [], 0
    for amount in amounts:
        total += amount
        if total:
            running.append(total)
    if total == 0 or sum((before > 0) != (after > 0) for before, after in pairwise(running)) != 1:
        raise RateNotUnique("The flows change direction more than once, and more than one rate may explain them.")


class _Equation:
    """The discounted sum of flows as a function of the rate, for a quick guess and for the proof."""

    __slots__ = ("_amounts", "_backwards", "_flows", "_parts", "_scale", "_simple", "_steps", "_wholes")

    def __init__(self, flows: Sequence[TimedFlow], *, simple_part: bool) -> None:
        self._amounts = [flow.amount for flow in flows]
        self._simple = simple_part
        self._scale = 1
        self._steps: list[int] = []
        self._flows: list[tuple[int, int]] = []
        self._backwards: list[int] = []
        self._wholes = [flow.whole for flow in flows]
        self._parts = [flow.part for flow in flows]
        if simple_part:
            return
        # All times as whole numbers of one common unit: discounting then multiplies from flow to flow.
        for _, denominator in self._parts:
            self._scale = self._scale * denominator // gcd(self._scale, denominator)
        times = [
            whole * self._scale + part[0] * (self._scale // part[1])
            for whole, part in zip(self._wholes, self._parts, strict=True)
        ]
        self._steps = [times[0]] + [after - before for before, after in pairwise(times)]
        self._flows = list(zip(self._amounts, self._steps, strict=True))
        # Nearly every loan: flows one period apart. Discounting from the last one on takes one product for each.
        if times[0] == 0 and set(self._steps[1:]) == {self._scale}:
            self._backwards = self._amounts[::-1]

    def at(self, rate: Decimal) -> Decimal:
        """Return the sum at a rate, to 40 digits."""
        base = 1 + rate
        total = Decimal(0)
        if self._backwards:
            factor = 1 / base
            for amount in self._backwards:
                total = total * factor + amount
            return total
        if self._simple:
            for amount, whole, (numerator, denominator) in zip(self._amounts, self._wholes, self._parts, strict=True):
                total += amount / (base**whole * (1 + rate * numerator / denominator))
            return total
        factors = {step: base ** (Decimal(-step) / self._scale) for step in set(self._steps)}
        discount = Decimal(1)
        for amount, step in self._flows:
            if step:
                discount *= factors[step]
            total += amount * discount
        return total

    def near(self, rate: float) -> float:
        """Return the sum at a rate, roughly; decides nothing."""
        base = 1 + rate
        total = 0.0
        if self._backwards:
            factor = 1 / base
            for amount in self._backwards:
                total = total * factor + amount
            return total
        if self._simple:
            for amount, whole, (numerator, denominator) in zip(self._amounts, self._wholes, self._parts, strict=True):
                total += amount / (base**whole * (1 + rate * numerator / denominator))
            return total
        factors = {step: base ** (-step / self._scale) for step in set(self._steps)}
        discount = 1.0
        for amount, step in self._flows:
            discount *= factors[step]
            total += amount * discount
        return total

    def guess(self) -> Decimal:
        """Return a rate near the root by the secant method in floats, or 0 when that leads nowhere."""
        earlier, later = 0.0, 0.01
        try:
            value_earlier, value_later = self.near(earlier), self.near(later)
            for _ in range(GUESSES_MAX):
                if value_later == value_earlier:
                    break
                following = later - value_later * (later - earlier) / (value_later - value_earlier)
                if not -0.999 < following < 1e6:
                    return Decimal(0)
                earlier, value_earlier = later, value_later
                later, value_later = following, self.near(following)
                if abs(later - earlier) < 1e-15:
                    break
        except (OverflowError, ZeroDivisionError):
            return Decimal(0)
        return Decimal(later)


def _proved(equation: _Equation, guess: Decimal) -> Decimal:
    """Return the printed rate whose half units on either side have values of different sign.

    Mostly that is the guess itself. If not, the secant of a bracket says which printed rate to try. When that is not
    it, the bracket closes to what the trial has shown and by half besides.
    """
    likely = guess.quantize(_UNIT)
    if equation.at(likely - _UNIT / 2) * equation.at(likely + _UNIT / 2) < 0:
        return likely
    low, high = _bracket(equation, guess)
    value_low, value_high = equation.at(low), equation.at(high)
    for _ in range(STEPS_MAX):
        if value_low == 0 or value_high == 0:
            return (low if value_low == 0 else high).quantize(_UNIT)
        secant = (low * value_high - high * value_low) / (value_high - value_low)
        tried = secant.quantize(_UNIT)
        below, above = tried - _UNIT / 2, tried + _UNIT / 2
        value_below, value_above = equation.at(below), equation.at(above)
        if (value_below > 0) != (value_above > 0):
            return tried
        for point, value in ((below, value_below), (above, value_above), ((low + high) / 2, None)):
            if not low < point < high:
                continue
            value = equation.at(point) if value is None else value
            if (value > 0) == (value_low > 0):
                low, value_low = point, value
            else:
                high, value_high = point, value
    raise RateBeyondReach("No rate was found within the steps allowed.")


def _bracket(equation: _Equation, guess: Decimal) -> tuple[Decimal, Decimal]:
    """Return two rates around the guess with values of different sign, widening tenfold until they are found."""
    width = _UNIT * 2 * (1 + abs(guess))
    for _ in range(STEPS_MAX):
        low = max(guess - width, RATE_MIN)
        high = min(guess + width, RATE_MAX)
        if (equation.at(low) > 0) != (equation.at(high) > 0):
            return low, high
        if low == RATE_MIN and high == RATE_MAX:
            break
        width *= 10
    raise RateBeyondReach(f"The rate lies outside {RATE_MIN} to {RATE_MAX} for a period.")
