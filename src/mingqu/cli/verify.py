"""`mingqu verify`: prove a book."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
from rich.console import Console

from mingqu.cli.option import EXIT_FALSE, data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.demo.tell import Teller
from mingqu.services.evidence.verify_book import verify_book


@click.command(short_help="Prove the book: eight invariants over everything.")
@data_option
@json_option
@click.pass_obj
def verify(wiring: Wiring, data: Path, as_json: bool) -> int:
    """Prove the book: eight invariants over every transfer, loan, order and leaf. Exit code 1 if one is broken."""
    started = time.monotonic()
    tell = Teller(Console(stderr=as_json, highlight=False))
    with wiring.reading(data=data) as (database, keys), tell.progress("telling loans again", 1) as step:
        report = verify_book(
            database=database, keyring=keys, progress=lambda done, total: step(f"{done:,} of {total:,}")
        )
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        holds = {str(number): value for number, value in report.holds.items()}
        click.echo(json.dumps({"invariants": holds, **report.counts, "seconds": seconds}))
    else:
        tell.proofs(report)
        tell.note(f"{seconds:.1f} s.")
    return 0 if report.all_hold else EXIT_FALSE
