"""The command line. Prose goes to standard error when a program reads: with --json, standard output is one value."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, ClassVar, Final

import click

from mingqu.cli.option import EXIT_FALSE as EXIT_FALSE
from mingqu.cli.wiring import Wiring
from mingqu.domain.refusal import Refusal

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


# Where each command lies. It is imported when it is asked for: a server's pages are no part of closing a day.
PLACES: Final = {
    "account": "mingqu.cli.account:account",
    "backup": "mingqu.cli.copy:backup",
    "bench": "mingqu.cli.bench:bench",
    "bins": "mingqu.cli.bins:bins_commands",
    "close": "mingqu.cli.close:close",
    "demo": "mingqu.cli.demo:demo",
    "drill": "mingqu.cli.copy:drill",
    "export": "mingqu.cli.book:export_book",
    "funds": "mingqu.cli.funds:funds",
    "generate": "mingqu.cli.book:generate",
    "import": "mingqu.cli.book:import_book",
    "lender-files": "mingqu.cli.lender_files:lender_files_commands",
    "lab": "mingqu.cli.lab:lab_commands",
    "migrate": "mingqu.cli.migrate:migrate",
    "operator": "mingqu.console.command:operator_commands",
    "overdue": "mingqu.cli.overdue:overdue",
    "partner-file": "mingqu.cli.partner_file:partner_file",
    "partner-settle": "mingqu.cli.partner_file:partner_settle",
    "policy": "mingqu.cli.policy:policy_commands",
    "pool": "mingqu.cli.pool:pool",
    "reconcile": "mingqu.cli.reconcile:reconcile",
    "recut": "mingqu.cli.recut:recut",
    "replay": "mingqu.cli.replay:replay",
    "report": "mingqu.cli.report:report_commands",
    "restore": "mingqu.cli.copy:restore",
    "rules": "mingqu.cli.rules:rules_commands",
    "sandbox": "mingqu.cli.serve:sandbox",
    "serve": "mingqu.cli.serve:serve",
    "simulate": "mingqu.cli.simulate:simulate",
    "stage-plan": "mingqu.cli.stage_plan:stage_plan",
    "verify": "mingqu.cli.verify:verify",
    "version": "mingqu.cli.version:version",
    "webhook": "mingqu.api.command:webhook_commands",
}


class Commands(click.Group):
    """The commands of `PLACES`, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (as click calls it)
        """Return the names of all commands, in order."""
        return sorted(PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (as click calls it)
        """Return a command by its name, or None when there is none."""
        if cmd_name not in PLACES:
            return None
        module, _, name = PLACES[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found


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
        from mingqu.services.books.take_over_book import BookFileRefused

        body: dict[str, Any] = {"code": refusal.code, "message": refusal.message, "details": refusal.details}
        if isinstance(refusal, BookFileRefused):
            body["faults"] = [fault.written() for fault in refusal.faults]
        click.echo(json.dumps({"refused": body}, ensure_ascii=False))
    return EXIT_REFUSED


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Mingqu 明渠: lending in an open channel. Every fen goes only where it was meant to, and anyone can check.

    Start with `mingqu demo`: three people's loans from application to certificate, on a real database.
    """
