"""What we need from a bank whose card holders are sent to it for cash: a page of its own, and word of what came of it.

There is nothing here by which money could be asked of anybody, or a limit, fee or rate be said to the bank: it decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mingqu.domain.cash_advance import ReferralState, Wish
from mingqu.domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class CardHolder:
    """Who comes, and the own debit card that the money goes to. Shared under a consent that names the bank."""

    name: Personal[str]
    id_number: Personal[str]
    phone: Personal[str]
    debit_card: Personal[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralRequest:
    """One referral. `number` is 32 hex digits and ours; `consent_id` names what the person agreed to."""

    number: str
    bank: str
    wish: Wish
    consent_id: str
    holder: CardHolder


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOpened:
    """The bank waits for the person on a page of its own, at `address`."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralDeclined:
    """The bank does not want to see this person for this wish, for good. `code` is the bank's reason."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the bank says that a referral has come; the amount when it was paid, the reason when refused."""

    state: ReferralState
    amount_fen: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKnown:
    """The bank does not know the number (yet)."""


class CashAdvanceBank(Protocol):
    """Takes card holders, decides on its own pages, and tells. The same number again is answered as the first time."""

    def refer(self, request: ReferralRequest) -> PageOpened | ReferralDeclined:
        """Announce a person who is about to come. Errors: ChannelSilent."""
        ...

    def way_to(self, *, number: str, address: str) -> str:
        """Return the address to send the browser to: the bank's page, with our signed word that it comes from us."""
        ...

    def ask(self, *, number: str) -> Standing | NotKnown:
        """Tell how far a referral has come. Errors: ChannelSilent."""
        ...

    def read_return(self, *, result: str) -> tuple[str, Standing] | None:
        """Return number and standing that a browser brought back, signed by the bank; None when it is not."""
        ...
