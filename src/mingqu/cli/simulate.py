"""`mingqu simulate`: seeded bad days, of orders in memory or of the whole platform; or a year to look around in."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import mingqu
from mingqu.cli.option import EXIT_FALSE, json_option
from mingqu.cli.wiring import Wiring
from mingqu.demo.tell import Teller
from mingqu.demo.year import YEAR_ENDS_ON, tell_year
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.loans.read_loan import paid_orders
from mingqu.simulation.course import Course, live_orders, live_platform
from mingqu.simulation.platform import DAYS
from mingqu.simulation.stage import open_stage
from mingqu.simulation.weather import Weather, read_weather

ORDERS, PLATFORM = "orders", "platform"
SEEDS: Final = {ORDERS: 1_000, PLATFORM: 10}  # some seconds of each
SEEDS_MAX: Final = 10_000_000
DAYS_MAX: Final = 400
_MEANING: Final = {
    "operations": "what was done",
    "faults": "what went wrong on purpose",
    "ends": "how orders ended",
    "refusals": "what was refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be lived through."""

    level: str
    seed: int
    seeds: int
    weather: Weather
    days: int

    def again(self, seed: int) -> str:
        """Return the command that lives through one seed once more."""
        days = f" --days {self.days}" if self.level == PLATFORM else ""
        return f"mingqu simulate --level {self.level} --seed {seed} --seeds 1{days} --faults {self.weather.written}"


@click.command(short_help="Live through seeded bad days, and prove that nothing breaks.")
@click.option(
    "--level",
    type=click.Choice((ORDERS, PLATFORM)),
    default=ORDERS,
    show_default=True,
    help="Orders in memory, or everything on a real database.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The first seed.")
@click.option(
    "--seeds",
    type=click.IntRange(1, SEEDS_MAX),
    help="How many, each another history; by default 1000 of orders, 10 of the platform.",
)
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=DAYS,
    show_default=True,
    help="Of the platform: how many days go wrong before all is well.",
)
@click.option(
    "--faults", default="all", show_default=True, metavar="LIST", help="What may go wrong: all, none, or names."
)
@click.option(
    "--story", type=click.Choice(("year",)), help="Instead: tell a year of a lender's life, to look around in."
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="With --story: keep the book here.")
@json_option
@click.pass_obj
def simulate(
    wiring: Wiring,
    level: str,
    seed: int,
    seeds: int | None,
    days: int,
    faults: str,
    story: str | None,
    data: Path | None,
    as_json: bool,
) -> int:
    """Live through histories in which channels, workers, sessions and clocks fail as a seed decides.

    Whatever was believed is compared with the bank's own book at each tick; then all is well, and everything must end.
    A seed that breaks something is named with its last operations and the command that repeats it: exit code 1.
    """
    if story is not None:
        return _tell_year(wiring, data=data, seed=seed, as_json=as_json)
    if data is not None:
        raise click.UsageError("--data goes with --story: a simulated book is gone when it ends.")
    asked = Asked(level=level, seed=seed, seeds=seeds or SEEDS[level], weather=read_weather(text=faults), days=days)
    started = time.monotonic()
    with _bar(asked) as step:
        course = _live(asked, step)
    seconds = max(0.001, time.monotonic() - started)
    if as_json:
        click.echo(json.dumps(report_of(asked, course, seconds=seconds), ensure_ascii=False))
    else:
        print_course(asked, course, seconds=seconds)
    return 0 if course.broke is None else EXIT_FALSE


def _live(asked: Asked, step: Callable[[int], None]) -> Course:
    chosen = range(asked.seed, asked.seed + asked.seeds)
    if asked.level == ORDERS:
        return live_orders(seeds=chosen, weather=asked.weather, progress=step)
    with open_stage() as stage:
        return live_platform(stage=stage, seeds=chosen, weather=asked.weather, days=asked.days, progress=step)


