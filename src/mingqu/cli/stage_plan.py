"""`mingqu stage-plan`: which months and how many instalments suit a milestone loan to what its lender has free."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from mingqu.cli.option import Day, data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.domain.calendar import add_months
from mingqu.domain.milestone import FittedPlan, fit_plan
from mingqu.domain.money import format_fen, parse_yuan
from mingqu.domain.product import ProductNotOffered


@click.command(name="stage-plan", short_help="Fit a milestone loan to a lender's free capital.")
@click.argument("product")
@click.option("--amount", required=True, metavar="YUAN", help="What is to be lent in all.")
@click.option("--on", "on", type=Day(), required=True, metavar="DATE", help="The first stage is not before it.")
@click.option("--free", required=True, metavar="YUAN,…", help="What the lender has free, month by month from then.")
@click.option("--bearable", required=True, metavar="YUAN", help="The principal that the borrower can repay in a month.")
@data_option
@json_option
@click.pass_obj
def stage_plan(
    wiring: Wiring, product: str, amount: str, on: date, free: str, bearable: str, data: Path, as_json: bool
) -> int:
    """Fit a loan of PRODUCT to a lender's free capital: the earliest month of each stage, and the fewest instalments.

    A stage whose month lacks capital waits for the first that has it; each line says so. Nothing is written.
    """
    with wiring.live_house(data=data, makes_book=False) as house:
        found = house.pack.product(product_id=product, business_date=on)
    if not found.stages:
        raise ProductNotOffered("This product is paid out at once; it has no stages.", product_id=product)
    plan = fit_plan(
        stages=found.stages,
        principal_fen=parse_yuan(amount).fen,
        free_by_month=[parse_yuan(one).fen for one in free.split(",")],
        instalment_counts=found.instalment_counts,
        bearable_fen=parse_yuan(bearable).fen,
    )
    if as_json:
        click.echo(json.dumps(_written(plan, on), ensure_ascii=False))
        return 0
    for one in plan.stages:
        waits = f", waits {one.waits_months} months for capital" if one.waits_months else ""
        papers = ", ".join(one.stage.papers) or "paid on signature"
        click.echo(
            f"{add_months(day=on, months=one.month)}  {one.stage.id:<10} {format_fen(one.amount_fen):>14}  "
            f"free {format_fen(one.free_fen)}, left {format_fen(one.left_fen)}{waits}; {papers}"
        )
    click.echo(f"{plan.instalments} instalments, at most {format_fen(plan.payment_fen)} of principal a month")
    return 0


def _written(plan: FittedPlan, on: date) -> dict[str, object]:
    return {
        "stages": [
            {
                "id": one.stage.id,
                "on": add_months(day=on, months=one.month).isoformat(),
                "amount_fen": one.amount_fen,
                "free_fen": one.free_fen,
                "left_fen": one.left_fen,
                "waits_months": one.waits_months,
                "papers": list(one.stage.papers),
            }
            for one in plan.stages
        ],
        "instalments": plan.instalments,
        "payment_fen": plan.payment_fen,
    }
