"""Seeds lived one after the other, up to the first that breaks something."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mingqu.services.chase_order import Errand
from mingqu.simulation.order_desk import Desk
from mingqu.simulation.order_world import OrderWorld
from mingqu.simulation.tally import BrokenError, Tally
from mingqu.simulation.weather import BAD, Weather

Progress = Callable[[int], None]  # told how many seeds are done


class History(Protocol):
    """One seed's history."""

    tally: Tally

    def run(self) -> None:
        """Live through it. Errors: BrokenError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Broke:
    """The first seed that broke something: what, and what was done last."""

    seed: int
    reason: str
    last_operations: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Course:
    """What came of some seeds; `broke` is None when all of them went well."""

    seeds: int = 0
    tally: Tally = field(default_factory=Tally)
    broke: Broke | None = None


def live(*, seeds: Iterable[int], history: Callable[[int], History], progress: Progress | None = None) -> Course:
    """Live through the history of each seed until one breaks something.

    A bug that shows as any other error breaks the seed as well: it is raised with the seed named.
    """
    course = Course()
    for seed in seeds:
        one = history(seed)
        try:
            one.run()
        except BrokenError as broken:
            course.broke = Broke(seed=seed, reason=str(broken), last_operations=tuple(one.tally.last_operations()))
        course.seeds += 1
        course.tally.add(one.tally)
        if progress is not None:
            progress(course.seeds)
        if course.broke is not None:
            break
    return course


def live_orders(
    *,
    seeds: Iterable[int],
    weather: Weather = BAD,
    desk: Callable[[], Desk] = Desk,
    errand: Callable[[Errand], Errand] = lambda errand: errand,
    progress: Progress | None = None,
) -> Course:
    """Live through histories of orders in memory; a mistake is planted as another `desk` or another `errand`."""
    return live(
        seeds=seeds,
        history=lambda seed: OrderWorld(seed, desk=desk, errand=errand, weather=weather),
        progress=progress,
    )
