"""`mingqu webhook`: which programs are told what happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import click

from mingqu.domain.identifier import parse
from mingqu.services.house import House
from mingqu.services.messages.subscribe_webhook import end_webhook, subscribe_webhook, webhooks
from mingqu.services.messages.tell_webhooks import Event

DATA_DEFAULT: Final = Path("data")
Command = TypeVar("Command", bound=Callable[..., Any])


class _Wiring(Protocol):
    def live_house(self, *, data: Path, makes_book: bool) -> AbstractContextManager[House]: ...


def _options(command: Command) -> Command:
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=DATA_DEFAULT,
        show_default=True,
        envvar="MINGQU_DATA",
        help="The folder that holds the book.",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON value to standard output.")
    return data(as_json(command))


@click.group(name="webhook", short_help="Which programs are told what happened.")
def webhook_commands() -> None:
    """Say which programs are told what happened to loans, by signed HTTP messages; docs/reference/api.md."""


@webhook_commands.command(short_help="Tell an address; prints the secret, this once.")
@click.argument("url")
@click.option("--event", "events", multiple=True, type=click.Choice([event.value for event in Event]),
              help="Only this one; again for more. By default all.")  # fmt: skip
@_options
@click.pass_obj
def add(wiring: _Wiring, url: str, events: tuple[str, ...], data: Path, as_json: bool) -> int:
    """Tell URL what happens, and print the secret by which it knows that a message is ours."""
    with wiring.live_house(data=data, makes_book=False) as house:
        made = subscribe_webhook(house, url=url, events=events)
    said = {"subscription_id": made.subscription_id.hex, "secret": made.secret.reveal()}
    click.echo(json.dumps(said) if as_json else f"{said['subscription_id']}\n{said['secret']}")
    return 0


@webhook_commands.command(name="list", short_help="Who is told what.")
@_options
@click.pass_obj
def list_(wiring: _Wiring, data: Path, as_json: bool) -> int:
    """List who is told what, and what became of it."""
    with wiring.live_house(data=data, makes_book=False) as house:
        found = webhooks(house)
    rows = [
        {
            "subscription_id": one.subscription_id.hex,
            "url": one.url,
            "events": list(one.events),
            "ended": one.ended_at is not None,
            "delivered": one.delivered,
            "given_up": one.given_up,
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
    for row in () if as_json else rows:
        state = "ended" if row["ended"] else f"{row['delivered']} delivered, {row['given_up']} given up"
        click.echo(f"{row['subscription_id']}  {row['url']}  {state}")
    return 0


@webhook_commands.command(short_help="Tell an address no more.")
@click.argument("subscription")
@_options
@click.pass_obj
def end(wiring: _Wiring, subscription: str, data: Path, as_json: bool) -> int:
    """End SUBSCRIPTION, the id that `add` printed; what waits for it is dropped."""
    subscription_id: UUID = parse(subscription)
    with wiring.live_house(data=data, makes_book=False) as house:
        end_webhook(house, subscription_id=subscription_id)
    if as_json:
        click.echo(json.dumps({"ended": subscription_id.hex}))
    return 0
