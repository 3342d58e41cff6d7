"""`mingqu close`: days closed, with a bar, and what was set aside named."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mingqu.cli.option import Day, data_option, json_option, say
from mingqu.cli.wiring import Wiring
from mingqu.services.close import close_day
from mingqu.services.close.close_cell import close_shared
from mingqu.services.close.close_day import WORKERS_MAX, Closed, close_through, open_cell_days
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.limits.follow_funding import follow_funding


@click.command(short_help="Close days: bills, overdue starts, accrual.")
@data_option
@click.option("--to", "to", type=Day(), metavar="DATE", help="The last day to close; by default yesterday.")
@click.option(
    "--workers",
    type=click.IntRange(1, WORKERS_MAX),
    default=1,
    show_default=True,
    help="How many cells to close at the same time.",
)
@click.option("--shared", is_flag=True, help="Leave the cells that a closer on another machine has claimed to it.")
@json_option
@click.pass_obj
def close(wiring: Wiring, data: Path, to: date | None, workers: int, shared: bool, as_json: bool) -> int:
    """Close days: bills, overdue starts, deductions to send, accrual; only loans with an event are touched.

    Missed days are closed in order; a closed day is left alone; killed anywhere, it goes on where it was. A loan that
    fails is set aside with the reason and the others go on; its day stays open, which is exit code 1. So is a cell that
    stops: the other cells go on.
    """
    started = time.monotonic()
    with wiring.live_house(data=data, makes_book=False) as house:
        last = to or house.clock.business_date() - timedelta(days=1)
        with _bar(cell_days=open_cell_days(house, to=last)) as tell:
            if shared:
                holder = f"{socket.gethostname()} {os.getpid()}"
                done = close_shared(house, to=last, holder=holder, workers=workers, progress=tell)
            else:
                done = close_through(house, to=last, workers=workers, progress=tell)
        follow_funding(house)
        checkpoint = publish_evidence(house)
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps(_told(done, evidence_root=checkpoint.root.hex(), seconds=seconds)))
    else:
        say(f"{done.cell_days} cell-days closed to {done.last_closed_on}, {done.loan_events} loans had an event")
        for each in done.set_aside:
            say(f"set aside: loan {each.loan_id} on {each.on}, {each.code} (tried {each.tries} times)")
        for one in done.stopped:
            say(f"cell {one.cell} stopped{f' on {one.on}' if one.on else ''}: {one.code}")
        for cell, on in done.unproved:
            say(f"cell {cell} on {on}: its groups are not the sum of its loans; `mingqu verify` says which")
        if done.set_aside:
            say("Their days stay open; all other loans go on. Mend the reason and close again.")
        if done.failed_chunks:
            say(f"{done.failed_chunks} chunks failed as a whole and were done loan by loan; the log says where")
    return 1 if done.set_aside or done.unproved or done.stopped else 0


def _told(done: Closed, *, evidence_root: str, seconds: float) -> dict[str, object]:
    return {
        "cell_days": done.cell_days,
        "loan_events": done.loan_events,
        "last_closed_on": done.last_closed_on.isoformat(),
        "set_aside": [
            {
                "cell": each.cell,
                "on": each.on.isoformat(),
                "loan_id": str(each.loan_id),
                "code": each.code,
                "tries": each.tries,
            }
            for each in done.set_aside
        ],
        "unproved": [{"cell": cell, "on": on.isoformat()} for cell, on in done.unproved],
        "stopped": [
            {"cell": one.cell, "on": one.on.isoformat() if one.on else None, "code": one.code} for one in done.stopped
        ],
        "failed_chunks": done.failed_chunks,
        "evidence_root": evidence_root,
        "seconds": seconds,
    }


@contextmanager
def _bar(*, cell_days: int) -> Iterator[close_day.Progress]:
    """Show how many cell-days are done, the loans a second, and the time left; only on a terminal."""
    columns = (
        TextColumn("closing [bold]{task.fields[day]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("close", total=max(cell_days, 1), day="", rate="")
        began, turn, loans = time.monotonic(), threading.Lock(), 0

        def tell(cell: int, on: date, more: int, done: bool) -> None:
            nonlocal loans
            with turn:
                loans += more
                rate = loans / max(time.monotonic() - began, 0.001)
                bar.update(
                    task, advance=int(done), day=f"{on} cell {cell}", rate=f"{loans:,} loans, {rate:,.0f} a second,"
                )

        yield tell
