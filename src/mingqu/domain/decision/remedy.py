"""What would change the answer: the smallest changes a person can make, each proved by deciding again with it.

The outcome of the tables can change only where a cell of a row, a cut of a grid or of the card, or the amount that the
ceiling leaves lies, so only those values are tried. Fewer changes come before more; of equally many, the cheaper ones
by the costs of the file. A combination that contains one already found is not shown. Waiting counts as a change and
moves what is known of the person by the declared ageing; it is tried with the same policies as they will stand on that
day, so products that end are not promised. Remedies are a function of a decision's own record: a replay finds the same.

Worked example: six lenders where four are allowed, and nothing else: one change, settle two. With the bill also three
months late and a waiting time of 90 days: settle two, and pay every bill until that day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, product
from typing import Final, NamedTuple

from mingqu.domain.decision.decide import Outlook, outlook
from mingqu.domain.decision.field import COMPUTED, Value, Vector
from mingqu.domain.decision.lever import WAIT, Guide, Lever, day_after, worded
from mingqu.domain.decision.record import Decision, ProductPrice
from mingqu.domain.decision.strategy import Strategy

REMEDIES_MAX: Final = 3  # More ways out than this are not a help but a riddle.
PARTS_MAX: Final = 4  # A person who must change five things at once is better served by the reasons and by people.
# Decisions tried in one search, about ten microseconds each: a page may take 50 ms.
TRIES_MAX: Final = 4_000

Goal = Callable[[Outlook], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing to do. `field` is empty and `needed` the day for waiting; `by` is the difference, None for a flag."""

    field: str
    action: str
    now: Value
    needed: Value
    by: int | None
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Changes that together change the answer, the first day on which to apply, and what then comes out."""

    changes: tuple[Change, ...]
    on: date
    limit_fen: int
    prices: tuple[ProductPrice, ...]


class _Move(NamedTuple):
    """A lever with the value it is moved to, or waiting (no lever) with its days."""

    lever: Lever | None
    to: int
    rank: int


def remedies(*, decision: Decision) -> tuple[Remedy, ...]:
    """Return up to three remedies of a refusal, the easiest first; none for an approval, or when nothing helps.

    Without any of its changes (the waiting that the refusal itself asks for aside) a remedy would not help.
    """
    guide = decision.strategy.guide
    if decision.approved or guide is None:
        return ()
    days = max(((one.retry_on - decision.business_date).days for one in decision.reasons if one.retry_on), default=0)
    return _Search(decision, guide, days, lambda found: bool(found.prices), PARTS_MAX).run()


def improvements(*, decision: Decision) -> tuple[Remedy, ...]:
    """Return up to three single changes by which an approval would have a higher limit or a lower price, none worse."""
    guide = decision.strategy.guide
    if not decision.approved or guide is None:
        return ()
    rates = {price.product_id: price.rate_year_ppm for price in decision.prices}

    def better(found: Outlook) -> bool:
        after = {price.product_id: price.rate_year_ppm for price in found.prices}
        if found.limit_fen < decision.limit_fen or any(
            after.get(name, rate + 1) > rate for name, rate in rates.items()
        ):
            return False
        return found.limit_fen > decision.limit_fen or after != rates

    return _Search(decision, guide, 0, better, 1).run()


class _Search:
    """One search; `days` is how long the refusal asks to wait anyway."""

    def __init__(self, decision: Decision, guide: Guide, days: int, goal: Goal, parts: int) -> None:
        self.decision, self.guide, self.days, self.goal, self.parts = decision, guide, days, goal, parts
        self.tries = 0
        self.later: dict[int, tuple[Strategy, Vector]] = {0: (decision.strategy, decision.numbers)}
        waits = [guide.step_days * step for step in range(1, guide.steps_max + 1)]
        self.waits = [_Move(None, day, rank) for rank, day in enumerate(day for day in waits if day > days)]

    def run(self) -> tuple[Remedy, ...]:
        """Search by number of changes, then by cost."""
        if self.goal(self._tried(())):
            return (self._remedy(()),)  # the waiting that was asked for is all it takes
        choices = [self.waits, *([*_moves(self.decision, lever)] for lever in self.guide.levers)]
        choices = [moves for moves in choices if moves]
        found: list[tuple[frozenset[int], Remedy]] = []
        for parts in range(1, self.parts + 1):
            sets = sorted(
                combinations(range(len(choices)), parts), key=lambda one: self._cost([choices[at] for at in one])
            )
            for one in sets:
                wanted = frozenset(one)
                if len(found) == REMEDIES_MAX or any(before <= wanted for before, _ in found):
                    continue
                chosen = [choices[at] for at in one]
                if self._touches_all(chosen) and (moves := self._first(chosen)) is not None:
                    found.append((wanted, self._remedy(moves)))
        return tuple(remedy for _, remedy in found)

    def _cost(self, chosen: Sequence[Sequence[_Move]]) -> int:
        return sum(self.guide.cost if moves[0].lever is None else moves[0].lever.cost for moves in chosen)

    def _touches_all(self, chosen: Sequence[Sequence[_Move]]) -> bool:
        """Whether each row that was hit reads a field which one of these moves, directly or through the card."""
        strategy = self.decision.strategy
        moved = {moves[0].lever.field.name for moves in chosen if moves[0].lever is not None}
        if self.days or any(moves[0].lever is None for moves in chosen):
            moved |= {strategy.fields.names[rule.at] for rule in self.guide.ageing}
        if moved & {variable.name for variable in strategy.card.variables}:
            moved |= set(COMPUTED)
        boxes = {row.id: row.box for row in strategy.policy.rows}
        return all(one.row not in boxes or moved & set(boxes[one.row]) for one in self.decision.reasons)

    def _first(self, chosen: Sequence[Sequence[_Move]]) -> tuple[_Move, ...] | None:
        """Return the smallest moves of these levers that reach the goal, by the sum of their ranks."""
        for moves in sorted(product(*chosen), key=lambda one: sum(move.rank for move in one)):
            if self.tries >= TRIES_MAX:
                return None
            if self.goal(self._tried(moves)):
                return moves
        return None

    def _at(self, moves: Sequence[_Move]) -> tuple[int, Strategy, Vector]:
        """Return the days waited, the policies of that day, and the inputs after waiting and moving."""
        days = max([self.days, *(move.to for move in moves if move.lever is None)])
        if days not in self.later:
            day = day_after(start=self.decision.business_date, days=days)
            aged = self.guide.aged(numbers=self.decision.numbers, days=days)
            self.later[days] = self.decision.strategy.later(day=day), aged
        strategy, numbers = self.later[days]
        changed = list(numbers)
        for move in moves:
            if move.lever is not None:
                changed[move.lever.at] = move.to
        return days, strategy, tuple(changed)

    def _tried(self, moves: Sequence[_Move]) -> Outlook:
        self.tries += 1
        _, strategy, numbers = self._at(moves)
        return outlook(strategy=strategy, numbers=numbers)

    def _remedy(self, moves: Sequence[_Move]) -> Remedy:
        days, strategy, numbers = self._at(moves)
        reached = outlook(strategy=strategy, numbers=numbers)
        changes = [self._change(move.lever, move.to) for move in moves if move.lever is not None]
        if days:
            changes.append(_waiting(self.guide, strategy.business_date))
        return Remedy(
            changes=tuple(changes), on=strategy.business_date, limit_fen=reached.limit_fen, prices=reached.prices
        )

    def _change(self, lever: Lever, to: int) -> Change:
        field, was = lever.field, self.decision.numbers[lever.at]
        assert was is not None, "levers stand on mandatory fields only"
        now, needed, by = field.written(was), field.written(to), abs(to - was)
        return Change(
            field=field.name,
            action=lever.action,
            now=now,
            needed=needed,
            by=None if isinstance(now, bool | str) else by,
            text_zh=worded(lever.text_zh, field=field, now=now, needed=needed, by=by, day=None),
            text_en=worded(lever.text_en, field=field, now=now, needed=needed, by=by, day=None),
        )


def _waiting(guide: Guide, day: date) -> Change:
    return Change(
        field="",
        action=WAIT,
        now=None,
        needed=day.isoformat(),
        by=None,
        text_zh=worded(guide.text_zh, field=None, now=None, needed=None, by=None, day=day),
        text_en=worded(guide.text_en, field=None, now=None, needed=None, by=None, day=day),
    )


def _moves(decision: Decision, lever: Lever) -> Iterator[_Move]:
    """Yield the values worth trying, the nearest first: those at which some table may answer otherwise."""
    was, field = decision.numbers[lever.at], lever.field
    assert was is not None, "levers stand on mandatory fields only"
    values = set()
    for edge in _edges(decision.strategy, lever):
        away = (edge - was) if lever.rises else (was - edge)
        if away > 0:
            by = -(-away // lever.step) * lever.step  # rounded up to whole steps, so that the change is enough
            to = was + by if lever.rises else was - by
            values.add(min(max(to, field.least), field.most) if field.least <= edge <= field.most else was)
    for rank, to in enumerate(sorted(values - {was}, key=lambda value: abs(value - was))):
        yield _Move(lever, to, rank)


def _edges(strategy: Strategy, lever: Lever) -> set[int]:
    name = lever.field.name
    spans = [span for row in strategy.policy.rows for span in row.box.get(name, ())]
    found = {edge for low, high in spans for edge in (low - 1, low, high, high + 1)}
    for grid in (strategy.limits, *(offer.prices for offer in strategy.offers)):
        found |= {edge for axis in grid.axes if axis.field == name for cut in axis.cuts for edge in (cut - 1, cut)}
    for variable in strategy.card.variables:
        if variable.name == name:
            found |= {edge for cut in variable.cuts for edge in (cut, cut + 1)}
    if lever.at == strategy.exposure_at:
        wanted = {amount for one in strategy.offers for amount in (one.product.amount_min_fen, one.amount_max_fen)}
        found |= {
            strategy.exposure_fen_max - amount for amount in wanted | {cell or 0 for cell in strategy.limits.cells}
        }
    return found
