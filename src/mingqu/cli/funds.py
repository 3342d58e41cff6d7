"""`mingqu funds`: who pays for what is lent, how near each limit is, what joint lending moved for one funder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from mingqu.cli.option import Day, data_option, json_option
from mingqu.cli.wiring import Wiring
from mingqu.domain.funding import Point
from mingqu.services.funding.state_to_funder import FunderStatement, state_to_funder
from mingqu.services.pools.read_funds import Funds, LimitLine, SourceLine, read_funds

_SIGNS: Final = 10


@click.command(short_help="Who pays for loans: sources, headroom, a look ahead; a funder's statement.")
@click.option("--funder", metavar="CODE", help="Only this funder's sources and limits; with dates, its statement.")
@click.option("--from", "first", type=Day(), metavar="DATE", help="The first day of the funder's statement.")
@click.option("--to", "last", type=Day(), metavar="DATE", help="Its last day; by default today.")
@data_option
@json_option
@click.pass_obj
def funds(wiring: Wiring, funder: str | None, first: date | None, last: date | None, data: Path, as_json: bool) -> int:
    """Show the sources of each product, how near every limit is, and how a quarter looks; or a funder's statement.

    Exit code 1 says that a limit is used up.
    """
    if first is not None and funder is None:
        raise click.UsageError("A statement is one funder's: name it with --funder.")
    with wiring.live_house(data=data, makes_book=False) as house:
        today = house.clock.business_date()
        if first is not None and funder is not None:
            statement = state_to_funder(house, funder=funder, first=first, last=last or today)
            click.echo(json.dumps(_stated(statement), ensure_ascii=False) if as_json else _statement(statement))
            return 0
        who = None if funder is None else house.funding.funder(word=funder, business_date=today).id
        seen = read_funds(house, lender_id=who)
    click.echo(json.dumps(_written(seen), ensure_ascii=False) if as_json else _page(seen))
    return 1 if any(one.level == "hard" for one in seen.alarms) else 0


def _page(seen: Funds) -> str:
    people = f"{seen.lines.people:,} people with {seen.lines.lines:,} lines, {seen.pools} pools"
    lines = [f"{seen.on}: {people}; {_yuan(seen.principal_fen)} out", ""]
    product = ""
    for one in seen.sources:
        if one.product_id != product:
            product = one.product_id
            lines.append(f"{product} (plan {one.plan_version})")
        lines.append(
            f"  {one.place}. {one.source_id:<14} {one.kind:<8} {one.loans:>8,} loans {_yuan(one.principal_fen):>20}"
            f"  {_bar(one.line.used_ppm)} {_percent(one.line.used_ppm):>6} of {_yuan(one.line.limit_fen)}"
        )
    if seen.bought:
        lines += ["", "bought back"]
    lines += [
        f"  {one.buyer_en} from {one.seller_en}: {one.loans:,} loans {_yuan(one.principal_fen)},"
        f" at {_yuan(one.price_fen)}"
        for one in seen.bought
    ]
    lines += ["", "limits"]
    lines += [
        f"  {one.name:<44} {_bar(one.used_ppm)} {_percent(one.used_ppm):>6}  {_yuan(one.free_fen):>22} left"
        f"  {one.level.value:<4} {_least(one):<34} {one.document}".rstrip()
        for one in seen.limits
    ]
    return "\n".join(lines)


def _least(one: LimitLine) -> str:
    """Say which week of the quarter leaves the least, and how much."""
    week = one.tightest
    return "" if week is None else f"least {week.on} {_yuan(week.room_fen)}"


def _statement(statement: FunderStatement) -> str:
    sums = statement.sums
    accounts = sum(line.revolving for line in statement.lines)
    count = f"{len(statement.lines) - accounts:,} joint loans, {accounts:,} joint accounts"
    head = f"{statement.funder.name_en}, {statement.first} to {statement.last}: {count}"
    return "\n".join([head, *(f"  {name.removesuffix('_fen'):<10} {_signed(fen):>20}" for name, fen in sums.items())])


def _bar(ppm: int) -> str:
    """Draw how much is used in ten signs. Example: 430 000 millionths are ████······."""
    full = ppm * _SIGNS // 1_000_000
    return "█" * full + "·" * (_SIGNS - full)


def _signed(fen: int) -> str:
    return ("-" if fen < 0 else "") + _yuan(abs(fen))


def _yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d}"


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000 // 1_000} %"


def _written(seen: Funds) -> dict[str, Any]:
    return {
        "on": seen.on.isoformat(),
        "people": seen.lines.people,
        "lines": seen.lines.lines,
        "granted_fen": seen.lines.granted_fen,
        "drawn_fen": seen.lines.drawn_fen,
        "pools": seen.pools,
        "sources": [_source(one) for one in seen.sources],
        "limits": [{**_limit(one), "ahead": _ahead(one.ahead)} for one in seen.limits],
        "bought_back": [
            {
                "seller": one.seller_en,
                "buyer": one.buyer_en,
                "loans": one.loans,
                "principal_fen": one.principal_fen,
                "price_fen": one.price_fen,
            }
            for one in seen.bought
        ],
        "alarms": [one.name for one in seen.alarms],
    }


def _source(one: SourceLine) -> dict[str, Any]:
    return {
        "product": one.product_id,
        "plan_version": one.plan_version,
        "source": one.source_id,
        "kind": one.kind,
        "shares": [{"name": part.name_en, "ppm": part.ppm} for part in one.shares],
        "loans": one.loans,
        "principal_fen": one.principal_fen,
        "line": _limit(one.line),
        "nearest": one.nearest.name,
        "ahead": _ahead(one.ahead),
    }


def _ahead(points: Sequence[Point]) -> list[dict[str, Any]]:
    return [
        {
            "week_on": point.on.isoformat(),
            "comes_fen": point.comes_fen,
            "goes_fen": point.goes_fen,
            "room_fen": point.room_fen,
            "level": point.level.value,
        }
        for point in points
    ]


def _limit(one: LimitLine) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "owner": one.owner_en,
        "limit_fen": one.limit_fen,
        "used_fen": one.used_fen,
        "free_fen": one.free_fen,
        "level": one.level.value,
        "document": one.document,
    }


def _stated(statement: FunderStatement) -> dict[str, Any]:
    return {
        "funder": statement.funder.code,
        "first": statement.first.isoformat(),
        "last": statement.last.isoformat(),
        "sums": statement.sums,
        "loans": [
            {
                "account_id" if line.revolving else "loan_id": str(line.claim_id),
                "opening_fen": line.opening_fen,
                "lent_fen": line.lent_fen,
                "repaid_fen": line.repaid_fen,
                "lost_fen": line.lost_fen,
                "bought_fen": line.bought_fen,
                "sold_fen": line.sold_fen,
                "price_fen": line.price_fen,
                "closing_fen": line.closing_fen,
                "interest_fen": line.interest_fen,
                "penalty_fen": line.penalty_fen,
                "fee_fen": line.fee_fen,
            }
            for line in statement.lines
        ],
    }
