"""The table of an order's life: each pair of state and event leads somewhere or is a named refusal."""

from __future__ import annotations

from enum import Enum
from typing import Final

from mingqu.domain.refusal import Refusal


class OrderKind(Enum):
    """Which way the money goes, seen from the book."""

    PAYOUT = "payout"  # a loan's money to the borrower's own card
    COLLECTION = "collection"  # a repayment, by agreement or by hand
    RETURN = "return"  # too much was collected; it goes back


class OrderState(Enum):
    """Where an order stands."""

    RESERVED = "RESERVED"  # stored, its money held, nothing said to the channel
    SENT = "SENT"  # said, and nothing heard that raises a doubt
    UNKNOWN = "UNKNOWN"  # said, and the channel fell silent or did not know it
    PAID = "PAID"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected from the channel."""
        return self in (OrderState.PAID, OrderState.FAILED)


class OrderEvent(Enum):
    """What can happen to an order: three things we do, six that we hear."""

    SEND = "send"
    RESEND = "resend"
    WITHDRAW = "withdraw"
    KNOWN = "known"  # accepted, or in progress
    SILENT = "silent"
    NOT_FOUND = "not_found"
    PAID = "paid"
    FAILED = "failed"  # failed, or refused
    NUMBER_TAKEN = "number_taken"


class OrderConflict(Refusal):
    """The channel says what cannot be; nothing is applied, a human looks."""

    code = "order_conflict"
    status = 409


class Verdict(Enum):
    """Which of a channel's words holds, as two people decided. Words are stored: never changed, never used again."""

    AS_BOOKED = "as_booked"  # what the book has; an open order is asked about again
    PAID = "paid"  # the money of a collection came after all
    BOUNCED = "bounced"  # the money of a collection went back: the repayment is told away
    RETURNED = "returned"  # the money of a payout came back (退汇): the loan is told again without it
    NEVER_PAID = "never_paid"  # nobody knows the order and no statement shows it: it ends as failed


class VerdictImpossible(Refusal):
    """This cannot be decided of this order: it is not in dispute, or its words do not bear it out."""

    code = "verdict_impossible"
    status = 409


class PaidAfterFailed(OrderConflict):
    """The channel says paid for an order that ended as failed."""

    code = "order_paid_after_failed"


class FailedAfterPaid(OrderConflict):
    """The channel says failed for an order that ended as paid."""

    code = "order_failed_after_paid"


class PaidOtherwise(OrderConflict):
    """The channel says paid with another amount, currency, own number, or at an impossible time."""

    code = "order_paid_otherwise"


class HeardBeforeSent(OrderConflict):
    """The channel speaks of an order that was never sent."""

    code = "order_heard_before_sent"


class NumberKnownOtherwise(OrderConflict):
    """The channel knows the order's number with another body."""

    code = "order_number_taken"


class OrderLost(OrderConflict):
    """The channel does not know the order, it may be said no more, and no statement of the channel's shows it."""

    code = "order_lost"


class OrderEnded(Refusal):
    """An ended order is never sent again."""

    code = "order_ended"
    status = 409


class OrderAlreadySent(Refusal):
    """An order that was said to the channel cannot be withdrawn or said for the first time; ask for its end."""

    code = "order_already_sent"
    status = 409


class ResendNotAllowed(Refusal):
    """An order is sent again only after the channel said that it does not know its number."""

    code = "order_resend_not_allowed"
    status = 409


_S, _E = OrderState, OrderEvent

# Every pair of state and event stands in exactly one of the two tables; a test counts them.
TRANSITIONS: Final[dict[tuple[OrderState, OrderEvent], OrderState]] = {
    (_S.RESERVED, _E.SEND): _S.SENT,
    (_S.RESERVED, _E.WITHDRAW): _S.FAILED,
    (_S.SENT, _E.KNOWN): _S.SENT,
    (_S.SENT, _E.SILENT): _S.UNKNOWN,
    (_S.SENT, _E.NOT_FOUND): _S.UNKNOWN,
    (_S.SENT, _E.PAID): _S.PAID,
    (_S.SENT, _E.FAILED): _S.FAILED,
    (_S.UNKNOWN, _E.RESEND): _S.UNKNOWN,  # guarded: the channel must have said "not found"
    (_S.UNKNOWN, _E.KNOWN): _S.UNKNOWN,  # a doubt once raised ends with the order only
    (_S.UNKNOWN, _E.SILENT): _S.UNKNOWN,
    (_S.UNKNOWN, _E.NOT_FOUND): _S.UNKNOWN,
    (_S.UNKNOWN, _E.PAID): _S.PAID,
    (_S.UNKNOWN, _E.FAILED): _S.FAILED,
    # Words that come late or twice change nothing.
    (_S.PAID, _E.PAID): _S.PAID,
    (_S.PAID, _E.KNOWN): _S.PAID,
    (_S.PAID, _E.SILENT): _S.PAID,
    (_S.PAID, _E.NOT_FOUND): _S.PAID,
    (_S.FAILED, _E.FAILED): _S.FAILED,
    (_S.FAILED, _E.KNOWN): _S.FAILED,
    (_S.FAILED, _E.SILENT): _S.FAILED,
    (_S.FAILED, _E.NOT_FOUND): _S.FAILED,
}

REFUSALS: Final[dict[tuple[OrderState, OrderEvent], type[Refusal]]] = {
    (_S.RESERVED, _E.RESEND): ResendNotAllowed,
    (_S.RESERVED, _E.KNOWN): HeardBeforeSent,
    (_S.RESERVED, _E.SILENT): HeardBeforeSent,
    (_S.RESERVED, _E.NOT_FOUND): HeardBeforeSent,
    (_S.RESERVED, _E.PAID): HeardBeforeSent,
    (_S.RESERVED, _E.FAILED): HeardBeforeSent,
    (_S.RESERVED, _E.NUMBER_TAKEN): HeardBeforeSent,
    (_S.SENT, _E.SEND): OrderAlreadySent,
    (_S.SENT, _E.RESEND): ResendNotAllowed,
    (_S.SENT, _E.WITHDRAW): OrderAlreadySent,
    (_S.SENT, _E.NUMBER_TAKEN): NumberKnownOtherwise,
    (_S.UNKNOWN, _E.SEND): OrderAlreadySent,
    (_S.UNKNOWN, _E.WITHDRAW): OrderAlreadySent,
    (_S.UNKNOWN, _E.NUMBER_TAKEN): NumberKnownOtherwise,
    (_S.PAID, _E.SEND): OrderEnded,
    (_S.PAID, _E.RESEND): OrderEnded,
    (_S.PAID, _E.WITHDRAW): OrderEnded,
    (_S.PAID, _E.FAILED): FailedAfterPaid,
    (_S.PAID, _E.NUMBER_TAKEN): NumberKnownOtherwise,
    (_S.FAILED, _E.SEND): OrderEnded,
    (_S.FAILED, _E.RESEND): OrderEnded,
    (_S.FAILED, _E.WITHDRAW): OrderEnded,
    (_S.FAILED, _E.PAID): PaidAfterFailed,
    (_S.FAILED, _E.NUMBER_TAKEN): NumberKnownOtherwise,
}
