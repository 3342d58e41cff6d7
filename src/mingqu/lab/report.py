"""The report of a card: one self-contained Markdown page that names sample, quality, bands, bins and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mingqu.domain.decision.card import PPM, Card, Variable
from mingqu.lab.sample import Sample
from mingqu.lab.stump import bins_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLine:
    """One band: cases and bad cases in the sample."""

    name: str
    score_min: int
    cases: int
    bads: int


def band_lines(*, card: Card, scores: Sequence[int], bad: Sequence[bool]) -> tuple[BandLine, ...]:
    """Return the bands from best to worst with their cases."""
    at = np.searchsorted(np.array(card.band_cuts), np.array(scores), side="right")
    cases = np.bincount(at, minlength=len(card.bands))
    bads = np.bincount(at[np.array(bad)], minlength=len(card.bands))
    starts = (card.score_min, *card.band_cuts)
    return tuple(
        BandLine(name=card.bands[place], score_min=starts[place], cases=int(cases[place]), bads=int(bads[place]))
        for place in reversed(range(len(card.bands)))
    )


def card_report(*, card: Card, sample: Sample, bands: Sequence[BandLine], measures: Mapping[str, float]) -> str:
    """Return the report as Markdown."""
    lines = [
        f"# Points card {card.id}, version {card.version}",
        "",
        f"Hash `{card.hash}`. Trained by `python -m mingqu.lab.train`; the same file gives the same hash.",
        "",
        f"> {card.attribution}",
        "",
        "## Sample and quality",
        "",
        "| what | value |",
        "|---|---:|",
        f"| cases | {len(sample.bad):,} |",
        f"| bad | {int(sample.bad.sum()):,} ({_percent(int(sample.bad.sum()), len(sample.bad))}) |",
        f"| sample SHA-256 | `{sample.sha256[:16]}…` |",
        *(f"| {name.replace('_', ' ')} | {value:.4f} |" for name, value in measures.items()),
        "",
        "Test: the mean of five folds, each trained, compiled, merged and rounded on four, measured on the fifth.",
        "",
        "Left out of the card:",
        "",
        *(f"- `{name}`: {why}" for name, why in sample.left_out),
        "",
        "## Bands",
        "",
        "| band | from score | cases | bad rate |",
        "|---|---:|---:|---:|",
        *(f"| {one.name} | {one.score_min} | {one.cases:,} | {_percent(one.bads, one.cases)} |" for one in bands),
        "",
        "The lowest score of all begins the worst band. A case is one row of the sample.",
        "",
        f"## Points (base {card.base_points}; more is better)",
        "",
    ]
    for variable in card.variables:
        lines += _variable(variable, sample)
    return "\n".join(lines).rstrip() + "\n"


def _variable(variable: Variable, sample: Sample) -> list[str]:
    at = [feature.name for feature in sample.features].index(variable.name)
    column = sample.values[:, at]
    present = np.isfinite(column)
    place = bins_of(cuts=np.array(variable.cuts, dtype=np.int64), column=column[present])
    cases = np.bincount(place, minlength=len(variable.points))
    bads = np.bincount(place[sample.bad[present]], minlength=len(variable.points))
    edges = ["…", *(f"{cut:,}" for cut in variable.cuts), "…"]
    rows = [
        f"| > {low} to {high} | {points} | {int(count):,} | {_percent(int(bad), int(count))} |"
        for low, high, points, count, bad in zip(edges[:-1], edges[1:], variable.points, cases, bads, strict=True)
    ]
    if variable.missing is not None:
        rows.append(f"| missing | {variable.missing} | {int((~present).sum()):,} | |")
    return [
        f"### {variable.name}: {variable.reason_en} ({variable.reason_zh})",
        "",
        f"Risk {variable.direction} with the value." if variable.direction != "free" else "No direction is imposed.",
        "",
        "| value | points | cases | bad rate |",
        "|---|---:|---:|---:|",
        *rows,
        "",
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "–"


def micro(value: float) -> int:
    """Return a measure between 0 and 1 in ppm, as cards keep it: no float enters a card."""
    return int(np.rint(value * PPM))
