"""Short messages that end in an inbox which tests, the demo and its reader can open."""

from __future__ import annotations

from mingqu.channels.fake.faults import Faults
from mingqu.domain.personal import Personal
from mingqu.ports.sms import Message, MessageKind, MessageRefused, MessageTaken


class FakeSms:
    """Implements `SmsChannel`. Its call is named "sms.send" for `Faults.plan`."""

    def __init__(self, *, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._delivered: dict[str, Message] = {}

    def send(self, message: Message) -> MessageTaken | MessageRefused:
        """Deliver a message once for its number."""
        return self.faults.carry(
            "sms.send",
            do=lambda: self._deliver(message),
            refuse=lambda: MessageRefused(code="number_unreachable"),
        )

    def inbox(self, *, phone: Personal[str]) -> list[Message]:
        """Return what a phone has received, oldest first."""
        return [message for message in self._delivered.values() if message.phone == phone]

    def latest_code(self, *, phone: Personal[str]) -> Personal[str] | None:
        """Return the code in the newest message that carries one, or None."""
        codes = [message.values["code"] for message in self.inbox(phone=phone) if message.kind is MessageKind.CODE]
        return codes[-1] if codes else None

    def _deliver(self, message: Message) -> MessageTaken | MessageRefused:
        assert message.kind is MessageKind.NOTICE or "code" in message.values
        self._delivered.setdefault(message.message_number, message)
        return MessageTaken()
