"""What we need from whoever takes one payment for loans of several lenders and gives each lender its part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage

PARTS_MAX: Final = 10  # WeChat's documents allow ten sub-orders


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderPart:
    """What one lender gets: an order of ours, and the lender's own account at the channel (a sub-merchant)."""

    order_number: str
    receiver: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedRequest:
    """One page for parts of several lenders, in CNY, until `expires_at`. `number` is ours and none of the parts'."""

    number: str
    parts: tuple[LenderPart, ...]
    expires_at: datetime
    payer_address: Personal[str] | None = None

    def __post_init__(self) -> None:
        assert 1 <= len(self.parts) <= PARTS_MAX
        assert len({part.order_number for part in self.parts} | {self.number}) == len(self.parts) + 1


class CombinedPaymentChannel(Protocol):
    """Offers one page for several orders. Creating is idempotent by number; only explicit words end a part."""

    def create(self, request: CombinedRequest) -> HostedPage | Refused | NumberTaken:
        """Make the page; said again with the same body it is the same page. Errors: ChannelSilent."""
        ...

    def ask(self, number: str, *, parts: Sequence[LenderPart]) -> Mapping[str, Paid | Failed | InProgress] | NotFound:
        """Tell what became of each part, by our order's number. Errors: ChannelSilent."""
        ...

    def close(self, number: str) -> None:
        """Let nobody pay it any more. One that is paid, closed or unknown is left as it is. Errors: ChannelSilent."""
        ...
