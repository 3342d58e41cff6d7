"""What we need from whoever knows that a name, an ID number, a card and a phone belong to one person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mingqu.domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class FourElements:
    """The four elements (四要素) of one check. `request_number` is ours, 32 hex digits, one for each check."""

    request_number: str
    name: Personal[str]
    id_number: Personal[str]
    card_number: Personal[str]
    phone: Personal[str]


class IdentityAnswer(Enum):
    """What the check says. Only MATCH proves anything; the others say nothing about which element is wrong."""

    MATCH = "match"
    MISMATCH = "mismatch"
    NOT_SUPPORTED = "not_supported"  # the card's bank does not take part
    CARD_CLOSED = "card_closed"


class IdentityChannel(Protocol):
    """Checks the four elements. The same request number gives the same answer and is billed once."""

    def check(self, elements: FourElements) -> IdentityAnswer:
        """Compare. Errors: ChannelSilent, after which the same request number is asked again."""
        ...
