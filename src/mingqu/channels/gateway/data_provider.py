"""A licensed provider of behavior data behind the gateway protocol."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

import msgspec

from mingqu.channels.gateway.order import Code, Text
from mingqu.channels.gateway.speech import NotKnown, Party, Taken
from mingqu.ports.data_provider import DataQuery, DataReport, NotCovered, QueryRefused
from mingqu.ports.silence import ChannelSilent

PATH: Final = "/data/v1/queries"
Feature = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["report", "not_covered", "refused"]
    features: dict[Feature, int] | None = None
    as_of: date | None = None
    reference: Text | None = None
    code: Code | None = None


class GatewayDataProvider:
    """Implements `DataProvider`."""

    def __init__(self, *, party: Party) -> None:
        self._party = party

    def features(self, query: DataQuery) -> DataReport | NotCovered | QueryRefused:
        """Return what is known of a phone whose owner consented. Errors: ChannelSilent.

        What was not asked for is dropped here: nobody consented to it.
        """
        body = {
            "query_number": query.query_number,
            "consent_id": query.consent_id.hex,
            "phone": query.phone.reveal(),
            "features": list(query.features),
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
        wanted = {name: value for name, value in said.features.items() if name in query.features}
        return DataReport(features=wanted, as_of=said.as_of, reference=said.reference)
