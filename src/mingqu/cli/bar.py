"""A bar for what takes long: how far it is, how fast it goes, what is left; silent when nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Give a function that takes how many are done, of how many (None where nobody knows); on standard error."""
    console, started = Console(stderr=True), time.monotonic()
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(what, total=None, pace="")

        def step(done: int, total: int | None) -> None:
            pace = f"{done:,} · {done / max(0.001, time.monotonic() - started):,.0f} a second"
            shown.update(task, completed=done, total=total, pace=pace)

        yield step
