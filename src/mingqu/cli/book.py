"""The commands that take a book over, hand one back, and make one up."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mingqu.cli.book_file import BookFile
from mingqu.cli.option import data_option, json_option, say
from mingqu.cli.wiring import Wiring
from mingqu.demo.made_book import made_book
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.services.books.hand_over_book import HandedOver, hand_over_book
from mingqu.services.books.take_over_book import BookFileRefused, BookTakenOver, Expected, Source, take_over_book

LOANS_MAX: Final = 100_000_000
_PARTLY: Final = 1  # some loans cannot be told as lines
_SHOWN_EVERY: Final = 10_000


@click.command("import", short_help="Take over another system's loans from a CSV: all or none.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--expect-count", type=click.IntRange(0), help="Refuse the file if it has another number of loans.")
@click.option(
    "--expect-principal",
    type=click.IntRange(0, AMOUNT_FEN_MAX),
    metavar="FEN",
    help="Refuse the file if principal, due or not, sums to something else.",
)
@data_option
@json_option
@click.pass_obj
def import_book(
    wiring: Wiring, file: Path, expect_count: int | None, expect_principal: int | None, data: Path, as_json: bool
) -> int:
    """Take over the loans of FILE into the book, all of them or none, and reconcile file and book.

    Balances are those at the end of the last closed day. The same file again changes nothing.
    """
    book = BookFile(file)
    expected = Expected(count=expect_count, principal_fen=expect_principal)
    source = Source(lines=book.lines(), file_hash=book.hash)
    return _take_over(wiring, source, data=data, total=book.lines_total - 1, expected=expected, as_json=as_json)


@click.command("generate", short_help="Make up a realistic book of any size.")
@click.option("--loans", type=click.IntRange(1, LOANS_MAX), required=True, help="How many.")
@click.option("--seed", type=click.IntRange(0, 10**9), default=1, show_default=True, help="Another seed, other loans.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the file instead of taking it over."
)
@data_option
@json_option
@click.pass_obj
def generate(wiring: Wiring, loans: int, seed: int, out: Path | None, data: Path, as_json: bool) -> int:
    """Make up loans as another system would hand them over, and take them over into the book, made if there is none.

    Products, amounts, due days and arrears are mixed as in a real book: three of a hundred are overdue.
    """
    with wiring.live_house(data=data, makes_book=True) as house:
        as_of = house.clock.business_date() - timedelta(days=1)
        pack = house.pack
    lines = made_book(pack=pack, as_of=as_of, loans=loans, seed=seed)
    if out is None:
        return _take_over(wiring, Source(lines=lines), data=data, total=loans, expected=Expected(), as_json=as_json)
    with _bar("writing", loans) as step:
        _write(out, _counted(lines, _seldom(step)))
    _answer({"out": str(out), "loans": loans, "as_of": as_of.isoformat()}, f"{loans:,} loans in {out}", as_json=as_json)
    return 0


@click.command("export", short_help="Hand the book over as a CSV that import reads.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead of standard output.")
@data_option
@json_option
@click.pass_obj
def export_book(wiring: Wiring, out: Path | None, data: Path, as_json: bool) -> int:
    """Write every running loan as a line, as the last closed day ended. Exit code 1 if some cannot be said so."""
    if out is None and as_json:
        raise click.UsageError("With --json, standard output is the report: give the file's name with --out.")
    report = HandedOver()
    with wiring.live_house(data=data, makes_book=False) as house, _bar("handing over", None) as step:
        lines = hand_over_book(house, report=report, progress=_seldom(step))
        if out is None:
            for line in lines:
                click.echo(line, nl=False)
        else:
            _write(out, lines)
    said: dict[str, Any] = asdict(report)
    said["as_of"] = report.as_of and report.as_of.isoformat()
    prose = f"{report.loans:,} loans handed over as of {report.as_of}, {report.over:,} are over"
    for one in report.left_out:
        say(f"left out: {one['loan_id']}: {one['why']}")
    _answer(said, prose, as_json=as_json)
    return _PARTLY if report.left_out_count else 0


def _take_over(wiring: Wiring, source: Source, *, data: Path, total: int, expected: Expected, as_json: bool) -> int:
    started = time.monotonic()
    with wiring.live_house(data=data, makes_book=False) as house, _bar("taking over", total) as step:
        try:
            done = take_over_book(house, source=source, expected=expected, progress=step)
        except BookFileRefused as refusal:
            for fault in refusal.faults:
                say(f"line {fault.line}, {fault.column}: {fault.code}: {fault.sentence}")
            raise
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps({**done.report, "again": done.again, "seconds": seconds}))
    else:
        _show(done, seconds)
    return 0


def _show(done: BookTakenOver, seconds: float) -> None:
    report = done.report
    if done.again:
        click.echo("This very file was taken over before; nothing changed. It was then:")
    for book in report["books"]:
        title = f"{book['product']} · {book['lender']} · {book['currency']}"
        _table(title, [*book["totals"], *book["buckets"]])
    _table("ledger", report["ledger"])
    click.echo(f"{report['loans']:,} loans of {report['as_of']}, {report['people']:,} new people, {seconds:.1f} s.")


def _table(title: str, lines: Iterable[dict[str, Any]]) -> None:
    """Print sums side by side, however wide the terminal is: what is cut off is no reconciliation."""
    click.echo(f"{title:<28} {'file':>22} {'billed that morning':>22} {'book':>22} {'difference':>11}")
    for one in lines:
        if one["file"] or one["book"]:
            cells = [f"{one[key]:>22,}" for key in ("file", "morning", "book")]
            click.echo(f"  {one['name']:<26} {' '.join(cells)} {one['difference']:>11,}")


def _answer(said: dict[str, Any], prose: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(said))
    else:
        say(prose)


def _seldom(step: Callable[[int], None]) -> Callable[[int], None]:
    """Return a step that is shown now and then: a bar costs more than a loan."""

    def told(done: int) -> None:
        if done % _SHOWN_EVERY == 0:
            step(done)

    return told


def _counted(lines: Iterable[str], step: Callable[[int], None]) -> Iterator[str]:
    for number, line in enumerate(lines):
        step(number)
        yield line


def _write(path: Path, lines: Iterable[str]) -> None:
    """Write a file that is there whole or not at all."""
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("w", encoding="ascii", newline="") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far a long thing is, how fast it goes and what is left; nobody watches a bar that goes into a file."""
    console, started = Console(stderr=True), time.monotonic()
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, pace="")

        def step(done: int) -> None:
            pace = f"{done:,} · {done / max(0.001, time.monotonic() - started):,.0f} a second"
            bar.update(task, completed=done, pace=pace)

        yield step
