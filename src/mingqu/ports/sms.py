"""What we need from whoever sends short messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from mingqu.domain.personal import Personal


class MessageKind(Enum):
    """A code may go out at any hour and is never kept; a notice obeys the hours for messages."""

    CODE = "code"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: a registered template and its values, all of them treated as personal.

    `message_number` is ours, 32 hex digits; the same number is delivered once.
    """

    message_number: str
    kind: MessageKind
    phone: Personal[str]
    template: str
    values: Mapping[str, Personal[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTaken:
    """The channel will deliver it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused:
    """The channel will not deliver it. `code` is its reason, e.g. "number_unreachable", "template_unknown"."""

    code: str


class SmsChannel(Protocol):
    """Sends messages. Silence may mean that it was sent: a code is made anew rather than sent again."""

    def send(self, message: Message) -> MessageTaken | MessageRefused:
        """Send one message. Errors: ChannelSilent."""
        ...
