"""What we need from whoever knows that a name, an ID number, a card and a phone belong to one person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mingqu.domain.instrument import ElementsAnswer
from mingqu.domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class FourElements:
    """The four elements (四要素) of one check. `request_number` is ours, 32 hex digits, one for each check."""

    request_number: str
    name: Personal[str]
    id_number: Personal[str]
    card_number: Personal[str]
    phone: Personal[str]


class IdentityChannel(Protocol):
    """Checks the four elements. The same request number gives the same answer and is billed once."""

    def check(self, elements: FourElements) -> ElementsAnswer:
        """Compare. Errors: ChannelSilent, after which the same request number is asked again."""
        ...
