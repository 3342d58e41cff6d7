"""`mingqu lender-files`: what a lender gets of a day, written and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from mingqu.cli.option import EXIT_FALSE, Day, data_option, json_option
from mingqu.cli.whole_file import write_whole
from mingqu.cli.wiring import Wiring
from mingqu.domain.lender_file import BYTES_MAX, broken
from mingqu.services.reconciliation.check_lender_files import check_lender_files
from mingqu.services.reconciliation.write_lender_files import write_lender_files

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(name="lender-files", short_help="A lender's files of a day: write them, read them back.")
def lender_files_commands() -> None:
    """Write what a lender gets of a closed day (CSV and a flag each), or read files back and compare with the book."""


def _asking(command: _Command) -> _Command:
    for option in (
        data_option,
        json_option,
        click.option("--lender", required=True, metavar="LENDER", help="The lender, by code."),
        click.option("--date", "on", type=Day(), required=True, metavar="DATE", help="The day, which is closed."),
    ):
        command = option(command)
    return command


@lender_files_commands.command(short_help="Write the files of a day into a folder.")
@_asking
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder, made if need be."
)
@click.pass_obj
def write(wiring: Wiring, data: Path, on: date, lender: str, out: Path, as_json: bool) -> int:
    """Write the files of a day, from drawdowns to shares of what is joint; each file whole, its flag after it."""
    with wiring.live_house(data=data, makes_book=False) as house:
        files = write_lender_files(house, lender=lender, on=on)
    out.mkdir(parents=True, exist_ok=True)
    for each in files:
        write_whole(out / each.name, each.content)
        write_whole(out / f"{each.name}.ok", each.flag.written())
    if as_json:
        click.echo(json.dumps({"files": [json.loads(each.flag.written()) | {"file": each.name} for each in files]}))
        return 0
    for each in files:
        click.echo(f"{each.name:<48} {each.flag.rows:>10,} rows {each.flag.sum_fen:>18,} fen")
    return 0


@lender_files_commands.command(short_help="Read the files of a day back and compare them with the book.")
@_asking
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.pass_obj
def check(wiring: Wiring, data: Path, on: date, lender: str, folder: Path, as_json: bool) -> int:
    """Check the files of a day in FOLDER: count, sum, hash, checkpoint, and every row against the book.

    Exit code 2 for a file that is not what its flag says, 1 for one that is whole and says otherwise than the book.
    """

    def read(name: str) -> bytes | None:
        path = folder / name
        if not path.is_file():
            return None
        if path.stat().st_size > BYTES_MAX:
            raise broken(name, "too_long")
        return path.read_bytes()

    with wiring.live_house(data=data, makes_book=False) as house:
        found = check_lender_files(house, lender=lender, on=on, read=read)
    if as_json:
        told = [{"file": one.name, "rows": one.rows, "sum_fen": one.sum_fen, "differs": one.differs} for one in found]
        click.echo(json.dumps({"files": told, "agrees": not any(one.differs for one in found)}))
    else:
        for one in found:
            click.echo(f"{one.name:<48} {'as the book says' if one.differs is None else f'differs at {one.differs}'}")
    return EXIT_FALSE if any(one.differs for one in found) else 0
