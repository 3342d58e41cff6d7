"""What we need from whoever collects money: by agreement from a bound card, or once, by the person's own hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Protocol

from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.payout import StatementLine

# Of what is due: the least that a wallet's template of consumer loans lets us ask for. Source: pay.weixin.qq.com,
# APIv3, "信贷还款", schedule-records (2025-09 to 2025-12).
LEAST_PERCENT: Final = 5


def least_fen(amount_fen: int) -> int:
    """Return the least that may be taken of what is due, in fen, rounded up. Example: 101 fen → 6 fen."""
    return -(-amount_fen * LEAST_PERCENT // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRequest:
    """A person wants to let us deduct from a card. `agreement_number` is ours, 32 hex digits, never used again."""

    agreement_number: str
    card_number: Personal[str]
    holder_name: Personal[str]
    id_number: Personal[str]
    phone: Personal[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """The channel sent a code by SMS to the phone that the card's bank knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The agreement stands. With `token`, the channel's word for it, money can be deducted; keep it sealed."""

    token: Personal[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeWrong:
    """The code does not fit. `tries_left` more are possible; at 0 the request is dead and a new one is needed."""

    tries_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeductionRequest:
    """One deduction under an agreement.

    A channel that can takes less than `amount_fen`, but not less than `amount_fen_min`, from a wallet that holds less;
    None is all or nothing, and what every other channel does. `announced_as` is the number of the announcement it
    rests on, where there was one.
    """

    order_number: str
    amount_fen: int
    currency: str
    agreement_token: Personal[str]
    amount_fen_min: int | None = None
    announced_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedPaymentRequest:
    """A page of the channel's on which the person pays by hand until `expires_at`.

    `payer_login` is the person's subject at the channel (an openid) when they pay inside its own app;
    `payer_address` the network address from which they ask. A channel that needs neither ignores them. Whoever says
    a number again says the same payer.
    """

    order_number: str
    amount_fen: int
    currency: str
    expires_at: datetime
    payer_login: Personal[str] | None = None
    payer_address: Personal[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedPage:
    """The page is there. `address` is where the person pays.

    Inside the channel's own app there is no address (it is ""); the door hands `handover`, signed by us, to the app's
    script, which opens the payment. These parameters may differ from call to call.
    """

    address: str
    handover: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeductionAnnouncement:
    """A deduction announced for a day to come, of at most `amount_fen`. `number` is ours, used once."""

    number: str
    agreement_token: Personal[str]
    amount_fen: int
    amount_fen_min: int
    on: date

    def __post_init__(self) -> None:
        assert least_fen(self.amount_fen) <= self.amount_fen_min <= self.amount_fen


class AnnouncingChannel(Protocol):
    """Hears, and tells its people, of deductions before they are made."""

    def announce(self, announcement: DeductionAnnouncement) -> Accepted | Refused:
        """Tell of a deduction to come, for tomorrow at the earliest; said again it is the same. Errors: ChannelSilent.

        `Refused` when the agreement is over.
        """
        ...


class DeductionChannel(Protocol):
    """Deducts by agreement. Numbers, idempotency and finality are as for a payout (`mingqu.ports.payout`)."""

    @property
    def resend_is_safe(self) -> bool:
        """Whether the channel documents idempotency by order number."""
        ...

    def cancel_agreement(self, *, agreement_token: Personal[str]) -> Accepted | Refused:
        """End an agreement; no deduction works afterwards. Said again it is accepted again. Errors: ChannelSilent."""
        ...

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a deduction. Errors: ChannelSilent, after which it may or may not have been done."""
        ...

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a deduction or a hosted payment. Errors: ChannelSilent."""
        ...

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return every movement that succeeded on a date in Asia/Shanghai, by time. Errors: ChannelSilent."""
        ...


class CollectionChannel(DeductionChannel, Protocol):
    """Deducts from a card, after an agreement that begins with a code by SMS."""

    def request_agreement(self, request: AgreementRequest) -> CodeSent | Refused | NumberTaken:
        """Begin an agreement; the channel sends a code to the card's phone. Errors: ChannelSilent."""
        ...

    def confirm_agreement(self, *, agreement_number: str, code: Personal[str]) -> Agreed | CodeWrong | Refused:
        """End it with the code. Said again after success it gives the same token. Errors: ChannelSilent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedAgreementRequest:
    """A person wants to let us deduct from a wallet, and agrees on the wallet's own page.

    `agreement_number` is ours, 32 hex digits, never used again; no deduction is above `amount_fen_max`. A channel that
    can compares name and ID number with those of whoever signs, so that nobody repays with somebody else's money.
    `back` is where the browser goes afterwards.
    """

    agreement_number: str
    holder_name: Personal[str]
    id_number: Personal[str]
    amount_fen_max: int
    back: str


class HostedAgreementChannel(DeductionChannel, Protocol):
    """Deducts from a wallet, after an agreement that is signed on the wallet's page and then asked for."""

    def agreement_page(self, request: HostedAgreementRequest) -> HostedPage | Refused | NumberTaken:
        """Return the page; said again before it is signed, it is a page for the same agreement. Errors: ChannelSilent.

        `NumberTaken` is said of a number that was signed or has ended.
        """
        ...

    def ask_agreement(self, agreement_number: str) -> Agreed | InProgress | Failed | NotFound:
        """Tell what became of an agreement; one that has ended is `Failed` for good. Errors: ChannelSilent."""
        ...


class HostedPaymentChannel(Protocol):
    """Offers a page on which a person pays once, by hand."""

    @property
    def resend_is_safe(self) -> bool:
        """Whether the channel documents idempotency by order number."""
        ...

    @property
    def unopened_page_ends(self) -> bool:
        """Whether a page is a request that the person's browser brings to the channel, and that dies at `expires_at`.

        Of such a page the channel hears when it is opened: until then it says `NotFound`, and once the page expired it
        makes no payment of it any more. Elsewhere `create` makes the payment, and `NotFound` ends nothing, ever.
        """
        ...

    def create(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        """Make the page; said again with the same body it is the same page. Errors: ChannelSilent."""
        ...

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of it; a page that was closed unpaid has `Failed`. Errors: ChannelSilent."""
        ...

    def close_page(self, order_number: str) -> None:
        """Let nobody pay on an expired page any more; what became of it is then asked for. Errors: ChannelSilent.

        Said again, or of a page that is paid, closed or unknown, it changes nothing. A channel that closes by itself
        at `expires_at` has nothing to do.
        """
        ...
