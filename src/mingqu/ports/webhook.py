"""What we need from whoever carries our webhooks to the programs of others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mingqu.domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One message to one address. `message_id` and `body` are the same each time it is sent, `at` is this time."""

    message_id: str
    url: str
    secret: Personal[bytes]
    at: datetime
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The other side has it: any answer of 2xx."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """The other side answered something else. `gone` says that it never wants to hear from us again (410)."""

    status: int
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRefused:
    """We do not send there: the address is, or has become, one inside our own network, or is not secure."""

    reason: str


class WebhookChannel(Protocol):
    """Carries webhooks. Silence means that it may have arrived: it is sent again under the same id."""

    def deliver(self, webhook: Webhook) -> Taken | NotTaken | AddressRefused:
        """Send one message. Errors: ChannelSilent."""
        ...
