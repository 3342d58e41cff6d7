"""`mingqu bench`: measure, as a ratio to a yardstick in the same run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, Final

import click

import mingqu
from mingqu.cli.option import json_option, say
from mingqu.domain.refusal import Refusal


class BenchesMissing(Refusal):
    """The benches come with the source, not with the installed package."""

    code: ClassVar[str] = "benches_missing"


BENCHES: Final = (
    "ledger",
    "decide",
    "schedule",
    "fold",
    "close",
    "growth",
    "proof",
    "repay",
    "spend",
    "page",
    "notify",
    "reconcile",
    "signals",
    "lab",
    "statements",
    "offers",
)


@click.command(short_help="Measure, as a ratio to a yardstick in the same run.")
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
