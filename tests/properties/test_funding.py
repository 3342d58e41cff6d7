"""However a loan is shared: each line's parts sum to the line, and each lender's lines to its share of the whole."""

from __future__ import annotations

from datetime import date
from itertools import accumulate, pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount
from mingqu.domain.funding import Funding, Share, split_lines, split_schedule
from mingqu.domain.money import Money
from mingqu.domain.rate import PPM, Rate
from mingqu.domain.schedule import Method, Terms, build
from tests.soak import examples


@st.composite
def fundings(draw: st.DrawFn, *, lenders_max: int) -> Funding:
    cuts = draw(st.lists(st.integers(1, PPM - 1), max_size=lenders_max - 1, unique=True).map(sorted))
    edges = [0, *cuts, PPM]
    parts = [high - low for low, high in pairwise(edges)]
    return Funding(shares=tuple(Share(lender_id=UUID(int=place), ppm=ppm) for place, ppm in enumerate(parts)))


@settings(max_examples=examples(100), deadline=None)
@given(funding=fundings(lenders_max=2), amounts=st.lists(st.integers(0, 10**6), max_size=40))
def test_two_lenders_have_their_shares_of_every_beginning(funding: Funding, amounts: list[int]) -> None:
    lines = split_lines(amounts_fen=amounts, funding=funding)
    assert [sum(parts) for parts in lines] == amounts
    for total, *had in zip(accumulate(amounts), *map(accumulate, zip(*lines, strict=True)), strict=True):
        assert had[:-1] == [total * share.ppm // PPM for share in funding.shares[:-1]]
    assert all(part >= 0 for parts in lines for part in parts)
    for amount, parts in zip(amounts, lines, strict=True):
        for part, share in zip(parts, funding.shares, strict=True):
            assert abs(part * PPM - amount * share.ppm) < PPM  # less than a fen from the exact share


@settings(max_examples=examples(100), deadline=None)
@given(funding=fundings(lenders_max=6), amounts=st.lists(st.integers(0, 50), max_size=40))
def test_many_lenders_share_lines_of_a_few_fen(funding: Funding, amounts: list[int]) -> None:
    lines = split_lines(amounts_fen=amounts, funding=funding)
    assert [sum(parts) for parts in lines] == amounts
    assert all(part >= 0 for parts in lines for part in parts)


@settings(max_examples=examples(60), deadline=None)
@given(
    funding=fundings(lenders_max=4),
    principal=st.integers(100_000, 10**8),
    ppm=st.integers(0, 360_000),
    instalments=st.integers(1, 36),
    method=st.sampled_from(Method),
)
def test_the_schedules_of_the_lenders_are_the_schedule_of_the_loan(
    funding: Funding, principal: int, ppm: int, instalments: int, method: Method
) -> None:
    whole = build(
        terms=Terms(
            principal=Money(principal),
            method=method,
            rate=Rate.per_year(ppm=ppm),
            start=date(2026, 8, 31),
            instalments=instalments,
            day_count=DayCount.ACT_365,
        )
    )
    slices = split_schedule(schedule=whole, funding=funding)
    for row, *parts in zip(whole.rows, *(part.rows for part in slices), strict=True):
        assert {(part.number, part.start, part.due) for part in parts} == {(row.number, row.start, row.due)}
        assert sum(part.principal_fen for part in parts) == row.principal_fen
        assert sum(part.interest_fen for part in parts) == row.interest_fen
        assert sum(part.opening_fen for part in parts) == row.opening_fen
    for part in slices:
        assert part.rows[-1].closing_fen == 0
        assert min(row.opening_fen for row in part.rows) >= 0
    if len(funding.shares) <= 2:
        assert tuple(part.principal_fen for part in slices) == funding.split(principal)
        assert tuple(part.interest_fen for part in slices) == funding.split(whole.interest_fen)
