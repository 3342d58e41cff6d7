"""Seeds lived one after the other, up to the first that breaks something."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mingqu.services.orders.chase_order import Errand
from mingqu.simulation.order_desk import Desk
from mingqu.simulation.order_world import OrderWorld
from mingqu.simulation.platform import DAYS, PlatformHistory
from mingqu.simulation.playhouse import Playhouse
from mingqu.simulation.stage import Stage
from mingqu.simulation.tally import BrokenError, Tally, told
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
    """Live through the history of each seed until one breaks something, be it by an error that nobody foresaw."""
    course = Course()
    for seed in seeds:
        one = history(seed)
        try:
            one.run()
        except BrokenError as broken:
            course.broke = _broke(seed, str(broken), one)
        except Exception as error:  # noqa: BLE001 (whatever it is, it has a seed, and whoever mends it wants that)
            course.broke = _broke(seed, told(error), one)
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


def live_platform(
    *,
    stage: Stage,
    seeds: Iterable[int],
    weather: Weather = BAD,
    days: int = DAYS,
    plant: Callable[[Playhouse], Playhouse] = lambda play: play,
    progress: Progress | None = None,
) -> Course:
    """Live through histories of the whole platform, each some days long; `plant` puts a mistake into the house."""
    return live(
        seeds=seeds,
        history=lambda seed: PlatformHistory(stage, seed, weather=weather, days=days, plant=plant),
        progress=progress,
    )


def _broke(seed: int, reason: str, one: History) -> Broke:
    return Broke(seed=seed, reason=reason, last_operations=tuple(one.tally.last_operations()))
