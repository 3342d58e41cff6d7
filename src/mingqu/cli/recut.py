"""`mingqu recut`: the same book in another number of cells."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
from rich.console import Console

from mingqu.cli.option import data_option, json_option, say
from mingqu.cli.wiring import Wiring
from mingqu.demo.tell import Teller


@click.command(short_help="Cut a book into another number of cells, offline.")
@data_option
@click.option("--cells", required=True, type=int, help="How many cells the book is to have, 1 to 1,024.")
@json_option
@click.pass_obj
def recut(wiring: Wiring, data: Path, cells: int, as_json: bool) -> int:
    """Cut a book into another number of cells: in one transaction, while nobody else is connected, all cells closed to
    one day. The whole book is proved before it is committed; back it up first all the same.
    """
    started = time.monotonic()
    tell = Teller(Console(stderr=True, highlight=False))
    with tell.progress("telling loans again", 1) as step:
        done = wiring.recut(data=data, cells=cells, progress=lambda of, total: step(f"{of:,} of {total:,}"))
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "from_cells": done.from_cells,
                    "to_cells": done.to_cells,
                    "rows": done.rows,
                    "transfers": done.transfers,
                    "on": done.on.isoformat(),
                    "seconds": seconds,
                }
            )
        )
    else:
        say(
            f"{done.from_cells} cells are {done.to_cells} now: {done.rows:,} rows moved, and proved, in {seconds:.1f} s"
        )
        say(f"{done.transfers} transfers of {done.on} evened out the cells; evidence stays in its logs")
    return 0
