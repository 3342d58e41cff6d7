"""A revolving account: purchases and draws, bills, least payments, instalments, refunds."""

from mingqu.domain.spend.convert import (
    ConversionRefused,
    ConversionWhileOverdue,
    InstalmentAlready,
    MinimumNotConvertible,
    cut,
    yearly_cost,
)
from mingqu.domain.spend.event import SpendEvent, SpendEventMalformed, SpendEventOutOfOrder, SpendKind
from mingqu.domain.spend.morning import next_morning
from mingqu.domain.spend.state import Lot, Plan, SpendOutcome, SpendPosting, SpendState, Statement
from mingqu.domain.spend.step import (
    CreditExceeded,
    accrued_fen,
    advance,
    convertible_bill_fen,
    convertible_purchase_fen,
    open_account,
    require_returnable,
    step,
)
from mingqu.domain.spend.tell import SpendStory, fold, take_draw_back, tell, undoing
from mingqu.domain.spend.terms import SpendTerms, SpendTermsImpossible
from mingqu.domain.spend.wish import DEDUCTION_TRIES, DeductedPart, PaymentWish, deducted_fen, next_try, wished_fen

__all__ = [
    "DEDUCTION_TRIES",
    "ConversionRefused",
    "ConversionWhileOverdue",
    "CreditExceeded",
    "DeductedPart",
    "InstalmentAlready",
    "Lot",
    "MinimumNotConvertible",
    "PaymentWish",
    "Plan",
    "SpendEvent",
    "SpendEventMalformed",
    "SpendEventOutOfOrder",
    "SpendKind",
    "SpendOutcome",
    "SpendPosting",
    "SpendState",
    "SpendStory",
    "SpendTerms",
    "SpendTermsImpossible",
    "Statement",
    "accrued_fen",
    "advance",
    "convertible_bill_fen",
    "convertible_purchase_fen",
    "cut",
    "deducted_fen",
    "fold",
    "next_morning",
    "next_try",
    "open_account",
    "require_returnable",
    "step",
    "take_draw_back",
    "tell",
    "undoing",
    "wished_fen",
    "yearly_cost",
]
