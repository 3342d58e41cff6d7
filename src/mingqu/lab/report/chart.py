"""Charts as inline SVG: lines and bars in our own colors, readable in print and on a phone, without any script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 40
COLORS: Final = ("#0b6e5f", "#c2571a", "#3a5ba0", "#8a8f98")
POINTS_MAX: Final = 240  # more points than the picture has columns of pixels make a larger file and no better line


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: its name, points (x, y), and whether it is only there to compare with."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The range of an axis and what stands beside it; `percent` writes 0.25 as 25 %."""

    title: str
    low: float
    high: float
    percent: bool = True

    def at(self, value: float, start: float, end: float) -> float:
        """Return where a value lies between two coordinates."""
        return start + (value - self.low) / ((self.high - self.low) or 1) * (end - start)

    def written(self, value: float) -> str:
        """Return a mark as text."""
        return f"{100 * value:.0f}%" if self.percent else f"{value:g}"


def line_chart(*, title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """Return a chart of lines with a legend below it."""
    parts = [_frame(x, y)]
    for place, line in enumerate(lines):
        color = COLORS[3] if line.dashed else COLORS[place % 3]
        points = _thinned(line.points)
        path = " ".join(
            f"{x.at(a, LEFT, WIDTH - RIGHT):.1f},{y.at(b, HEIGHT - BOTTOM, TOP):.1f}"
            for a, b in ((min(max(a, x.low), x.high), min(max(b, y.low), y.high)) for a, b in points)
        )
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        width = 1.2 if line.dashed else 2.2
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}"{dash}/>')
    return _figure(title, "".join(parts), [(one.name, one.dashed, at) for at, one in enumerate(lines)])


def bar_chart(
    *, title: str, names: Sequence[str], bars: Sequence[float], line: Sequence[float], axes: tuple[str, str]
) -> str:
    """Return bars (shares, left) with a line of rates (right) over the same places, such as cases and bad rate."""
    top = max([*bars, 1e-9]) * 1.15
    peak = max([*line, 1e-9]) * 1.15
    x, y = Axis(title="", low=0, high=len(names)), Axis(title=axes[0], low=0, high=top)
    right = Axis(title="", low=0, high=peak)
    parts = [_frame(x, y, marks=False)]
    step = (WIDTH - LEFT - RIGHT) / max(1, len(names))
    for at, (name, bar) in enumerate(zip(names, bars, strict=True)):
        start, level = LEFT + at * step, y.at(bar, HEIGHT - BOTTOM, TOP)
        parts.append(
            f'<rect x="{start + step * 0.14:.1f}" y="{level:.1f}" width="{step * 0.72:.1f}" '
            f'height="{HEIGHT - BOTTOM - level:.1f}" fill="#cfe3df"/>'
            f'<text x="{start + step / 2:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{escape(name)}</text>'
        )
    points = [(LEFT + (at + 0.5) * step, right.at(rate, HEIGHT - BOTTOM, TOP)) for at, rate in enumerate(line)]
    parts.append(
        f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}" fill="none" stroke="{COLORS[1]}" '
        'stroke-width="2.2"/>'
    )
    parts += [
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.2" fill="{COLORS[1]}"/><text x="{a:.1f}" y="{b - 7:.1f}" '
        f'text-anchor="middle" class="v">{100 * rate:.1f}%</text>'
        for (a, b), rate in zip(points, line, strict=True)
    ]
    return _figure(title, "".join(parts), [(axes[0], True, 0), (axes[1], False, 1)], swatch="#cfe3df")


def _frame(x: Axis, y: Axis, *, marks: bool = True) -> str:
    parts = []
    for place in range(6):
        value = y.low + (y.high - y.low) * place / 5
        level = y.at(value, HEIGHT - BOTTOM, TOP)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level:.1f}" y2="{level:.1f}" stroke="#e4e7eb"/>'
            f'<text x="{LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">{y.written(value)}</text>'
        )
        if marks:
            mark = x.low + (x.high - x.low) * place / 5
            parts.append(
                f'<text x="{x.at(mark, LEFT, WIDTH - RIGHT):.1f}" y="{HEIGHT - BOTTOM + 16}" '
                f'text-anchor="middle">{x.written(mark)}</text>'
            )
    if x.title:
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle" class="t">{escape(x.title)}</text>')
    if marks and y.title:
        parts.append(
            f'<text x="12" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" class="t" '
            f'transform="rotate(-90 12 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(y.title)}</text>'
        )
    return "".join(parts)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= POINTS_MAX:
        return list(points)
    step = (len(points) - 1) / (POINTS_MAX - 1)
    return [points[round(at * step)] for at in range(POINTS_MAX)]


def _figure(title: str, drawn: str, legend: Sequence[tuple[str, bool, int]], swatch: str = COLORS[3]) -> str:
    keys = "".join(
        f'<span><i style="background:{swatch if plain else COLORS[at % 3]}"></i>{escape(name)}</span>'
        for name, plain, at in legend
    )
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{drawn}</svg>'
        f"<figcaption><b>{escape(title)}</b>{keys}</figcaption></figure>"
    )
