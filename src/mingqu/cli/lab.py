"""`mingqu lab`: an analyst's door. Train a points card, score a file with one, watch one drift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from mingqu.cli.lab_replay import replay_policy
from mingqu.cli.option import EXIT_FALSE, json_option, say
from mingqu.cli.whole_file import write_whole
from mingqu.domain.decision.mapping import ColumnMapping
from mingqu.domain.policy_file import canonical
from mingqu.lab.live import CardFile, read_card
from mingqu.lab.recipe import RECIPES, SEARCHED
from mingqu.lab.report import card_report
from mingqu.lab.sample import read_sample
from mingqu.lab.score_file import CODES, REASONS_IN, score_file
from mingqu.lab.train import find_mapping, summary
from mingqu.lab.train import train as train_card
from mingqu.lab.watch import RED, Signal, Watched
from mingqu.lab.watch import watch as watch_card

_file = click.Path(path_type=Path, dir_okay=False)
_mapping_option = click.option(
    "--mapping", metavar="NAME", help="Which column is which field: a mapping of the policies."
)
_SHOWN: Final = ("auc_test", "auc_train", "auc_out_of_time", "gini", "ks", "variables", "bins_max", "rows", "bad_rate",
                 "hash", "report")  # fmt: skip


@click.group(name="lab", short_help="Train a points card, score a file, watch it drift, try a draft.")
def lab_commands() -> None:
    """Work with points cards on files of your own; no book is needed. Training needs `pip install "mingqu[lab]"`."""


lab_commands.add_command(replay_policy)


@lab_commands.command(short_help="Train a points card from a CSV, with a report on one page.")
@click.argument("file", type=_file)
@click.option("--target", required=True, metavar="COLUMN", help="The column that says who went bad.")
@click.option(
    "--bad", metavar="VALUE", help="The value in it that means bad; by default the larger number, or the word."
)
@click.option("--out", type=_file, required=True, help="Where to write the card (JSON).")
@click.option("--report", type=_file, help="Where to write the report (HTML); by default beside the card.")
@click.option("--exclude", multiple=True, metavar="COLUMN", help="Leave this column out; give it again for more.")
@click.option("--time", metavar="COLUMN", help="When each row was: the latest fifth is kept for an out-of-time test.")
@_mapping_option
@click.option("--id", "card_id", metavar="NAME", help="The card's name; by default the mapping's, or trained-card.")
@click.option(
    "--recipe", type=click.Choice(list(RECIPES)), default=SEARCHED.id, show_default=True,
    help="How stumps are trained; 1 is that of the card behaviour-2005.",
)  # fmt: skip
@json_option
def train(
    file: Path,
    target: str,
    bad: str | None,
    out: Path,
    report: Path | None,
    exclude: tuple[str, ...],
    time: str | None,
    mapping: str | None,
    card_id: str | None,
    recipe: str,
    as_json: bool,
) -> int:
    """Train a points card from FILE, a CSV (also .gz or .xz), and write a report of one page about it."""
    through = find_mapping(name=mapping) if mapping else None
    say(f"reading {file} …")
    sample = read_sample(path=file, target=target, bad=bad, mapping=through, exclude=exclude, time=time)
    for name, why in sample.left_out:
        say(f"left out: {name}: {why}")
    say(f"{len(sample.bad):,} rows, {int(sample.bad.sum()):,} of them bad ({target} is {sample.bad_value}); training …")
    name = card_id or (through.card_id if through else "trained-card")
    trained = train_card(sample=sample, mapping=through, card_id=name, recipe=RECIPES[recipe])
    page = report or out.with_suffix(".html")
    words = click.get_current_context().command_path
    command = f"{words} {file.name} --target {target} --out {out.name}"
    command += "".join(f" --exclude {one}" for one in exclude)
    command += "".join(
        f" --{key} {value}" for key, value in (("bad", bad), ("time", time), ("mapping", mapping)) if value
    )
    written = card_report(trained=trained, command=command)
    write_whole(page, written.encode())
    write_whole(out, canonical(trained.body) + b"\n")
    found = summary(trained=trained, report=str(page))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo("".join(f"{key:>16}  {found[key]}\n" for key in _SHOWN if key in found), nl=False)
    return 0


@lab_commands.command(short_help="Score every row of a CSV with a card.")
@click.argument("card", type=_file)
@click.argument("file", type=_file)
@click.option("--out", type=_file, required=True, help="Where to write the scores (CSV); there whole or not at all.")
@click.option("--key", multiple=True, metavar="COLUMN", help="Repeat only this column; by default all. Again for more.")
@click.option("--reasons", type=click.Choice(REASONS_IN), default=CODES, show_default=True, help="Codes, or words.")
@_mapping_option
@json_option
def score(
    card: Path, file: Path, out: Path, key: tuple[str, ...], reasons: str, mapping: str | None, as_json: bool
) -> int:
    """Score every row of FILE with CARD: the rows in their order with score, probability of bad, band and reasons."""
    read = read_card(path=card)
    done = score_file(
        card_file=read, path=file, out=out, mapping=_mapping_for(read, mapping), keys=key, reasons_in=reasons
    )
    if done.unseen_words:
        say(f"{done.unseen_words:,} cells hold words that training never saw; they count as the card says.")
    found = {
        "rows": done.rows,
        "bad_rate_predicted": done.probability_mean_ppm / 1_000_000,
        "bands": dict(done.bands),
        "unseen_words": done.unseen_words,
        "card": read.card.hash,
        "out": str(out),
    }
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo("".join(f"{name:>18}  {value}\n" for name, value in found.items()), nl=False)
    return 0


@lab_commands.command(short_help="Compare a CSV with what training saw: drift as lights.")
@click.argument("card", type=_file)
@click.argument("file", type=_file)
@_mapping_option
@json_option
def watch(card: Path, file: Path, mapping: str | None, as_json: bool) -> int:
    """Compare FILE with what CARD was trained on. Exit code 1 when the score or the outcome is red."""
    read = read_card(path=card)
    found = watch_card(card_file=read, path=file, mapping=_mapping_for(read, mapping))
    if as_json:
        click.echo(json.dumps(_written(found), ensure_ascii=False))
    else:
        for one in (found.score, *found.outcome, *sorted(found.variables, key=lambda one: -one.value)):
            click.echo(f"{one.light:>6}  {one.value:8.4f}  {one.name}{'  ' if one.said else ''}{one.said}")
    return EXIT_FALSE if found.worst == RED else 0


def _written(found: Watched) -> dict[str, object]:
    def one(signal: Signal) -> dict[str, object]:
        return {"value": round(signal.value, 6), "light": signal.light, "said": signal.said}

    return {
        "rows": found.rows,
        "light": found.worst,
        "psi": one(found.score),
        "csi": {signal.name: one(signal) for signal in found.variables},
        "outcome": {signal.name: one(signal) for signal in found.outcome},
    }


def _mapping_for(card: CardFile, asked: str | None) -> ColumnMapping | None:
    """Return the mapping asked for, or the one the card was trained through."""
    name = asked or card.mapping_id
    return find_mapping(name=name) if name else None
