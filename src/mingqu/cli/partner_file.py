"""`mingqu partner-file` and `partner-settle`: what a guarantor or insurer gets of a day, and settling it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Final

import click

from mingqu.cli.option import Day, data_option, json_option
from mingqu.cli.whole_file import write_whole
from mingqu.cli.wiring import Wiring
from mingqu.services.partners.settle_partner import settle_partner, state_partner, statement_of
from mingqu.services.partners.write_partner_file import write_claims_file, write_partner_file

STATEMENT_BYTES_MAX: Final = 128_000_000  # a million rows; a larger file does not read as one whole


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
    """Write the fees that borrowers paid a partner on a day, loan by loan; the file whole, its flag after it.

    Beside it what a guarantor claims of each loan it paid for, bill by bill or whole, and the statement of what is to
    be settled, as `mingqu partner-settle` reads it back from the partner.
    """
    with wiring.live_house(data=data, makes_book=False) as house:
        made = write_partner_file(house, partner=partner, on=on)
        claims = write_claims_file(house, guarantor=partner, on=on)
        stated = statement_of(state_partner(house, partner=partner, on=on))
    out.mkdir(parents=True, exist_ok=True)
    for each in (made, claims):
        write_whole(out / each.name, each.content)
        write_whole(out / f"{each.name}.ok", each.flag.encode())
    write_whole(out / f"{partner}_{on:%Y%m%d}_statement.csv", stated)
    click.echo(made.flag if as_json else f"{made.name:<48} {made.rows:>10,} rows {made.sum_fen:>18,} fen")
    return 0


@click.command(name="partner-settle", short_help="Settle a day with a guarantor or insurer by its statement.")
@data_option
@json_option
@click.option("--partner", required=True, metavar="PARTNER", help="The guarantor or insurer, by code.")
@click.option("--date", "on", type=Day(), required=True, metavar="DATE", help="The day, which is closed.")
@click.option(
    "--statement", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=True, help="What it states."
)
@click.pass_obj
def partner_settle(wiring: Wiring, data: Path, partner: str, on: date, statement: Path, as_json: bool) -> int:
    """Compare a partner's statement of a day with the book and, where they agree, settle it; a day is settled once."""
    with statement.open("rb") as file:
        content = file.read(STATEMENT_BYTES_MAX)
    with wiring.live_house(data=data, makes_book=False) as house:
        day = settle_partner(house, partner=partner, on=on, statement=content)
    said = {"partner": partner, "on": on.isoformat(), "loans": len(day.lines), "net_fen": day.net_fen}
    click.echo(
        json.dumps(said) if as_json else f"{partner} {on}: {len(day.lines):,} loans settled, {day.net_fen:,} fen net"
    )
    return 0
