"""`mingqu migrate`: make a book, or bring one up to this version."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mingqu.cli.option import data_option, json_option, say
from mingqu.cli.wiring import Wiring


@click.command(short_help="Make a book, or bring one up to this version.")
@data_option
@json_option
@click.pass_obj
def migrate(wiring: Wiring, data: Path, as_json: bool) -> int:
    """Make a book in a folder, or bring the one that is there up to this version of the program."""
    applied = wiring.migrate(data=data)
    if as_json:
        click.echo(json.dumps({"applied": applied}))
    else:
        say("\n".join(f"applied {name}" for name in applied) or "nothing to do: the book is of this version")
    return 0
