"""One page for several orders, seen from one of them: what is said is said for all, what is heard is of the one."""

from __future__ import annotations

from dataclasses import dataclass

from mingqu.domain.word import Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.combined import CombinedPaymentChannel, CombinedRequest, LenderPart
from mingqu.store.orders.combined import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedPage:
    """Implements `HostedPaymentChannel` for each part of a combined payment.

    Whichever part is sent, asked for or closed, the same words go to the channel; each part hears its own.
    """

    channel: CombinedPaymentChannel
    number: str
    parts: tuple[Part, ...]

    @property
    def resend_is_safe(self) -> bool:
        """Return True: the page is made once for its number."""
        return True

    @property
    def unopened_page_ends(self) -> bool:
        """Return False: the payment is made when its page is."""
        return False

    def create(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        """Make the page of all parts. Errors: ChannelSilent."""
        return self.channel.create(
            CombinedRequest(
                number=self.number,
                parts=self._lenders(),
                expires_at=request.expires_at,
                payer_address=request.payer_address,
            )
        )

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of one part. Errors: ChannelSilent."""
        said = self.channel.ask(self.number, parts=self._lenders())
        return said if isinstance(said, NotFound) else said[order_number]

    def close_page(self, order_number: str) -> None:  # noqa: ARG002  Parts have one page.
        """Let nobody pay any part any more. Errors: ChannelSilent."""
        self.channel.close(self.number)

    def _lenders(self) -> tuple[LenderPart, ...]:
        return tuple(
            LenderPart(order_number=part.order.number, receiver=part.receiver, amount_fen=part.order.amount_fen)
            for part in self.parts
        )
