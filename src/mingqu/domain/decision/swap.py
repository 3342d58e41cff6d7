"""What a draft would have changed: counts, money and price by segment, who changes sides, and fairness.

All sums are whole numbers. Expected loss is probability × limit of everybody approved, summed exactly in millionths of
a fen and rounded half up to fen once at the end. Rates and averages are ppm, rounded half up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mingqu.domain.decision.what_if import NOT_PRICED, Column, Columns, Marks, Verdicts
from mingqu.domain.money import Rounding, divide

PPM: Final = 1_000_000
# A group with fewer people says more about them than about the policy, so its ratio is not shown.
GROUP_PEOPLE_MIN: Final = 30
# Four fifths: the rule of thumb of 29 CFR 1607.4 D for a rate of selection that asks for an explanation.
FAIR_RATIO_PPM_MIN: Final = 800_000
AGE_CUTS: Final = (25, 35, 45, 55)
INCOME_CUTS_FEN: Final = (200_000, 400_000, 600_000, 1_000_000, 2_000_000)
AGE, INCOME, BAND, MONTH, PRODUCT, ALL = "age", "income", "band", "month", "product", "all"


@dataclass(slots=True, kw_only=True)
class Side:
    """Sums of one side over those it approved: limits in fen, expected loss as whole and millionths of fen."""

    approved: int = 0
    limit_fen: int = 0
    loss_fen: int = 0
    loss_millionths: int = 0
    rate_sum_ppm: int = 0

    def add(self, approved: Marks, probability_ppm: Column, limit_fen: Column, rate_ppm: Column) -> None:
        """Take these people in. A limit is split at a million fen, so that no product leaves int64."""
        probability, limit = probability_ppm[approved], limit_fen[approved]
        self.approved += len(limit)
        self.limit_fen += int(limit.sum())
        self.loss_fen += int((probability * (limit // PPM)).sum())
        self.loss_millionths += int((probability * (limit % PPM)).sum())
        self.rate_sum_ppm += int(rate_ppm[approved].sum())

    @property
    def expected_loss_fen(self) -> int:
        """Probability × limit in fen. Example: 50,000 ppm × 1,000,010 fen = 50,000.5, so 50,001."""
        return self.loss_fen + divide(self.loss_millionths, PPM, Rounding.HALF_UP)

    @property
    def rate_mean_ppm(self) -> int | None:
        """The mean of the lowest yearly rates that the approved are offered; None when nobody is."""
        return divide(self.rate_sum_ppm, self.approved, Rounding.HALF_UP) if self.approved else None


@dataclass(slots=True, kw_only=True)
class Group:
    """One segment on both sides; `people` are all in it, approved or not."""

    people: int = 0
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)


@dataclass(slots=True, kw_only=True)
class Swapped:
    """Who changes sides: how many, what they are worth (on the side that approves), and which rows made it so.

    A person whom several rows refuse counts in each.
    """

    side: Side = field(default_factory=Side)
    rows: Counter[str] = field(default_factory=Counter)

    @property
    def people(self) -> int:
        """How many."""
        return self.side.approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Fair:
    """One protected group: how many, and on each side its approval divided by the best group's, in ppm."""

    group: str
    people: int
    ratio_before_ppm: int
    ratio_after_ppm: int

    @property
    def flagged(self) -> bool:
        """Whether the draft leaves the group below four fifths of the best one."""
        return self.ratio_after_ppm < FAIR_RATIO_PPM_MIN


