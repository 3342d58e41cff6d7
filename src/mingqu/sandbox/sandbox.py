"""A sandbox: all counterparties, each on a port of its own, in one background thread."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn

from mingqu.sandbox import alipay_keys, keys
from mingqu.sandbox.alipay import RETRY_SECONDS, Alipay
from mingqu.sandbox.bank import Bank
from mingqu.sandbox.book import Book
from mingqu.sandbox.bureau import Bureau
from mingqu.sandbox.clearing import Clearing, ClearingDoor
from mingqu.sandbox.control import Control
from mingqu.sandbox.data_provider import DataProvider
from mingqu.sandbox.faults import Faults
from mingqu.sandbox.gateway import Door, Signer
from mingqu.sandbox.identity import Identity
from mingqu.sandbox.issuer import Issuer
from mingqu.sandbox.lender import Lender
from mingqu.sandbox.notices import Notices, Way
from mingqu.sandbox.party import Party
from mingqu.sandbox.shop import Shop
from mingqu.sandbox.sms import Inbox, Sms
from mingqu.sandbox.time import Time
from mingqu.sandbox.wechat import Wechat
from mingqu.sandbox.wechatpay import WechatPay
from mingqu.sandbox.wechatpay_keys import Merchant, keep_keys, kept_keys, new_key
from mingqu.sandbox.wechatpay_papay import RETRY_SECONDS as RETRY_V2
from mingqu.sandbox.wechatpay_papay import TAKEN
from mingqu.sandbox.wire import Call, Handler, Reply, asgi, json_reply

HOST: Final = "127.0.0.1"
PORT_FIRST: Final = 9101  # and those behind it, in the order of `keys.PARTIES`
NOTICE_SECONDS: Final = 0.2  # between looks for something to tell
START_SECONDS_MAX: Final = 10.0
_PORTS: Final = "ports.json"


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a complaint of uvicorn's is one: an answer that is cut short is meant."""
    return "without completing response" not in record.getMessage()


def _nothing(_: Call) -> Reply:
    """Answer for a party whose pages are all it has: `Control` answers those."""
    return json_reply({"code": "not_found"}, status=404)


