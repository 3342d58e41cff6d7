"""`mingqu backup`, `mingqu restore`, `mingqu drill`: a copy of a book, a book out of a copy, and the proof of both."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from mingqu.cli.option import EXIT_FALSE, data_option, json_option, say
from mingqu.cli.wiring import Copied, Wiring
from mingqu.demo.tell import Teller
from mingqu.services.evidence.prove_copy import CopyProved, Manifest, prove_copy

_FOLDER: Final = click.Path(path_type=Path, file_okay=False)
_keys_option = click.option(
    "--keys",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="A keys.json kept elsewhere.",
)
_MB: Final = 1_000_000


@click.command(short_help="Copy a running book into a folder.")
@data_option
@click.option("--to", "to", type=_FOLDER, required=True, metavar="FOLDER", help="The copy: a new or empty folder.")
@json_option
@click.pass_obj
def backup(wiring: Wiring, data: Path, to: Path, as_json: bool) -> int:
    """Copy a book into FOLDER while it runs. Interrupted, nothing is left that looks like a backup.

    Keys are not in it: keep keys.json elsewhere, apart from the backups. Without it nothing personal opens again.
    """
    started = time.monotonic()
    manifest = wiring.backup(data=data, to=to)
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps(_written(manifest, to) | {"seconds": seconds}))
        return 0
    say(f"{to.resolve()}: {manifest.bytes / _MB:,.1f} MB of PostgreSQL {manifest.postgresql} in {seconds:.1f} s")
    say(_checkpoint(manifest))
    say("keys are not in it: keep keys.json elsewhere, apart from it")
    return 0


@click.command(short_help="Make a book out of a backup.")
@click.option("--from", "source", type=_FOLDER, required=True, metavar="FOLDER", help="The backup.")
@click.option("--data", type=_FOLDER, required=True, help="The folder to make the book in: new or empty.")
@_keys_option
@json_option
@click.pass_obj
def restore(wiring: Wiring, source: Path, data: Path, keys: Path | None, as_json: bool) -> int:
    """Make the book of a backup anew. Every byte is checked first; interrupted, nothing is left in its place.

    Serve it only when the old book is gone: two that live would both send orders.
    """
    started = time.monotonic()
    manifest = wiring.restore(source=source, data=data, keys=keys)
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps(_written(manifest, data) | {"seconds": seconds}))
        return 0
    say(f"{data.resolve()}: the book as it was at {manifest.taken_at}, in {seconds:.1f} s")
    say(_checkpoint(manifest))
    say(f"next: mingqu verify --data {data}; then docs/howto/back-up-and-restore.md, before it is served")
    return 0


@click.command(short_help="Back up, restore, prove the copy: could the book come back?")
@data_option
@click.option("--from", "source", type=_FOLDER, metavar="FOLDER", help="Try this backup; by default one taken now.")
@_keys_option
@json_option
@click.pass_obj
def drill(wiring: Wiring, data: Path, source: Path | None, keys: Path | None, as_json: bool) -> int:
    """Take a backup of the running book, restore it into a folder that goes away, start it, prove all eight invariants
    over the copy and compare its evidence with what the book published. Exit code 1 if the copy could not take over.
    """
    tell = Teller(Console(stderr=as_json, highlight=False))
    started = time.monotonic()
    with (
        wiring.copied(data=data, source=source, keys=keys) as copied,
        tell.progress("telling the copy's loans again", 1) as step,
    ):
        proved = prove_copy(
            copy=copied.copy,
            book=copied.book,
            keyring=copied.keys,
            progress=lambda done, total: step(f"{done:,} of {total:,}"),
        )
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps(_drilled(copied, proved) | {"seconds": seconds}))
    else:
        _tell_drill(tell, copied, proved, taken=source is None)
    return 0 if proved.holds else EXIT_FALSE


def _written(manifest: Manifest, folder: Path) -> dict[str, object]:
    return {
        "folder": str(folder.resolve()),
        "kind": manifest.kind,
        "taken_at": manifest.taken_at,
        "bytes": manifest.bytes,
        "cells": manifest.cells,
        "last_closed_on": manifest.last_closed_on,
        "checkpoint": manifest.checkpoint,
        "checkpoint_hash": manifest.checkpoint_hash,
    }


def _checkpoint(manifest: Manifest) -> str:
    if manifest.checkpoint == 0:
        return "no checkpoint was published yet"
    return f"evidence checkpoint {manifest.checkpoint}, {manifest.checkpoint_hash}"


def _drilled(copied: Copied, proved: CopyProved) -> dict[str, object]:
    return {
        "holds": proved.holds,
        "invariants": {str(number): holds for number, holds in proved.report.holds.items()},
        "same_checkpoint": proved.is_same,
        "checkpoint": 0 if proved.checkpoint is None else proved.checkpoint.number,
        "evidence_root": None if proved.checkpoint is None else proved.checkpoint.root.hex(),
        "published_root": None if proved.published is None else proved.published.root.hex(),
        "taken_at": copied.manifest.taken_at,
        "bytes": copied.manifest.bytes,
        "backup_seconds": round(copied.backup_seconds, 3),
        "restore_seconds": round(copied.restore_seconds, 3),
    }


def _tell_drill(tell: Teller, copied: Copied, proved: CopyProved, *, taken: bool) -> None:
    manifest = copied.manifest
    tell.chapter("⟲", "Could the book come back? · 恢复演练")
    how = f"in {copied.backup_seconds:.1f} s, while the book ran" if taken else f"at {manifest.taken_at}"
    tell.note(f"[green]✓[/] backup    {manifest.bytes / _MB:,.1f} MB taken {how}")
    tell.note(f"[green]✓[/] restore   every byte checked, the copy started, in {copied.restore_seconds:.1f} s")
    published, newest = proved.published, proved.checkpoint
    if newest is None and published is None:
        tell.note("[green]✓[/] evidence  no checkpoint was published yet, and the copy has none")
    elif proved.is_same and newest is not None:
        tell.note(f"[green]✓[/] evidence  checkpoint {newest.number} of {newest.at.isoformat()} is the one published")
        tell.note(f"            root {newest.root.hex()}")
    else:
        tell.note("[red]✗[/] evidence  the copy's checkpoint is not the one published")
        tell.note(f"            published {'none' if published is None else published.root.hex()}")
        tell.note(f"            copy      {'none' if newest is None else newest.root.hex()}")
    tell.proofs(proved.report)
    tell.note("The copy could take over." if proved.holds else "[red]The copy could not take over.[/]")
