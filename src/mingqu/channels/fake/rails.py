"""The fake bank's other rails: payments to merchants, and many orders in one message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.bank_book import digest
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.batch import Batch, BatchTaken, BatchTold
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.entrusted import EntrustedRequest
from mingqu.ports.payout import PayoutRequest, StatementLine


class FakeRails:
    """Implements `EntrustedPaymentChannel` and `BatchChannel` on a fake bank; a merchant's account is a card there."""

    def __init__(self, *, bank: FakeBank) -> None:
        self._bank = bank
        self._batches: dict[str, tuple[str, tuple[str, ...]]] = {}  # by number: what it was, and its items

    @property
    def batches_taken(self) -> int:
        """How many batches arrived."""
        return len(self._batches)

    @property
    def resend_is_safe(self) -> bool:
        """As the bank says of any order."""
        return self._bank.resend_is_safe

    def entrust(self, request: EntrustedRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Pay a merchant; refused as a payout is. The body has contract and purpose as well."""
        return self._bank.faults.carry(
            "payout.entrust",
            do=lambda: self._bank.take_entrusted(request, refusal=None),
            refuse=lambda: self._bank.take_entrusted(request, refusal="refused_by_bank"),
        )

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of an order of any kind."""
        return self._bank.ask(order_number)

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the lines of a business date by time."""
        return self._bank.statement(business_date)

    def send_batch(self, batch: Batch) -> BatchTaken | NumberTaken:
        """Take the items one by one; a batch of the same number and items is the same batch."""
        return self._bank.faults.carry(
            "batch.send",
            do=lambda: self._take(batch, refusal=None),
            refuse=lambda: self._take(batch, refusal="refused_by_bank"),
        )

    def ask_batch(self, batch_number: str) -> BatchTold | NotFound:
        """Tell what became of the items."""
        return self._bank.faults.carry("batch.ask", do=lambda: self._told(batch_number), miss=NotFound)

    def _take(self, batch: Batch, *, refusal: str | None) -> BatchTaken | NumberTaken:
        body, numbers = _body(batch), tuple(item.order_number for item in batch.items)
        known = self._batches.setdefault(batch.batch_number, (body, numbers))
        if known[0] != body:
            return NumberTaken()
        return BatchTaken(words={item.order_number: self._one(item, refusal) for item in batch.items})

    def _one(
        self, item: PayoutRequest | DeductionRequest, refusal: str | None
    ) -> Accepted | Paid | Refused | NumberTaken:
        if isinstance(item, PayoutRequest):
            return self._bank.take_payout(item, refusal=refusal)
        return self._bank.take_deduction(item, refusal=refusal)

    def _told(self, batch_number: str) -> BatchTold | NotFound:
        known = self._batches.get(batch_number)
        if known is None:
            return NotFound()
        words = {number: self._bank.told(number) for number in known[1]}
        return BatchTold(words={number: word for number, word in words.items() if not isinstance(word, NotFound)})


def _body(batch: Batch) -> str:
    """Return what tells a batch from another; what is personal in it is hashed."""
    parts: list[str] = []
    for item in batch.items:
        parts += [item.order_number, str(item.amount_fen), item.currency]
        if isinstance(item, PayoutRequest):
            parts += [item.card_number.reveal(), item.holder_name.reveal()]
        else:
            parts.append(item.agreement_token.reveal())
    return digest("batch", *parts)
