"""Drawings of reports in whole units of a viewBox, made on the server: no script, no library, a table stands beside.

Values come as whole numbers (parts per million, fen, counts); places in a drawing are rounded down to whole units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 232
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 66, 12, 26
_ROW: Final = 26  # of a bar with its name
_NAME: Final = 164  # how much room names of bars have
_STEPS: Final = (1, 2, 5)  # a scale goes in these, times a power of ten
_TICKS_MAX: Final = 5  # lines of a grid that a reader still tells apart
_LABEL_GAP: Final = 12  # between the names at the ends of two lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark of a scale: where it is, and the value it stands for."""

    at: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with a mark at each value; its name stands at its end."""

    name: str
    color: int  # 1 to 7, of the stylesheet
    points: tuple[tuple[int, int], ...]
    label_y: int

    @property
    def path(self) -> str:
        """The points as an attribute of a polyline has them."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A drawing of lines over a common scale that begins at zero."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a bar."""

    x: int
    width: int
    color: int
    name: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of parts side by side, with its name before it and its whole behind it."""

    y: int
    name: str
    parts: tuple[Part, ...]
    end: int
    whole: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars on one scale, each drawn by itself in a box of `room` by `thick`, so that it is as wide as a screen lets it.

    A page of any width shows their names and values in letters of the same size.
    """

    width: int
    height: int
    left: int
    thick: int
    bars: tuple[Bar, ...]

    @property
    def room(self) -> int:
        """How long the longest of them is."""
        return max(bar.end for bar in self.bars) - self.left


def scale(*, most: int) -> tuple[int, ...]:
    """Return round values from 0 up to at least `most`, in even steps, at most six. Example: 37 → 0, 10, 20, 30, 40."""
    assert most >= 0, "scales begin at zero"
    power = 1
    while True:
        for step in (power * one for one in _STEPS):
            if step * _TICKS_MAX >= most:
                count = max(1, -(-most // step))  # up to the step that holds it
                return tuple(step * number for number in range(count + 1))
        power *= 10


def draw_lines(*, series: Sequence[tuple[str, Mapping[int, int]]], reach: int = 1) -> Lines | None:
    """Return lines of values (above zero or zero) by whole places from 0 on; None if there is nothing to draw.

    The scale goes up to `reach` at least, so that next to nothing does not look like much.
    """
    shown = [(name, values) for name, values in series if values]
    if not shown:
        return None
    far = max(1, *(max(values) for _, values in shown))
    marks = scale(most=max(reach, *(max(values.values()) for _, values in shown)))
    across, up = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(place: int) -> int:
        return _LEFT + across * place // far

    def y(value: int) -> int:
        return HEIGHT - _BOTTOM - up * value // marks[-1]

    places = [tuple((x(place), y(value)) for place, value in sorted(values.items())) for _, values in shown]
    labels = _apart([points[-1][1] for points in places])
    return Lines(
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        bottom=HEIGHT - _BOTTOM,
        lines=tuple(
            Line(name=name, color=number % 7 + 1, points=points, label_y=label)
            for number, ((name, _), points, label) in enumerate(zip(shown, places, labels, strict=True))
        ),
        across=tuple(Tick(at=x(place), value=place) for place in scale(most=far) if place <= far),
        up=tuple(Tick(at=y(value), value=value) for value in marks),
    )


def draw_bars(*, rows: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> Bars | None:
    """Return a bar for each row of named parts, all on one scale; None if all of them are empty.

    A part keeps its color from row to row by its place.
    """
    most = max((sum(value for _, value in parts) for _, parts in rows), default=0)
    if most <= 0:
        return None
    room = WIDTH - _NAME - _RIGHT - _LEFT
    bars: list[Bar] = []
    for number, (name, parts) in enumerate(rows):
        drawn: list[Part] = []
        before = 0
        for color, (part, value) in enumerate(parts, start=1):
            begin, end = _NAME + room * before // most, _NAME + room * (before + value) // most
            before += value
            if value:
                drawn.append(Part(x=begin, width=max(1, end - begin), color=color, name=part, value=value))
        bars.append(
            Bar(
                y=number * _ROW + 4,
                name=name,
                parts=tuple(drawn),
                end=drawn[-1].x + drawn[-1].width if drawn else _NAME,
                whole=before,
            )
        )
    return Bars(width=WIDTH, height=len(rows) * _ROW + 4, left=_NAME, thick=_ROW - 10, bars=tuple(bars))


def _apart(places: Sequence[int]) -> list[int]:
    """Return where names stand beside the ends of lines, moved down as far as they would cover each other."""
    found = dict.fromkeys(range(len(places)), 0)
    last = -_LABEL_GAP
    for number in sorted(found, key=lambda one: places[one]):
        last = max(places[number], last + _LABEL_GAP)
        found[number] = last
    return [found[number] for number in range(len(places))]
