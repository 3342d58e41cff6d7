"""The ledger's words: accounts, transfers, reasons and results.

A transfer moves an amount from a credit account to a debit account, so the books are balanced by
construction; it is never changed, only followed by another. A transfer is POSTED at once, or PENDING
(the amount is held) until a POST takes part or all of it, or a VOID gives it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum
from typing import Final
from uuid import UUID

from mingqu.domain.money import AMOUNT_FEN_MAX

__all__ = [
    "AMOUNT_FEN_MAX",
    "CHART",
    "FORWARD",
    "HELD",
    "TRANSFERS_MAX",
    "WAYS",
    "Account",
    "AccountCode",
    "Balance",
    "ChartLine",
    "Reason",
    "Result",
    "Side",
    "Transfer",
    "TransferKind",
]

# A batch is one transaction under one cell's lock; 8,190 keeps it to tens of milliseconds.
TRANSFERS_MAX: Final = 8_190


class Side(Enum):
    """The side on which an account grows."""

    DEBIT = "debit"
    CREDIT = "credit"
    EITHER = "either"


class AccountCode(IntEnum):
    """The chart of accounts: 1 assets, 2 liabilities, 3 funding, 4 income, 9 limits and others' claims (memorandum).

    Numbers are stored: never changed, never used again. `CHART` says what each is for.
    """

    LENDER_CASH = 1001
    COLLECTION_CLEARING = 1002
    LOAN_PRINCIPAL = 1101
    LOAN_PRINCIPAL_DUE = 1102
    LOAN_INTEREST_DUE = 1103
    LOAN_PENALTY_DUE = 1104
    LOAN_FEE_DUE = 1105
    ACCRUED_INTEREST = 1131
    ACCRUED_PENALTY = 1132
    OVERPAYMENT = 2001
    UNMATCHED_RECEIPT = 2002
    DUE_TO_GUARANTOR = 2003
    CLEARING = 2101
    MIGRATION_CLEARING = 2102
    INTEREST_SUSPENDED = 2201
    LENDER_FUNDING = 3001
    INTEREST_INCOME = 4001
    PENALTY_INCOME = 4002
    FEE_INCOME = 4003
    CONCESSION = 4101
    CREDIT_LOSS = 4201
    ROUNDING_DIFFERENCE = 4901
    LIMIT_GRANTED = 9001
    LIMIT_AVAILABLE = 9002
    LIMIT_DRAWN = 9003
    LIMIT_OVER = 9004
    GUARANTOR_CLAIM = 9101
    GUARANTOR = 9102

    @property
    def side(self) -> Side:
        """The side on which the account grows."""
        return CHART[self].side

    @property
    def strict(self) -> bool:
        """Whether the other side, posted and pending together, may never exceed what is posted on the normal side."""
        return CHART[self].strict


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """What an account of a code is for and how it behaves."""

    side: Side
    strict: bool = False
    meaning: str


CHART: Final = {
    AccountCode.LENDER_CASH: ChartLine(
        side=Side.DEBIT, strict=True, meaning="A lender's money ready to be lent; nothing is lent beyond its funding."
    ),
    AccountCode.COLLECTION_CLEARING: ChartLine(
        side=Side.DEBIT, meaning="Money collected by a channel and not yet settled to the lender."
    ),
    AccountCode.LOAN_PRINCIPAL: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Principal of a loan that is not due yet."
    ),
    AccountCode.LOAN_PRINCIPAL_DUE: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Principal that was billed and is owed now."
    ),
    AccountCode.LOAN_INTEREST_DUE: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Interest that was billed and is owed now."
    ),
    AccountCode.LOAN_PENALTY_DUE: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Overdue penalty that was billed and is owed now."
    ),
    AccountCode.LOAN_FEE_DUE: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Fees that were billed and are owed now."
    ),
    AccountCode.ACCRUED_INTEREST: ChartLine(
        side=Side.EITHER, meaning="Interest of a group of loans that grew and is not billed yet."
    ),
    AccountCode.ACCRUED_PENALTY: ChartLine(
        side=Side.EITHER, meaning="Penalty of a group of loans that grew and is not billed yet."
    ),
    AccountCode.OVERPAYMENT: ChartLine(side=Side.CREDIT, meaning="What a borrower paid too much and gets back."),
    AccountCode.UNMATCHED_RECEIPT: ChartLine(side=Side.CREDIT, meaning="Money received that belongs to no loan yet."),
    AccountCode.CLEARING: ChartLine(
        side=Side.EITHER, meaning="On its way to or from another cell; nets to zero over all cells."
    ),
    AccountCode.DUE_TO_GUARANTOR: ChartLine(
        side=Side.CREDIT, meaning="Collected from a borrower for the guarantor who had paid, and not passed on yet."
    ),
    AccountCode.MIGRATION_CLEARING: ChartLine(
        side=Side.EITHER, meaning="What came with loans taken over from another system's book; that book's own total."
    ),
    AccountCode.INTEREST_SUSPENDED: ChartLine(
        side=Side.CREDIT, meaning="Interest and penalty owed by a loan long overdue, and no income until it is paid."
    ),
    AccountCode.LENDER_FUNDING: ChartLine(side=Side.CREDIT, meaning="What a lender put in."),
    AccountCode.INTEREST_INCOME: ChartLine(side=Side.EITHER, meaning="Interest earned; a correction may turn it."),
    AccountCode.PENALTY_INCOME: ChartLine(
        side=Side.EITHER, meaning="Overdue penalty earned; a correction may turn it."
    ),
    AccountCode.FEE_INCOME: ChartLine(side=Side.EITHER, meaning="Fees earned; a correction may turn it."),
    AccountCode.CONCESSION: ChartLine(
        side=Side.EITHER, meaning="What the lender gave up for goodwill: fees, interest or principal."
    ),
    AccountCode.CREDIT_LOSS: ChartLine(side=Side.EITHER, meaning="Claims that were written off."),
    AccountCode.ROUNDING_DIFFERENCE: ChartLine(side=Side.EITHER, meaning="What rounding of group accrual leaves over."),
    AccountCode.LIMIT_GRANTED: ChartLine(side=Side.DEBIT, meaning="The credit limit a person was granted."),
    AccountCode.LIMIT_AVAILABLE: ChartLine(
        side=Side.CREDIT, strict=True, meaning="The part of a limit that can be drawn; a hold reserves from it."
    ),
    AccountCode.LIMIT_DRAWN: ChartLine(side=Side.CREDIT, strict=True, meaning="The part of a limit that is drawn."),
    AccountCode.LIMIT_OVER: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Drawn above a limit, for a named cause: a repayment that bounced."
    ),
    AccountCode.GUARANTOR_CLAIM: ChartLine(
        side=Side.DEBIT, strict=True, meaning="What a borrower owes to the guarantor who paid in the borrower's place."
    ),
    AccountCode.GUARANTOR: ChartLine(
        side=Side.CREDIT, meaning="Whose claim that is: the guarantor's, not the lender's."
    ),
}
assert set(CHART) == set(AccountCode)


class TransferKind(IntEnum):
    """What a transfer does with its amount."""

    POSTED = 1  # moves it at once
    PENDING = 2  # holds it
    POST = 3  # moves part or all of what `pending_id` holds and releases the rest
    VOID = 4  # releases all of what `pending_id` holds


class Reason(IntEnum):
    """Why money moved. Numbers are stored: never changed, never used again."""

    FUND_LENDER = 1
    DISBURSE = 2
    MIGRATE = 3
    BILL_PRINCIPAL = 10
    BILL_INTEREST = 11
    BILL_PENALTY = 12
    BILL_FEE = 13
    REPAY_PRINCIPAL = 20
    REPAY_INTEREST = 21
    REPAY_PENALTY = 22
    REPAY_FEE = 23
    OVERPAY = 24
    RETURN_OVERPAYMENT = 25
    CONCEDE = 26
    WRITE_OFF = 27
    COMPENSATE = 28
    RECOVER_CLAIM = 29
    ACCRUE_INTEREST = 30
    ACCRUE_PENALTY = 31
    ROUNDING = 32
    SUSPEND = 33
    LIMIT_GRANT = 40
    LIMIT_CUT = 41
    LIMIT_DRAW = 42
    LIMIT_RELEASE = 43
    OVER_LIMIT = 44
    OVER_LIMIT_END = 45
    RECUT = 50
    CORRECT = 90


Way = tuple[AccountCode, AccountCode, Reason]
_C, _R = AccountCode, Reason

# Money that moves one way only, as (debit, credit, reason).
_ONE_WAY: Final[frozenset[Way]] = frozenset(
    {
        (_C.LENDER_CASH, _C.LENDER_FUNDING, _R.FUND_LENDER),
        (_C.LOAN_PRINCIPAL, _C.LENDER_CASH, _R.DISBURSE),
        (_C.LOAN_PRINCIPAL, _C.MIGRATION_CLEARING, _R.MIGRATE),
        (_C.LOAN_PRINCIPAL_DUE, _C.MIGRATION_CLEARING, _R.MIGRATE),
        (_C.LOAN_INTEREST_DUE, _C.MIGRATION_CLEARING, _R.MIGRATE),
        (_C.LOAN_PENALTY_DUE, _C.MIGRATION_CLEARING, _R.MIGRATE),
        (_C.LOAN_FEE_DUE, _C.MIGRATION_CLEARING, _R.MIGRATE),
        (_C.MIGRATION_CLEARING, _C.OVERPAYMENT, _R.MIGRATE),
        (_C.MIGRATION_CLEARING, _C.INTEREST_SUSPENDED, _R.MIGRATE),
        (_C.LIMIT_GRANTED, _C.LIMIT_AVAILABLE, _R.LIMIT_GRANT),
        (_C.LIMIT_AVAILABLE, _C.LIMIT_DRAWN, _R.LIMIT_DRAW),
        (_C.LIMIT_OVER, _C.LIMIT_AVAILABLE, _R.OVER_LIMIT),
        (_C.LIMIT_AVAILABLE, _C.LIMIT_OVER, _R.OVER_LIMIT_END),
    }
)
# What a loan told again, an accrual corrected downwards, or parked money that found its loan may also take back by the
# same line turned about.
_CORRECTED: Final[frozenset[Way]] = frozenset(
    {
        (_C.LOAN_PRINCIPAL_DUE, _C.LOAN_PRINCIPAL, _R.BILL_PRINCIPAL),
        (_C.LOAN_INTEREST_DUE, _C.ACCRUED_INTEREST, _R.BILL_INTEREST),
        (_C.LOAN_PENALTY_DUE, _C.ACCRUED_PENALTY, _R.BILL_PENALTY),
        (_C.COLLECTION_CLEARING, _C.LOAN_PRINCIPAL_DUE, _R.REPAY_PRINCIPAL),
        (_C.COLLECTION_CLEARING, _C.LOAN_INTEREST_DUE, _R.REPAY_INTEREST),
        (_C.COLLECTION_CLEARING, _C.LOAN_PENALTY_DUE, _R.REPAY_PENALTY),
        (_C.COLLECTION_CLEARING, _C.LOAN_FEE_DUE, _R.REPAY_FEE),
        (_C.LOAN_FEE_DUE, _C.FEE_INCOME, _R.BILL_FEE),
        (_C.LOAN_PENALTY_DUE, _C.PENALTY_INCOME, _R.BILL_FEE),
        (_C.OVERPAYMENT, _C.LOAN_PRINCIPAL_DUE, _R.REPAY_PRINCIPAL),
        (_C.OVERPAYMENT, _C.LOAN_INTEREST_DUE, _R.REPAY_INTEREST),
        (_C.OVERPAYMENT, _C.LOAN_PENALTY_DUE, _R.REPAY_PENALTY),
        (_C.OVERPAYMENT, _C.LOAN_FEE_DUE, _R.REPAY_FEE),
        (_C.CONCESSION, _C.LOAN_PRINCIPAL_DUE, _R.CONCEDE),
        (_C.CONCESSION, _C.LOAN_INTEREST_DUE, _R.CONCEDE),
        (_C.CONCESSION, _C.LOAN_PENALTY_DUE, _R.CONCEDE),
        (_C.CONCESSION, _C.LOAN_FEE_DUE, _R.CONCEDE),
        (_C.CONCESSION, _C.OVERPAYMENT, _R.OVERPAY),
        (_C.CREDIT_LOSS, _C.LOAN_PRINCIPAL_DUE, _R.WRITE_OFF),
        (_C.CREDIT_LOSS, _C.LOAN_INTEREST_DUE, _R.WRITE_OFF),
        (_C.CREDIT_LOSS, _C.LOAN_PENALTY_DUE, _R.WRITE_OFF),
        (_C.CREDIT_LOSS, _C.LOAN_FEE_DUE, _R.WRITE_OFF),
        (_C.COLLECTION_CLEARING, _C.OVERPAYMENT, _R.OVERPAY),
        (_C.COLLECTION_CLEARING, _C.UNMATCHED_RECEIPT, _R.OVERPAY),
        (_C.OVERPAYMENT, _C.COLLECTION_CLEARING, _R.RETURN_OVERPAYMENT),
        (_C.LOAN_FEE_DUE, _C.COLLECTION_CLEARING, _R.RETURN_OVERPAYMENT),
        (_C.LIMIT_DRAWN, _C.LIMIT_AVAILABLE, _R.LIMIT_RELEASE),
        (_C.GUARANTOR_CLAIM, _C.GUARANTOR, _R.COMPENSATE),
        (_C.GUARANTOR, _C.GUARANTOR_CLAIM, _R.RECOVER_CLAIM),
        (_C.COLLECTION_CLEARING, _C.DUE_TO_GUARANTOR, _R.RECOVER_CLAIM),
        (_C.INTEREST_INCOME, _C.INTEREST_SUSPENDED, _R.SUSPEND),
        (_C.PENALTY_INCOME, _C.INTEREST_SUSPENDED, _R.SUSPEND),
        (_C.INTEREST_SUSPENDED, _C.CREDIT_LOSS, _R.WRITE_OFF),
        (_C.ACCRUED_INTEREST, _C.INTEREST_INCOME, _R.ACCRUE_INTEREST),
        (_C.ACCRUED_PENALTY, _C.PENALTY_INCOME, _R.ACCRUE_PENALTY),
        (_C.ACCRUED_INTEREST, _C.ROUNDING_DIFFERENCE, _R.ROUNDING),
        (_C.ACCRUED_PENALTY, _C.ROUNDING_DIFFERENCE, _R.ROUNDING),
        (_C.LENDER_CASH, _C.CLEARING, _R.RECUT),
        (_C.ACCRUED_INTEREST, _C.CLEARING, _R.RECUT),
        (_C.ACCRUED_PENALTY, _C.CLEARING, _R.RECUT),
    }
)
# Every way in which money may move in this house, corrections included. A transfer that goes another way means
# nothing, however well it balances: `verify` names it. A new kind of posting takes its line here.
FORWARD: Final[frozenset[Way]] = _ONE_WAY | _CORRECTED
WAYS: Final[frozenset[Way]] = FORWARD | frozenset((credit, debit, reason) for debit, credit, reason in _CORRECTED)
# What may be held before it moves: the payout of a loan and the limits it draws.
HELD: Final = frozenset({Reason.DISBURSE, Reason.LIMIT_DRAW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account is named by whose it is, what it holds and in which currency."""

    owner: UUID
    code: AccountCode
    currency: str = "CNY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One movement of money. The caller makes the id and stores it before sending.

    `amount_fen` is a whole number above zero. `value_date` is the day it counts from, `posted_on` the
    business date on which it is written; `reference` is the event, order or application behind it.
    A POST or VOID names the PENDING transfer in `pending_id` and repeats its accounts; a VOID repeats
    its amount, too.
    """

    id: UUID
    kind: TransferKind = TransferKind.POSTED
    debit: Account
    credit: Account
    amount_fen: int
    reason: Reason
    value_date: date
    posted_on: date
    reference: UUID
    pending_id: UUID | None = None


class Result(IntEnum):
    """What became of a transfer. Numbers are in order of precedence: the first that holds is the answer.

    A replay is answered before everything else, so that a caller who asks again hears what happened
    the first time even if the account was closed since. A refused transfer leaves nothing behind: the
    same id may be sent again later. Only OK and EXISTS mean that the transfer is in the books.
    """

    OK = 0
    EXISTS = 1  # the same transfer is in the books already
    EXISTS_WITH_DIFFERENT_KIND = 2
    EXISTS_WITH_DIFFERENT_DEBIT = 3
    EXISTS_WITH_DIFFERENT_CREDIT = 4
    EXISTS_WITH_DIFFERENT_AMOUNT = 5
    EXISTS_WITH_DIFFERENT_REASON = 6
    EXISTS_WITH_DIFFERENT_VALUE_DATE = 7
    EXISTS_WITH_DIFFERENT_POSTED_ON = 8
    EXISTS_WITH_DIFFERENT_REFERENCE = 9
    EXISTS_WITH_DIFFERENT_PENDING_ID = 10
    AMOUNT_ZERO = 20
    AMOUNT_NEGATIVE = 21
    AMOUNT_OUT_OF_RANGE = 22  # above 2^63 − 1 fen
    PENDING_ID_MISSING = 23  # a POST or VOID names no pending transfer
    PENDING_ID_UNEXPECTED = 24  # a POSTED or PENDING names one
    SAME_ACCOUNT = 25
    CURRENCY_MISMATCH = 26
    DEBIT_ACCOUNT_UNKNOWN = 30
    CREDIT_ACCOUNT_UNKNOWN = 31
    DEBIT_ACCOUNT_CLOSED = 32
    CREDIT_ACCOUNT_CLOSED = 33
    PENDING_NOT_FOUND = 40  # no such transfer, or it is not a PENDING one
    PENDING_HAS_DIFFERENT_ACCOUNTS = 41
    PENDING_ALREADY_POSTED = 42
    PENDING_ALREADY_VOIDED = 43
    EXCEEDS_PENDING_AMOUNT = 44  # a POST above the amount held
    PENDING_HAS_DIFFERENT_AMOUNT = 45  # a VOID of another amount than the one held
    EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT = 50  # strict: its debits would exceed its posted credits
    EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT = 51  # strict: its credits would exceed its posted debits
    OVERFLOW = 60  # a sum of an account, posted and pending, would pass 2^63 − 1 fen

    @property
    def is_in_books(self) -> bool:
        """Whether the transfer is in the books, now or from before."""
        return self in (Result.OK, Result.EXISTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The four sums of an account, in fen."""

    debits_posted_fen: int = 0
    credits_posted_fen: int = 0
    debits_pending_fen: int = 0
    credits_pending_fen: int = 0

    @property
    def posted_fen(self) -> int:
        """Posted debits less posted credits: above zero on the debit side."""
        return self.debits_posted_fen - self.credits_posted_fen

    def normal_fen(self, code: AccountCode) -> int:
        """Return the posted balance as it reads on the account's normal side (debit for EITHER).

        Example: of LIMIT_AVAILABLE with 500 credited and 200 debited, 300.
        """
        return -self.posted_fen if code.side is Side.CREDIT else self.posted_fen

    def available_fen(self, code: AccountCode) -> int:
        """Return what a strict account can still give: its normal side less the other side and what is held there.

        Example: of LIMIT_AVAILABLE with 500 credited, 200 debited and 100 held, 200.
        """
        if code.side is Side.CREDIT:
            return self.credits_posted_fen - self.debits_posted_fen - self.debits_pending_fen
        return self.debits_posted_fen - self.credits_posted_fen - self.credits_pending_fen
