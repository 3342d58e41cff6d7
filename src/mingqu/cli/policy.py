"""`mingqu policy`: what decides about people: list it, compare versions, check a file, hand it in as a draft."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Final, TextIO

import click

from mingqu.cli.option import Day, data_option, json_option, say
from mingqu.cli.wiring import Wiring
from mingqu.domain.personal import Personal
from mingqu.services.access.sign_in_operator import recognize_operator, sign_in_operator, sign_out_operator
from mingqu.services.decisions.override_decision import overrides as set_aside_so_far
from mingqu.services.policies.publish_policy import check_draft, draft_policy
from mingqu.services.policies.read_policies import list_policies, read_policy

_HERE: Final = "command line"  # where wrong passwords are counted, beside the name


@click.group(name="policy", short_help="What decides about people: list, compare, check, draft.")
def policy_commands() -> None:
    """Policies of a book. A draft decides nothing: two people publish it on the console, from a business date on."""


@policy_commands.command(name="list", short_help="Every policy, and which version of it is in force.")
@data_option
@json_option
@click.pass_obj
def list_them(wiring: Wiring, data: Path, as_json: bool) -> int:
    """List every policy with the version in force today, since when, what is planned, and how many drafts wait."""
    with wiring.live_house(data=data, makes_book=False) as house:
        lines = list_policies(house)
    rows = [
        {
            "kind": one.kind,
            "id": one.name,
            "version": one.version,
            "hash": one.hash,
            "since": None if one.since in (None, date.min) else str(one.since),
            "planned": [{"version": version, "from": day.isoformat()} for version, day in one.planned],
            "versions": one.versions,
            "drafts": one.drafts,
        }
        for one in lines
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return 0
    for row, one in zip(rows, lines, strict=True):
        planned = "".join(f", version {version} from {day}" for version, day in one.planned)
        waiting = f", {one.drafts} drafted" if one.drafts else ""
        name = f"{one.kind}/{one.name}"
        click.echo(f"{name:<44} version {row['version'] or '-'}{planned}{waiting}")
    return 0


@policy_commands.command(short_help="Whether a file could be published.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--from", "from_date", type=Day(), metavar="DATE", help="From this day on, instead of its first one.")
@data_option
@json_option
@click.pass_obj
def check(wiring: Wiring, file: Path, from_date: date | None, data: Path, as_json: bool) -> int:
    """Check FILE (.toml or .json) as it would be checked when it is published, with all other policies around it."""
    with wiring.live_house(data=data, makes_book=False) as house:
        document = check_draft(house, content=file.read_bytes(), file=file.name, from_date=from_date)
    if as_json:
        click.echo(json.dumps({"kind": document.kind, "id": document.body["id"], "hash": document.hash}))
    else:
        say(f"{document.kind}/{document.body['id']} version {document.body['version']} could be published")
    return 0


@policy_commands.command(short_help="Hand a file in as a draft.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--as", "name", required=True, metavar="NAME", help="The operator whose draft it is: they cannot approve it."
)
@click.option(
    "--password-from",
    "password_file",
    type=click.File(),
    metavar="FILE",
    help="Read the operator's password from the first line of FILE, or of standard input (-), instead of asking.",
)
@data_option
@json_option
@click.pass_obj
def draft(wiring: Wiring, file: Path, name: str, password_file: TextIO | None, data: Path, as_json: bool) -> int:
    """Hand FILE (.toml or .json) in as a draft of the operator NAME, who gives their password.

    The same content again is the same draft.
    """
    password = Personal(
        click.prompt(f"Password of {name}", hide_input=True, err=True)
        if password_file is None
        else password_file.readline().rstrip("\r\n")
    )
    with wiring.live_house(data=data, makes_book=False) as house:
        token = sign_in_operator(house, name=name, password=password, address=_HERE)
        try:
            seat = recognize_operator(house, token=token)
            drafted = draft_policy(house, seat=seat, content=file.read_bytes(), file=file.name)
        finally:
            sign_out_operator(house, token=token)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "draft_id": str(drafted.draft_id),
                    "kind": drafted.kind,
                    "id": drafted.name,
                    "version": drafted.version,
                    "hash": drafted.hash,
                }
            )
        )
    else:
        say(f"drafted {drafted.kind}/{drafted.name} version {drafted.version}: two people publish it, at")
        click.echo(f"/console/policies/{drafted.kind}/{drafted.name}?after={drafted.version}")
    return 0


@policy_commands.command(short_help="How two versions of a policy differ, cell by cell.")
@click.argument("policy", metavar="KIND/ID")
@click.argument("before", type=click.IntRange(1))
@click.argument("after", type=click.IntRange(1))
@data_option
@json_option
@click.pass_obj
def diff(wiring: Wiring, policy: str, before: int, after: int, data: Path, as_json: bool) -> int:
    """Compare version BEFORE of KIND/ID with version AFTER, which may be a draft. Exit code 1 if they differ."""
    kind, _, name = policy.partition("/")
    with wiring.live_house(data=data, makes_book=False) as house:
        seen = read_policy(house, kind=kind, name=name, before=before, after=after)
    if as_json:
        rows = [{"place": one.place, "before": one.before, "after": one.after} for one in seen.changes]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for one in seen.changes:
            click.echo(f"{one.place}: {_shown(one.before)} -> {_shown(one.after)}")
    return 1 if seen.changes else 0


@policy_commands.command(short_help="Refusals that people set aside, and how those loans went.")
@data_option
@json_option
@click.pass_obj
def overrides(wiring: Wiring, data: Path, as_json: bool) -> int:
    """List refusals that two people set aside, with how their loans stand: a CSV on standard output, or JSON."""
    with wiring.live_house(data=data, makes_book=False) as house:
        rows = [
            {
                "decision_id": one.decision_id.hex,
                "overridden_id": one.overridden_id.hex,
                "business_date": one.business_date.isoformat(),
                "cause": one.cause,
                "loans": one.loans,
                "overdue": one.overdue,
                "lost": one.lost,
            }
            for one in set_aside_so_far(house)
        ]
    if as_json:
        click.echo(json.dumps(rows))
        return 0
    click.echo("decision_id,overridden_id,business_date,cause,loans,overdue,lost")
    for row in rows:
        click.echo(",".join(str(value) for value in row.values()))
    return 0


def _shown(value: object) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)
