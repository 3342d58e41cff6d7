"""The chart of accounts, the reasons for which money moves, and the ways in which it may.

Numbers are stored: never changed, never used again. Each code and each reason has its meaning beside it, from which
the page docs/reference/chart-of-accounts.md is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final
from uuid import UUID


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
    SPEND_PRINCIPAL = 1201
    SPEND_INTEREST_DUE = 1202
    SPEND_FEE_DUE = 1203
    SPEND_PENALTY_DUE = 1204
    OVERPAYMENT = 2001
    UNMATCHED_RECEIPT = 2002
    DUE_TO_GUARANTOR = 2003
    CLEARING = 2101
    MIGRATION_CLEARING = 2102
    INTEREST_SUSPENDED = 2201
    SPEND_CREDIT = 2301
    SPEND_RETURNING = 2302
    DUE_GUARANTEE_FEE = 2501
    DUE_PREMIUM = 2502
    PARTNER_FEE = 2503
    LENDER_FUNDING = 3001
    INTEREST_INCOME = 4001
    PENALTY_INCOME = 4002
    FEE_INCOME = 4003
    CHANNEL_FEE = 4004
    SPEND_INTEREST_INCOME = 4011
    SPEND_PENALTY_INCOME = 4012
    SPEND_FEE_INCOME = 4013
    CONCESSION = 4101
    CREDIT_LOSS = 4201
    ROUNDING_DIFFERENCE = 4901
    LIMIT_GRANTED = 9001
    LIMIT_AVAILABLE = 9002
    LIMIT_DRAWN = 9003
    LIMIT_OVER = 9004
    GUARANTOR_CLAIM = 9101
    GUARANTOR = 9102
    PURPOSE_GRANTED = 9201
    PURPOSE_AVAILABLE = 9202
    PURPOSE_SPENT = 9203
    SHARE_PRINCIPAL = 9301
    SHARE_LENT = 9302
    SHARE_RECEIVED = 9303
    SHARE_LOST = 9304
    SHARE_INTEREST = 9305
    SHARE_PENALTY = 9306
    SHARE_FEE = 9307
    SHARE_PRICE = 9308
    SHARE_SOLD = 9309
    TRUST_CASH = 9401
    TRUST_LOANS = 9402
    TRUST_SENIOR = 9403
    TRUST_SUBORDINATE = 9404
    TRUST_EARNED = 9405
    TRUST_FEE = 9406
    TRUST_INTEREST = 9407
    TRUST_EXCESS = 9408
    TRUST_LOST = 9409

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
    AccountCode.SPEND_PRINCIPAL: ChartLine(
        side=Side.DEBIT, strict=True, meaning="What is owed of purchases and draws of a revolving account."
    ),
    AccountCode.SPEND_INTEREST_DUE: ChartLine(side=Side.DEBIT, strict=True, meaning="Interest billed on an account."),
    AccountCode.SPEND_FEE_DUE: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Fees of instalments, and for being late, of a revolving account."
    ),
    AccountCode.SPEND_PENALTY_DUE: ChartLine(
        side=Side.DEBIT, strict=True, meaning="Overdue penalty that a bill of a revolving account asked for."
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
    AccountCode.SPEND_CREDIT: ChartLine(
        side=Side.CREDIT, strict=True, meaning="The borrower's own on an account: overpaid, or refunded and not billed."
    ),
    AccountCode.SPEND_RETURNING: ChartLine(side=Side.CREDIT, strict=True, meaning="Credit on its way to a card."),
    AccountCode.DUE_GUARANTEE_FEE: ChartLine(
        side=Side.CREDIT, meaning="Guarantee fees that a borrower paid and that the guarantor has not had yet."
    ),
    AccountCode.DUE_PREMIUM: ChartLine(
        side=Side.CREDIT, meaning="Premiums that a borrower paid and that the insurer has not had yet."
    ),
    AccountCode.PARTNER_FEE: ChartLine(
        side=Side.CREDIT, meaning="Fees of guarantor and insurer that are billed and unpaid: no income of the lender's."
    ),
    AccountCode.LENDER_FUNDING: ChartLine(side=Side.CREDIT, meaning="What a lender put in."),
    AccountCode.INTEREST_INCOME: ChartLine(side=Side.EITHER, meaning="Interest earned; a correction may turn it."),
    AccountCode.PENALTY_INCOME: ChartLine(
        side=Side.EITHER, meaning="Overdue penalty earned; a correction may turn it."
    ),
    AccountCode.FEE_INCOME: ChartLine(side=Side.EITHER, meaning="Fees earned; a correction may turn it."),
    AccountCode.CHANNEL_FEE: ChartLine(
        side=Side.EITHER, meaning="What channels keep of the money they collect, as their bills say."
    ),
    AccountCode.SPEND_INTEREST_INCOME: ChartLine(side=Side.CREDIT, meaning="Interest billed on revolving accounts."),
    AccountCode.SPEND_PENALTY_INCOME: ChartLine(side=Side.CREDIT, meaning="Penalty billed on revolving accounts."),
    AccountCode.SPEND_FEE_INCOME: ChartLine(side=Side.CREDIT, meaning="Fees billed on revolving accounts."),
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
        side=Side.DEBIT,
        strict=True,
        meaning="Drawn above a limit, for a named cause: a cut, or a repayment that bounced.",
    ),
    AccountCode.GUARANTOR_CLAIM: ChartLine(
        side=Side.DEBIT, strict=True, meaning="What a borrower owes to the guarantor who paid in the borrower's place."
    ),
    AccountCode.GUARANTOR: ChartLine(
        side=Side.CREDIT, meaning="Whose claim that is: the guarantor's, not the lender's."
    ),
    AccountCode.PURPOSE_GRANTED: ChartLine(
        side=Side.DEBIT, meaning="What a card may spend on the purpose of its contract."
    ),
    AccountCode.PURPOSE_AVAILABLE: ChartLine(
        side=Side.CREDIT, strict=True, meaning="The part of it that is not spent; an authorisation holds from it."
    ),
    AccountCode.PURPOSE_SPENT: ChartLine(
        side=Side.CREDIT, strict=True, meaning="The part of it that was captured by payees of the contract."
    ),
    AccountCode.SHARE_PRINCIPAL: ChartLine(
        side=Side.DEBIT,
        strict=True,
        meaning="A funder's part of the principal that a joint loan or account still owes.",
    ),
    AccountCode.SHARE_LENT: ChartLine(side=Side.CREDIT, meaning="A funder's part of what a joint loan lent."),
    AccountCode.SHARE_RECEIVED: ChartLine(side=Side.EITHER, meaning="A funder's part of the money that came in."),
    AccountCode.SHARE_LOST: ChartLine(side=Side.EITHER, meaning="A funder's part of principal given up or lost."),
    AccountCode.SHARE_INTEREST: ChartLine(
        side=Side.EITHER, meaning="A funder's part of the interest that a joint loan or account was paid."
    ),
    AccountCode.SHARE_PENALTY: ChartLine(
        side=Side.EITHER, meaning="A funder's part of the penalty that a joint loan or account was paid."
    ),
    AccountCode.SHARE_FEE: ChartLine(
        side=Side.EITHER, meaning="A funder's part of the fees that a joint loan or account was paid."
    ),
    AccountCode.SHARE_PRICE: ChartLine(side=Side.DEBIT, strict=True, meaning="What a buyer owes for a funder's part."),
    AccountCode.SHARE_SOLD: ChartLine(side=Side.CREDIT, strict=True, meaning="What a funder is owed for its part."),
    AccountCode.TRUST_CASH: ChartLine(
        side=Side.EITHER, meaning="A pool's cash; below zero where more was taken back than there was."
    ),
    AccountCode.TRUST_LOANS: ChartLine(side=Side.DEBIT, meaning="Principal of the loans that a pool holds."),
    AccountCode.TRUST_SENIOR: ChartLine(
        side=Side.CREDIT, strict=True, meaning="Senior notes of a pool that are not paid back yet."
    ),
    AccountCode.TRUST_SUBORDINATE: ChartLine(
        side=Side.CREDIT, strict=True, meaning="Subordinate notes of a pool that are not paid back yet."
    ),
    AccountCode.TRUST_EARNED: ChartLine(
        side=Side.EITHER, meaning="What loans of a pool brought besides their principal."
    ),
    AccountCode.TRUST_FEE: ChartLine(side=Side.DEBIT, meaning="What a pool paid its trustee and its servicer."),
    AccountCode.TRUST_INTEREST: ChartLine(side=Side.DEBIT, meaning="Interest that a pool paid on its senior notes."),
    AccountCode.TRUST_EXCESS: ChartLine(
        side=Side.DEBIT, meaning="What was left over of a pool's money and went to the subordinate holder."
    ),
    AccountCode.TRUST_LOST: ChartLine(
        side=Side.EITHER, meaning="Principal of a pool's loans that was given up or taken for lost."
    ),
}
assert set(CHART) == set(AccountCode)


class Reason(IntEnum):
    """Why money moved. Numbers are stored: never changed, never used again."""

    FUND_LENDER = 1
    DISBURSE = 2
    MIGRATE = 3
    RETURN_FUNDING = 4
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
    BETWEEN_CELLS = 50
    RECUT = 51
    SETTLE = 60
    KEEP_FEE = 61
    SPEND_PURCHASE = 70
    SPEND_DRAW = 71
    SPEND_REFUND = 72
    SPEND_REPAY = 73
    SPEND_BILL = 74
    SPEND_CREDIT_USED = 75
    SPEND_RETURN = 76
    PURPOSE_GRANT = 80
    PURPOSE_SPEND = 81
    PURPOSE_RETURN = 82
    PURPOSE_END = 83
    CORRECT = 90
    SHARE_LEND = 100
    SHARE_REPAY = 101
    SHARE_LOSE = 102
    SHARE_INTEREST_PAID = 103
    SHARE_PENALTY_PAID = 104
    SHARE_FEE_PAID = 105
    SHARE_SELL = 106
    OWE_PARTNER = 130
    PAY_PARTNER = 131
    PARTNER_PAYS = 132
    TRUST_ISSUE = 150
    TRUST_BUY = 151
    TRUST_COLLECT = 152
    TRUST_PAY = 153
    TRUST_LOSE = 154
    TRUST_RETURN = 155


REASONS: Final = {
    Reason.FUND_LENDER: "A lender puts money in.",
    Reason.DISBURSE: "A loan is paid out to its borrower; held until the channel says so.",
    Reason.RETURN_FUNDING: "What a lender paid in for an offer that nobody signed, or a loan not paid out, goes back.",
    Reason.MIGRATE: "A loan is taken over from another system's book with its balances.",
    Reason.BILL_PRINCIPAL: "Principal falls due.",
    Reason.BILL_INTEREST: "Interest that grew is billed.",
    Reason.BILL_PENALTY: "Penalty that grew is billed.",
    Reason.BILL_FEE: "A fee is billed.",
    Reason.REPAY_PRINCIPAL: "A borrower's money pays principal.",
    Reason.REPAY_INTEREST: "A borrower's money pays interest.",
    Reason.REPAY_PENALTY: "A borrower's money pays penalty.",
    Reason.REPAY_FEE: "A borrower's money pays a fee.",
    Reason.OVERPAY: "Money came that nothing was owed for: an overpayment, or a receipt of nobody yet.",
    Reason.RETURN_OVERPAYMENT: "What was paid too much goes back.",
    Reason.CONCEDE: "The lender gives up a claim for goodwill.",
    Reason.WRITE_OFF: "A claim is taken for lost.",
    Reason.COMPENSATE: "A guarantor pays in the borrower's place and has the claim instead.",
    Reason.RECOVER_CLAIM: "A borrower pays what a guarantor had paid.",
    Reason.ACCRUE_INTEREST: "A day's interest of a group of loans.",
    Reason.ACCRUE_PENALTY: "A day's penalty of a group of loans.",
    Reason.ROUNDING: "What whole fen leave over between a line and the exact figure.",
    Reason.SUSPEND: "Interest or penalty of a loan long overdue stops being income, or is income again.",
    Reason.LIMIT_GRANT: "A person or a line is granted a limit.",
    Reason.LIMIT_CUT: "A limit is lowered.",
    Reason.LIMIT_DRAW: "A limit is drawn on; held until the payout has ended.",
    Reason.LIMIT_RELEASE: "Principal that was paid back frees the limit.",
    Reason.OVER_LIMIT: "A repayment bounced, and more is drawn than the limit allows.",
    Reason.OVER_LIMIT_END: "What was drawn above the limit is paid back.",
    Reason.BETWEEN_CELLS: "One of the two legs by which money goes from one cell to another.",
    Reason.RECUT: "What cells hold of the house is evened out when the book is cut into another number of them.",
    Reason.SETTLE: "Money a channel collected or gave back is settled with the lender: its bill bears it out.",
    Reason.KEEP_FEE: "What a channel keeps of the money it settles.",
    Reason.SPEND_PURCHASE: "A purchase is paid from a revolving account; held from its authorization to its capture.",
    Reason.SPEND_DRAW: "Cash is paid out of a revolving account; held until the channel says so.",
    Reason.SPEND_REFUND: "A seller gives back what was paid from a revolving account.",
    Reason.SPEND_REPAY: "A borrower's money pays what a revolving account owes, or is more than that.",
    Reason.SPEND_BILL: "A revolving account is charged interest, a penalty or a fee.",
    Reason.SPEND_CREDIT_USED: "What is the borrower's on a revolving account pays principal.",
    Reason.SPEND_RETURN: "What is the borrower's on a revolving account goes to their card, or did not get there.",
    Reason.PURPOSE_GRANT: "A card is opened on a funds contract.",
    Reason.PURPOSE_SPEND: "A payee of a funds contract is paid; held from the authorisation on.",
    Reason.PURPOSE_RETURN: "A payee of a funds contract gives back.",
    Reason.PURPOSE_END: "What nobody spent under a funds contract pays its loan when the contract is over.",
    Reason.OWE_PARTNER: "A fee is the guarantor's or the insurer's: billed for them, or paid by the borrower.",
    Reason.PAY_PARTNER: "A guarantor or an insurer is paid what is its own: fees, and what was collected for it.",
    Reason.PARTNER_PAYS: "A guarantor's money arrives for what it paid in borrowers' places.",
    Reason.CORRECT: "A person corrects what no other reason covers.",
    Reason.SHARE_LEND: "A joint loan is paid out, or a joint account used, a part of it by each funder.",
    Reason.SHARE_REPAY: "A funder's part of principal that came back.",
    Reason.SHARE_LOSE: "A funder's part of principal that was given up or lost.",
    Reason.SHARE_INTEREST_PAID: "A funder's part of interest that was paid.",
    Reason.SHARE_PENALTY_PAID: "A funder's part of penalty that was paid.",
    Reason.SHARE_FEE_PAID: "A funder's part of fees that were paid.",
    Reason.SHARE_SELL: "A funder's part of a joint loan is bought back: principal, interest, penalty, each its line.",
    Reason.TRUST_ISSUE: "A pool's notes bring what it buys loans for.",
    Reason.TRUST_BUY: "A pool buys loans at their principal.",
    Reason.TRUST_COLLECT: "A day's money of the loans that a pool holds.",
    Reason.TRUST_PAY: "A pool pays fees, interest, notes, and what is left over.",
    Reason.TRUST_LOSE: "Principal of a pool's loans is given up or lost.",
    Reason.TRUST_RETURN: "An originator buys back what turned out not to have been eligible for a pool.",
}
assert set(REASONS) == set(Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account is named by whose it is, what it holds and in which currency."""

    owner: UUID
    code: AccountCode
    currency: str = "CNY"
