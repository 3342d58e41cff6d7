"""A loan is a pure function of its terms and its dated events.

    state, change = fold(terms=terms, events=events, as_of=day)

`record` adds an event wherever it falls and says what the ledger must gain; `bring_up` lets days pass.
"""

from mingqu.domain.loan.event import (
    Cancelled,
    Disbursed,
    Event,
    Intent,
    OverpaymentReturned,
    Repaid,
    Reversed,
    order_key,
)
from mingqu.domain.loan.posting import Change, Happening, Kind, Posting, difference
from mingqu.domain.loan.quote import Quote, quote
from mingqu.domain.loan.replay import Accrual, EventExists, NothingToReverse, Outcome, bring_up, record
from mingqu.domain.loan.state import Instalment, Line, LoanState, Payable, Stage, interest_line, penalty_line
from mingqu.domain.loan.step import (
    AmountDiffers,
    EventOutOfOrder,
    LoanNotActive,
    advance,
    fold,
    step,
)
from mingqu.domain.loan.terms import Component, LoanTerms, LoanTermsImpossible, Timing

__all__ = [
    "Accrual",
    "AmountDiffers",
    "Cancelled",
    "Change",
    "Component",
    "Disbursed",
    "Event",
    "EventExists",
    "EventOutOfOrder",
    "Happening",
    "Instalment",
    "Intent",
    "Kind",
    "Line",
    "LoanNotActive",
    "LoanState",
    "LoanTerms",
    "LoanTermsImpossible",
    "NothingToReverse",
    "Outcome",
    "OverpaymentReturned",
    "Payable",
    "Posting",
    "Quote",
    "Repaid",
    "Reversed",
    "Stage",
    "Timing",
    "advance",
    "bring_up",
    "difference",
    "fold",
    "interest_line",
    "order_key",
    "penalty_line",
    "quote",
    "record",
    "step",
]
