"""Somebody in a history: who they are, what they know of themselves at the house, and what they have not finished."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.demo.world import Newcomer
from mingqu.domain.loan import Intent
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.services.orders.entrust_payment import Payee
from mingqu.simulation.dice import Dice
from mingqu.simulation.notebook import Notebook
from mingqu.simulation.playhouse import Playhouse
from mingqu.simulation.tally import BrokenError

ASKED_TWICE_PPM: Final = 200_000  # of commands with a key: whoever was answered asks again, and hears the same
PAGES_OPEN_MAX: Final = 3  # of a kind: nobody keeps more pages open than that


class IdleError(Exception):
    """Somebody had nothing to do, or waits for something; no fault of the house, and no word of its."""


@dataclass(slots=True, kw_only=True)
class Payment:
    """A repayment that somebody means to make, under one key however often it is sent."""

    loan_id: UUID
    intent: Intent
    amount_fen: int | None
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """A signature that somebody means to give, under one key: when the money comes, and to which account or payee."""

    key: str
    payout_at: datetime | None
    instrument_id: UUID | None
    payee: Payee | None


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody with a phone, a card, and a purpose."""

    play: Playhouse
    dice: Dice
    newcomer: Newcomer
    person_id: UUID | None = None
    instrument_id: UUID | None = None
    step: int = 0  # on the way of a newcomer
    tries: int = 0  # of this step
    keys: int = 0  # made so far: each command that is meant anew has a key of its own
    gone: bool = False  # refused, or has had enough
    request_id: UUID | None = None
    application_id: UUID | None = None
    decision_id: UUID | None = None
    wanted: tuple[int, int, str] = (0, 0, "")  # amount in fen, instalments, method
    offer_id: UUID | None = None
    lender: str = ""
    disclosure_id: UUID | None = None
    agreement_id: UUID | None = None  # the one begun last
    agreement_key: str = ""  # of an agreement that was begun
    key: str = ""  # of the offers that were asked for
    wallet_id: UUID | None = None
    signing: Signing | None = None
    payment: Payment | None = None
    pages: list[UUID] = field(default_factory=list)  # orders whose page was not paid on yet
    together_key: str = ""  # of a payment for several lenders that is meant
    together: list[UUID] = field(default_factory=list)  # such payments whose page was not paid on yet
    notebook: Notebook = field(default_factory=Notebook)  # of revolving accounts

    @property
    def house(self) -> House:
        """The house they deal with."""
        return self.play.house

    @property
    def alias(self) -> str:
        """How the history calls them."""
        return self.newcomer.alias

    @property
    def own_id(self) -> UUID:
        """Their id, once they signed in."""
        assert self.person_id is not None
        return self.person_id

    def new_key(self, what: str) -> str:
        """Return a key for a command that is meant anew."""
        self.keys += 1
        return f"{what} {self.keys}"

    def latest_code(self) -> Personal[str]:
        """Return the newest code on their phone. Errors: IdleError when no message came."""
        code = self.play.sms.latest_code(phone=self.newcomer.phone)
        if code is None:
            raise IdleError("No message came.")
        return code

    def asks_twice(self) -> bool:
        """Return whether they send what was answered once more."""
        return self.dice.happens(ASKED_TWICE_PPM)


def require_same(first: object, again: object, *, what: str) -> None:
    """Return when a command sent again was answered as before. Errors: BrokenError."""
    if first != again:
        raise BrokenError(f"{what} was answered otherwise when it was sent again with its key")
