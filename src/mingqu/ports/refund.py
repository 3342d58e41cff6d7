"""What we need from whoever gives a payment back the way it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Give `amount_fen` of a paid order of `total_fen` back. Both numbers are ours, 32 hex digits."""

    refund_number: str
    order_number: str
    amount_fen: int
    total_fen: int
    currency: str


class RefundChannel(Protocol):
    """Gives payments back. Numbers, idempotency and finality are as for a payout (`mingqu.ports.payout`)."""

    def refund(self, request: RefundRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a refund. Errors: ChannelSilent, after which it may or may not have been done."""
        ...

    def ask_refund(self, refund_number: str, *, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a refund; some channels know it by both numbers only. Errors: ChannelSilent."""
        ...
