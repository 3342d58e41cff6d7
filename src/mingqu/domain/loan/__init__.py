"""A loan is a pure function of its terms and its dated events.

    state, change = fold(terms=terms, events=events, as_of=day)

`record` adds an event wherever it falls and says what the ledger must gain; `bring_up` lets days pass.
"""

from mingqu.domain.loan.event import (
    Accelerated,
    Cancelled,
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    FeeCharged,
    FeeWaived,
    Intent,
    InterestHandling,
    OverpaymentReturned,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Receipt,
    Repaid,
    Rescheduled,
    Reversed,
    WrittenOff,
    order_key,
)
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeImpossible, FeeRule
from mingqu.domain.loan.lend import AmountDiffers, LoanNotActive
from mingqu.domain.loan.migrated import MigratedIn, MigratedRow
from mingqu.domain.loan.posting import Change, Happening, Kind, Posting, difference
from mingqu.domain.loan.quote import Quote, payoff_fen, preview, preview_repayment, quote
from mingqu.domain.loan.refund import interest_to_refund_fen
from mingqu.domain.loan.replay import (
    Accrual,
    AgreementMoot,
    EventExists,
    NothingToReverse,
    Outcome,
    bring_up,
    brought_up,
    record,
)
from mingqu.domain.loan.state import (
    Allocation,
    FeePart,
    Instalment,
    Line,
    LoanState,
    Payable,
    Stage,
    interest_line,
    penalty_line,
)
from mingqu.domain.loan.step import EventOutOfOrder, NotChargedOff, advance, fold, step
from mingqu.domain.loan.take_over import MigrationUnsound
from mingqu.domain.loan.terms import Component, LoanTerms, LoanTermsImpossible, Timing
from mingqu.domain.loan.withdraw import cooling_off_ends

__all__ = [
    "Accelerated",
    "Accrual",
    "AgreementMoot",
    "Allocation",
    "AmountDiffers",
    "Cancelled",
    "Change",
    "ChargeOffUndone",
    "ChargedBack",
    "ChargedOff",
    "Component",
    "Disbursed",
    "Event",
    "EventExists",
    "EventOutOfOrder",
    "FeeBasis",
    "FeeCharged",
    "FeeDue",
    "FeeImpossible",
    "FeePart",
    "FeeRule",
    "FeeWaived",
    "Happening",
    "Instalment",
    "Intent",
    "InterestHandling",
    "Kind",
    "Line",
    "LoanNotActive",
    "LoanState",
    "LoanTerms",
    "LoanTermsImpossible",
    "MigratedIn",
    "MigratedRow",
    "MigrationUnsound",
    "NotChargedOff",
    "NothingToReverse",
    "Outcome",
    "OverpaymentReturned",
    "Paused",
    "Payable",
    "Posting",
    "Quote",
    "RateChanged",
    "ReAged",
    "ReAmortized",
    "Receipt",
    "Repaid",
    "Rescheduled",
    "Reversed",
    "Stage",
    "Timing",
    "WrittenOff",
    "advance",
    "bring_up",
    "brought_up",
    "cooling_off_ends",
    "difference",
    "fold",
    "interest_line",
    "interest_to_refund_fen",
    "order_key",
    "payoff_fen",
    "penalty_line",
    "preview",
    "preview_repayment",
    "quote",
    "record",
    "step",
]
