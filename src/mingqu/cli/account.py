"""`mingqu account`: what an owner's accounts hold, now or on a day, and the statement of one of them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from mingqu.cli.option import Day, data_option, json_option, say
from mingqu.cli.wiring import Wiring
from mingqu.domain.identifier import parse
from mingqu.domain.ledger import CHART, Account, AccountCode, Balance
from mingqu.services.ledger.read_account import DatedBy, Statement, read_balances, read_statement

LINES_MAX: Final = 1_000


class Code(click.ParamType[AccountCode]):
    """A code of the chart of accounts, by its number or its name."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AccountCode:
        for code in AccountCode:
            if str(value).lower() in (str(int(code)), code.name.lower()):
                return code
        return self.fail("an account's code is a number or name of the chart, like 1101 or loan_principal.", param, ctx)


@click.command(short_help="What an owner's accounts hold on any day; statements.")
@click.argument("owner", metavar="OWNER")
@data_option
@click.option("--code", type=Code(), metavar="CODE", help="Only this account: its number or name in the chart.")
@click.option("--currency", default="CNY", show_default=True, metavar="CURRENCY", help="The statement's currency.")
@click.option("--cell", type=click.IntRange(0, 1023), metavar="N", help="Only this cell, of a lender's many.")
@click.option("--as-of", type=Day(), metavar="DATE", help="At the end of this day, instead of now.")
@click.option("--from", "first_on", type=Day(), metavar="DATE", help="A statement: from this day.")
@click.option("--to", "last_on", type=Day(), metavar="DATE", help="A statement: to this day, included.")
@click.option(
    "--by",
    type=click.Choice([each.value for each in DatedBy]),
    default=DatedBy.POSTING.value,
    show_default=True,
    help="The date that counts: the day money counts from, or the business date it was written on.",
)
@click.option("--after", metavar="NEXT", help="The next page: what the page before gave as `next`.")
@click.option(
    "--limit", default=LINES_MAX, show_default=True, type=click.IntRange(1, LINES_MAX), help="Lines of a page."
)
@json_option
@click.pass_obj
def account(
    wiring: Wiring, owner: str, data: Path, code: AccountCode | None, currency: str, cell: int | None,
    as_of: date | None, first_on: date | None, last_on: date | None, by: str, after: str | None, limit: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Show what the accounts of OWNER (a loan, person, line or lender, by id) hold, now or at the end of a day.

    With --from and --to: the statement of one account, named by --code, with opening balance, lines and closing
    balance. Amounts read on the account's normal side, in fen with --json.
    """
    if (first_on is None) != (last_on is None):
        raise click.UsageError("a statement takes --from and --to.")
    if first_on is not None and code is None:
        raise click.UsageError("a statement is of one account: name it by --code.")
    if first_on is not None and as_of is not None:
        raise click.UsageError("a statement has its own days: leave --as-of away.")
    owner_id, dated_by = parse(owner), DatedBy(by)
    with wiring.reading(data=data) as (database, _):
        if first_on is not None and last_on is not None and code is not None:
            of = Account(owner=owner_id, code=code, currency=currency)
            _tell_statement(
                read_statement(
                    database, account=of, cell=cell, first_on=first_on, last_on=last_on, by=dated_by, after=after,
                    lines_max=limit,
                ),
                as_json=as_json,
            )  # fmt: skip
        else:
            found = read_balances(database, owner=owner_id, cell=cell, as_of=as_of, by=dated_by)
            _tell_balances(found, code=code, as_json=as_json)
    return 0


def _tell_balances(found: dict[int, dict[Account, Balance]], *, code: AccountCode | None, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"cell": cell, "code": int(of.code), "name": of.code.name.lower(), "currency": of.currency, **_sums(of, held)}
        for cell, accounts in found.items()
        for of, held in accounts.items()
        if code in (None, of.code)
    ]
    if as_json:
        click.echo(json.dumps({"accounts": rows}))
        return
    for row in rows:
        click.echo(
            f"cell {row['cell']:<4} {row['code']} {row['name']:<22} {_yuan(row['balance_fen']):>20} {row['currency']}"
            + (f"  held {_yuan(row['held_fen'])}" if row["held_fen"] else "")
        )


def _sums(of: Account, held: Balance) -> dict[str, Any]:
    pending = held.debits_pending_fen + held.credits_pending_fen
    return {"balance_fen": held.normal_fen(of.code), "held_fen": pending}


def _tell_statement(page: Statement, *, as_json: bool) -> None:
    of, sign = page.account, -1 if page.account.code.side.value == "credit" else 1
    lines: list[dict[str, Any]] = [
        {
            "transfer_id": line.entry.transfer_id.hex,
            "value_date": line.entry.value_date.isoformat(),
            "posted_on": line.entry.posted_on.isoformat(),
            "kind": line.entry.kind.name.lower(),
            "reason": line.entry.reason.name.lower(),
            "side": line.entry.side.value,
            "amount_fen": line.entry.amount_fen,
            "balance_fen": sign * line.balance_fen,
            "other_code": int(line.entry.other.code),
            "other_owner": line.entry.other.owner.hex,
            "reference": line.entry.reference.hex,
        }
        for line in page.lines
    ]
    if as_json:
        said = {
            "owner": of.owner.hex,
            "cell": page.cell,
            "code": int(of.code),
            "name": of.code.name.lower(),
            "currency": of.currency,
            "by": page.by.value,
            "from": page.first_on.isoformat(),
            "to": page.last_on.isoformat(),
            "opening": _sums(of, page.opening),
            "lines": lines,
            "closing": _sums(of, page.closing),
            "next": page.next,
        }
        click.echo(json.dumps(said))
        return
    say(f"{int(of.code)} {of.code.name.lower()}: {CHART[of.code].meaning}")
    click.echo(f"{page.first_on}  opening balance {_yuan(page.opening.normal_fen(of.code)):>50} {of.currency}")
    for line in lines:
        click.echo(
            f"{line['posted_on']} {line['value_date']} {line['kind']:<8} {line['reason']:<20} {line['side']:<6}"
            f" {_yuan(line['amount_fen']):>18} {_yuan(line['balance_fen']):>18}"
        )
    if page.next:
        say(f"more lines: --after {page.next}")
    click.echo(f"{page.last_on}  closing balance {_yuan(page.closing.normal_fen(of.code)):>50} {of.currency}")


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
