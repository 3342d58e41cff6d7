"""`mingqu partner-file`: what a guarantor or insurer gets of a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from mingqu.cli.option import Day, data_option, json_option
from mingqu.cli.whole_file import write_whole
from mingqu.cli.wiring import Wiring
from mingqu.services.write_partner_file import write_partner_file


@click.command(name="partner-file", short_help="What a guarantor or insurer gets of a day.")
@data_option
@json_option
@click.option("--partner", required=True, metavar="PARTNER", help="The guarantor or insurer, by code.")
@click.option("--date", "on", type=Day(), required=True, metavar="DATE", help="The day, which is closed.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder, made if need be."
)
@click.pass_obj
def partner_file(wiring: Wiring, data: Path, partner: str, on: date, out: Path, as_json: bool) -> int:
    """Write the fees that borrowers paid a partner on a day, loan by loan; the file whole, its flag after it."""
    with wiring.live_house(data=data, makes_book=False) as house:
        made = write_partner_file(house, partner=partner, on=on)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / made.name, made.content)
    write_whole(out / f"{made.name}.ok", made.flag.encode())
    click.echo(made.flag if as_json else f"{made.name:<48} {made.rows:>10,} rows {made.sum_fen:>18,} fen")
    return 0