class Sandbox:
    """Counterparties that can be talked to while the block lasts.

    `folder` keeps books and keys (None: nothing is kept), `clock` is everybody's time (None: the machine's), `notify`
    says where "wechatpay" and "bank" tell things, `ports` asks for ports by party; 0 is any that is free. `secrets` are
    keys made before, for many sandboxes in a row. Without `tells`, notices go out when `tell` is called.
    `lenders` are the house's lenders, by code, that decide by themselves: the sandbox's lender plays each of them.
    `house` is the address of the house, at which the sandbox's shop lets its orders be paid.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        clock: Callable[[], datetime] | None = None,
        notify: Mapping[str, str] | None = None,
        ports: Mapping[str, int] | None = None,
        only: Sequence[str] = keys.PARTIES,
        seed: int = 0,
        secrets: keys.Secrets | None = None,
        tells: bool = True,
        lenders: Sequence[str] = (),
        house: str | None = None,
    ) -> None:
        self._tells, self._lenders, self._house = tells, tuple(lenders), house
        self._secrets = secrets
        self._folder, self._only = folder, tuple(only)
        self._seed, self._notify = seed, dict(notify or {})
        self._wanted = dict(ports or self._ports_before())
        self.time = Time(clock)
        self.credentials: dict[str, Any] = {}
        self.addresses: dict[str, str] = {}
        self.control: Control
        self._servers: list[uvicorn.Server] = []
        self._stop = threading.Event()

    def __enter__(self) -> Sandbox:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._book = Book(None if self._folder is None else self._folder / "sandbox.db")
        known = self._secrets or keys.load_or_make(self._folder)
        doors = {party: self._listen(party) for party in keys.PARTIES}
        self.addresses = {party: f"http://{HOST}:{door.getsockname()[1]}" for party, door in doors.items()}
        handlers = self._wire(known)
        self._known = known
        self._write_credentials()
        self.control.rekeyed = self._write_credentials
        if self._folder is not None:
            written = {party: door.getsockname()[1] for party, door in doors.items()}
            (self._folder / _PORTS).write_text(json.dumps(written))
        self._serve({party: (doors[party], handlers[party]) for party in self._only})
        for party in set(keys.PARTIES) - set(self._only):
            doors[party].close()
        self._teller = threading.Thread(target=self._keep_telling, name="sandbox-notices", daemon=True)
        if self._tells:
            self._teller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for server in self._servers:
            server.should_exit = server.force_exit = True
        self._thread.join()
        if self._tells:
            self._teller.join()
        self._book.close()

    def send_notices_to(self, notify: Mapping[str, str]) -> None:
        """Set where parties tell things, once the house's address is known."""
        for party, url in notify.items():
            self.control.notices.send_to(party, url)

    def _wire(self, known: keys.Secrets) -> dict[str, Handler]:
        book, moment = self._book, self.time
        faults = {party: Faults(seed=self._seed + index, now=moment.now) for index, party in enumerate(keys.PARTIES)}
        signers = {
            party: Signer(key_id=f"{party}-1", private_key=keys.ed25519(known.party[party]), time=moment)
            for party in keys.SIGNING
        }
        doors = self._doors(known, signers)
        made: dict[str, Party] = {
            party: kind(book=book, time=moment, door=doors[party], faults=faults[party])
            for party, kind in (
                ("bank", Bank),
                ("identity", Identity),
                ("sms", Sms),
                ("bureau", Bureau),
                ("data", DataProvider),
                (keys.ISSUER, Issuer),
                (keys.LENDER, Lender),
            )
        }
        bank, sms, bureau, identity, data = (made[party] for party in ("bank", "sms", "bureau", "identity", "data"))
        assert isinstance(bank, Bank)
        assert isinstance(sms, Sms)
        assert isinstance(bureau, Bureau)
        assert isinstance(identity, Identity)
        assert isinstance(data, DataProvider)
        issuer, lender = made[keys.ISSUER], made[keys.LENDER]
        assert isinstance(issuer, Issuer)
        assert isinstance(lender, Lender)
        issuer.address = self.addresses[keys.ISSUER]
        issuer.deposit = lambda number, amount_fen: bank.deposit(number=number, amount_fen=amount_fen)
        inbox, notices = Inbox(book), Notices(book=book, time=moment)
        bank.inbox = sms.inbox = inbox
        clearing_door = ClearingDoor(
            time=moment, callers={"house-1": known.house_public("bank")}, signer=signers["bank"]
        )
        clearing = Clearing(book=book, time=moment, door=clearing_door, faults=faults["bank"])
        clearing.bank, bank.clearing = bank, clearing
        bank.notices, bank.address = notices, self.addresses["bank"]
        pay = self._wechatpay(known, faults["wechatpay"], notices)
        wechat = Wechat(book=book, time=moment, faults=faults["wechat"], appid=known.appid, secret=known.app_secret)
        notices.register(
            "bank",
            dress=lambda path, query, body: signers["bank"].request(method="POST", path=path, query=query, body=body),
            url=self._notify.get("bank"),
        )
        notices.register("wechatpay", dress=pay.dress, probe=pay.probe, url=self._notify.get("wechatpay"))
        by_word = Way(retry_seconds=RETRY_V2, is_taken=lambda answer: TAKEN.search(answer.text) is not None)
        notices.register("papay", dress=lambda *_: {"content-type": "text/xml"}, url=None, way=by_word)
        alipay = self._alipay(known, faults["alipay"], notices)
        self.control = Control(
            time=moment, bank=bank, bureau=bureau, wechat=wechat, wechatpay=pay, alipay=alipay, identity=identity,
            sms=sms, inbox=inbox, notices=notices, data_provider=data, faults=faults, issuer=issuer, lender=lender,
            shop=self._shop(),
        )  # fmt: skip
        inner: dict[str, Handler] = {party: one.handle for party, one in made.items()}
        inner |= {"wechatpay": pay.handle, "wechat": wechat.handle, "alipay": alipay.handle, keys.SHOP: _nothing}
        return {party: self._guarded(party, handle) for party, handle in inner.items()}

    def _shop(self) -> Shop:
        shop = Shop(book=self._book, time=self.time, address=self.addresses[keys.SHOP])
        if self._house is not None:
            shop.sell_at(self._house)
        return shop

    def _doors(self, known: keys.Secrets, signers: Mapping[str, Signer]) -> dict[str, Door]:
        return {
            party: Door(
                party=party,
                book=self._book,
                time=self.time,
                callers={"house-1": known.house_public(party)},
                signer=signer,
            )
            for party, signer in signers.items()
        }

    def _wechatpay(self, known: keys.Secrets, faults: Faults, notices: Notices) -> WechatPay:
        valid = kept_keys(self._book)
        if not valid:
            private_key = keys.load_rsa(known.platform)
            now = self.time.now()
            valid = [new_key(mode=known.mode, now=now, key_id=known.platform_key_id, private_key=private_key)]
            keep_keys(self._book, valid)
        merchant = Merchant(
            appid=known.appid,
            mchid=known.mchid,
            serial=known.merchant_serial,
            public_key=keys.load_rsa(known.merchant).public_key(),
            api_v3_key=known.api_v3_key,
            api_v2_key=known.api_v2_key,
            keys=valid,
            book=self._book,
        )
        return WechatPay(
            book=self._book, time=self.time, merchant=merchant, faults=faults, notices=notices,
            address=self.addresses["wechatpay"],
        )  # fmt: skip

    def _alipay(self, known: keys.Secrets, faults: Faults, notices: Notices) -> Alipay:
        alipay = Alipay(
            book=self._book, time=self.time, application=alipay_keys.application(known.alipay, book=self._book),
            faults=faults, notices=notices, address=self.addresses["alipay"],
        )  # fmt: skip
        way = Way(
            retry_seconds=RETRY_SECONDS,
            write=alipay.write_notice,
            is_taken=lambda answer: answer.text.strip() == "success",
        )
        notices.register("alipay", dress=alipay.dress, url=self._notify.get("alipay"), way=way)
        return alipay

    def _write_credentials(self) -> None:
        """Give the house what it needs to know, anew after each change of keys."""
        platform = self.control.wechatpay.merchant.told()
        alipay = self.control.alipay.application.told()
        given = keys.credentials(
            self._known, addresses=self.addresses, platform=platform, alipay=alipay, lenders=self._lenders
        )
        self.credentials.update(given)
        if self._folder is not None:
            keys.write_credentials(self._folder, self.credentials)

    def _guarded(self, party: str, handle: Handler) -> Handler:
        def answer(call: Call) -> Reply:
            try:
                return self.control.answer(party, call) or handle(call)
            except Exception as error:  # noqa: BLE001 (a counterparty that breaks answers 500, unsigned)
                return json_reply({"code": "broken", "detail": type(error).__name__}, status=500)

        return answer

    def _listen(self, party: str) -> socket.socket:
        wanted = self._wanted.get(party, 0)
        for port in dict.fromkeys((wanted, 0)):
            door = socket.socket(proto=socket.IPPROTO_TCP)  # or asyncio leaves Nagle's delay on: 40 ms an answer
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                door.bind((HOST, port))
            except OSError:
                door.close()
                continue
            door.listen(128)
            return door
        raise OSError("no port of this machine is free")

    def _ports_before(self) -> dict[str, int]:
        """Return the ports of the last run, so that addresses in a browser stay; else the usual ones or any."""
        if self._folder is None:
            return {}
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads((self._folder / _PORTS).read_text())
            return {party: int(kept[party]) for party in keys.PARTIES if party in kept}
        return {party: PORT_FIRST + index for index, party in enumerate(keys.PARTIES)}

    def _serve(self, doors: Mapping[str, tuple[socket.socket, Handler]]) -> None:
        started = threading.Event()
        logging.getLogger("uvicorn.error").addFilter(_is_news)

        async def run() -> None:
            tasks = []
            for party, (door, handler) in doors.items():
                config = uvicorn.Config(
                    asgi(handler, apart=party == keys.SHOP),
                    log_level="critical",
                    access_log=False,
                    lifespan="off",
                    server_header=False,
                )
                server = uvicorn.Server(config)
                self._servers.append(server)
                tasks.append(asyncio.create_task(server.serve(sockets=[door])))
            while not all(server.started for server in self._servers):
                await asyncio.sleep(0.005)
            started.set()
            await asyncio.gather(*tasks)

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), name="sandbox", daemon=True)
        self._thread.start()
        if not started.wait(START_SECONDS_MAX):
            raise RuntimeError("the sandbox did not start")

    def tell(self) -> int:
        """Tell what is due now, and return how many notices were taken; for a sandbox that does not by itself."""
        with httpx.Client() as client:
            return self.control.notices.deliver(client)

    def _keep_telling(self) -> None:
        with httpx.Client() as client:
            while not self._stop.is_set():
                self.control.notices.deliver(client)
                self.control.deliver_due()
                self._stop.wait(NOTICE_SECONDS)
