"""Drawings of reports: inside their box, on round scales, in proportion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mingqu.console.plot import WIDTH, draw_bars, draw_lines, scale

VALUES = st.dictionaries(st.integers(0, 36), st.integers(0, 1_000_000), max_size=8)


@given(most=st.integers(0, 10**13))
def test_a_scale_is_even_round_and_just_long_enough(most: int) -> None:
    marks = scale(most=most)
    step = marks[1]
    assert list(marks) == list(range(0, len(marks) * step, step))
    assert 2 <= len(marks) <= 6
    assert marks[-1] >= most > marks[-2] or most == 0
    assert str(step).rstrip("0") in ("1", "2", "5")


@given(series=st.lists(st.tuples(st.text(max_size=7), VALUES), max_size=5))
def test_lines_stay_in_their_box_and_more_is_higher(series: list[tuple[str, dict[int, int]]]) -> None:
    drawn = draw_lines(series=series)
    shown = [values for _, values in series if values]
    if drawn is None:
        assert not shown
        return
    assert len(drawn.lines) == len(shown)
    by_value: list[tuple[int, int]] = []
    for line, values in zip(drawn.lines, shown, strict=True):
        assert [x for x, _ in line.points] == sorted({x for x, _ in line.points}), "one place, one x, in order"
        assert all(drawn.left <= x <= drawn.right and 0 <= y <= drawn.bottom for x, y in line.points)
        by_value += [(values[place], y) for place, (_, y) in zip(sorted(values), line.points, strict=True)]
    by_value.sort(key=lambda one: (one[0], -one[1]))
    assert [y for _, y in by_value] == sorted((y for _, y in by_value), reverse=True)
    labels = sorted(line.label_y for line in drawn.lines)
    assert all(below - above >= 12 for above, below in zip(labels, labels[1:], strict=False))  # noqa: RUF007


@given(rows=st.lists(st.lists(st.integers(0, 10**12), min_size=1, max_size=5), max_size=6))
def test_bars_are_in_proportion_and_their_parts_join(rows: list[list[int]]) -> None:
    drawn = draw_bars(rows=[("a", [("p", value) for value in row]) for row in rows])
    most = max((sum(row) for row in rows), default=0)
    if drawn is None:
        assert most == 0
        return
    room = max(bar.end for bar in drawn.bars) - drawn.left
    for bar, row in zip(drawn.bars, rows, strict=True):
        assert bar.whole == sum(row)
        assert bar.end <= WIDTH
        assert [part.value for part in bar.parts] == [value for value in row if value]
        assert [part.color for part in bar.parts] == [place for place, value in enumerate(row, start=1) if value]
        assert abs((bar.end - drawn.left) * most - room * bar.whole) <= 2 * most, "to the unit that is drawn"
    assert drawn.height >= len(rows) * drawn.thick
