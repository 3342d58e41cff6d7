"""kill -9 of the served book, pages and worker at once, while people borrow over HTTP: nothing is lost or paid twice.

The sandbox lives in this process and keeps the truth to compare with. A server is killed at random moments and started
again; people go on with the same idempotency keys. In the end every payout was done exactly once on the bank's side,
the book proves itself, and a key sent once more is answered as before.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import httpx
import pytest

from mingqu.channels.system.clock import SystemClock
from mingqu.client import Client, Problem
from mingqu.client.answers import SignedContract
from mingqu.demo.people import applicant
from mingqu.demo.story import fund_lenders
from mingqu.demo.visit import say_yes
from mingqu.demo.world import Newcomer
from mingqu.domain.money import Money
from mingqu.main import Wiring
from mingqu.sandbox import Sandbox
from tests.journeys.command import mingqu, passing_folder
from tests.soak import SOAK

PEOPLE: Final = 100 if SOAK else 4
AT_ONCE: Final = 25 if SOAK else 4
AMOUNT_FEN: Final = 300_000
# A life begins when the server answers, however long a busy machine takes to start it. A journey needs some seconds of
# service and reads its cost table for ten: kills come all through it.
LIFE_SECONDS: Final = (0.3, 2.5) if SOAK else (1.0, 5.0)  # few people, who shall come through in a minute
KILLS_MIN: Final = 2
PATIENCE_SECONDS: Final = 240.0
FEATURES: Final = {
    "lenders_count": 1,
    "total_exposure_fen": 300_000,
    "overdue_now": 0,
    "overdue_days_max": 0,
    "credit_line_fen": 6_000_000,
    **{f"months_late_{month}": -1 for month in range(1, 7)},
    **{f"statement_{month}_fen": 300_000 for month in range(1, 7)},
    **{f"paid_{month}_fen": 300_000 for month in range(1, 7)},
}
Answer = TypeVar("Answer")


@dataclass
class Server:
    """A served book that is killed and comes back."""

    data: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start it; whoever calls finds it when it is there."""
        command = [sys.executable, "-m", "mingqu.main", "serve", "--data", str(self.data), "--port", str(self.port)]
        with (self.data.parent / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def live_and_die(self, *, seed: int) -> None:
        """Kill it at random moments and start it again, KILLS_MIN times at least, until told to stop."""
        chance = random.Random(seed)
        assert self.process is not None
        while not self.stop.is_set() or self.kills < KILLS_MIN:
            if not self._answers():
                time.sleep(0.1)  # it is still starting: a life that never served proves nothing
                continue
            if self.stop.wait(chance.uniform(*LIFE_SECONDS)) and self.kills >= KILLS_MIN:
                break
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.kills += 1
            self.start()
        while not self._answers():
            time.sleep(0.1)

    def end(self) -> None:
        """End it with a request to end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def persist(do: Callable[[], Answer]) -> Answer:
    """Do something with the same key until it is answered: connections end, the server is away, a key is busy."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return do()
        except httpx.TransportError:
            pass
        except Problem as problem:
            if problem.status not in (409, 429, 500, 502, 503, 504) or problem.code == "offer_stale":
                raise
            if problem.code == "cost_table_not_read":
                time.sleep(1)
        assert time.monotonic() < until, "the server did not come back in time"
        time.sleep(0.2)


def borrow(sandbox: Sandbox, server: Server, person: Newcomer, number: int) -> tuple[Client, SignedContract]:
    """Go from the first code to the signed contract, each step under a key of its own.

    Nobody signs before the server died once, however long a busy machine takes to start it again.
    """

    def key(step: str) -> str:
        return f"{step}-of-person-{number:04d}"

    def code() -> str:
        found = sandbox.control.inbox.latest_code(phone=person.phone.reveal())
        assert found is not None
        return found

    client, phone = Client(f"http://127.0.0.1:{server.port}"), person.phone.reveal()
    persist(lambda: client.send_code(phone=phone, purpose="sign_in", key=key("code-one")))
    persist(lambda: client.sign_in(phone=phone, code=code(), key=key("sign-in")))
    persist(lambda: say_yes(client, purpose="real_name_verification", key=key("consent-1")))
    persist(lambda: client.send_code(phone=phone, purpose="verify_identity", key=key("code-two")))
    proved = persist(
        lambda: client.prove_identity(
            name=person.name.reveal(),
            id_number=person.id_number.reveal(),
            phone=phone,
            card_number=person.card_number.reveal(),
            code=code(),
            key=key("identity"),
        )
    )
    persist(lambda: say_yes(client, purpose="bureau_query", recipient="明渠平台", key=key("consent-2")))
    persist(lambda: say_yes(client, purpose="automated_decision", key=key("consent-3")))
    decision = persist(
        lambda: client.apply(requested_amount_fen=AMOUNT_FEN, monthly_income_fen=1_200_000, key=key("apply"))
    )
    assert decision.approved
    offer = persist(
        lambda: client.ask_for_offers(
            amount_fen=AMOUNT_FEN, instalments=3, method="equal_instalment", key=key("offers")
        )
    )[0]
    table = persist(lambda: client.show_costs(offer_id=offer.offer_id, key=key("table")))
    time.sleep(table.wait_seconds + 0.5)
    while server.kills == 0:
        time.sleep(0.1)
    persist(lambda: client.confirm_costs(disclosure_id=table.disclosure_id, key=key("read")))
    persist(lambda: say_yes(client, purpose="pass_to_lender", recipient=offer.lender_zh, key=key("consent-4")))
    persist(lambda: client.send_signing_code(offer_id=offer.offer_id, key=key("code-three")))

    def sign() -> SignedContract:
        return client.sign_contract(
            offer_id=offer.offer_id, instrument_id=proved.instrument_id, code=code(), key=key("sign")
        )

    signed, again = persist(sign), persist(sign)
    assert again == signed, "the same key has the same answer, whoever died in between"
    return client, signed


def wait_for_payout(client: Client, signed: SignedContract) -> None:
    """Wait until the money has arrived."""
    until = time.monotonic() + PATIENCE_SECONDS
    while persist(lambda: client.order(order_id=signed.payout_order_id)).state != "PAID":
        assert time.monotonic() < until, "a payout did not end"
        time.sleep(0.3)


@contextmanager
def served(folder: Path, sandbox: Sandbox) -> Iterator[Server]:
    """A funded book, served with the sandbox behind it."""
    data = folder / "book"
    with Wiring().live_house(data=data, makes_book=True) as house:

        class Funded:
            """What `fund_lenders` needs of a world."""

            def __init__(self) -> None:
                self.house = house

        fund_lenders(Funded(), amount=Money(100 * AMOUNT_FEN, "CNY"))  # type: ignore[arg-type]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    credentials = folder / "credentials.json"
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(sandbox.credentials))
    address = f"http://127.0.0.1:{port}"
    sandbox.send_notices_to({"bank": f"{address}/notices/bank"})
    environment = {**os.environ, "MINGQU_CHANNELS": str(credentials), "MINGQU_PUBLIC_URL": address}
    server = Server(data=data, port=port, environment=environment)
    server.start()
    try:
        yield server
    finally:
        server.end()


