"""How each method spreads principal and interest over periods: whole numbers in, whole numbers out."""

from __future__ import annotations

from typing import Final, TypeAlias

from mingqu.domain.money import Rounding, divide
from mingqu.domain.schedule.terms import (
    InstalmentBelowInterest,
    Method,
    MultipleAboveInstalment,
    Smoothing,
    Tail,
    Terms,
)

Ratio: TypeAlias = tuple[int, int]
Part: TypeAlias = tuple[int, int]  # principal and interest of one row, in fen

# Evening out stops here: each try must narrow the difference, and a third rarely does.
SMOOTHING_TRIES_MAX: Final = 3


def spread(
    *,
    terms: Terms,
    principal_fen: int,
    ratios: list[Ratio],
    instalment_fen: int | None,
    accrued: Ratio,
    refuse_multiple: bool,
) -> list[Part]:
    """Return principal and interest of each row. `ratios` holds what one fen bears in each period.

    `accrued` is interest of earlier days that falls due with the first row.
    Errors: MultipleAboveInstalment, InstalmentBelowInterest.
    """
    method = terms.method
    if method is Method.EQUAL_INSTALMENT:
        return _equal_instalment(terms, principal_fen, ratios, instalment_fen, accrued, refuse_multiple)
    if method is Method.EQUAL_PRINCIPAL or method is Method.FLAT:
        principals = _equal_parts(terms, principal_fen, len(ratios), instalment_fen, refuse_multiple)
    else:
        principals = [0] * (len(ratios) - 1) + [principal_fen]
    return _with_interest(
        principal_fen=principal_fen,
        principals=principals,
        ratios=ratios,
        accrued=accrued,
        rounding=terms.rounding,
        declining=method is not Method.FLAT,
    )


def _with_interest(
    *,
    principal_fen: int,
    principals: list[int],
    ratios: list[Ratio],
    accrued: Ratio,
    rounding: Rounding,
    declining: bool,
) -> list[Part]:
    parts = []
    balance = principal_fen
    for principal, ratio in zip(principals, ratios, strict=True):
        parts.append((principal, _interest(balance if declining else principal_fen, ratio, accrued, rounding)))
        balance -= principal
        accrued = (0, 1)
    return parts


def _interest(balance: int, ratio: Ratio, accrued: Ratio, rounding: Rounding) -> int:
    """Round the interest of a period once, together with what earlier days of it have borne."""
    numerator, denominator = ratio
    if accrued[0] == 0:
        return divide(balance * numerator, denominator, rounding)
    return divide(balance * numerator * accrued[1] + accrued[0] * denominator, denominator * accrued[1], rounding)


def _equal_parts(
    terms: Terms, principal_fen: int, count: int, agreed_fen: int | None, refuse_multiple: bool
) -> list[int]:
    """Cut principal into equal parts; the first or the last takes the tail."""
    part = agreed_fen
    if part is None:
        part = _to_multiple(terms, (principal_fen, count), refuse_multiple)
    left = principal_fen
    parts = []
    for _ in range(count - 1):
        taken = min(part, left)
        parts.append(taken)
        left -= taken
    parts.append(left)
    return parts[::-1] if terms.tail is Tail.FIRST else parts


def _to_multiple(terms: Terms, exact: Ratio, refuse_multiple: bool) -> int:
    """Round an exact instalment to the agreed multiple."""
    numerator, denominator = exact
    if refuse_multiple and numerator < denominator * terms.multiple_fen:
        raise MultipleAboveInstalment(
            "The instalment is smaller than the amount it must be a multiple of: choose fewer instalments.",
            multiple_fen=terms.multiple_fen,
        )
    return divide(numerator, denominator * terms.multiple_fen, terms.rounding) * terms.multiple_fen


