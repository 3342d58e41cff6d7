"""What both levels play on the fake bank: a wallet's transfers, and one page for several lenders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from mingqu.channels.fake.bank import FakeBank
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.combined import CombinedRequest, LenderPart
from mingqu.ports.payout import PayoutRequest, StatementLine
from mingqu.ports.silence import ChannelSilent
from mingqu.simulation.dice import Dice

PART_LATE: Final = "combined.pay part_late"
PART_LATE_PPM: Final = 400_000  # of the parts of a page that was paid


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletTransfers:
    """Implements `PayoutChannel` as a wallet's transfers are: what its answer says is asked for before it counts.

    Source: opendocs.alipay.com, "alipay.fund.trans.uni.transfer" (2026): a no in the answer ends nothing by itself.
    """

    bank: FakeBank

    @property
    def resend_is_safe(self) -> bool:
        """A number makes a transfer one transfer."""
        return True

    def send(self, request: PayoutRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a transfer, and then what became of it. Errors: ChannelSilent."""
        answer = self.bank.faults.carry(
            "transfer.send",
            do=lambda: self.bank.take_payout(request, refusal=None),
            refuse=lambda: self.bank.take_payout(request, refusal="payee_not_exist"),
        )
        if isinstance(answer, NumberTaken):
            return answer
        match self.ask(request.order_number):
            case Paid() as paid:
                return paid
            case Failed(code=code):
                return Refused(code=code)
            case InProgress():
                return Accepted()
            case NotFound():
                raise ChannelSilent(reason="rejected")

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a transfer. Errors: ChannelSilent."""
        return self.bank.faults.carry("transfer.ask", do=lambda: self.bank.told(order_number), miss=NotFound)

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the lines of a business date. Errors: ChannelSilent."""
        return self.bank.statement(business_date)


@dataclass(slots=True, kw_only=True)
class CombinedTill:
    """Implements `CombinedPaymentChannel`: each part is a page in the bank's book, made together or not at all.

    `late_ppm` of the parts that are paid are settled later. `met` counts them.
    """

    bank: FakeBank
    dice: Dice
    late_ppm: int = 0
    met: Counter[str] = field(default_factory=Counter)
    _pages: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by number: the parts of each page that was made
    _late: list[tuple[str, Personal[str]]] = field(default_factory=list)  # paid and not settled, and from where

    def create(self, request: CombinedRequest) -> HostedPage | Refused | NumberTaken:
        """Make the page of all parts. Errors: ChannelSilent."""
        return self.bank.faults.carry("combined.create", do=lambda: self._make(request))

    def ask(self, number: str, *, parts: Sequence[LenderPart]) -> Mapping[str, Paid | Failed | InProgress] | NotFound:  # noqa: ARG002
        """Tell what became of each part. Errors: ChannelSilent."""
        return self.bank.faults.carry("combined.ask", do=lambda: self._told(parts), miss=NotFound)

    def close(self, number: str) -> None:
        """Do nothing: a page of this bank closes by itself when it expires."""

    def pay(self, amounts_fen: Mapping[str, int], *, card_number: Personal[str]) -> str:
        """Let a person pay the page of some parts at once, and return what came of it; a part may be settled later."""
        if self.bank.balance_fen(card_number=card_number) < sum(amounts_fen.values()):
            return "insufficient_funds"
        for number in amounts_fen:
            if self.dice.happens(self.late_ppm):
                self.met[PART_LATE] += 1
                self._late.append((number, card_number))
            else:
                self.bank.pay_by_hand(order_number=number, card_number=card_number)
        return "paid"

    def settle_late(self) -> int:
        """Settle the parts that were paid and not settled, and return how many; what expired meanwhile is refused."""
        late, self._late = self._late, []
        return sum(isinstance(self.bank.pay_by_hand(order_number=one, card_number=card), Paid) for one, card in late)

    def parts_beside(self, number: str) -> tuple[str, ...]:
        """Return the numbers of all parts of the page that an order is on; none when it is on none."""
        return next((parts for parts in self._pages.values() if number in parts), ())

    def _make(self, request: CombinedRequest) -> HostedPage | Refused | NumberTaken:
        for part in request.parts:
            page = HostedPaymentRequest(
                order_number=part.order_number, amount_fen=part.amount_fen, currency="CNY",
                expires_at=request.expires_at,
            )  # fmt: skip
            if isinstance(self.bank.take_page(page), NumberTaken):
                return NumberTaken()
        self._pages[request.number] = tuple(part.order_number for part in request.parts)
        return HostedPage(address=f"fake-bank:pay/{request.number}")

    def _told(self, parts: Sequence[LenderPart]) -> Mapping[str, Paid | Failed | InProgress] | NotFound:
        words = {part.order_number: self.bank.told(part.order_number) for part in parts}
        known = {number: word for number, word in words.items() if not isinstance(word, NotFound)}
        return known if len(known) == len(words) else NotFound()