@pytest.mark.timeout(1_800 if SOAK else 290)
def test_whoever_borrows_while_the_server_dies_is_paid_once_and_the_book_proves_itself() -> None:
    people = [
        applicant(
            number=500 + number,
            age_years=35,
            on=SystemClock().business_date(),
            features=FEATURES,
            monthly_income_fen=1_200_000,
        )
        for number in range(PEOPLE)
    ]
    with passing_folder() as folder, Sandbox() as sandbox:
        for person in people:
            sandbox.control.meet(
                name=person.name.reveal(),
                id_number=person.id_number.reveal(),
                phone=person.phone.reveal(),
                card_number=person.card_number.reveal(),
                features=FEATURES,
            )
        with served(folder, sandbox) as server, ThreadPoolExecutor(AT_ONCE + 1) as pool:
            death = pool.submit(server.live_and_die, seed=4)
            try:
                journeys = [pool.submit(borrow, sandbox, server, person, n) for n, person in enumerate(people)]
                taken = [journey.result() for journey in journeys]
            finally:
                server.stop.set()
            death.result()
            for client, signed in taken:
                wait_for_payout(client, signed)
                client.close()
        assert server.kills >= KILLS_MIN
        wanted = {signed.payout_order_id.hex: AMOUNT_FEN for _, signed in taken}
        assert sandbox.control.moved() == wanted, "each payout exactly once, and none that nobody signed for"
        for person in people:
            assert sandbox.control.bank.balance_fen(number=person.card_number.reveal()) == AMOUNT_FEN
        assert mingqu("verify", "--data", folder / "book", "--json").code == 0
