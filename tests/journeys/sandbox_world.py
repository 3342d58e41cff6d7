"""A house wired to a sandbox, and a postman who brings the sandbox's notices to it over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.codes import SeededCodes
from mingqu.counterparties.credentials import Chosen, check_credentials
from mingqu.demo.world import Newcomer
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.sandbox import Sandbox, keys
from mingqu.services.house import House
from mingqu.services.incoming.take_notice import take_notice
from mingqu.store.decisions import policy
from mingqu.store.server import keyring
from mingqu.store.server.database import Database
from mingqu.worlds.house import wired_house
from tests.world import MORNING, SEED, SharedIdentifiers

HOST = "127.0.0.1"


class Postman(ThreadingHTTPServer):
    """Takes what is POSTed to /notices/{source} as the door of a site would, and counts the answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Letterbox)
        self.house: House | None = None
        self.answers: list[str] = []

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


class _Letterbox(BaseHTTPRequestHandler):
    server: Postman

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        house, status, said, thanks = self.server.house, 503, "closed", b""
        if house is not None:
            try:
                source = self.path.rsplit("/", 1)[1]
                take_notice(house, source=source, target=self.path, headers=dict(self.headers.items()), body=body)
                thanks = house.notices[source].thanks.encode()
                status, said = 200 if thanks else 204, "taken"
            except Refusal as refusal:
                status, said = refusal.status, refusal.code
        self.server.answers.append(said)
        self.send_response(status)
        if thanks:
            self.send_header("content-length", str(len(thanks)))
        self.end_headers()
        self.wfile.write(thanks)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  The library's name.
        """Say nothing."""


class SandboxWorld:
    """Implements `demo.world.World` with a sandbox and a clock that is set by hand."""

    def __init__(self, *, house: House, sandbox: Sandbox, clock: SettableClock, postman: Postman) -> None:
        self.house, self.sandbox, self.clock, self.postman = house, sandbox, clock, postman

    def meet(self, newcomer: Newcomer, *, balance_fen: int) -> None:
        """Let everybody know a person."""
        self.sandbox.control.meet(
            name=newcomer.name.reveal(),
            id_number=newcomer.id_number.reveal(),
            phone=newcomer.phone.reveal(),
            card_number=newcomer.card_number.reveal(),
            balance_fen=balance_fen,
            features=newcomer.features,
        )

    def read_code(self, phone: Personal[str]) -> Personal[str]:
        """Return the code in the newest message to a phone."""
        code = self.sandbox.control.inbox.latest_code(phone=phone.reveal())
        assert code is not None, "no code was sent to this phone"
        return Personal(code)

    def deposit(self, newcomer: Newcomer, amount_fen: int) -> None:
        """Put money on a person's card."""
        self.sandbox.control.bank.deposit(number=newcomer.card_number.reveal(), amount_fen=amount_fen)

    def balance_fen(self, newcomer: Newcomer) -> int:
        """Return what is on a person's card."""
        return self.sandbox.control.bank.balance_fen(number=newcomer.card_number.reveal())

    def pay_page(self, newcomer: Newcomer, order_id: UUID) -> None:
        """Let the person pay with WeChat."""
        assert self.sandbox.control.wechatpay.pay(out_trade_no=order_id.hex) == "SUCCESS"

    def silence_next_payout(self) -> None:
        """Let the bank do the next payout and lose its answer."""
        self.sandbox.control.plan("bank", "payout.send", "lose_reply")

    def go_to(self, moment: datetime) -> None:
        """Let time pass until a moment."""
        self.clock.advance_to(moment)

    def go_to_date(self, day: date) -> None:
        """Let time pass until a business date begins."""
        self.clock.advance_to(max(start_of(day), self.clock.now()))

    def paid_out_by_bank(self) -> Mapping[str, int]:
        """Return what moved, by order number."""
        return self.sandbox.control.moved()


@contextmanager
def open_sandbox_world(*, database: Database, folder: Path, opened_on: date) -> Iterator[SandboxWorld]:
    """Wire a house on an empty migrated book to a sandbox; notices wait until a test lets them go."""
    clock = SettableClock(start=start_of(opened_on) + MORNING)
    with database.transaction() as tx:
        policy.publish(tx, pack=policy.load_pack(), at=start_of(opened_on))
        tx.commit()
    with Postman() as postman, Sandbox(clock=clock.now, secrets=_secrets()) as sandbox:
        threading.Thread(target=postman.serve_forever, args=(0.05,), daemon=True).start()
        sandbox.control.notices.held = True
        sandbox.send_notices_to({"bank": f"{postman.url}/notices/bank"})
        chosen = Chosen(credentials=check_credentials(value=sandbox.credentials), public_url=postman.url)
        with wired_house(
            database,
            keyring.create(folder=folder),
            chosen=chosen,
            clock=clock,
            codes=SeededCodes(seed=SEED),
            ids=SharedIdentifiers(seed=SEED, clock=clock),
            tells_here=True,
        ) as house:
            yield SandboxWorld(house=house, sandbox=sandbox, clock=clock, postman=postman)
        postman.shutdown()


@cache
def _secrets() -> keys.Secrets:
    """Keys for every sandbox of this process: RSA keys take a while to make."""
    return keys.load_or_make(None)
