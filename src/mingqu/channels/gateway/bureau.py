"""A licensed credit bureau behind the gateway protocol."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

import msgspec

from mingqu.channels.gateway.order import Code, Text
from mingqu.channels.gateway.speech import NotKnown, Party, Taken
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.silence import ChannelSilent

PATH: Final = "/bureau/v1/queries"
Feature = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["report", "not_covered", "refused"]
    features: dict[Feature, int] | None = None
    as_of: date | None = None
    reference: Text | None = None
    code: Code | None = None


class GatewayBureau:
    """Implements `BureauChannel`."""

    def __init__(self, *, party: Party) -> None:
        self._party = party

    def features(self, query: BureauQuery) -> BureauReport | NotCovered | QueryRefused:
        """Return what is known about a person who consented. Errors: ChannelSilent."""
        body = {
            "query_number": query.query_number,
            "consent_id": query.consent_id.hex,
            "purpose": query.purpose,
            "name": query.name.reveal(),
            "id_number": query.id_number.reveal(),
        }
        try:
            said = self._party.say(PATH, body=body, answer=_Said)
        except (Taken, NotKnown):
            raise ChannelSilent(reason="rejected") from None
        if said.state == "not_covered":
            return NotCovered()
        if said.state == "refused" and said.code is not None:
            return QueryRefused(code=said.code)
        if said.features is None or said.as_of is None or said.reference is None:
            raise ChannelSilent(reason="unreadable")
        return BureauReport(features=said.features, as_of=said.as_of, reference=said.reference)