@dataclass(slots=True, kw_only=True)
class Tally:
    """Everything counted so far. `undecided_…`: people whom that side's card cannot read; they are in no group."""

    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    swap_in: Swapped = field(default_factory=Swapped)
    swap_out: Swapped = field(default_factory=Swapped)
    rows_before: Counter[str] = field(default_factory=Counter)
    rows_after: Counter[str] = field(default_factory=Counter)
    undecided_before: int = 0
    undecided_after: int = 0

    def group(self, segment: str, name: str) -> Group:
        """Return a group, made when it is met first."""
        return self.groups.setdefault((segment, name), Group())

    def segment(self, segment: str) -> dict[str, Group]:
        """Return the groups of a segment in order of name, bands and ranges as they run."""
        found = {name: one for (kind, name), one in self.groups.items() if kind == segment}
        return {name: found[name] for name in sorted(found, key=_order)}

    def add(self, *, columns: Columns, before: Verdicts, after: Verdicts, month: str) -> None:
        """Take a batch of one month in: what both sides said of the same people, and the `before` side's inputs."""
        self.undecided_before += int((~before.decided).sum())
        self.undecided_after += int((~after.decided).sum())
        both = before.decided & after.decided
        for segment, codes, names in _segments(columns, before, month):
            for code in np.unique(codes[both]).tolist():
                self._sides(segment, names[code], both & (codes == code), before, after)
        for product in sorted({*before.product_ids, *after.product_ids}):
            self._product(product, both, before, after)
        _swap(self.swap_in, both & ~before.approved & after.approved, worth=after, refused=before)
        _swap(self.swap_out, both & before.approved & ~after.approved, worth=before, refused=after)
        for rows, side in ((self.rows_before, before), (self.rows_after, after)):
            rows.update(_hits(side, both))

    def _sides(self, segment: str, name: str, who: Marks, before: Verdicts, after: Verdicts) -> None:
        group = self.group(segment, name)
        group.people += int(who.sum())
        for side, said in ((group.before, before), (group.after, after)):
            side.add(who & said.approved, said.probability_ppm, said.limit_fen, said.rate_year_ppm())

    def _product(self, product: str, both: Marks, before: Verdicts, after: Verdicts) -> None:
        group = self.group(PRODUCT, product)
        group.people += int(both.sum())
        for side, said in ((group.before, before), (group.after, after)):
            if product in said.product_ids:
                at = said.product_ids.index(product)
                offered = both & (said.rates[at] != NOT_PRICED)
                side.add(offered, said.probability_ppm, said.limits[at], said.rates[at])

    def fairness(self, *, segment: str = AGE) -> tuple[Fair, ...]:
        """Return approval ÷ the best shown group's for each group of at least GROUP_PEOPLE_MIN people."""
        shown = {
            name: one for name, one in self.segment(segment).items() if one.people >= GROUP_PEOPLE_MIN and name != NONE
        }
        before = _ratios({name: (one.before.approved, one.people) for name, one in shown.items()})
        after = _ratios({name: (one.after.approved, one.people) for name, one in shown.items()})
        return tuple(
            Fair(group=name, people=one.people, ratio_before_ppm=before[name], ratio_after_ppm=after[name])
            for name, one in shown.items()
        )


NONE: Final = "not known"


def _ratios(shares: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Return each share ÷ the greatest, in ppm, half up. Example: 3 of 10 beside 5 of 10: 600,000.

    Where nobody at all is approved, all are treated alike: a million for each.
    """
    best = (0, 1)
    for share in shares.values():
        if share[0] * best[1] > best[0] * share[1]:
            best = share
    if not best[0]:
        return dict.fromkeys(shares, PPM)
    return {
        name: divide(PPM * many * best[1], people * best[0], Rounding.HALF_UP)
        for name, (many, people) in shares.items()
    }


def _swap(swapped: Swapped, who: Marks, *, worth: Verdicts, refused: Verdicts) -> None:
    swapped.side.add(who, worth.probability_ppm, worth.limit_fen, worth.rate_year_ppm())
    swapped.rows.update(_hits(refused, who))


def _hits(said: Verdicts, who: Marks) -> dict[str, int]:
    counts = (said.hits & who).sum(axis=1).tolist()
    return {name: many for name, many in zip(said.rows, counts, strict=True) if many}


def _segments(columns: Columns, before: Verdicts, month: str) -> list[tuple[str, Column, list[str]]]:
    """Return each segment as the code of everybody's group in it, and the groups' names."""
    fields = before.strategy.fields
    nobody = np.zeros(columns.people, dtype=np.int64)
    band = fields.named(BAND)
    assert band is not None, "fields without the card's fields are refused at load"
    found = [(ALL, nobody, [ALL]), (MONTH, nobody, [month]), (BAND, before.band, list(band.choices))]
    for segment, name, cuts in ((AGE, "age_years", AGE_CUTS), (INCOME, "monthly_income_fen", INCOME_CUTS_FEN)):
        at = fields.place.get(name)
        names = [*_ranges(cuts), NONE]
        codes = np.full(columns.people, len(cuts) + 1, dtype=np.int64)
        if at is not None:
            ranges = np.searchsorted(np.array(cuts, dtype=np.int64), columns.numbers[at], side="right")
            codes = np.where(columns.missing[at], codes, ranges)
        found.append((segment, codes, names))
    return found


def _ranges(cuts: tuple[int, ...]) -> list[str]:
    """Return the names of ranges as they run. Example: (25, 35): "0 to 24", "25 to 34", "35 and more"."""
    ends = [f"{low} to {high - 1}" for low, high in zip((0, *cuts), cuts, strict=False)]
    return [*ends, f"{cuts[-1]} and more"]


def _order(name: str) -> tuple[int, str]:
    """Return what ranges are sorted by: the number they begin with; other names follow in order of letters."""
    first = name.split(" ")[0]
    return (int(first) if first.isdigit() else _LAST, name)


_LAST: Final = 10**15  # beyond the beginning of any range
