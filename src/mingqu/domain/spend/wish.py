"""How much of a revolving account is to be paid: by hand, as its owner wishes, or deducted on the due day."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.spend.state import SpendState

# When a deduction is tried on the due day, in the market. Wages come in the morning or after work, so a card that was
# empty is asked again after noon and once more in the evening, while its owner can still pay by hand; classic
# withholding takes nothing before 07:00 or after 22:00.
DEDUCTION_TRIES: Final = (timedelta(hours=9), timedelta(hours=14), timedelta(hours=19))


class PaymentWish(Enum):
    """How much is to be paid."""

    MINIMUM = "minimum"  # what keeps the account in order
    BILL = "bill"  # what is left of the last bill
    ALL = "all"  # everything used, instalments to come left out


class DeductedPart(Enum):
    """Which part of each bill its owner lets be deducted. Words are stored: never changed, never used again."""

    MINIMUM = "minimum"
    BILL = "bill"

    @property
    def wish(self) -> PaymentWish:
        """What the same part is called where it is paid by hand."""
        return PaymentWish(self.value)


def wished_fen(state: SpendState, wish: PaymentWish) -> int:
    """Return what a wish takes now; what is overdue counts as part of the least payment."""
    match wish:
        case PaymentWish.MINIMUM:
            return max(state.minimum_left_fen, state.lacking_fen)
        case PaymentWish.BILL:
            return state.bill_left_fen
        case PaymentWish.ALL:
            return max(0, state.whole_fen)


def deducted_fen(state: SpendState, part: DeductedPart) -> int:
    """Return what is left to deduct of the last bill's part: nothing once nothing is owed."""
    return wished_fen(state, part.wish) if state.whole_fen > 0 else 0


def next_try(after: datetime) -> datetime | None:
    """Return the next moment of the same day in the market at which a deduction is tried; None when the day's are over.

    Example: after 09:00 it is 14:00; after 19:00 none.
    """
    midnight = start_of(business_date_of(after))
    return next((midnight + hour for hour in DEDUCTION_TRIES if midnight + hour > after), None)
