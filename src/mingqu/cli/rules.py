"""`mingqu rules`: the dated rows of law and supervision, each with its document and how well it is confirmed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from mingqu.cli.option import Day, data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.domain.gate import ASKED_AT, Moment
from mingqu.domain.policy_file import FAR_FUTURE
from mingqu.domain.rule import Rule


@click.group(name="rules", short_help="The numbers of the law: list those of a day.")
def rules_commands() -> None:
    """Numbers of law and supervision. Each is a dated row of a rule file that names its document."""


@rules_commands.command(name="list", short_help="The rows that hold on a day.")
@click.option("--on", "on", type=Day(), required=True, metavar="DATE", help="The business date.")
@click.option(
    "--at",
    "moment",
    type=click.Choice([one.value for one in Moment]),
    metavar="MOMENT",
    help="Only rows asked at offer, contract, disburse, collect or report.",
)
@data_option
@json_option
@click.pass_obj
def list_them(wiring: Wiring, on: date, moment: str | None, data: Path, as_json: bool) -> int:
    """List every row of the book's rule files that holds on DATE: by id, lender type and product kind."""
    wanted = None if moment is None else ASKED_AT[Moment(moment)]
    with wiring.live_house(data=data, makes_book=False) as house:
        rows = [row for row in house.pack.rules.on(business_date=on) if wanted is None or row.id in wanted]
    if as_json:
        click.echo(json.dumps([_written(row) for row in rows], ensure_ascii=False))
        return 0
    for row in rows:
        who = f"{row.lender_type}, {row.product_kind}"
        click.echo(f"{row.id:<40} {who:<24} {row.value:>12,} {row.unit:<14} {row.confirmed:<7} {row.document}")
    return 0


def _written(row: Rule) -> dict[str, Any]:
    return {
        "id": row.id,
        "lender_type": row.lender_type,
        "product_kind": row.product_kind,
        "valid_from": row.valid_from.isoformat(),
        "valid_to": None if row.valid_to == FAR_FUTURE else row.valid_to.isoformat(),
        "value": row.value,
        "unit": row.unit,
        "document": row.document,
        "confirmed": row.confirmed.value,
        "note": row.note,
        "asked_at": [moment.value for moment, ids in ASKED_AT.items() if row.id in ids],
    }
