"""The world the demonstration takes place in: what `main` can make happen outside the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from mingqu.client import Client
from mingqu.domain.personal import Personal
from mingqu.services.house import House


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A person who is about to apply. Everything about them is invented, or comes from a public data set."""

    alias: str  # how the story calls them; not their name
    name: Personal[str]
    id_number: Personal[str]
    phone: Personal[str]
    card_number: Personal[str]
    monthly_income_fen: int
    features: Mapping[str, int]  # what the credit bureau knows


class World(Protocol):
    """Counterparties and time, as far as a story needs them."""

    @property
    def house(self) -> House:
        """The house itself."""
        ...

    def meet(self, newcomer: Newcomer, *, balance_fen: int) -> None:
        """Let bank, identity checker and bureau know a person; their card has some money on it."""
        ...

    def read_code(self, phone: Personal[str]) -> Personal[str]:
        """Return the code in the newest message to a phone."""
        ...

    def deposit(self, newcomer: Newcomer, amount_fen: int) -> None:
        """Put money on a person's card, or take it off with a negative amount."""
        ...

    def balance_fen(self, newcomer: Newcomer) -> int:
        """Return what is on a person's card."""
        ...

    def pay_page(self, newcomer: Newcomer, order_id: UUID) -> None:
        """Let the person pay on the bank's page of an order."""
        ...

    def silence_next_payout(self) -> None:
        """Let the bank do the next payout and lose its answer on the way."""
        ...

    def go_to(self, moment: datetime) -> None:
        """Let time pass until a moment."""
        ...

    def go_to_date(self, day: date) -> None:
        """Let time pass until a business date begins."""
        ...

    def paid_out_by_bank(self) -> Mapping[str, int]:
        """Return what the bank itself says it moved, by order number: the truth to compare with."""
        ...


class OnlineWorld(World, Protocol):
    """A world whose house is on the net, and its counterparties behind signed protocols."""

    def client(self) -> Client:
        """Return a client for one person, who has not signed in yet."""
        ...

    def act_at_bank(self, address: str, *, amount_fen: int | None) -> str:
        """Open a bank's own page and apply for an amount there, or leave with None; return what the bank sends back."""
        ...

    def order_at_shop(self, counts: Mapping[str, int]) -> tuple[str, UUID]:
        """Order so many of each of the goods at the merchant's shop; return the shop's number and the checkout's id."""
        ...

    def give_back_at_shop(self, number: str, amount_fen: int) -> None:
        """Let the shop give money of an order back, and pay it."""
        ...

    def told_to_shop(self, number: str) -> Sequence[str]:
        """Return what the shop was told of an order, in order: the types of messages whose signatures it checked."""
        ...
