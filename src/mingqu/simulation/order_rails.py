"""Other ways by which orders in memory reach the bank: a payee, a wallet, back to a payer, a page for two, a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.rails import FakeRails
from mingqu.domain.order import Order
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused, Silent, Word
from mingqu.ports.batch import Batch, BatchTaken
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.payout import PayoutRequest
from mingqu.ports.refund import RefundRequest
from mingqu.ports.silence import ChannelSilent
from mingqu.services.orders.chase_order import EntrustedErrand, PayoutErrand, RefundErrand
from mingqu.simulation.dice import Dice
from mingqu.simulation.tills import PART_LATE_PPM, CombinedTill, WalletTransfers
from mingqu.simulation.weather import Weather

DEALER: Final = Personal("6200009876543210")
DEALER_NAME: Final = Personal("明州汽车销售有限公司")
ACCOUNT: Final = Personal("2088000000000009")
PAYER: Final = Personal("6200005555555550")  # the wallet that paid by hand before the bad days
PAID_BEFORE_FEN: Final = 30_000
NOBODYS: Final = Personal("11010519491231002X")  # the bank asks for elements of every account; nobody compares these
ITEM_SILENT: Final = "batch.send item_silent"
_ITEM_SILENT_PPM: Final = 250_000  # of the items of a batch that was answered


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRefunds:
    """Implements `RefundChannel` as a wallet gives back: to where a payment came from, in parts, and never more of it.

    Source: pay.weixin.qq.com, APIv3, "申请退款" and "查询单笔退款" (2026): known by the refund's own number.
    """

    bank: FakeBank
    given: dict[str, int]  # by the refunds' numbers, in fen

    def refund(self, request: RefundRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a refund. Errors: ChannelSilent."""
        return self.bank.faults.carry(
            "refund.send",
            do=lambda: self._give(request, refusal=self._why_not(request)),
            refuse=lambda: self._give(request, refusal="refused_by_channel"),
        )

    def ask_refund(self, refund_number: str, *, order_number: str) -> Paid | Failed | InProgress | NotFound:  # noqa: ARG002
        """Tell what became of a refund. Errors: ChannelSilent."""
        return self.bank.faults.carry("refund.ask", do=lambda: self.bank.told(refund_number), miss=NotFound)

    def _why_not(self, request: RefundRequest) -> str | None:
        paid = self.bank.told(request.order_number)
        if not isinstance(paid, Paid) or paid.amount_fen != request.total_fen:
            return "payment_unknown"
        others_fen = sum(fen for number, fen in self.given.items() if number != request.refund_number)
        return "refund_exceeds" if others_fen + request.amount_fen > request.total_fen else None

    def _give(self, request: RefundRequest, *, refusal: str | None) -> Accepted | Paid | Refused | NumberTaken:
        sent = PayoutRequest(
            order_number=request.refund_number,
            amount_fen=request.amount_fen,
            currency=request.currency,
            card_number=PAYER,
            holder_name=DEALER_NAME,
        )
        if refusal is None:
            self.given.setdefault(request.refund_number, request.amount_fen)
        return self.bank.take_payout(sent, refusal=refusal)


class Rails:
    """The rails of one history. `met` counts what went wrong on them beside the faults of single calls."""

    def __init__(self, *, bank: FakeBank, dice: Dice, weather: Weather) -> None:
        self.bank, self.met = bank, Counter[str]()
        self._dice, self._weather = dice, weather
        late_ppm = PART_LATE_PPM if weather.rates_ppm.get(Fault.LATE) else 0
        self._fake = FakeRails(bank=bank)
        self.till = CombinedTill(bank=bank, dice=dice, late_ppm=late_ppm, met=self.met)
        self.refunds = WalletRefunds(bank=bank, given={})
        for account, balance_fen in ((DEALER, 0), (ACCOUNT, 0), (PAYER, PAID_BEFORE_FEN)):
            bank.open_card(
                card_number=account, holder_name=DEALER_NAME, id_number=NOBODYS, phone=NOBODYS, balance_fen=balance_fen
            )

    def to_dealer(self) -> EntrustedErrand:
        """Return a payment to the payee whom a contract names."""
        return EntrustedErrand(
            channel=self._fake, payee_account=DEALER, payee_name=DEALER_NAME, payee_bank="明州银行",
            contract_number="C-1", purpose="car",
        )  # fmt: skip

    def to_account(self) -> PayoutErrand:
        """Return a payout to an account at a wallet."""
        return PayoutErrand(channel=WalletTransfers(bank=self.bank), card_number=ACCOUNT, holder_name=DEALER_NAME)

    def back_to_payer(self, *, paid_by: Order) -> RefundErrand:
        """Return a return that goes back the way a payment came."""
        return RefundErrand(channel=self.refunds, paid_by=paid_by.number, total_fen=paid_by.amount_fen)

    def send_batch(self, *, number: str, requests: Sequence[PayoutRequest | DeductionRequest]) -> list[Word]:
        """Send orders in one message, and return a word for each in turn: its own, or silence."""
        payouts = tuple(one for one in requests if isinstance(one, PayoutRequest))
        deductions = tuple(one for one in requests if isinstance(one, DeductionRequest))
        try:
            answer = self._fake.send_batch(Batch(batch_number=number, items=payouts or deductions))
        except ChannelSilent as silent:
            return [Silent(reason=silent.reason) for _ in requests]
        words: Mapping[str, Word] = answer.words if isinstance(answer, BatchTaken) else {}
        return [self._heard(words.get(one.order_number)) for one in requests]

    def pay_together(self, parts: Sequence[Order], *, card_number: Personal[str]) -> str:
        """Let the person pay the page of some parts, and return what came of it; a part may be settled later."""
        return self.till.pay({part.number: part.amount_fen for part in parts}, card_number=card_number)

    def settle_late(self) -> int:
        """Settle the parts that were paid and not settled, and return how many; what expired meanwhile is refused."""
        return self.till.settle_late()

    def _heard(self, word: Word | None) -> Word:
        if self._weather.rates_ppm.get(Fault.LOSE_REPLY) and self._dice.happens(_ITEM_SILENT_PPM):
            self.met[ITEM_SILENT] += 1
            return Silent(reason="unreadable")
        return word or Silent(reason="unreadable")
