"""`mingqu operator`: add, list, reset and end operators, from the machine that holds the book."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

import click

from mingqu.domain.operator import CODE_LASTS
from mingqu.domain.personal import Personal
from mingqu.services.access.keep_operator import (
    Invited,
    add_operator,
    end_operator,
    invite_again,
    operators,
    role_name,
    set_password_at_once,
)
from mingqu.services.house import House

_WHERE: Final = "/console/first-password"


class Books(Protocol):
    """What `main` opens for these commands."""

    def live_house(self, *, data: Path, makes_book: bool) -> AbstractContextManager[House]: ...


_data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    show_default=True,
    envvar="MINGQU_DATA",
    help="The folder that holds the book.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON value to standard output.")


@click.group(name="operator", short_help="Who may use the console: add, list, reset, end.")
def operator_commands() -> None:
    """Keep the operators of the console. There is no operator and no password until you make one."""


@operator_commands.command(short_help="Add an operator; prints a code to set a password with.")
@click.argument("name")
@click.option(
    "--role",
    required=True,
    metavar="ROLE",
    help="operations, risk, auditor, admin, or lender:CODE for a lender's own people.",
)
@click.option("--password-stdin", is_flag=True, help="Set the password at once: the first line of standard input.")
@_data_option
@_json_option
@click.pass_obj
def add(books: Books, name: str, role: str, password_stdin: bool, data: Path, as_json: bool) -> int:
    """Add the operator NAME. They set their own password on the console with the code this prints, within a day."""
    with books.live_house(data=data, makes_book=False) as house:
        invited = add_operator(house, name=name, role=role)
        written = role_name(house, of=invited.operator)
        if password_stdin:
            set_password_at_once(house, name=name, password=Personal(sys.stdin.readline().rstrip("\r\n")))
    _tell(invited, written, as_json=as_json, has_password=password_stdin)
    return 0


@operator_commands.command(short_help="Give a new code to who forgot the password.")
@click.argument("name")
@_data_option
@_json_option
@click.pass_obj
def reset(books: Books, name: str, data: Path, as_json: bool) -> int:
    """Give the operator NAME a new code to set a password with; the old password holds until it is used."""
    with books.live_house(data=data, makes_book=False) as house:
        invited = invite_again(house, name=name)
        written = role_name(house, of=invited.operator)
    _tell(invited, written, as_json=as_json, has_password=False)
    return 0


@operator_commands.command(name="list", short_help="All operators, those who left as well.")
@_data_option
@_json_option
@click.pass_obj
def list_all(books: Books, data: Path, as_json: bool) -> int:
    """List all operators with their roles, those who left as well."""
    with books.live_house(data=data, makes_book=False) as house:
        rows = [
            {
                "name": one.name,
                "role": role_name(house, of=one),
                "created_at": one.created_at.isoformat(),
                "ended_at": one.ended_at.isoformat() if one.ended_at else None,
            }
            for one in operators(house)
        ]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(f"{row['name']:<32} {row['role']:<24} {'left' if row['ended_at'] else ''}")
        if not rows:
            click.echo("no operators yet: mingqu operator add NAME --role admin", err=True)
    return 0


@operator_commands.command(short_help="End an operator: no sign-in and no session any more.")
@click.argument("name")
@_data_option
@_json_option
@click.pass_obj
def end(books: Books, name: str, data: Path, as_json: bool) -> int:
    """End the time of operator NAME here. What they looked at stays in the access log, and the name is not reused."""
    with books.live_house(data=data, makes_book=False) as house:
        ended = end_operator(house, name=name)
    assert ended.ended_at is not None
    if as_json:
        click.echo(json.dumps({"name": ended.name, "ended_at": ended.ended_at.isoformat()}))
    else:
        click.echo(f"{ended.name} has left", err=True)
    return 0


def _tell(invited: Invited, written: str, *, as_json: bool, has_password: bool) -> None:
    """Print who was invited, and the code unless a password was set: only once, it is kept as a hash."""
    code = None if has_password else invited.code.reveal()
    hours = int(CODE_LASTS.total_seconds()) // 3600
    if as_json:
        body: dict[str, object] = {"name": invited.operator.name, "role": written, "code": code, "path": _WHERE}
        click.echo(json.dumps(body))
        return
    click.echo(f"operator {invited.operator.name}, {written}", err=True)
    if code is not None:
        click.echo(f"code, good once and for {hours} h, for {_WHERE}:", err=True)
        click.echo(code)
