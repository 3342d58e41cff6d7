"""What holds for all amounts and all quotients."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.money import AMOUNT_FEN_MAX, Money, Rounding, divide, format_fen, parse_yuan
from tests.soak import examples

FEN = st.integers(-AMOUNT_FEN_MAX, AMOUNT_FEN_MAX)
ANY = st.integers(-(10**40), 10**40)


@settings(max_examples=examples(200), deadline=None)
@given(numerator=ANY, denominator=ANY.filter(bool), rounding=st.sampled_from(Rounding))
def test_a_quotient_is_the_nearest_whole_number_on_the_named_side(
    numerator: int, denominator: int, rounding: Rounding
) -> None:
    exact = Fraction(numerator, denominator)
    error = divide(numerator, denominator, rounding) - exact
    if rounding is Rounding.FLOOR:
        assert -1 < error <= 0
    elif rounding is Rounding.CEILING:
        assert 0 <= error < 1
    else:
        assert abs(error) <= Fraction(1, 2)
        if abs(error) == Fraction(1, 2):
            away = (error > 0) == (exact > 0)
            assert away if rounding is Rounding.HALF_UP else divide(numerator, denominator, rounding) % 2 == 0


@settings(max_examples=examples(200), deadline=None)
@given(fen=FEN, weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any))
def test_parts_sum_to_the_whole_and_no_part_gains_a_fen(fen: int, weights: list[int]) -> None:
    parts = Money(fen).allocate(weights)
    assert sum(part.fen for part in parts) == fen
    for part, weight in list(zip(parts, weights, strict=True))[:-1]:
        assert 0 <= Fraction(fen * weight, sum(weights)) - part.fen < 1


@settings(max_examples=examples(200), deadline=None)
@given(fen=st.integers(0, AMOUNT_FEN_MAX))
def test_an_amount_survives_being_written_and_read(fen: int) -> None:
    assert parse_yuan(format_fen(fen)) == Money(fen)


@settings(max_examples=examples(100), deadline=None)
@given(left=st.integers(-(10**18), 10**18), right=st.integers(-(10**18), 10**18))
def test_adding_and_taking_away_cancel(left: int, right: int) -> None:
    assert Money(left) + Money(right) - Money(right) == Money(left)
    assert Money(left) + (-Money(left)) == Money(0)
