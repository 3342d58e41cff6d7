"""What we need from a lender that decides by itself: it assesses, prices, signs, funds, takes back, and hears reports.

The same number again is answered as the first time; another body under a number is no answer (ChannelSilent). Silence
says nothing: it is asked again under the same number. What a lender answers is its decision and the record of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mingqu.domain.lender_answer import LenderOffer, LenderReason
from mingqu.domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderApplication:
    """One application, put to one lender under a consent that names it. `score` and `band` are ours, and an input."""

    number: str
    lender: str
    product: str
    amount_fen: int
    currency: str
    instalments: int
    method: str
    consent_id: str
    name: Personal[str]
    id_number: Personal[str]
    phone: Personal[str]
    score: int
    band: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderSignature:
    """A wish to sign what was offered, at the price that the person has read. `terms_hash` is 64 hex digits."""

    number: str
    application_number: str
    amount_fen: int
    currency: str
    rate_year_ppm: int
    terms_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderFunding:
    """A wish for the money of a signature."""

    number: str
    signature_number: str
    amount_fen: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderReturn:
    """The word that the money of a funding is not wanted, and is the lender's again."""

    number: str
    funding_number: str
    amount_fen: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderReport:
    """What happened to a loan, and when. `event` is a word of the document, e.g. "signed"."""

    number: str
    application_number: str
    amount_fen: int
    currency: str
    on: date
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The lender will not, and says why; every reason has a remedy."""

    reasons: tuple[LenderReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The lender has not decided, or the money is not there yet: it is asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The lender signs at this price. `reference` is its own number."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMoved:
    """The lender would sign, at another price than the person has read: nothing is signed."""

    offer: LenderOffer


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSigned:
    """The lender does not sign, or does not fund, for good. `code` is its reason."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Funded:
    """The money of a signature is with us. `reference` is the lender's own number."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The lender has the money of a funding back. `reference` is the lender's own number."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverFunded:
    """The lender paid nothing in under that number, and will not: a funding that comes later is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKnown:
    """The lender does not know the number (yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderNotice:
    """A lender's unasked word that it has something to say about an application. The same may come again."""

    notice_id: str
    application_number: str


class LenderNoticeReader(Protocol):
    """Reads what one lender tells unasked."""

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> LenderNotice:
        """Return what a POST says: signature first, then age, then content. Errors: NoticeRefused and its kinds."""
        ...


class LenderChannel(Protocol):
    """A lender that decides by itself."""

    def assess(self, application: LenderApplication) -> LenderOffer | Declined | Later:
        """Put an application to the lender. Errors: ChannelSilent."""
        ...

    def ask(self, *, number: str) -> LenderOffer | Declined | Later | NotKnown:
        """Tell what became of an application. Errors: ChannelSilent."""
        ...

    def sign(self, signature: LenderSignature) -> Confirmed | PriceMoved | NotSigned:
        """Ask the lender to sign at a price. Errors: ChannelSilent."""
        ...

    def fund(self, funding: LenderFunding) -> Funded | Later | NotSigned:
        """Ask for the money of a signature. Errors: ChannelSilent."""
        ...

    def take_back(self, message: LenderReturn) -> Returned | NeverFunded:
        """Tell that the money of a funding is called off. Errors: ChannelSilent, after which it is told again."""
        ...

    def report(self, report: LenderReport) -> None:
        """Tell what happened to a loan. Errors: ChannelSilent, after which it is told again."""
        ...