def exact_instalment(*, principal_fen: int, ratios: list[Ratio], accrued: Ratio) -> Ratio:
    """Return the instalment that repays principal over periods of any ratios, exact, in fen.

    With growth g_k = 1 + r_k: instalment = P · g_1 · g_2 … g_n / f_n, f_1 = 1, f_k = f_(k−1) · g_k + 1. For
    equal periods this is the familiar P · r / (1 − (1 + r)^−n). `accrued` joins the first period's value.
    """
    numerator, denominator = ratios[0]
    value = principal_fen * (denominator + numerator) * accrued[1] + accrued[0] * denominator
    value_denominator = denominator * accrued[1]
    if numerator and ratios.count(ratios[0]) == len(ratios):
        # The sum of a geometric series: g^(n−1) · r / (g^n − 1) with r = numerator / denominator.
        grown = (denominator + numerator) ** (len(ratios) - 1)
        rest: int = grown * (denominator + numerator) - denominator ** len(ratios)
        return value * grown * numerator, value_denominator * rest
    growth, weights, scale = 1, 1, 1
    for numerator, denominator in ratios[1:]:
        # growth and weights carry the common denominator `scale`, so that everything stays a whole number.
        scale *= denominator
        growth *= denominator + numerator
        weights = weights * (denominator + numerator) + scale
    return value * growth, value_denominator * weights


def _equal_instalment(
    terms: Terms,
    principal_fen: int,
    ratios: list[Ratio],
    agreed_fen: int | None,
    accrued: Ratio,
    refuse_multiple: bool,
) -> list[Part]:
    if agreed_fen is not None:
        return _rows_of_instalment(terms, principal_fen, ratios, agreed_fen, accrued, agreed=True)
    before: list[Part] = []
    while True:
        exact = exact_instalment(principal_fen=principal_fen, ratios=ratios, accrued=accrued)
        instalment = _to_multiple(terms, exact, refuse_multiple and not before)
        first_interest = _interest(principal_fen, ratios[0], accrued, terms.rounding)
        if len(ratios) == 1 or first_interest <= instalment:
            break
        # A long first period bears more than an instalment. Interest is never added to principal: the first
        # row asks for its interest only, and the rest is made equal over the periods after it.
        before.append((0, first_interest))
        ratios, accrued = ratios[1:], (0, 1)
    parts = _rows_of_instalment(terms, principal_fen, ratios, instalment, accrued, agreed=False)
    if terms.smoothing is Smoothing.EVEN_OUT:
        parts = _evened_out(terms, principal_fen, ratios, instalment, accrued, parts)
    return before + parts if before else parts


def _rows_of_instalment(
    terms: Terms, principal_fen: int, ratios: list[Ratio], instalment: int, accrued: Ratio, *, agreed: bool
) -> list[Part]:
    """Pay each period's interest out of the instalment and principal with the rest; the last row pays all that is left.

    Between rounding and multiples a row may end the debt early; the rows after it are then empty.
    """
    rounding = terms.rounding
    parts = []
    balance = principal_fen
    interest = _interest(balance, ratios[0], accrued, rounding)
    half_up = rounding is Rounding.HALF_UP
    for numerator, denominator in ratios[1:]:
        if interest <= instalment:
            principal = instalment - interest
            if principal > balance:
                principal = balance
        elif agreed:
            raise InstalmentBelowInterest(
                "The agreed instalment does not cover the interest of its period.", instalment_fen=instalment
            )
        else:
            principal = 0
        parts.append((principal, interest))
        balance -= principal
        if half_up:  # `divide` for what is never below zero, in the loop that makes most schedules
            interest = (2 * balance * numerator + denominator) // (2 * denominator)
        else:
            interest = divide(balance * numerator, denominator, rounding)
    parts.append((balance, interest))
    return parts


def _evened_out(
    terms: Terms, principal_fen: int, ratios: list[Ratio], instalment: int, accrued: Ratio, parts: list[Part]
) -> list[Part]:
    """Spread a large difference between the last instalment and the others over all of them."""
    count = len(parts)
    for _ in range(SMOOTHING_TRIES_MAX):
        difference = sum(parts[-1]) - instalment
        if abs(difference) <= count // 2:
            break
        tried = instalment + divide(difference, count * terms.multiple_fen, terms.rounding) * terms.multiple_fen
        if tried <= 0:
            break
        tried_parts = _rows_of_instalment(terms, principal_fen, ratios, tried, accrued, agreed=False)
        if abs(sum(tried_parts[-1]) - tried) >= abs(difference):
            break
        instalment, parts = tried, tried_parts
    return parts
