"""Somebody behind the gateway protocol who knows that name, ID number, card and phone are one person's."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from mingqu.channels.gateway.speech import NotKnown, Party, Taken
from mingqu.domain.business import BusinessAnswer
from mingqu.domain.instrument import ElementsAnswer
from mingqu.ports.identity import BusinessElements, FourElements
from mingqu.ports.silence import ChannelSilent

PATH: Final = "/identity/v1/four-elements"
BUSINESS_PATH: Final = "/identity/v1/business"


class _Compared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: Literal["match", "mismatch", "not_supported", "card_closed"]


class _LookedUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: Literal["match", "unknown", "not_legal_person"]


class GatewayIdentity:
    """Implements `IdentityChannel`."""

    def __init__(self, *, party: Party) -> None:
        self._party = party

    def check(self, elements: FourElements) -> ElementsAnswer:
        """Compare the four elements. Errors: ChannelSilent."""
        body = {
            "request_number": elements.request_number,
            "name": elements.name.reveal(),
            "id_number": elements.id_number.reveal(),
            "card_number": elements.card_number.reveal(),
            "phone": elements.phone.reveal(),
        }
        try:
            said = self._party.say(PATH, body=body, answer=_Compared)
        except (Taken, NotKnown):
            # A number that is taken was said with other elements: what was answered then says nothing about these.
            raise ChannelSilent(reason="rejected") from None
        return ElementsAnswer(said.answer)

    def check_business(self, elements: BusinessElements) -> BusinessAnswer:
        """Compare a business and its legal person. Errors: ChannelSilent."""
        body = {
            "request_number": elements.request_number,
            "uscc": elements.uscc.reveal(),
            "business_name": elements.business_name.reveal(),
            "name": elements.name.reveal(),
            "id_number": elements.id_number.reveal(),
        }
        try:
            said = self._party.say(BUSINESS_PATH, body=body, answer=_LookedUp)
        except (Taken, NotKnown):
            raise ChannelSilent(reason="rejected") from None
        return BusinessAnswer(said.answer)
