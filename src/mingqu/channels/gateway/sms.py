"""Somebody behind the gateway protocol who sends short messages."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from mingqu.channels.gateway.order import Code
from mingqu.channels.gateway.speech import NotKnown, Party, Taken
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageRefused, MessageTaken

PATH: Final = "/sms/v1/messages"


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: Literal["taken", "refused"]
    code: Code | None = None


class GatewaySms:
    """Implements `SmsChannel`."""

    def __init__(self, *, party: Party) -> None:
        self._party = party

    def send(self, message: Message) -> MessageTaken | MessageRefused:
        """Send one message. Errors: ChannelSilent."""
        body = {
            "message_number": message.message_number,
            "kind": message.kind.value,
            "phone": message.phone.reveal(),
            "template": message.template,
            "values": {name: value.reveal() for name, value in message.values.items()},
        }
        try:
            said = self._party.say(PATH, body=body, answer=_Said)
        except (Taken, NotKnown):
            raise ChannelSilent(reason="rejected") from None
        if said.state == "taken":
            return MessageTaken()
        if said.code is None:
            raise ChannelSilent(reason="unreadable")
        return MessageRefused(code=said.code)
