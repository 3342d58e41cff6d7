"""The command line. Prose goes to standard error when a program reads: with --json, standard output is one value."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, Final

import click
from rich.console import Console

import mingqu
from mingqu.api.command import webhook_commands
from mingqu.cli.account import account
from mingqu.cli.book import export_book, generate, import_book
from mingqu.cli.close import close
from mingqu.cli.copy import backup, drill, restore
from mingqu.cli.option import EXIT_FALSE, data_option, json_option, say
from mingqu.cli.policy import policy_commands
from mingqu.cli.recut import recut
from mingqu.cli.report import report_commands
from mingqu.cli.serve import sandbox, serve
from mingqu.cli.wiring import Wiring
from mingqu.console.command import operator_commands
from mingqu.demo.applicant_file import ApplicantRow, read_applicants
from mingqu.demo.applicants import run_applicants
from mingqu.demo.report import DemoReport
from mingqu.demo.story import STARTS_ON, tell_story
from mingqu.demo.tell import Teller
from mingqu.demo.world import World
from mingqu.domain.refusal import Refusal
from mingqu.services.read_loan import paid_orders
from mingqu.services.take_over_book import BookFileRefused
from mingqu.services.verify_book import Report, verify_book

EXIT_REFUSED: Final = 2  # the command could not be done; one line says why
EXIT_BROKEN: Final = 3  # the program itself is wrong; what follows is for whoever mends it
EXIT_STOPPED: Final = 130  # Ctrl-C, or a request to end


class CommandMalformed(Refusal):
    """The command line is not understood: an unknown command or option, or a value of the wrong kind."""

    code: ClassVar[str] = "command_malformed"
    status: ClassVar[int] = 400


class FileUnusable(Refusal):
    """The operating system does not let a file or folder be read or written; the message says which and why."""

    code: ClassVar[str] = "file_unusable"
    status: ClassVar[int] = 503


class BenchesMissing(Refusal):
    """The benches come with the source, not with the installed package."""

    code: ClassVar[str] = "benches_missing"


def run(wiring: Wiring, arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 the answer is no, 2 refused, 3 broken, 130 stopped.

    A refusal is one line on standard error; with --json, standard output is the same as one JSON value.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        answer = commands.main(args=words, obj=wiring, standalone_mode=False, prog_name="mingqu")
    except Refusal as refusal:
        return _refused(refusal, as_json="--json" in words)
    except click.exceptions.NoArgsIsHelpError as nothing:
        click.echo(nothing.format_message())
        return EXIT_REFUSED
    except click.ClickException as misuse:
        where = getattr(misuse, "ctx", None)
        see = where.command_path if where is not None else "mingqu"
        said = " ".join(misuse.format_message().split())
        return _refused(CommandMalformed(f"{said} See: {see} --help"), as_json="--json" in words)
    except (click.Abort, KeyboardInterrupt):
        click.echo("mingqu: stopped", err=True)
        return EXIT_STOPPED
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        return _refused(FileUnusable(f"{what}{error.strerror or type(error).__name__}"), as_json="--json" in words)
    except Exception:  # noqa: BLE001 (nothing is above; by itself Python would say 1, which means "no" here)
        traceback.print_exc()
        return EXIT_BROKEN
    return answer if isinstance(answer, int) else 0


def _refused(refusal: Refusal, *, as_json: bool) -> int:
    click.echo(f"mingqu: {refusal.code}: {refusal.message}", err=True)
    if as_json:
        body: dict[str, Any] = {"code": refusal.code, "message": refusal.message, "details": refusal.details}
        if isinstance(refusal, BookFileRefused):
            body["faults"] = [fault.written() for fault in refusal.faults]
        click.echo(json.dumps({"refused": body}, ensure_ascii=False))
    return EXIT_REFUSED


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Mingqu 明渠: lending in an open channel. Every fen goes only where it was meant to, and anyone can check.

    Start with `mingqu demo`: three people's loans from application to certificate, on a real database.
    """


