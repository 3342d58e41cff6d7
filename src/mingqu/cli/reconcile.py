"""`mingqu reconcile`: a day's bills beside the book."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from mingqu.cli.option import EXIT_FALSE, Day, data_option, json_option, say
from mingqu.cli.wiring import Wiring
from mingqu.services.reconciliation.compare_day import LENDER
from mingqu.services.reconciliation.reconcile import KnownBreak, Reconciled, reconcile_day
from mingqu.services.reconciliation.take_ledger import take_ledger


@click.command(short_help="Compare a day's bills with the book, ask about what differs, settle the rest.")
@data_option
@click.option("--date", "on", type=Day(), required=True, metavar="DATE", help="The day, which must be over.")
@click.option("--source", "sources", multiple=True, metavar="SOURCE", help="Only this source; may be given again.")
@click.option("--lender", metavar="LENDER", help="Whose ledger --ledger is, by code.")
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A lender's own ledger of the day: compare with that, and with no channel.",
)
@json_option
@click.pass_obj
def reconcile(
    wiring: Wiring,
    data: Path,
    on: date,
    sources: tuple[str, ...],
    lender: str | None,
    ledger: Path | None,
    as_json: bool,
) -> int:
    """Reconcile a day that is over: bills fetched anew, or as they are in the book, beside our orders and the ledger.

    Nothing is booked because a bill says so: the channel is asked, and its word books. Exit code 1 if breaks are open,
    2 for a bill or a file that cannot be read; nothing of it was then taken. Run twice it is the same.
    """
    if (lender is None) != (ledger is None):
        raise click.UsageError("A lender's ledger takes both, --lender and --ledger.")
    with wiring.asking_house(data=data) as house:
        asked = list(sources)
        if lender is not None and ledger is not None:
            take_ledger(house, lender=lender, on=on, name=ledger.name, content=ledger.read_bytes())
            asked = [f"{LENDER}{lender}"]
        done = reconcile_day(house, on=on, sources=asked)
    still_open = sum(one.open for one in done)
    if as_json:
        click.echo(json.dumps({"date": on.isoformat(), "open": still_open, "sources": [_told(one) for one in done]}))
    else:
        for one in done:
            _show(one)
        if not done:
            say("There is nobody to ask and no bill of this day.")
    return EXIT_FALSE if still_open else 0


def _told(one: Reconciled) -> dict[str, Any]:
    return {
        "source": one.compared.source,
        "fetched": one.fetched,
        **one.compared.told(),
        "open": one.open,
        "settled": {
            "orders": one.settled.orders,
            "gross_fen": one.settled.gross_fen,
            "fee_fen": one.settled.fee_fen,
            "held_back": one.settled.held_back,
        },
        "listed": [_break(each) for each in one.compared.breaks],
    }


def _break(one: KnownBreak) -> dict[str, Any]:
    return {
        "break_id": one.break_id.hex,
        "kind": one.kind.value,
        "state": one.state.value,
        "cause": one.cause.value,
        "order_number": one.order_number,
        "direction": one.moved.value,
        "currency": one.currency,
        "ours_fen": one.ours_fen,
        "theirs_fen": one.theirs_fen,
        "ours_on": None if one.ours_on is None else one.ours_on.isoformat(),
        "theirs_on": None if one.theirs_on is None else one.theirs_on.isoformat(),
        "answer": one.answer,
    }


def _show(one: Reconciled) -> None:
    compared = one.compared
    ours, theirs, tally = compared.ours, compared.theirs, compared.tally
    click.echo(
        f"{compared.source} {compared.on}: {ours.lines:,} lines of ours, {theirs.lines:,} of theirs, "
        f"{tally.agreed:,} agreed, {one.open} breaks open"
    )
    click.echo(
        f"  in {theirs.in_fen:,} fen, out {theirs.out_fen:,} fen, fees {tally.fee_fen:,} fen; settled just now "
        f"{one.settled.orders:,} orders, {one.settled.gross_fen:,} fen"
    )
    for each in compared.breaks:
        figures = f"ours {each.ours_fen} theirs {each.theirs_fen}"
        click.echo(f"  {each.kind.value:<10}{each.state.value:<10}{each.order_number}  {figures}  asked: {each.answer}")
