"""Shares of a loan: what cannot be, and the line of the worked example."""

from __future__ import annotations

from uuid import UUID

import pytest

from mingqu.domain.funding import Funding, Share, SharesMalformed, split_lines

PARTNER, BANK = UUID(int=1), UUID(int=2)


def funding(*ppm: int) -> Funding:
    return Funding(shares=tuple(Share(lender_id=UUID(int=place), ppm=each) for place, each in enumerate(ppm)))


@pytest.mark.parametrize("ppm", [(), (0, 1_000_000), (300_000, 699_999), (300_000, 700_001), (-1, 1_000_001)])
def test_shares_that_are_not_a_whole_loan_are_refused(ppm: tuple[int, ...]) -> None:
    with pytest.raises(SharesMalformed):
        funding(*ppm)


def test_a_lender_has_one_share() -> None:
    with pytest.raises(SharesMalformed):
        Funding(shares=(Share(lender_id=BANK, ppm=300_000), Share(lender_id=BANK, ppm=700_000)))


def test_a_line_is_rounded_down_for_the_partner_and_the_bank_has_the_rest() -> None:
    assert funding(300_000, 700_000).split(78_434) == (23_530, 54_904)


def test_what_rounding_kept_back_comes_with_a_later_line() -> None:
    lines = split_lines(amounts_fen=[99, 99, 99], funding=funding(300_000, 700_000))
    assert lines == ((29, 70), (30, 69), (30, 69))


def test_one_lender_has_it_all() -> None:
    assert split_lines(amounts_fen=[5, 0, 7], funding=funding(1_000_000)) == ((5,), (0,), (7,))


def test_a_line_too_small_for_everybody_takes_nothing_back() -> None:
    lines = split_lines(amounts_fen=[2, 1, 1], funding=funding(400_000, 400_000, 200_000))
    assert lines == ((0, 0, 2), (1, 0, 0), (0, 1, 0))
