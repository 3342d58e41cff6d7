"""Rates found are roots, agree with the quoted rate, and with an independent library."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pyxirr
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount
from mingqu.domain.cost import RateBeyondReach, all_in_cost, extended_irr, irr_period
from mingqu.domain.cost.root import PLACES
from mingqu.domain.money import Money
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method, Terms, build
from mingqu.domain.schedule.spreading import exact_instalment
from tests.soak import examples

HALF_UNIT = Fraction(1, 2 * 10**PLACES)


@st.composite
def loans(draw: st.DrawFn, *, least_percent: int, most_percent: int) -> list[int]:
    """Flows of a loan: what is received is some part of what is paid, or more."""
    payments = draw(st.lists(st.integers(0, 10**7), min_size=1, max_size=48).filter(lambda fen: sum(fen) > 100))
    received = sum(payments) * draw(st.integers(least_percent, most_percent)) // 100
    return [received, *(-payment for payment in payments)]


def _worth(flows: list[int], rate: Fraction) -> Fraction:
    total = Fraction(0)
    for amount in reversed(flows):  # Horner's scheme, exact
        total = total / (1 + rate) + amount
    return total


@settings(max_examples=examples(100), deadline=None)
@given(flows=loans(least_percent=2, most_percent=5_000))
def test_the_flows_change_sign_within_half_a_unit_of_the_rate_found(flows: list[int]) -> None:
    rate = Fraction(irr_period(flows=flows))
    below, above = _worth(flows, rate - HALF_UNIT), _worth(flows, rate + HALF_UNIT)
    assert below <= 0 <= above or above <= 0 <= below


@settings(max_examples=examples(80), deadline=None)
@given(ppm=st.integers(1, 600_000), instalments=st.integers(1, 60))
def test_unrounded_instalments_have_the_quoted_rate(ppm: int, instalments: int) -> None:
    ratio = (ppm, 12 * 10**6)
    # Amounts a trillion times finer than a fen: what rounding leaves is far below the fifteenth decimal.
    principal = 10**30
    numerator, denominator = exact_instalment(principal_fen=principal, ratios=[ratio] * instalments, accrued=(0, 1))
    rate = irr_period(flows=[principal, *([-(numerator // denominator)] * instalments)])
    assert abs(Fraction(rate) - Fraction(*ratio)) <= 2 * HALF_UNIT


@settings(max_examples=examples(60), deadline=None)
@given(
    ppm=st.integers(10_000, 360_000),
    instalments=st.integers(1, 36),
    start=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    method=st.sampled_from((Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY)),
)
def test_the_disclosed_rate_without_fees_is_the_quoted_one(
    ppm: int, instalments: int, start: date, method: Method
) -> None:
    agreed = Terms(
        principal=Money(10**10),
        method=method,
        rate=Rate.per_year(ppm=ppm),
        start=start,
        instalments=instalments,
        day_count=DayCount.ACT_365,
        basis=InterestBasis.PERIOD,
    )
    cost = all_in_cost(schedule=build(terms=agreed), lender="bank", interest_standard="")
    assert abs(cost.annual.simple_ppm - ppm) <= 1
    assert cost.annual.effective_ppm >= cost.annual.simple_ppm


@settings(max_examples=examples(100), deadline=None)
@given(flows=loans(least_percent=40, most_percent=110), gaps=st.lists(st.integers(7, 62), min_size=48, max_size=48))
def test_rates_agree_with_an_independent_library(flows: list[int], gaps: list[int]) -> None:
    peer = pyxirr.irr([float(flow) for flow in flows])
    assert peer is not None
    assert abs(float(irr_period(flows=flows)) - peer) < 1e-9 * (1 + abs(peer))
    days = [date(2026, 8, 15)]
    for gap in gaps[: len(flows) - 1]:
        days.append(days[-1] + timedelta(days=gap))
    try:
        found = extended_irr(flows=list(zip(days, flows, strict=True)))
    except RateBeyondReach:
        return  # a loan of a few days may cost more than a rate can say
    if not Decimal("-0.9") < found < 100:
        return  # there the library stops looking
    peer = pyxirr.xirr(days, [float(flow) for flow in flows])
    assert peer is not None
    assert abs(float(found) - peer) < 1e-8 * (1 + abs(peer))
