"""The demonstration's world on the net: a served site, counterparties behind signed protocols, a clock set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx

from mingqu.channels.fake.clock import SettableClock
from mingqu.client import Client
from mingqu.demo.world import Newcomer
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.sandbox import Sandbox
from mingqu.services.house import House

_SILENT_ANSWERS: Final = 500  # of the bank: enough for a day of asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A house that is about to be served, and the sandbox behind it, if it is one."""

    house: House
    public_url: str
    sandbox: Sandbox | None

    @property
    def sandbox_addresses(self) -> Mapping[str, str]:
        """Where the sandbox's counterparties are, by party; nowhere when the channels are somebody else's."""
        return {} if self.sandbox is None else self.sandbox.addresses

    def meet(self, newcomer: Newcomer, *, balance_fen: int) -> None:
        """Let the sandbox know a person; of counterparties that are not ours nobody is told anything."""
        if self.sandbox is not None:
            meet(self.sandbox, newcomer, balance_fen=balance_fen)

    def silence_bank(self) -> None:
        """Let the sandbox's bank not say what became of orders, until somebody heals it on its page of knobs."""
        if self.sandbox is not None:
            self.sandbox.control.plan("bank", "bank.ask", "server_error", times=_SILENT_ANSWERS)


class SandboxWorld:
    """Implements `demo.world.OnlineWorld`: people speak to the house over HTTP, and the house to the sandbox."""

    def __init__(self, *, house: House, clock: SettableClock, sandbox: Sandbox, address: str) -> None:
        self._house, self._clock, self._sandbox, self._address = house, clock, sandbox, address

    @property
    def house(self) -> House:
        """The house itself."""
        return self._house

    def client(self) -> Client:
        """Return a client for one person, who has not signed in yet."""
        return Client(self._address)

    def act_at_bank(self, address: str, *, amount_fen: int | None) -> str:
        """Open a bank's own page and apply for an amount there, or leave with None; return what the bank sends back."""
        with httpx.Client() as browser:
            page = browser.get(address)
            assert page.is_success, "the bank shows its page to who comes from us"
            said = {"choice": "leave"} if amount_fen is None else {"choice": "apply", "amount": str(amount_fen // 100)}
            answer = browser.post(address, data=said)
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["result"]

    def order_at_shop(self, counts: Mapping[str, int]) -> tuple[str, UUID]:
        """Order so many of each of the goods at the merchant's shop; return the shop's number and the checkout's id."""
        shop = self._sandbox.control.shop
        number = shop.open(counts)
        return number, UUID(shop.look(number)["checkout_id"])

    def give_back_at_shop(self, number: str, amount_fen: int) -> None:
        """Let the shop give money of an order back, and pay it with WeChat."""
        paid_by, _ = self._sandbox.control.shop.give_back(number, amount_fen)
        said = self._sandbox.control.wechatpay.pay(out_trade_no=paid_by)
        assert said == "SUCCESS", "the shop pays what is open"
        self._sandbox.tell()

    def told_to_shop(self, number: str) -> Sequence[str]:
        """Return what the shop was told of an order, in order: the types of messages whose signatures it checked."""
        return [str(row["type"]) for row in self._sandbox.control.shop.messages(number)]

    def meet(self, newcomer: Newcomer, *, balance_fen: int) -> None:
        """Let bank, identity checker and bureau know a person."""
        meet(self._sandbox, newcomer, balance_fen=balance_fen)

    def read_code(self, phone: Personal[str]) -> Personal[str]:
        """Return the code in the newest message to a phone."""
        code = self._sandbox.control.inbox.latest_code(phone=phone.reveal())
        assert code is not None, "no code was sent to this phone"
        return Personal(code)

    def deposit(self, newcomer: Newcomer, amount_fen: int) -> None:
        """Put money on a person's card."""
        self._sandbox.control.bank.deposit(number=newcomer.card_number.reveal(), amount_fen=amount_fen)

    def balance_fen(self, newcomer: Newcomer) -> int:
        """Return what is on a person's card."""
        return self._sandbox.control.bank.balance_fen(number=newcomer.card_number.reveal())

    def pay_page(self, newcomer: Newcomer, order_id: UUID) -> None:  # noqa: ARG002 (a wallet asks for no card)
        """Let the person pay with WeChat, and WeChat tell of it."""
        said = self._sandbox.control.wechatpay.pay(out_trade_no=order_id.hex)
        assert said == "SUCCESS", "the story pays what is open"
        self._sandbox.tell()

    def silence_next_payout(self) -> None:
        """Let the bank do the next payout and lose its answer."""
        self._sandbox.control.plan("bank", "payout.send", "lose_reply")

    def go_to(self, moment: datetime) -> None:
        """Let time pass until a moment."""
        self._clock.advance_to(moment)

    def go_to_date(self, day: date) -> None:
        """Let time pass until a business date begins."""
        self._clock.advance_to(max(start_of(day), self._clock.now()))

    def paid_out_by_bank(self) -> Mapping[str, int]:
        """Return what bank and wallet themselves moved, by order number."""
        return self._sandbox.control.moved()


def meet(sandbox: Sandbox, newcomer: Newcomer, *, balance_fen: int) -> None:
    """Let a sandbox's bank, identity checker, bureau and WeChat know a person; who is known stays as they are."""
    sandbox.control.meet(
        name=newcomer.name.reveal(),
        id_number=newcomer.id_number.reveal(),
        phone=newcomer.phone.reveal(),
        card_number=newcomer.card_number.reveal(),
        balance_fen=balance_fen,
        features=newcomer.features,
        openid=f"o-{newcomer.phone.reveal()}",
    )
