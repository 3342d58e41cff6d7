"""`mingqu report`: what closed days come to, for people, spreadsheets and warehouses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mingqu.cli.option import Day, data_option, say
from mingqu.cli.whole_file import write_whole
from mingqu.cli.wiring import Wiring
from mingqu.services.house import House
from mingqu.services.reports.report_cohorts import (
    FunnelRow,
    RollRateRow,
    VintageRow,
    report_funnel,
    report_roll_rate,
    report_vintage,
)
from mingqu.services.reports.report_days import (
    Asked,
    IncomeRow,
    PortfolioRow,
    TrialBalanceRow,
    report_income,
    report_portfolio,
    report_trial_balance,
)
from mingqu.services.write_rows import FORMATS

_PARQUET: Final = "parquet"
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(name="report", short_help="What closed days come to: balances, income, and what became of loans.")
def report_commands() -> None:
    """Report what closed days come to. By the day of posting: a report of a closed day is the same for ever."""


_from_option = click.option("--from", "first", type=Day(), metavar="DATE", help="The first day; by default the last.")


_product_option = click.option("--product", metavar="PRODUCT", help="Only loans of this product, by its id.")
_lender_option = click.option("--lender", metavar="LENDER", help="Only this lender's part, by code or id.")


def _asking(command: _Command) -> _Command:
    """Give a report the options that all of them have."""
    for option in (
        data_option,
        click.option(
            "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead of standard output."
        ),
        click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True),
        click.option("--as-of", type=Day(), metavar="DATE", help="The last day; by default the last closed one."),
    ):
        command = option(command)
    return command


@report_commands.command(name="trial-balance", short_help="Turnover and balance of each account code, by lender.")
@_asking
@_lender_option
@_from_option
@click.pass_obj
def trial_balance(
    wiring: Wiring, as_of: date | None, first: date | None, lender: str | None, form: str, out: Path | None, data: Path
) -> int:
    """Report opening balance, turnover and closing balance of each account code, lender by lender."""
    asked = Asked(as_of=as_of, first=first, lender=lender)
    return _report(wiring, data, TrialBalanceRow, lambda house: report_trial_balance(house, asked=asked), form, out)


@report_commands.command(short_help="Running loans by product, lender, stage and arrears.")
@_asking
@_lender_option
@click.pass_obj
def portfolio(wiring: Wiring, as_of: date | None, lender: str | None, form: str, out: Path | None, data: Path) -> int:
    """Report the running loans as a day ended, by product, lender, stage and how late they were."""
    asked = Asked(as_of=as_of, lender=lender)
    return _report(wiring, data, PortfolioRow, lambda house: report_portfolio(house, asked=asked), form, out)


@report_commands.command(short_help="What was earned, given up and lost, day by day.")
@_asking
@_lender_option
@_from_option
@click.pass_obj
def income(
    wiring: Wiring, as_of: date | None, first: date | None, lender: str | None, form: str, out: Path | None, data: Path
) -> int:
    """Report what was earned, given up and lost on each day, by lender and product."""
    asked = Asked(as_of=as_of, first=first, lender=lender)
    return _report(wiring, data, IncomeRow, lambda house: report_income(house, asked=asked), form, out)


@report_commands.command(short_help="Loans by the month they began in, and how many are late as they age.")
@_asking
@_lender_option
@_product_option
@click.pass_obj
def vintage(
    wiring: Wiring, as_of: date | None, lender: str | None, product: str | None, form: str, out: Path | None, data: Path
) -> int:
    """Report, for the loans of each month, how many were late by 30, 60 and 90 days as each later month ended."""
    asked = Asked(as_of=as_of, lender=lender, product=product)
    return _report(wiring, data, VintageRow, lambda house: report_vintage(house, asked=asked), form, out)


@report_commands.command(name="roll-rate", short_help="How loans moved from one class of arrears to another.")
@_asking
@_lender_option
@_product_option
@_from_option
@click.pass_obj
def roll_rate(
    wiring: Wiring,
    as_of: date | None,
    first: date | None,
    lender: str | None,
    product: str | None,
    form: str,
    out: Path | None,
    data: Path,
) -> int:
    """Report what the loans of each class of arrears had become, by default since the last month ended."""
    asked = Asked(as_of=as_of, first=first, lender=lender, product=product)
    return _report(wiring, data, RollRateRow, lambda house: report_roll_rate(house, asked=asked), form, out)


@report_commands.command(short_help="How far applications came: decided, offered, signed, paid, repaid.")
@_asking
@_product_option
@_from_option
@click.pass_obj
def funnel(
    wiring: Wiring, as_of: date | None, first: date | None, product: str | None, form: str, out: Path | None, data: Path
) -> int:
    """Report, for the applications of each month, how many were decided, offered, signed, paid out and repaid."""
    asked = Asked(as_of=as_of, first=first, product=product)
    return _report(wiring, data, FunnelRow, lambda house: report_funnel(house, asked=asked), form, out)


def _report(
    wiring: Wiring,
    data: Path,
    kind: type[Any],
    ask: Callable[[House], Sequence[Any]],
    form: str,
    out: Path | None,
) -> int:
    if form == _PARQUET:
        if out is None:
            raise click.UsageError("A Parquet file is no text: give its name with --out.")
        FORMATS[form](kind, [])  # refused before the book is opened
    with wiring.live_house(data=data, makes_book=False) as house:
        rows = ask(house)
    written = FORMATS[form](kind, rows)
    if out is None:
        click.echo(written.decode(), nl=False)
    else:
        write_whole(out, written)
        say(f"{len(rows):,} rows in {out}")
    return 0