def report_of(asked: Asked, course: Course, *, seconds: float) -> dict[str, Any]:
    """Return a course as one JSON value."""
    counts, broke = course.tally.counts(), course.broke
    return {
        "level": asked.level,
        "seed": asked.seed,
        "seeds": course.seeds,
        "days": asked.days if asked.level == PLATFORM else None,
        "faults": list(asked.weather.names),
        "operations": counts["operations"],
        "faults_met": counts["faults"],
        "ends": counts["ends"],
        "refusals": counts["refusals"],
        "version": mingqu.__version__,
        "commit": _commit(),
        "broke": None if broke is None else {**asdict(broke), "again": asked.again(broke.seed)},
        "seconds": round(seconds, 3),
        "seeds_a_minute": round(60 * course.seeds / seconds),
    }


def print_course(asked: Asked, course: Course, *, seconds: float) -> None:
    """Say what came of it: how much was tried, what went wrong on purpose, and what went wrong."""
    console, pace = Console(highlight=False), round(60 * course.seeds / seconds)
    what = "orders" if asked.level == ORDERS else f"the platform, {asked.days} days each,"
    console.print(
        f"{course.seeds:,} seeds of {what} from seed {asked.seed} on, faults {asked.weather.written}: "
        f"{seconds:.1f} s, {pace:,} seeds a minute."
    )
    for kind, found in course.tally.counts().items():
        if found:
            console.print(f"[bold]{_MEANING[kind]}[/]")
            told = Columns([f"{name} {count:,}" for name, count in found.items()], padding=(0, 3))
            console.print(Padding(told, (0, 0, 0, 2)))
    broke = course.broke
    if broke is None:
        console.print("[green]Nothing broke, and everything ended.[/]")
        return
    console.print(f"[red]Seed {broke.seed} broke:[/] {broke.reason}", markup=True, soft_wrap=True)
    console.print(f"mingqu {mingqu.__version__}, commit {_commit() or 'unknown'}. The last operations:")
    for line in broke.last_operations:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print(f"Again: {asked.again(broke.seed)}", markup=False, soft_wrap=True)


def _commit() -> str | None:
    """Return the commit that the program is run from, if it is run from a clone and git is there to say."""
    folder = Path(mingqu.__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        said = subprocess.run(  # noqa: S603 (our own words)
            ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"],  # noqa: S607 (whichever git is on the path)
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return said.stdout.strip() or None


@contextmanager
def _bar(asked: Asked) -> Iterator[Callable[[int], None]]:
    """Show how many seeds are done, how many go into a minute, and the time left; only on a terminal."""
    columns = (
        TextColumn("seeds of {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    console, started = Console(stderr=True), time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(asked.level, total=asked.seeds, pace="preparing")

        def step(done: int) -> None:
            pace = f"{60 * done / max(0.001, time.monotonic() - started):,.0f} a minute"
            bar.update(task, completed=done, pace=pace)

        yield step


def _tell_year(wiring: Wiring, *, data: Path | None, seed: int, as_json: bool) -> int:
    """Tell a year into a new book, prove it, and say how to look at it."""
    started, teller = time.monotonic(), Teller(Console(stderr=as_json, highlight=False))
    with wiring.online_world(data=data, seed=seed) as world:
        loans = tell_year(world, teller, ends_on=YEAR_ENDS_ON)
        now = world.house.clock.now()
        proved = verify_book(database=world.house.database, keyring=world.house.keyring)
        if not paid_orders(world.house).items() <= dict(world.paid_out_by_bank()).items():
            proved.findings[5].append("the counterparties did not move what the book has as paid")
        if data is not None:
            wiring.remember_clock(data=data, now=now)
    teller.proofs(proved)
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps({"loans": loans, "ends_on": now.date().isoformat(), "proofs": proved.proofs,
                               "seconds": seconds}))  # fmt: skip
    elif data is not None:
        teller.note(f"{seconds:.1f} s. Next: mingqu serve --guide --data {data}; mingqu verify --data {data}.")
    return 0 if proved.all_hold else EXIT_FALSE
