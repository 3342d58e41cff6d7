"""Accrual on read, for many lines at once, is to the micro-fen what each line says."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.batch import LineColumns, accrued, line_columns, total
from mingqu.domain.loan import Line
from tests.soak import examples

DAY = date(2026, 8, 15)
FIGURES = st.one_of(st.integers(0, 10**10), st.integers(-(2**63), 2**63 - 1), st.sampled_from((0, 2**62, 2**63 - 1)))
LINES = st.lists(
    st.none()
    | st.builds(
        lambda daily, base, days: Line(daily_micro=daily, base_micro=base, on=DAY + timedelta(days=days)),
        FIGURES,
        FIGURES,
        st.integers(-40_000, 40_000),
    ),
    max_size=12,
)


@settings(max_examples=examples(300), deadline=None)
@given(lines=LINES)
def test_each_line_accrues_exactly_what_it_says_however_large(lines: list[Line | None]) -> None:
    made = accrued(lines=line_columns(lines=lines), day=DAY)
    beyond = dict(made.beyond)
    exact = [line.at(DAY) if line else 0 for line in lines]
    assert [beyond.get(place, figure) for place, figure in enumerate(made.micro.tolist())] == exact
    assert all(abs(figure) >= 2**63 - 1 for figure in beyond.values())
    assert made.total_micro() == sum(exact)


def test_a_book_of_usual_lines_is_read_in_blocks_that_meet_without_a_seam() -> None:
    seed = np.random.default_rng(7)
    count = 100_000
    daily, base = seed.integers(0, 10**9, count), seed.integers(0, 10**12, count)
    on = np.datetime64(DAY) - seed.integers(0, 400, count)
    on[40_000:40_010] = np.datetime64("NaT")
    daily[70_000] = 2**62
    made = accrued(lines=LineColumns(daily_micro=daily, base_micro=base, on=on), day=DAY)
    exact = [
        0 if day is None else base + daily * (DAY - day).days
        for daily, base, day in zip(daily.tolist(), base.tolist(), on.tolist(), strict=True)
    ]
    assert dict(made.beyond) == {70_000: exact[70_000]}
    exact[70_000] = 0
    assert made.micro.tolist() == exact


@given(column=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30))
def test_a_total_is_exact_beyond_sixty_four_bits(column: list[int]) -> None:
    assert total(column=np.array(column, dtype=np.int64)) == sum(column)
