"""What happens to a revolving account: one kind of value, dated, in the order in which it was posted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final
from uuid import UUID

from mingqu.domain.refusal import Refusal


class SpendKind(Enum):
    """What happened. Words are stored: never changed, never used again."""

    PURCHASED = "purchased"  # a seller was paid; the event's id is the purchase's
    DRAWN = "drawn"  # cash was paid out
    DRAW_RETURNED = "draw_returned"  # the draw `target` had been paid and came back (退汇): it was never owed
    REPAID = "repaid"
    REFUNDED = "refunded"  # a seller gave back, of the purchase `target`
    CONVERTED = "converted"  # of the purchase `target`, or of the bill, `amount_fen` is paid in `count` instalments
    LIMITED = "limited"  # `amount_fen` is the limit from now on
    # The repayment `target` turned out not to have come: what it had paid of each is owed again.
    REVERSED = "reversed"  # principal, and what was more than owed
    REVERSED_INTEREST = "reversed_interest"
    REVERSED_FEE = "reversed_fee"
    REVERSED_PENALTY = "reversed_penalty"
    SENT_BACK = "sent_back"  # of the owner's credit, to their card; the event's id is the order's
    NOT_SENT_BACK = "not_sent_back"  # the order `target` will not be paid: it is credit again
    CAME_BACK = "came_back"  # the order `target` was paid, and its money came back: it is credit again


REVERSING: Final = {
    SpendKind.REVERSED_INTEREST: "interest",
    SpendKind.REVERSED_FEE: "fee",
    SpendKind.REVERSED_PENALTY: "penalty",
}


BACK_AGAIN: Final = (SpendKind.NOT_SENT_BACK, SpendKind.CAME_BACK)


class SpendEventMalformed(Refusal):
    """An event of a revolving account is of at least one fen, and names what its kind needs."""

    code = "spend_event_malformed"


class SpendEventOutOfOrder(Refusal):
    """The account has gone on since that day; what comes late counts from the day on which it comes."""

    code = "spend_event_out_of_order"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendEvent:
    """One event, counted from the day `on`. Errors: SpendEventMalformed."""

    event_id: UUID
    kind: SpendKind
    on: date
    amount_fen: int
    target: UUID | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if self.amount_fen < (0 if self.kind is SpendKind.LIMITED else 1):
            raise SpendEventMalformed("An event is of at least one fen.", amount_fen=self.amount_fen)
        if (self.kind is SpendKind.CONVERTED) != (self.count is not None):
            raise SpendEventMalformed("A conversion, and nothing else, has a count of instalments.")
        if self.kind is SpendKind.REFUNDED and self.target is None:
            raise SpendEventMalformed("A refund is of a purchase.")
        if (self.kind is SpendKind.REVERSED or self.kind in REVERSING) and self.target is None:
            raise SpendEventMalformed("What is taken back is a repayment.")
        if self.kind is SpendKind.DRAW_RETURNED and self.target is None:
            raise SpendEventMalformed("What came back is a draw.")
        if self.kind in BACK_AGAIN and self.target is None:
            raise SpendEventMalformed("What is credit again was sent to a card by an order.")