@commands.command(short_help="Three people's loans, from first code to certificate.")
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


@commands.command(short_help="Make a book, or bring one up to this version.")
@data_option
@json_option
@click.pass_obj
def migrate(wiring: Wiring, data: Path, as_json: bool) -> int:
    """Make a book in a folder, or bring the one that is there up to this version of the program."""
    applied = wiring.migrate(data=data)
    if as_json:
        click.echo(json.dumps({"applied": applied}))
    else:
        say("\n".join(f"applied {name}" for name in applied) or "nothing to do: the book is of this version")
    return 0


@commands.command(short_help="Prove the book: eight invariants over everything.")
@data_option
@json_option
@click.pass_obj
def verify(wiring: Wiring, data: Path, as_json: bool) -> int:
    """Prove the book: eight invariants over every transfer, loan, order and leaf. Exit code 1 if one is broken."""
    started = time.monotonic()
    tell = Teller(Console(stderr=as_json, highlight=False))
    with wiring.reading(data=data) as (database, keys), tell.progress("telling loans again", 1) as step:
        report = verify_book(
            database=database, keyring=keys, progress=lambda done, total: step(f"{done:,} of {total:,}")
        )
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        holds = {str(number): value for number, value in report.holds.items()}
        click.echo(json.dumps({"invariants": holds, **report.counts, "seconds": seconds}))
    else:
        tell.proofs(report)
        tell.note(f"{seconds:.1f} s.")
    return 0 if report.all_hold else EXIT_FALSE


BENCHES: Final = ("ledger", "decide", "schedule", "fold", "close", "growth", "proof", "repay", "page")


@commands.command(short_help="Measure, as a ratio to a yardstick in the same run.")
@click.argument("name", type=click.Choice([*BENCHES, "all"]))
@click.option("--loans", type=click.IntRange(1), help="How many loans, for the benches that make a book.")
@click.option("--days", type=click.IntRange(1), help="How many days, for those that close some.")
@json_option
def bench(name: str, loans: int | None, days: int | None, as_json: bool) -> int:
    """Measure NAME as a ratio to a yardstick in the same run; the benches come with the source, in bench/."""
    asked = {what: many for what, many in (("loans", loans), ("days", days)) if many is not None}
    folder = Path(mingqu.__file__).parents[2]
    if not (folder / "bench" / "ledger.py").exists():
        raise BenchesMissing("The benches come with the source: clone the project and run it there.")
    sys.path.insert(0, str(folder))
    rows: list[dict[str, Any]] = []
    for each in BENCHES if name == "all" else (name,):
        say(f"measuring {each} …")
        run_it: Callable[..., list[dict[str, Any]]] = import_module(f"bench.{each}").run
        known = signature(run_it).parameters
        strange = [what for what in asked if what not in known]
        if strange and name != "all":
            raise click.UsageError(f"The bench {name} does not ask how many {strange[0]}.")
        rows += run_it(**{what: many for what, many in asked.items() if what in known})
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        click.echo(
            f"{row['name']:<40} {row['value']:>14,} {row['unit']}\n"
            f"{'':<40} {row['yardstick_value']:>14,} {row['yardstick']}\n{'':<40} {row['ratio']:>14,} × the yardstick"
        )
    return 0


commands.add_command(close)
for each_of_books in (import_book, export_book, generate):
    commands.add_command(each_of_books)
commands.add_command(backup)
commands.add_command(recut)
commands.add_command(restore)
commands.add_command(drill)
commands.add_command(policy_commands)
commands.add_command(report_commands)
commands.add_command(serve)
commands.add_command(sandbox)
commands.add_command(account)
commands.add_command(operator_commands)


@commands.command()
@json_option
def version(as_json: bool) -> int:
    """Print the version."""
    click.echo(json.dumps({"version": mingqu.__version__}) if as_json else f"mingqu {mingqu.__version__}")
    return 0


commands.add_command(webhook_commands)
