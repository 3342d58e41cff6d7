"""`mingqu serve` and `mingqu sandbox`: what runs until Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from mingqu.cli.option import data_option, json_option, say
from mingqu.cli.wiring import People, Served, Wiring
from mingqu.demo import guide
from mingqu.demo.companies import companies
from mingqu.demo.people import XIA
from mingqu.demo.tell import Teller
from mingqu.demo.year import tell_year
from mingqu.jobs.worker import Pulse, work_until
from mingqu.web.server import address_of, listen, serving, wait_until

PORT_DEFAULT: Final = 8088
PEOPLE_MADE_MAX: Final = 10_000  # each is a few rows of one file
SANDBOX_PARTIES: Final = (
    *("wechatpay", "wechat", "bank", "identity", "sms", "bureau", "data", "alipay"),
    *("issuer", "lender", "shop"),
)
_POCKET_FEN: Final = 6_000_000  # on the ready-made borrower's card


@click.command(short_help="Run a book until Ctrl-C: database, sandbox, worker, and every page.")
@data_option
@click.option(
    "--port",
    default=PORT_DEFAULT,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Of everything that is served; 0 takes any that is free.",
)
@click.option("--guide", "guided", is_flag=True, help="Make a borrower and an operator to be, and say who they are.")
@click.option("--story", "told", is_flag=True, help="First tell half a year into a new book, so that no page is empty.")
@click.pass_obj
def serve(wiring: Wiring, data: Path, port: int, guided: bool, told: bool) -> int:
    """Run the book of a folder until Ctrl-C: database, worker, borrower pages, console, open API, on 127.0.0.1.

    Counterparties are those of MINGQU_CHANNELS; without it the sandbox is played beside the book. A second one on the
    same folder, with another port, shares the database of the first.
    """
    stop = _stopped_by_signals()
    with listen(port=port) as door:
        silent = told and _tell(wiring, data)
        address = address_of(door)
        with wiring.served_house(data=data, address=address) as served:
            house, pulse = served.house, Pulse()
            if silent:
                served.silence_bank()
            worker = threading.Thread(
                target=work_until,
                args=(house,),
                kwargs={"stop": stop, "report": say, "pulse": pulse},
                name="worker",
                daemon=True,
            )
            site = wiring.site(house, public_url=served.public_url, is_working=lambda: pulse.healthy)
            worker.start()
            with serving(site, door=door):
                say(f"book in {data.resolve()}, business date {house.clock.business_date()}")
                _greet(served, address=address, guided=guided, told=told)
                wait_until(stop)
            worker.join()
    return 0


@click.command(short_help="Play the counterparties: WeChat Pay, Alipay, a bank and others, as local servers.")
@click.argument("parties", nargs=-1, type=click.Choice(SANDBOX_PARTIES))
@data_option
@click.option(
    "--only", "only", multiple=True, type=click.Choice(SANDBOX_PARTIES), help="Only this one; again for more."
)
@click.option(
    "--people",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Let the people of this CSV exist; docs/reference/sandbox.md names its columns.",
)
@click.option("--made", type=click.IntRange(1, PEOPLE_MADE_MAX), help="Let so many made-up people exist.")
@click.option("--seed", type=int, default=1, show_default=True, help="Which ones --made makes up.")
@click.option(
    "--decides", "lenders", multiple=True, metavar="CODE", help="Let this lender of the house decide by itself."
)
@json_option
@click.pass_obj
def sandbox(
    wiring: Wiring,
    parties: tuple[str, ...],
    data: Path,
    only: tuple[str, ...],
    people: Path | None,
    made: int | None,
    seed: int,
    lenders: tuple[str, ...],
    as_json: bool,
) -> int:
    """Play PARTIES, by default all of them, until Ctrl-C.

    They are WeChat Pay, WeChat, Alipay, a bank, an identity checker, messages, a bureau, a provider of data, a
    card-issuing bank (issuer), a lender that decides by itself, and a merchant's shop.

    Each verifies every signature, signs every answer, keeps its own book in DATA/sandbox, and misbehaves on request.
    Keys for the other side are in DATA/sandbox/credentials.json; docs/reference/sandbox.md says what to try.
    """
    stop = _stopped_by_signals()
    chosen = tuple(dict.fromkeys((*parties, *only))) or SANDBOX_PARTIES
    asked = People(file=people, made=made or 0, seed=seed)
    with wiring.sandbox(data=data, only=chosen, people=asked, lenders=lenders) as addresses:
        if as_json:
            click.echo(json.dumps(dict(addresses)))
        for party, address in addresses.items():
            say(f"{party:<10} {address:<24} knobs {address}/_sandbox")
        say(f"keys       {(data / 'sandbox' / 'credentials.json').resolve()}\nCtrl-C ends it")
        wait_until(stop)
    return 0


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    return stop


def _tell(wiring: Wiring, data: Path) -> bool:
    """Tell the half year into the folder, unless its book was told or used before; return whether it was told."""
    if not wiring.is_new(data=data):
        say("the folder holds a book already: it goes on as it is")
        return False
    teller = Teller(Console(stderr=True, highlight=False))
    with wiring.online_world(data=data, seed=1) as world:
        tell_year(world, teller)
        wiring.remember_clock(data=data, now=world.house.clock.now())
    return True


def _greet(served: Served, *, address: str, guided: bool, told: bool) -> None:
    if not guided:
        say(f"{address}/ · {address}/console · {address}/v1/docs · {address}/health · {address}/ready · Ctrl-C ends it")
        return
    served.meet(XIA, balance_fen=_POCKET_FEN)
    if not told:  # the story has lenders with money of their own
        guide.fund_lenders(served.house)
    for company in companies(served.house):  # whoever is paid instead of her is known to the bank
        served.meet(company, balance_fen=0)
    passwords = guide.make_operators(served.house)
    for line in guide.lines(address=address, sandbox=served.sandbox_addresses, passwords=passwords):
        say(line)
    say("Ctrl-C ends it")
