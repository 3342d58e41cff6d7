"""A milestone loan fitted to a lender's capital: never beyond what is free, and never later than need be."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.milestone import PPM, CapitalShort, Stage, amounts_of, fit_plan
from tests.soak import examples


def stages_of(shares: list[int], gaps: list[int]) -> tuple[Stage, ...]:
    """Return stages of shares in per cent, each so many months behind the one before."""
    return tuple(
        Stage(
            id=f"s{place}",
            name_zh="阶段",
            name_en="stage",
            share_ppm=share * PPM // 100,
            papers=("invoice",) if place else (),
            after_months=gap,
        )
        for place, (share, gap) in enumerate(zip(shares, gaps, strict=True))
    )


@st.composite
def wishes(draw: st.DrawFn) -> tuple[tuple[Stage, ...], int, list[int]]:
    """Draw stages, a principal in fen, and what is free month by month."""
    count = draw(st.integers(2, 4))
    cuts = sorted(draw(st.sets(st.integers(1, 99), min_size=count - 1, max_size=count - 1)))
    shares = [after - before for before, after in itertools.pairwise([0, *cuts, 100])]
    gaps = [0, *(draw(st.integers(0, 3)) for _ in range(count - 1))]
    free = draw(st.lists(st.integers(0, 300), min_size=1, max_size=10))
    return stages_of(shares, gaps), draw(st.integers(100, 30_000)), [fen * 100 for fen in free]


def affordable(amounts: tuple[int, ...], months: tuple[int, ...], free: list[int]) -> bool:
    """Return whether a lender can pay these amounts in these months and owe nobody else anything on the way."""
    paid = [sum(fen for fen, at in zip(amounts, months, strict=True) if at <= month) for month in range(len(free))]
    return all(spent <= fen for month, (spent, fen) in enumerate(zip(paid, free, strict=True)) if month >= months[0])


@settings(max_examples=examples(100))
@given(wish=wishes())
def test_a_plan_is_the_earliest_that_the_capital_bears_of_all_there_are(
    wish: tuple[tuple[Stage, ...], int, list[int]],
) -> None:
    stages, principal_fen, free = wish
    amounts = amounts_of(stages=stages, principal_fen=principal_fen)
    assert sum(amounts) == principal_fen
    assert min(amounts) >= 0
    possible = [
        months
        for months in itertools.combinations_with_replacement(range(len(free)), len(stages))
        if all(
            after - before >= one.after_months
            for before, after, one in zip(months, months[1:], stages[1:], strict=False)
        )
        and affordable(amounts, months, free)
    ]
    try:
        found = fit_plan(
            stages=stages, principal_fen=principal_fen, free_by_month=free, instalment_counts=[6, 60],
            bearable_fen=principal_fen,
        )  # fmt: skip
    except CapitalShort:
        assert not possible
        return
    months = tuple(one.month for one in found.stages)
    assert months in possible
    assert all(mine <= theirs for other in possible for mine, theirs in zip(months, other, strict=True)), (
        "none is sooner"
    )
    assert [one.amount_fen for one in found.stages] == list(amounts)
    assert found.instalments > months[-1]
    for before, one in zip((None, *found.stages), found.stages, strict=False):
        earliest = 0 if before is None else before.month + one.stage.after_months
        assert one.waits_months == one.month - earliest
        assert one.left_fen == one.free_fen - one.amount_fen >= 0


def test_the_worked_example_to_the_fen() -> None:
    stages = stages_of([30, 40, 30], [0, 2, 2])
    free = [10_000_000, 10_000_000, 10_000_000, 15_000_000, 15_000_000, 25_000_000]
    found = fit_plan(
        stages=stages, principal_fen=20_000_000, free_by_month=free, instalment_counts=[36, 18, 24],
        bearable_fen=1_000_000,
    )  # fmt: skip
    assert [(one.month, one.amount_fen, one.waits_months) for one in found.stages] == [
        (0, 6_000_000, 0), (3, 8_000_000, 1), (5, 6_000_000, 0),
    ]  # fmt: skip
    assert (found.instalments, found.payment_fen) == (24, 833_334)
    assert amounts_of(stages=stages, principal_fen=10_001) == (3_000, 4_000, 3_001)
    with pytest.raises(CapitalShort, match="tenor"):
        fit_plan(
            stages=stages, principal_fen=20_000_000, free_by_month=free, instalment_counts=[18], bearable_fen=1_000_000
        )
