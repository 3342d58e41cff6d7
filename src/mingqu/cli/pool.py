"""`mingqu pool`: a month of a securitized pool from a file, or a pool of the book as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from mingqu.cli import pool_book
from mingqu.cli.option import EXIT_FALSE, data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.domain.abs_pool import Paid, Phase, PoolReport, Standing
from mingqu.domain.money import format_fen
from mingqu.services.pools.draw_pool import draw_pools, open_pool
from mingqu.services.pools.read_pools import read_pool
from mingqu.services.pools.report_pool import report_pool

_LEFT_OUT_SHOWN: Final = 20  # the rest is counted; --json has them all


@click.command(short_help="A securitized pool: a month of a file, or a pool of the book.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--of-book", metavar="POOL", help="Show this pool of the book, its closed days drawn first.")
@click.option("--open", "opens", is_flag=True, help="Open it: from the next closed day on it buys loans.")
@data_option
@json_option
@click.pass_obj
def pool(wiring: Wiring, file: Path | None, of_book: str | None, opens: bool, data: Path, as_json: bool) -> int:
    """Report the month in FILE (JSON) by the pool's terms, for which no book is needed; or show a pool of the book.

    Exit code 1 says that the pool amortizes early.
    """
    if (file is None) == (of_book is None):
        raise click.UsageError("Name the file of a month, or a pool of the book with --of-book.")
    if opens and of_book is None:
        raise click.UsageError("Name the pool that is opened with --of-book.")
    if of_book is not None:
        with wiring.live_house(data=data, makes_book=False) as house:
            if opens:
                open_pool(house, pool_id=of_book)
            draw_pools(house)
            view = read_pool(house, pool_id=of_book)
        click.echo(json.dumps(pool_book.written(view), ensure_ascii=False) if as_json else pool_book.page(view))
        return EXIT_FALSE if view.day is not None and view.day.phase == Phase.AMORTIZING_EARLY else 0
    assert file is not None
    made = report_pool(path=file)
    click.echo(json.dumps(_written(made), ensure_ascii=False) if as_json else _page(made))
    return EXIT_FALSE if made.watched.phase is Phase.AMORTIZING_EARLY else 0


def _page(made: PoolReport) -> str:
    parts, proposal, closing = made.distribution, made.proposal, made.closing
    causes = f" ({', '.join(made.watched.causes)})" if made.watched.causes else ""
    head = (
        f"{made.terms.id} version {made.terms.version}, {made.month.start} to {made.month.end}: "
        f"{made.watched.phase}{causes}"
    )
    bought = (
        f"  {len(proposal.bought):,} loans proposed for {format_fen(proposal.spent_fen)}, "
        f"{format_fen(proposal.cash_left_fen)} left; {len(proposal.left_out):,} left out"
    )
    lines = [
        head,
        "",
        *(
            f"  {one.cause.value:<24}{_percent(one.ppm):>12} of at most {_percent(one.most_ppm)}"
            for one in made.watched.measured
        ),
        "",
        _line("interest and fees received", made.interest_fen),
        _line("principal received", made.repaid_fen),
        _line("cash of earlier months", made.month.opening.cash_fen),
        _line("to distribute", made.available_fen),
        *(_claimed(one) for one in (*parts.fees, parts.senior_interest)),
        _line("kept to buy loans", parts.kept_fen),
        _line("senior principal", parts.senior_principal_fen),
        _line("subordinate principal", parts.subordinate_principal_fen),
        _line("subordinate excess", parts.subordinate_excess_fen),
        "",
        _line("senior notes left", closing.senior_fen),
        _line("subordinate notes left", closing.subordinate_fen),
        _line("loans not in default", made.performing_fen),
        "",
        bought,
        *(f"    {one.id:<24}{format_fen(one.principal_fen):>16}" for one in proposal.bought),
        *(f"    {one.loan.id:<24}{', '.join(one.reasons)}" for one in proposal.left_out[:_LEFT_OUT_SHOWN]),
    ]
    if len(proposal.left_out) > _LEFT_OUT_SHOWN:
        lines.append(f"    and {len(proposal.left_out) - _LEFT_OUT_SHOWN:,} more")
    columns = f"  {'bought in':<10}{'loans':>7}{'bought':>16}{'repaid':>16}{'late':>16}{'defaulted':>16}{'share':>12}"
    lines += ["", columns]
    lines += [
        f"  {one.month:%Y-%m}   {one.loans:>7,}{format_fen(one.bought_fen):>16}{format_fen(one.repaid_fen):>16}"
        f"{format_fen(one.delinquent_fen):>16}{format_fen(one.defaulted_fen):>16}{_percent(one.defaulted_ppm):>12}"
        for one in made.vintages
    ]
    return "\n".join(lines)


def _line(name: str, amount_fen: int) -> str:
    return f"  {name:<28}{format_fen(amount_fen):>20}"


def _claimed(one: Paid) -> str:
    short = f"  {format_fen(one.short_fen)} short" if one.short_fen else ""
    return f"{_line(one.claim.id.replace('_', ' '), one.paid_fen)}{short}"


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000:04d} %"


def _written(made: PoolReport) -> dict[str, Any]:
    parts, proposal = made.distribution, made.proposal
    return {
        "pool": made.terms.id,
        "version": made.terms.version,
        "from": made.month.start.isoformat(),
        "to": made.month.end.isoformat(),
        "phase": made.watched.phase.value,
        "causes": [one.value for one in made.watched.causes],
        "triggers": [
            {"cause": one.cause.value, "part_fen": one.part_fen, "whole_fen": one.whole_fen, "ppm": one.ppm,
             "most_ppm": one.most_ppm, "hit": one.is_hit}
            for one in made.watched.measured
        ],
        "interest_fen": made.interest_fen,
        "repaid_fen": made.repaid_fen,
        "available_fen": made.available_fen,
        "performing_fen": made.performing_fen,
        "defaulted_new_fen": made.defaulted_new_fen,
        "waterfall": [
            *(_claim(one) for one in (*parts.fees, parts.senior_interest)),
            {"to": "kept", "paid_fen": parts.kept_fen},
            {"to": "senior_principal", "paid_fen": parts.senior_principal_fen},
            {"to": "subordinate_principal", "paid_fen": parts.subordinate_principal_fen},
            {"to": "subordinate_excess", "paid_fen": parts.subordinate_excess_fen},
        ],
        "proposal": {
            "spent_fen": proposal.spent_fen,
            "cash_left_fen": proposal.cash_left_fen,
            "bought": [{"id": one.id, "principal_fen": one.principal_fen} for one in proposal.bought],
            "left_out": [{"id": one.loan.id, "reasons": list(one.reasons)} for one in proposal.left_out],
        },
        "static_view": [
            {"month": f"{one.month:%Y-%m}", "age": one.age, "loans": one.loans, "bought_fen": one.bought_fen,
             "repaid_fen": one.repaid_fen, "performing_fen": one.performing_fen, "delinquent_fen": one.delinquent_fen,
             "defaulted_fen": one.defaulted_fen, "defaulted_ppm": one.defaulted_ppm,
             "unrecovered_fen": one.unrecovered_fen}
            for one in made.vintages
        ],
        "closing": _standing(made.closing),
    }  # fmt: skip


def _claim(one: Paid) -> dict[str, Any]:
    return {"to": one.claim.id, "due_fen": one.claim.due_fen, "paid_fen": one.paid_fen, "short_fen": one.short_fen}


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "senior_fen": one.senior_fen,
        "subordinate_fen": one.subordinate_fen,
        "cash_fen": one.cash_fen,
        "fees_short_fen": dict(one.fees_short_fen),
        "senior_interest_short_fen": one.senior_interest_short_fen,
        "amortizing_since": None if one.amortizing_since is None else one.amortizing_since.isoformat(),
    }
