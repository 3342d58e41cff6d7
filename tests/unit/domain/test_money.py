"""Money: whole fen, named roundings, and texts that are amounts."""

from __future__ import annotations

from typing import Any

import pytest

from mingqu.domain.money import (
    AMOUNT_FEN_MAX,
    AmountMalformed,
    AmountOutOfRange,
    CurrencyMismatch,
    Money,
    Rounding,
    divide,
    format_fen,
    parse_yuan,
)


@pytest.mark.parametrize(
    ("numerator", "half_up", "half_even", "floor", "ceiling"),
    [(5, 3, 2, 2, 3), (-5, -3, -2, -3, -2), (7, 4, 4, 3, 4), (-7, -4, -4, -4, -3), (4, 2, 2, 2, 2), (0, 0, 0, 0, 0)],
)
def test_halves_go_where_the_rounding_says(
    numerator: int, half_up: int, half_even: int, floor: int, ceiling: int
) -> None:
    named = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR, Rounding.CEILING)
    expected = (half_up, half_even, floor, ceiling)
    assert tuple(divide(numerator, 2, rounding) for rounding in named) == expected
    assert tuple(divide(-numerator, -2, rounding) for rounding in named) == expected


def test_the_last_fen_of_the_ledger_is_still_money() -> None:
    assert Money(AMOUNT_FEN_MAX).fen == AMOUNT_FEN_MAX
    with pytest.raises(AmountOutOfRange):
        Money(AMOUNT_FEN_MAX) + Money(1)


@pytest.mark.parametrize("fen", [1.0, "1", True, None])
def test_only_whole_numbers_are_fen(fen: Any) -> None:
    with pytest.raises(AmountMalformed):
        Money(fen)


def test_currencies_do_not_add_up() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "CNY") + Money(1, "EUR")


@pytest.mark.parametrize(
    ("text", "fen"),
    [("10500", 1_050_000), ("10,500.0", 1_050_000), ("10500.00", 1_050_000), ("0.05", 5), (" 7 ", 700)],
)
def test_amounts_are_read_exactly(text: str, fen: int) -> None:
    assert parse_yuan(text) == Money(fen)


@pytest.mark.parametrize("text", ["", "-1", "1.234", "1e3", "1.", "٣", "1 000", "NaN", "0x10", ".5", "1.2.3"])
def test_other_texts_are_not_amounts(text: str) -> None:
    with pytest.raises(AmountMalformed):
        parse_yuan(text)


@pytest.mark.parametrize("text", ["9" * 20, "92233720368547758.08", "1" + "0" * 1_000_000])
def test_amounts_beyond_the_ledger_are_refused(text: str) -> None:
    with pytest.raises(AmountOutOfRange):
        parse_yuan(text)


@pytest.mark.parametrize(("fen", "text"), [(1_050_000, "10,500.00"), (-5, "-0.05"), (0, "0.00")])
def test_fen_are_written_as_people_write_yuan(fen: int, text: str) -> None:
    assert format_fen(fen) == text
