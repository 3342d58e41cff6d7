"""What commands share: where the book is, JSON or prose, dates, and a voice on standard error."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

import click

DATA_DEFAULT: Final = Path("data")
EXIT_FALSE: Final = 1  # the answer is no: an invariant is broken, or a copy is not the same


def say(text: str) -> None:
    """Say something to the person, on standard error."""
    click.echo(text, err=True)


class Day(click.ParamType[date]):
    """A date as ISO 8601 writes it, checked before anything is opened."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            if len(value) == len("2026-08-15"):  # not one of the other ways that Python reads as well
                return date.fromisoformat(value)
        except ValueError:
            pass
        return self.fail("a date is written like 2026-08-15.", param, ctx)


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_DEFAULT,
    show_default=True,
    envvar="MINGQU_DATA",
    help="The folder that holds the book: database, keys, and what the local counterparties did.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON value to standard output.")
