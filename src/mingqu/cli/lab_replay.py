"""`mingqu lab replay`: a draft tried on past applications, of a book or of a CSV. Nothing is written."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click

from mingqu.cli.bar import bar
from mingqu.cli.option import Day, data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.domain.decision.swap import (
    AGE,
    ALL,
    BAND,
    GROUP_PEOPLE_MIN,
    INCOME,
    MONTH,
    PRODUCT,
    Fair,
    Group,
    Side,
    Swapped,
    Tally,
)
from mingqu.domain.decision.trial import Trial
from mingqu.domain.decision.try_out import TryOut
from mingqu.domain.identifier import parse
from mingqu.domain.money import format_fen
from mingqu.lab.try_file import try_file
from mingqu.services.decisions.try_policy import PeriodEmpty, read_drafts, try_policy

SEGMENTS: Final = (PRODUCT, BAND, INCOME, AGE, MONTH)
CHANGES_SHOWN_MAX: Final = 30  # lines of a difference on a screen; --json has them all


@click.command("replay", short_help="Try a draft on past applications, of a book or of a CSV.")
@click.option(
    "--policy", "policies", multiple=True, required=True, metavar="FILE-OR-ID",
    help="A file (.toml, .json), or the id of a draft in the book; give it again for more that belong together.",
)  # fmt: skip
@click.option("--since", type=Day(), metavar="DATE", help="The first day; with --file the day to decide as of.")
@click.option("--until", type=Day(), metavar="DATE", help="The last day; by default today.")
@click.option("--file", "file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="Past applications as a CSV, instead of a book.")  # fmt: skip
@click.option("--mapping", default="taiwan_2005", show_default=True, metavar="NAME",
              help="With --file: which column is which field.")  # fmt: skip
@data_option
@json_option
@click.pass_obj
def replay_policy(
    wiring: Wiring,
    policies: tuple[str, ...],
    since: date | None,
    until: date | None,
    file: Path | None,
    mapping: str,
    data: Path,
    as_json: bool,
) -> int:
    """Decide past applications again, as policies stood on their day and with the drafts in place, and compare."""
    documents = read_drafts(paths=[Path(one) for one in policies if Path(one).is_file()])
    others = [one for one in policies if not Path(one).is_file()]
    if absent := next((one for one in others if Path(one).suffix or "/" in one), ""):
        raise click.UsageError(f"There is no file {absent}.")
    draft_ids: list[UUID] = [parse(one) for one in others]
    today = wiring.today()
    if file is not None:
        if draft_ids or until is not None:
            raise click.UsageError("With --file, name drafts by their files, and the day by --since alone.")
        day = since or today
        with bar("deciding") as step:
            done = try_file(path=file, mapping=mapping, drafts=documents, business_date=day, progress=step)
        counts: dict[str, Any] = {"applications": done.rows, "assumed": list(done.assumed)}
        return _tell(done.trial, done.try_out, day, counts, as_json=as_json)
    if since is None:
        raise click.UsageError("Say from which day on: --since DATE.")
    last = until or today
    if last < since:
        raise PeriodEmpty(f"The period ends on {last}, before it has begun on {since}; name a later end.")
    with wiring.reading(data=data) as (database, keys), bar("deciding") as step:
        tried = try_policy(
            database=database, keyring=keys, drafts=documents, draft_ids=draft_ids, since=since,
            until=last + timedelta(days=1), progress=step,
        )  # fmt: skip
    counts = {
        "applications": tried.applications,
        "erased": tried.erased,
        "overrides": tried.overrides,
        "approved_then": tried.approved_then,
    }
    return _tell(tried.trial, tried.try_out, last, counts, as_json=as_json)


def _tell(trial: Trial, try_out: TryOut, day: date, counts: dict[str, Any], *, as_json: bool) -> int:
    try_out.require_some()
    tally = try_out.tally
    found: dict[str, Any] = {
        **counts,
        "missing": try_out.missing_count,
        "missing_named": list(try_out.missing),
        "unreadable": dict(try_out.unreadable),
        "undecided": {"before": tally.undecided_before, "after": tally.undecided_after},
        "all": _group(tally.group(ALL, ALL)),
        "segments": {name: {key: _group(one) for key, one in tally.segment(name).items()} for name in SEGMENTS},
        "swap_in": _swapped(tally.swap_in),
        "swap_out": _swapped(tally.swap_out),
        "rows": {"before": dict(tally.rows_before), "after": dict(tally.rows_after)},
        "fairness": [_fair(one) for one in tally.fairness()],
        "changes": {
            key: [{"place": one.place, "before": one.before, "after": one.after} for one in changes]
            for key, changes in trial.changes(business_date=day).items()
        },
    }
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _say(found, tally)
    return 0


def _group(group: Group) -> dict[str, Any]:
    few = group.people < GROUP_PEOPLE_MIN
    return {
        "people": group.people,
        "few": few,
        "before": _side(group.before, group),
        "after": _side(group.after, group),
    }


def _side(side: Side, group: Group) -> dict[str, Any]:
    return {
        "approved": side.approved,
        "approval_rate": round(side.approved / group.people, 6) if group.people else None,
        "limit_fen": side.limit_fen,
        "expected_loss_fen": side.expected_loss_fen,
        "rate_year_ppm_mean": side.rate_mean_ppm,
    }


def _swapped(swapped: Swapped) -> dict[str, Any]:
    side = swapped.side
    return {
        "people": swapped.people,
        "limit_fen": side.limit_fen,
        "expected_loss_fen": side.expected_loss_fen,
        "rate_year_ppm_mean": side.rate_mean_ppm,
        "rows": dict(swapped.rows.most_common()),
    }


def _fair(fair: Fair) -> dict[str, Any]:
    return {
        "group": fair.group,
        "people": fair.people,
        "before": fair.ratio_before_ppm / 1_000_000,
        "after": fair.ratio_after_ppm / 1_000_000,
        "below_four_fifths": fair.flagged,
    }


def _say(found: dict[str, Any], tally: Tally) -> None:
    for name in ("applications", "erased", "overrides", "missing"):
        if found.get(name) or name == "applications":
            click.echo(f"{name:>14}  {found[name]:,}")
    if found.get("assumed"):
        click.echo(f"{'assumed':>14}  nothing counted: {', '.join(found['assumed'])}")
    for sentence in found["missing_named"]:
        click.echo(f"{'':>14}  {sentence}")
    for name, many in found["unreadable"].items():
        click.echo(f"{'unreadable':>14}  {many:,}: {name}")
    if any(found["undecided"].values()):
        click.echo(f"{'undecided':>14}  {found['undecided']['before']:,} → {found['undecided']['after']:,}")
    header = f"{'':<30} {'people':>9} {'approved':>19} {'loss, yuan':>27} {'yearly rate':>17}"
    click.echo(f"\n{header}")
    for segment in (ALL, *SEGMENTS):
        for key, group in tally.segment(segment).items():
            click.echo(_line(key if segment == ALL else f"{segment} {key}", group))
    for name, swapped in (("now approved", tally.swap_in), ("now refused", tally.swap_out)):
        rows = ", ".join(f"{row} {many:,}" for row, many in swapped.rows.most_common())
        loss = format_fen(swapped.side.expected_loss_fen)
        click.echo(f"\n{name}: {swapped.people:,}, expected loss {loss} yuan{': ' if rows else ''}{rows}")
    click.echo("\napproval ÷ that of the best group (age)")
    for fair in tally.fairness():
        flag = "  below four fifths" if fair.flagged else ""
        ratios = f"{fair.ratio_before_ppm / 1_000_000:.3f} → {fair.ratio_after_ppm / 1_000_000:.3f}"
        click.echo(f"  {fair.group:<26} {fair.people:>9,} {ratios:>17}{flag}")
    for key, changes in found["changes"].items():
        click.echo(f"\n{key}: {len(changes)} cells differ")
        for one in changes[:CHANGES_SHOWN_MAX]:
            click.echo(f"  {one['place']}: {_cell(one['before'])} → {_cell(one['after'])}")


def _line(name: str, group: Group) -> str:
    before, after = group.before, group.after
    approved = f"{before.approved:,} → {after.approved:,}"
    loss = f"{format_fen(before.expected_loss_fen)} → {format_fen(after.expected_loss_fen)}"
    rates = f"{_percent(before.rate_mean_ppm)} → {_percent(after.rate_mean_ppm)}"
    few = "  few" if group.people < GROUP_PEOPLE_MIN else ""
    return f"{name:<30} {group.people:>9,} {approved:>19} {loss:>27} {rates:>17}{few}"


def _percent(rate_ppm: int | None) -> str:
    return "–" if rate_ppm is None else f"{rate_ppm / 10_000:.2f} %"


def _cell(value: object) -> str:
    return "–" if value is None else json.dumps(value, ensure_ascii=False)
