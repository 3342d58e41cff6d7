"""`mingqu bins`: which bank and which kind of card is behind a number."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from mingqu.cli.option import Day, data_option, json_option, say
from mingqu.cli.wiring import Wiring
from mingqu.services.people.load_bins import load_bins


@click.group(name="bins", short_help="Card prefixes: load an acquirer's table.")
def bins_commands() -> None:
    """Tables of card prefixes (BIN). Without one of an acquirer's, cards of the invented banks are taken."""


@bins_commands.command(short_help="Load a table of card prefixes.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--from", "from_date", type=Day(), metavar="DATE", help="The day from which it holds, today by default.")
@data_option
@json_option
@click.pass_obj
def load(wiring: Wiring, file: Path, from_date: date | None, data: Path, as_json: bool) -> int:
    """Load FILE, a CSV in UTF-8 with the columns prefix, digits, issuer, name_zh, name_en, kind: whole or not at all.

    Cards are added by the newest table that holds. A prefix that stands twice or overlaps with another of the same
    length, and a length that no card has, are refused with row and column.
    """
    with wiring.live_house(data=data, makes_book=False) as house:
        done = load_bins(house, content=file.read_bytes(), holds_from=from_date)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "version": done.version,
                    "rows": done.rows,
                    "issuers": done.issuers,
                    "from": done.holds_from.isoformat(),
                    "new": done.new,
                }
            )
        )
    else:
        again = "" if done.new else ", as before"
        say(f"version {done.version} from {done.holds_from}: {done.rows:,} prefixes of {done.issuers:,} banks{again}")
    return 0
