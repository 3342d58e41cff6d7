"""Many applications decided at once, in columns: the same answers as `decide`, without reasons' words and records.

Numbers are int64, one column for each person; a value that is missing has its mark beside it. Every step is the one of
`decide.decide_with`: points, band, policy rows, limit, price. A property holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import Card
from mingqu.domain.decision.field import Vector
from mingqu.domain.decision.grid import Grid
from mingqu.domain.decision.row import Row
from mingqu.domain.decision.strategy import Strategy

Column: TypeAlias = "NDArray[np.int64]"
Marks: TypeAlias = "NDArray[np.bool_]"

NO_OFFER: Final = "no_offer"  # the row of a refusal that no row of the table made, as in a record
NOT_PRICED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Inputs as tables read them: `numbers` and `missing` are fields × people; a missing number stands as 0."""

    numbers: Column
    missing: Marks

    @property
    def people(self) -> int:
        """How many people there are."""
        return int(self.numbers.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What one strategy says of many people; each array has one entry for each of them.

    `decided` is false where the card has no value that it needs: `decide` would refuse to answer, and so all else is
    empty there. `hits` are the rows of the policy (in its order) × people, then one more for `NO_OFFER`. `rates` and
    `limits` are products (of `product_ids`) × people: the yearly rate in ppm, NOT_PRICED without an offer; fen.
    """

    strategy: Strategy
    decided: Marks
    approved: Marks
    score: Column
    band: Column
    probability_ppm: Column
    limit_fen: Column
    hits: Marks
    product_ids: tuple[str, ...]
    rates: Column
    limits: Column

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of `hits`."""
        return (*(row.id for row in self.strategy.policy.rows), NO_OFFER)

    def rate_year_ppm(self) -> Column:
        """Return the lowest rate that each person is offered, NOT_PRICED without an offer."""
        if not len(self.rates):
            return np.full(len(self.decided), NOT_PRICED, dtype=np.int64)
        highest = np.iinfo(np.int64).max
        lowest: Column = np.where(self.rates == NOT_PRICED, highest, self.rates).min(axis=0)
        return np.where(lowest == highest, NOT_PRICED, lowest)


def columns_of(*, vectors: Sequence[Vector]) -> Columns:
    """Return what `Fields.read` gave for several people as columns."""
    assert vectors, "no people, no columns"
    try:
        numbers = np.array(vectors, dtype=np.int64).T
    except TypeError:  # somewhere a value is missing
        missing = np.array([[value is None for value in vector] for vector in vectors]).T
        filled = [[0 if value is None else value for value in vector] for vector in vectors]
        return Columns(numbers=np.array(filled, dtype=np.int64).T, missing=missing)
    return Columns(numbers=numbers, missing=np.zeros(numbers.shape, dtype=np.bool_))


def decide_many(*, columns: Columns, strategy: Strategy) -> Verdicts:
    """Return what `decide_with` says of each person. No error: whom the card cannot read is not `decided`."""
    score, decided = _scores(strategy, columns)
    card = strategy.card
    probability_ppm = np.array(card.probability_ppm, dtype=np.int64)[score - card.score_min]
    places = np.array([strategy.band_places[name] for name in card.bands], dtype=np.int64)
    band = places[np.searchsorted(np.array(card.band_cuts, dtype=np.int64), score, side="right")]
    # The order of COMPUTED: band, score, probability_ppm.
    numbers = np.vstack([columns.numbers, band, score, probability_ppm])
    missing = np.vstack([columns.missing, np.zeros((3, columns.people), dtype=np.bool_)])
    hits = [_hit(row, numbers, missing) for row in strategy.policy.rows]
    refused = np.logical_or.reduce(hits) if hits else np.zeros(columns.people, dtype=np.bool_)
    limit_fen, rates, limits = _priced(strategy, numbers, decided & ~refused)
    approved = decided & ~refused & (rates != NOT_PRICED).any(axis=0)
    hits.append(~refused & ~approved)
    return Verdicts(
        strategy=strategy,
        decided=decided,
        approved=approved,
        score=score,
        band=band,
        probability_ppm=probability_ppm,
        limit_fen=np.where(approved, limit_fen, 0),
        hits=np.stack(hits) & decided,
        product_ids=tuple(offer.product.id for offer in strategy.offers),
        rates=rates,
        limits=limits,
    )


def _scores(strategy: Strategy, columns: Columns) -> tuple[Column, Marks]:
    """Return everybody's points, and who has every value that the card needs; the others get its lowest score."""
    card: Card = strategy.card
    places = strategy.pick_card(tuple(range(len(columns.numbers))))
    total = np.full(columns.people, card.base_points, dtype=np.int64)
    decided = np.ones(columns.people, dtype=np.bool_)
    for variable, cuts, points, at in zip(card.variables, card.cuts, card.points, places, strict=True):
        assert at is not None, "places are numbers"
        bins = np.searchsorted(np.array(cuts, dtype=np.int64), columns.numbers[at], side="left")
        gained = np.array(points, dtype=np.int64)[bins]
        gaps = columns.missing[at]
        if gaps.any():
            gained = np.where(gaps, variable.missing or 0, gained)
            decided &= ~gaps if variable.missing is None else True
        total += gained
    return np.where(decided, total, card.score_min), decided


def _hit(row: Row, numbers: Column, missing: Marks) -> Marks:
    """Return whom a row hits: every cell admits the value; a missing value is admitted by none."""
    found = np.ones(numbers.shape[1], dtype=np.bool_)
    for at, spans in row.cells:
        value = numbers[at]
        inside = np.zeros(len(value), dtype=np.bool_)
        for low, high in spans:
            inside |= (low <= value) & (value <= high)
        found &= inside & ~missing[at]
    return found


def _cells(grid: Grid, numbers: Column) -> Column:
    """Return the value of each person's cell, NOT_PRICED where it is not offered."""
    place = np.zeros(numbers.shape[1], dtype=np.int64)
    for axis in grid.axes:
        value = numbers[axis.at]
        at = np.searchsorted(np.array(axis.cuts, dtype=np.int64), value, side="right") if axis.cuts else value
        place = place * axis.size + at
    cells = np.array([NOT_PRICED if cell is None else cell for cell in grid.cells], dtype=np.int64)
    found: Column = cells[place]
    return found


def _priced(strategy: Strategy, numbers: Column, served: Marks) -> tuple[Column, Column, Column]:
    """Return the total limits, and rates and limits of each product; nothing for who is not served."""
    left_fen = strategy.exposure_fen_max - numbers[strategy.exposure_at]
    total_fen = np.maximum(0, np.minimum(_cells(strategy.limits, numbers), left_fen))
    shape = (len(strategy.offers), numbers.shape[1])
    rates, limits = np.full(shape, NOT_PRICED, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for at, offer in enumerate(strategy.offers):
        limit_fen = np.minimum(total_fen, offer.amount_max_fen)
        limit_fen -= limit_fen % offer.product.amount_step_fen  # rounded down to what can be drawn
        cell = _cells(offer.prices, numbers)
        offered = served & (cell != NOT_PRICED) & (limit_fen >= offer.product.amount_min_fen)
        rates[at] = np.where(offered, cell, NOT_PRICED)
        limits[at] = np.where(offered, limit_fen, 0)
    return total_fen, rates, limits
