"""What happened to a loan: dated facts in one total order. Everything else follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import ClassVar
from uuid import UUID

from mingqu.domain.calendar import Period
from mingqu.domain.loan.fee import FeeRule
from mingqu.domain.loan.migrated import MigratedIn
from mingqu.domain.rate import Rate


class Intent(Enum):
    """What the payer meant the money for; money that came is never refused for its intent."""

    DUE = "due"  # what is due now; a surplus is owed back to the payer
    PREPAY = "prepay"  # what is due, then principal early; later instalments become smaller, or none are left
    PAYOFF = "payoff"  # everything; if it falls short it counts as PREPAY
    WITHDRAW = "withdraw"  # 冷静期退款: all principal in the first days, and nothing else; short of it, PREPAY


class Receipt(Enum):
    """Where the amount of a payment came from: each kind may have its own order of allocation."""

    __hash__ = object.__hash__

    REPAYMENT = "repayment"  # 还款: the borrower's money
    DOWN_PAYMENT = "down_payment"  # 首付: the part of a purchase that is paid at once
    MERCHANT_REFUND = "merchant_refund"  # 退货退款: goods went back
    PAYOUT_REFUND = "payout_refund"  # 退汇: money that was paid out came back
    GOODWILL = "goodwill"  # 减免: given by the lender; no cash moves
    FEE_ADJUSTMENT = "fee_adjustment"  # 费用调整: part of a fee is given back
    INTEREST_WAIVED = (
        "interest_waived"  # 免息: given by the lender; give it an order of its own in the terms to keep it to interest
    )
    INTEREST_REFUND = "interest_refund"  # 退息: interest of money that a refund returned
    RECOVERY = "recovery"  # 核销收回: collected after the loan was charged off
    COMPENSATION = "compensation"  # 代偿: paid by the guarantor, who then holds the claim to it
    SUBROGATION = "subrogation"  # 追偿: collected from the borrower for the guarantor who had paid


class InterestHandling(Enum):
    """What becomes of interest when a debt is spread anew."""

    ANEW = "anew"  # the instalment is computed anew from the principal; interest goes on bearing as it did
    SPLIT_PAYABLE = "split_payable"  # interest up to the day is cut into equal parts; none is borne after it
    SPLIT_ALL = "split_all"  # all interest of the old plan is cut into equal parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbursed:
    """The channel said that principal arrived on the borrower's card on `value_date`.

    A loan may have several, if its terms say so; a share of each may be a down payment. The first one (`tranche` 1)
    comes before everything else of its day, a further one among the day's other money.
    """

    event_id: UUID
    value_date: date
    amount_fen: int
    tranche: int = 1

    @property
    def rank(self) -> int:
        """The place among the kinds of a day."""
        return 0 if self.tranche == 1 else Repaid.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The payout was refused for good, or withdrawn: nothing was lent and nothing is owed."""

    rank: ClassVar[int] = 1
    event_id: UUID
    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChanged:
    """It was agreed that the rate is `rate` from the day `since` on (重定价); instalments are computed anew from there.

    `since` is the first day that bears the new rate: `value_date` or later. One agreed late counts from `since`
    itself: then that is its value date.
    """

    rank: ClassVar[int] = 2
    event_id: UUID
    value_date: date
    since: date
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """It was agreed that nothing bears interest in the days `[since, until)`: relief by the lender or by law."""

    rank: ClassVar[int] = 2
    event_id: UUID
    value_date: date
    since: date
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescheduled:
    """From the instalment due on `due` on, due dates move to `due_to` and its followers, or `added` more are made.

    Or grace is given from it on: so many instalments ask for interest only, and the plan is so much longer
    (`principal_grace`, 延期还本); so many leave their interest to the one after them (`interest_grace`, 延期付息).
    """

    rank: ClassVar[int] = 2
    event_id: UUID
    value_date: date
    due: date
    due_to: date | None = None
    added: int = 0
    principal_grace: int = 0
    interest_grace: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCharged:
    """A fee of `rule` is owed: on `due`, or with every instalment not yet due. `fee_id` names it for a waiver."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date
    rule: FeeRule
    due: date


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeWaived:
    """What is unpaid of the fee that event `target` charged is not owed any more."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date
    target: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaid:
    """`amount_fen` was paid; `value_date` is the channel's success date, not the day we heard of it.

    `target` names, for the record, the fee that a FEE_ADJUSTMENT is about; like every receipt it pays in the order that
    the terms give its kind. To let one fee be owed no more, waive it. `bill` is the due date of the one bill that a
    guarantor's COMPENSATION pays; without it, it pays in the order of the contract.
    """

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date
    amount_fen: int
    intent: Intent = Intent.DUE
    receipt: Receipt = Receipt.REPAYMENT
    target: UUID | None = None
    bill: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedBack:
    """The payer took `amount_fen` of payment `target` back through the card scheme or bank: it is owed again."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date
    amount_fen: int
    target: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OverpaymentReturned:
    """Money paid beyond what was owed went back to the payer."""

    rank: ClassVar[int] = 7
    event_id: UUID
    value_date: date
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReAged:
    """What is owed is spread over `instalments` new ones, the first due on `first_due` (展期重组)."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date
    first_due: date
    period: Period
    instalments: int
    interest: InterestHandling = InterestHandling.ANEW


@dataclass(frozen=True, slots=True, kw_only=True)
class ReAmortized:
    """What is overdue is spread over the instalments that are left (重新摊还)."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date
    interest: InterestHandling = InterestHandling.ANEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerated:
    """The contract was ended for cause: everything is due on the day (宣布提前到期)."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedOff:
    """The lender takes the loan for lost (核销); the claim stays, and what comes later is a recovery."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOffUndone:
    """The lender takes the loan for lost no longer: it goes on as if it had not been, from this day on.

    The charge-off stays a part of the story: until this day the loan was taken for lost. If it never was, reverse it.
    """

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenOff:
    """The claim itself is given up: nothing is owed any more (债务免除)."""

    rank: ClassVar[int] = 5
    event_id: UUID
    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """An earlier event turned out not to have happened (it bounced): the loan is told again without it."""

    rank: ClassVar[int] = 9
    event_id: UUID
    value_date: date
    target: UUID


Event = (
    Disbursed
    | MigratedIn
    | Cancelled
    | RateChanged
    | Paused
    | Rescheduled
    | FeeCharged
    | FeeWaived
    | Repaid
    | ChargedBack
    | OverpaymentReturned
    | ReAged
    | ReAmortized
    | Accelerated
    | ChargedOff
    | ChargeOffUndone
    | WrittenOff
    | Reversed
)
OrderKey = tuple[date, int, UUID]


def order_key(event: Event) -> OrderKey:
    """Return the place of an event in the total order: value date, kind, id."""
    return (event.value_date, event.rank, event.event_id)
