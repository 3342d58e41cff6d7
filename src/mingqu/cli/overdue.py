"""`mingqu overdue`: which loans and revolving accounts are late, what may be reported of them, what is held back."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mingqu.cli.option import data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.domain.money import format_fen
from mingqu.services.collection.list_overdue import list_overdue


@click.command(name="overdue", short_help="Overdue loans and accounts: what may be reported, and what is held back.")
@data_option
@json_option
@click.pass_obj
def overdue(wiring: Wiring, data: Path, as_json: bool) -> int:
    """List every overdue loan and revolving account of today, the longest first: with its class, its mark if it is
    disputed, and the rule that holds it back if its borrower was not told before."""
    with wiring.live_house(data=data, makes_book=False) as house:
        rows = list_overdue(house)
    if as_json:
        said = [
            {
                "loan_id": None if row.is_account else row.debt_id.hex,
                "account_id": row.debt_id.hex if row.is_account else None,
                "overdue_since": row.overdue_since.isoformat(),
                "overdue_days": row.overdue_days,
                "payable_fen": row.payable_fen,
                "asset_class": row.asset_class.value,
                "provision_fen": row.provision_fen,
                "told_at": None if row.told_at is None else row.told_at.isoformat(),
                "disputed": row.disputed,
                "held_back_by": None if row.held_back is None else row.held_back.rule.id,
                "document": None if row.held_back is None else row.held_back.rule.document,
            }
            for row in rows
        ]
        click.echo(json.dumps(said, ensure_ascii=False))
        return 0
    for row in rows:
        held = "" if row.held_back is None else f"  held back: {row.held_back.rule.id}, {row.held_back.rule.document}"
        mark = "  disputed" if row.disputed else ""
        says = f"{row.debt_id.hex}  {row.overdue_days:>4} d  {format_fen(row.payable_fen):>14}"
        click.echo(f"{says}  {row.asset_class.value}{mark}{held}")
    return 0
