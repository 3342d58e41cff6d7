"""`mingqu demo`: people's loans lived through, in words or as JSON."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from mingqu.cli.option import EXIT_FALSE, json_option
from mingqu.cli.wiring import Wiring
from mingqu.demo.applicant_file import ApplicantRow, read_applicants
from mingqu.demo.applicants import run_applicants
from mingqu.demo.report import DemoReport
from mingqu.demo.story import STARTS_ON, tell_story
from mingqu.demo.tell import Teller
from mingqu.demo.world import World
from mingqu.services.read_loan import paid_orders
from mingqu.services.verify_book import Report, verify_book


@click.command(short_help="Three people's loans, from first code to certificate.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep the book in this folder.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other ids; the same story.")
@click.option(
    "--applicants",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of the story: real applicants from a CSV (or .csv.xz), 90 days of them.",
)
@click.option(
    "--limit", default=200, show_default=True, type=click.IntRange(1, 100_000), help="With --applicants: how many rows."
)
@click.option(
    "--mapping",
    default="taiwan_2005",
    show_default=True,
    help="With --applicants: the column mapping among the policies.",
)
@json_option
@click.pass_obj
def demo(wiring: Wiring, data: Path | None, seed: int, applicants: Path | None, limit: int, mapping: str,
         as_json: bool) -> int:  # fmt: skip
    """Three people's loans live and end: repaid on time, late and early; refused with reasons; healed from silence.

    With --applicants FILE.csv --limit N, real applicants take the same path and 90 days are closed: whoever the
    data calls bad has no money on the card, everybody else does. Prints funnel, approval, bad rate by band.
    """
    started = time.monotonic()
    tell = Teller(Console(stderr=as_json, highlight=False))
    rows: list[ApplicantRow] | None = None
    if applicants is not None:  # read whole, and refused, before anything is opened
        rows = read_applicants(file=applicants, pack=wiring.pack(), mapping_id=mapping, on=STARTS_ON, limit=limit)
    if rows is None:
        with wiring.online_world(data=data, seed=seed) as online:
            report = tell_story(online, tell)
            proved = _prove(online, tell, report)
    else:
        with wiring.demo_world(data=data, seed=seed, fresh=True) as world:
            report = run_applicants(world, tell, rows=rows)
            proved = _prove(world, tell, report)
    report.proofs, report.seconds = proved.proofs, round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps(_written(report), ensure_ascii=False))
    else:
        tell.note(f"{report.seconds:.1f} s. Next: mingqu demo --data DIR keeps the book; mingqu verify --data DIR.")
    return 0 if proved.all_hold else EXIT_FALSE


def _prove(world: World, tell: Teller, report: DemoReport) -> Report:
    """Prove the book, and compare it with what the counterparties themselves say they moved."""
    proved = verify_book(database=world.house.database, keyring=world.house.keyring)
    if dict(world.paid_out_by_bank()) != paid_orders(world.house):
        proved.findings[5].append("the counterparties' own books and ours do not agree on what was moved")
    tell.proofs(proved, evidence_root=report.evidence_root)
    return proved


def _written(report: DemoReport) -> dict[str, object]:
    written = asdict(report)
    if written["portfolio"] is None:
        del written["portfolio"]
    return written
