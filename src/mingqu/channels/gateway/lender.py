"""A lender that decides by itself, behind the lender gateway.

Source: docs/reference/lender-gateway.md, "Lender".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from mingqu.channels.gateway.order import Code, Number, Text
from mingqu.channels.gateway.speech import NotKnown as Unknown
from mingqu.channels.gateway.speech import Party, Taken
from mingqu.domain.lender_answer import LenderOffer, LenderReason
from mingqu.ports.lender import (
    Confirmed,
    Declined,
    Funded,
    Later,
    LenderApplication,
    LenderFunding,
    LenderReport,
    LenderReturn,
    LenderSignature,
    NeverFunded,
    NotKnown,
    NotSigned,
    PriceMoved,
    Returned,
)
from mingqu.ports.silence import ChannelSilent

BASE: Final = "/lender/v1"
REASONS_MAX: Final = 20  # a person reads them
_Rate = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Said = TypeVar("Said")


class _Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rate_year_ppm: _Rate
    valid_until: _Moment


class _Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Code
    text_zh: _Words
    text_en: _Words
    remedy_zh: _Words
    remedy_en: _Words


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    application_number: Number
    state: Literal["offer", "refused", "later"]
    offer: _Offer | None = None
    reasons: Annotated[list[_Reason], msgspec.Meta(max_length=REASONS_MAX)] = []


class _Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["confirmed", "price_changed", "refused"]
    reference: Text | None = None
    offer: _Offer | None = None
    code: Code | None = None


class _Funded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["funded", "later", "refused"]
    reference: Text | None = None
    code: Code | None = None


class _Returned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["returned", "nothing"]
    reference: Text | None = None


class _Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["taken"]


class GatewayLender:
    """Implements `LenderChannel`."""

    def __init__(self, *, party: Party) -> None:
        self._party = party

    def assess(self, application: LenderApplication) -> LenderOffer | Declined | Later:
        """Put an application to the lender. Errors: ChannelSilent."""
        body = {
            "application_number": application.number,
            "lender": application.lender,
            "product": application.product,
            "amount_fen": application.amount_fen,
            "currency": application.currency,
            "instalments": application.instalments,
            "method": application.method,
            "consent_id": application.consent_id,
            "name": application.name.reveal(),
            "id_number": application.id_number.reveal(),
            "phone": application.phone.reveal(),
            "score": application.score,
            "band": application.band,
        }
        return _answer(self._say("applications", body, _Answer), number=application.number)

    def ask(self, *, number: str) -> LenderOffer | Declined | Later | NotKnown:
        """Tell what became of an application. Errors: ChannelSilent."""
        try:
            said = self._party.ask(f"{BASE}/applications/{number}", answer=_Answer)
        except Unknown:
            return NotKnown()
        except Taken:
            raise ChannelSilent(reason="rejected") from None
        return _answer(said, number=number)

    def sign(self, signature: LenderSignature) -> Confirmed | PriceMoved | NotSigned:
        """Ask the lender to sign at a price. Errors: ChannelSilent."""
        body = {
            "signature_number": signature.number,
            "application_number": signature.application_number,
            "amount_fen": signature.amount_fen,
            "currency": signature.currency,
            "rate_year_ppm": signature.rate_year_ppm,
            "terms_hash": signature.terms_hash,
        }
        said = self._say("signatures", body, _Signed)
        match said:
            case _Signed(state="confirmed", reference=str(reference)):
                return Confirmed(reference=reference)
            # A price that is said to have changed and has not would be shown to the person for nothing.
            case _Signed(state="price_changed", offer=_Offer() as offer):
                return PriceMoved(offer=_offer(offer))
            case _Signed(state="refused", code=str(code)):
                return NotSigned(code=code)
        raise ChannelSilent(reason="unreadable")

    def fund(self, funding: LenderFunding) -> Funded | Later | NotSigned:
        """Ask for the money of a signature. Errors: ChannelSilent."""
        body = {
            "funding_number": funding.number,
            "signature_number": funding.signature_number,
            "amount_fen": funding.amount_fen,
            "currency": funding.currency,
        }
        said = self._say("fundings", body, _Funded)
        match said:
            case _Funded(state="funded", reference=str(reference)):
                return Funded(reference=reference)
            case _Funded(state="later"):
                return Later()
            case _Funded(state="refused", code=str(code)):
                return NotSigned(code=code)
        raise ChannelSilent(reason="unreadable")

    def take_back(self, message: LenderReturn) -> Returned | NeverFunded:
        """Tell that the money of a funding is called off. Errors: ChannelSilent."""
        body = {
            "return_number": message.number,
            "funding_number": message.funding_number,
            "amount_fen": message.amount_fen,
            "currency": message.currency,
        }
        said = self._say("returns", body, _Returned)
        match said:
            case _Returned(state="returned", reference=str(reference)):
                return Returned(reference=reference)
            case _Returned(state="nothing", reference=None):
                return NeverFunded()
        raise ChannelSilent(reason="unreadable")

    def report(self, report: LenderReport) -> None:
        """Tell what happened to a loan. Errors: ChannelSilent."""
        body = {
            "report_number": report.number,
            "application_number": report.application_number,
            "amount_fen": report.amount_fen,
            "currency": report.currency,
            "on": report.on.isoformat(),
            "event": report.event,
        }
        self._say("reports", body, _Taken)

    def _say(self, what: str, body: dict[str, object], answer: type[Said]) -> Said:
        try:
            return self._party.say(f"{BASE}/{what}", body=body, answer=answer)
        except (Taken, Unknown):
            raise ChannelSilent(reason="rejected") from None


def _offer(said: _Offer) -> LenderOffer:
    return LenderOffer(rate_year_ppm=said.rate_year_ppm, valid_until=said.valid_until.astimezone(UTC))


def _answer(said: _Answer, *, number: str) -> LenderOffer | Declined | Later:
    """Return the word of an answer. Errors: ChannelSilent when it is another's, or not told in full."""
    if said.application_number == number:
        if said.state == "offer" and said.offer is not None:
            return _offer(said.offer)
        if said.state == "refused" and said.reasons:
            return Declined(reasons=tuple(LenderReason(**msgspec.structs.asdict(one)) for one in said.reasons))
        if said.state == "later":
            return Later()
    raise ChannelSilent(reason="unreadable")
