"""What we need from whoever knows that name, ID number, card and phone are one person's, and whose a business is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mingqu.domain.business import BusinessAnswer
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessElements:
    """One question about a business: its code (统一社会信用代码) and name, and whether this is its legal person."""

    request_number: str
    uscc: Personal[str]
    business_name: Personal[str]
    name: Personal[str]
    id_number: Personal[str]


class IdentityChannel(Protocol):
    """Checks the four elements. The same request number gives the same answer and is billed once."""

    def check(self, elements: FourElements) -> ElementsAnswer:
        """Compare. Errors: ChannelSilent, after which the same request number is asked again."""
        ...

    def check_business(self, elements: BusinessElements) -> BusinessAnswer:
        """Compare with the register. Errors: ChannelSilent, after which the same request number is asked again."""
        ...
