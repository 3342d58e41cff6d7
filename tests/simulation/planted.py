"""The classic mistakes, planted: each is a desk or an errand like ours with one thing done as it is often done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mingqu.domain.order import Order, OrderState
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused, Silent, Word
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.payout import PayoutRequest, StatementLine
from mingqu.services.orders.chase_order import DeductionErrand, Errand, PayoutErrand
from mingqu.simulation.order_desk import Desk, Purse, SignedNotice


class TimeoutIsFailure(Desk):
    """Takes silence for a no."""

    def understood(self, word: Word) -> Word:
        return Failed(code="timeout") if isinstance(word, Silent) else word


class NotFoundIsFailure(Desk):
    """Takes "I do not know this number" for a no."""

    def understood(self, word: Word) -> Word:
        return Failed(code="not_found") if isinstance(word, NotFound) else word


class CallbackAppliedTwice(Desk):
    """Posts whenever it hears that an order was paid."""

    def settle(self, *, before: Order, after: Order, word: Word) -> None:
        if isinstance(word, Paid):
            self.purse.post(after)
        elif before.open and after.state is OrderState.FAILED:
            self.purse.void(after)


class BillBelieved(Desk):
    """Trusts a day's bill over the channel's answer: what stands on it was paid, what does not was not."""

    def read_bill(self, lines: Sequence[StatementLine], *, on: date, at: datetime) -> None:
        said = {line.order_number: line for line in lines}
        over = datetime.combine(on + timedelta(days=1), time(), ZoneInfo("Asia/Shanghai"))
        for order_id, order in list(self.orders.items()):
            if not order.open or order.sent_at is None or order.sent_at >= over:
                continue
            line = said.get(order.number)
            if line is None:
                self.hear(order_id=order_id, word=Failed(code="not_in_bill"), at=at)
            else:
                word = Paid(
                    at=line.succeeded_at, amount_fen=order.amount_fen, currency=line.currency, reference=line.reference
                )
                self.hear(order_id=order_id, word=word, at=at)


class AskedIsBooked(Desk):
    """Books what was asked for, whatever moved."""

    def settle(self, *, before: Order, after: Order, word: Word) -> None:
        if after.state is OrderState.PAID:
            after = replace(after, amount_fen=after.ordered_fen)
        super().settle(before=before, after=after, word=word)


class ForgeryBelieved(Desk):
    """Looks at what a notice says and not at who signed it."""

    def is_genuine(self, notice: SignedNotice) -> bool:
        return True


class PurseWhoseVoidPosts(Purse):
    """A ledger with its two ends of a hold confused."""

    def void(self, order: Order) -> None:
        self.post(order)


class VoidThatPosts(Desk):
    """Keeps its money in such a purse."""

    def new_purse(self) -> Purse:
        return PurseWhoseVoidPosts()


@dataclass(frozen=True)
class NewNumberOnRetry:
    """Sends an order anew under a number of its own, as a caller does who makes the key at the moment of sending."""

    errand: Errand

    @property
    def resend_is_safe(self) -> bool:
        return True

    def number(self, order: Order) -> str:
        return f"{order.number}-{order.attempts}"

    def send(self, order: Order) -> Accepted | Paid | Refused | NumberTaken:
        match self.errand:
            case PayoutErrand(channel=payouts, card_number=card, holder_name=name):
                return payouts.send(
                    PayoutRequest(
                        order_number=self.number(order),
                        amount_fen=order.amount_fen,
                        currency=order.currency,
                        card_number=card,
                        holder_name=name,
                    )
                )
            case DeductionErrand(channel=collections, agreement_token=token):
                return collections.deduct(
                    DeductionRequest(
                        order_number=self.number(order),
                        amount_fen=order.amount_fen,
                        currency=order.currency,
                        agreement_token=token,
                        amount_fen_min=order.least_fen,
                    )
                )
        return self.errand.send(order)  # a page that is made anew is opened by nobody

    def ask(self, order: Order) -> Paid | Failed | InProgress | NotFound:
        if not isinstance(self.errand, PayoutErrand | DeductionErrand):
            return self.errand.ask(order)
        return self.errand.channel.ask(self.number(order))


DESKS = (
    TimeoutIsFailure, NotFoundIsFailure, CallbackAppliedTwice, BillBelieved, AskedIsBooked, ForgeryBelieved,
    VoidThatPosts,
)  # fmt: skip
