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
from mingqu.demo.steps import Steps, StoryReport
from mingqu.demo.stories import story_of
from mingqu.demo.story import STARTS_ON, tell_story
from mingqu.demo.tell import Teller
from mingqu.demo.world import World
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.evidence.verify_book import Report, verify_book
from mingqu.services.loans.read_loan import paid_orders


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
@click.option("--story", "story_name", metavar="NAME", help="Instead of it: one of the stories, such as s2.")
@json_option
@click.pass_obj
def demo(wiring: Wiring, data: Path | None, seed: int, applicants: Path | None, limit: int, mapping: str,
         story_name: str | None, as_json: bool) -> int:  # fmt: skip
    """Three people's loans live and end: repaid on time, late and early; refused with reasons; healed from silence.

    With --applicants FILE.csv --limit N, real applicants take the same path and 90 days are closed: whoever the
    data calls bad has no money on the card, everybody else does. Prints funnel, approval, bad rate by band.
    With --story NAME, one of the stories is told, step by step.
    """
    started = time.monotonic()
    tell = Teller(Console(stderr=as_json, highlight=False))
    if story_name is not None:
        if applicants is not None:
            raise click.UsageError("--story and --applicants are two different demonstrations.")
        return _tell_one(wiring, tell, name=story_name, data=data, seed=seed, as_json=as_json)
    rows: list[ApplicantRow] | None = None
    if applicants is not None:  # read whole, and refused, before anything is opened
        rows = read_applicants(file=applicants, pack=wiring.pack(), mapping_id=mapping, on=STARTS_ON, limit=limit)
    if rows is None:
        with wiring.online_world(data=data, seed=seed) as online:
            report = tell_story(online, tell)
            proved = _prove(online, tell, report.evidence_root)
    else:
        with wiring.demo_world(data=data, seed=seed, fresh=True) as world:
            report = run_applicants(world, tell, rows=rows)
            proved = _prove(world, tell, report.evidence_root)
    report.proofs, report.seconds = proved.proofs, round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps(_written(report), ensure_ascii=False))
    else:
        tell.note(f"{report.seconds:.1f} s. Next: mingqu demo --data DIR keeps the book; mingqu verify --data DIR.")
    return 0 if proved.all_hold else EXIT_FALSE


def _tell_one(wiring: Wiring, tell: Teller, *, name: str, data: Path | None, seed: int, as_json: bool) -> int:
    """Tell one story over HTTP, prove the book that it leaves, and report. Errors: StoryUnknown, BookExists."""
    started = time.monotonic()
    story = story_of(name=name)  # refused before anything is opened
    with wiring.online_world(data=data, seed=seed) as world:
        steps = Steps(tell)
        tell.chapter(name, story.TITLE)
        story.tell_story(world, tell, steps)
        proved = _prove(world, tell, publish_evidence(world.house).root.hex())
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        told = StoryReport(story=name, steps=steps.taken, proofs=proved.proofs, seconds=seconds)
        click.echo(json.dumps(asdict(told), ensure_ascii=False))
    return 0 if proved.all_hold else EXIT_FALSE


def _prove(world: World, tell: Teller, evidence_root: str) -> Report:
    """Prove the book, and compare it with what the counterparties themselves say they moved."""
    proved = verify_book(database=world.house.database, keyring=world.house.keyring)
    if dict(world.paid_out_by_bank()) != paid_orders(world.house):
        proved.findings[5].append("the counterparties' own books and ours do not agree on what was moved")
    tell.proofs(proved, evidence_root=evidence_root)
    return proved


def _written(report: DemoReport) -> dict[str, object]:
    written = asdict(report)
    if written["portfolio"] is None:
        del written["portfolio"]
    return written
