"""`mingqu replay`: a decision made again to the byte, beside the answer of another day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from mingqu.cli.option import EXIT_FALSE, Day, data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.domain.decision import Decision
from mingqu.domain.identifier import parse
from mingqu.services.decisions.compare_decision import Replayed, compare_decision


@click.command(short_help="Make a decision again, and beside it as of another day.")
@click.argument("decision")
@data_option
@click.option("--as-of", type=Day(), metavar="DATE", help="The day to decide as of; by default today.")
@json_option
@click.pass_obj
def replay(wiring: Wiring, decision: str, data: Path, as_of: date | None, as_json: bool) -> int:
    """Make DECISION (its id) again with the policies that it names, and once more with those of a day.

    Exit code 1 when it does not come out as it was recorded. Nothing is written, and nothing is asked of anybody.
    """
    decision_id: UUID = parse(decision)
    with wiring.reading(data=data) as (database, keys):
        found = compare_decision(
            database=database,
            keyring=keys,
            decision_id=decision_id,
            business_date=as_of or wiring.today(),
        )
    if as_json:
        click.echo(json.dumps(_told(found), ensure_ascii=False))
    else:
        _say(found)
    return 0 if found.equal else EXIT_FALSE


def _told(found: Replayed) -> dict[str, Any]:
    compared = found.compared
    return {
        "equal": found.equal,
        "recorded_hash": found.recorded_hash,
        "replayed_hash": found.replayed_hash,
        "as_decided": _side(compared.then),
        "as_of": None if compared.now is None else _side(compared.now),
        "problem": compared.problem,
        "differences": [[one.what, one.then, one.now] for one in compared.differences],
    }


def _side(made: Decision) -> dict[str, Any]:
    return {
        "business_date": made.business_date.isoformat(),
        "outcome": made.outcome,
        "score": made.score,
        "band": made.band,
        "limit_fen": made.limit_fen,
        "reasons": [reason.code for reason in made.reasons],
        "prices": {price.product_id: price.rate_year_ppm for price in made.prices},
        "variant": made.variant,
    }


def _say(found: Replayed) -> None:
    compared = found.compared
    same = "to the byte" if found.equal else "NOT as recorded"
    click.echo(f"as decided on {compared.then.business_date}: {compared.then.outcome}, made again {same}")
    if compared.now is None:
        click.echo(f"as of that day: nothing can be decided: {compared.problem}")
        return
    click.echo(f"as of {compared.now.business_date}: {compared.now.outcome}")
    for one in compared.differences:
        click.echo(f"  {one.what}: {'–' if one.then is None else one.then} → {'–' if one.now is None else one.now}")
    if not compared.differences:
        click.echo("  no difference")
