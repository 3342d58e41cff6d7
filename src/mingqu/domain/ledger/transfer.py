"""Transfers and what becomes of them.

A transfer moves an amount from a credit account to a debit account, so the books are balanced by
construction; it is never changed, only followed by another. A transfer is POSTED at once, or PENDING
(the amount is held) until a POST takes part or all of it, or a VOID gives it back, or its day comes and it EXPIRES.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final
from uuid import UUID

from mingqu.domain.ledger.chart import Account, AccountCode, Reason, Side

# A batch is one transaction under one cell's lock; 8,190 keeps it to tens of milliseconds.
TRANSFERS_MAX: Final = 8_190


class TransferKind(IntEnum):
    """What a transfer does with its amount."""

    POSTED = 1  # moves it at once
    PENDING = 2  # holds it
    POST = 3  # moves part or all of what `pending_id` holds and releases the rest
    VOID = 4  # releases all of what `pending_id` holds
    EXPIRE = 5  # the same, because the day came on which it lapses


# The kinds that end a hold.
ENDINGS: Final = frozenset({TransferKind.POST, TransferKind.VOID, TransferKind.EXPIRE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One movement of money. The caller makes the id and stores it before sending.

    `amount_fen` is a whole number above zero. `value_date` is the day it counts from, `posted_on` the
    business date on which it is written; `reference` is the event, order or application behind it.
    A POST, VOID or EXPIRE names the PENDING transfer in `pending_id` and repeats its accounts; a VOID or EXPIRE
    repeats its amount, too.

    `expires_on`, of a PENDING only, is the first business date on which it no longer holds. No clock runs in the
    database: from that date on an EXPIRE may end it, which a job posts; until then it is open.

    `linked` ties a transfer to the next one of its batch. Such a chain, which ends with the first transfer that is not
    linked, is in the books as a whole or not at all. It is a matter of the batch, not of the transfer: a replay may
    come alone.
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
    expires_on: date | None = None
    linked: bool = False


class Result(IntEnum):
    """What became of a transfer. Numbers are in order of precedence: the first that holds is the answer.

    A replay is answered before everything else, so that a caller who asks again hears what happened
    the first time even if the account was closed since. A refused transfer leaves nothing behind: the
    same id may be sent again later. Only OK and EXISTS mean that the transfer is in the books.

    In a chain the first transfer that cannot be in the books says why; what else of the chain is not there already
    answers LINKED_TRANSFER_FAILED, whatever else may be wrong with it. `MEANINGS` says what each result means.
    """

    OK = 0
    EXISTS = 1
    EXISTS_WITH_DIFFERENT_KIND = 2
    EXISTS_WITH_DIFFERENT_DEBIT = 3
    EXISTS_WITH_DIFFERENT_CREDIT = 4
    EXISTS_WITH_DIFFERENT_AMOUNT = 5
    EXISTS_WITH_DIFFERENT_REASON = 6
    EXISTS_WITH_DIFFERENT_VALUE_DATE = 7
    EXISTS_WITH_DIFFERENT_POSTED_ON = 8
    EXISTS_WITH_DIFFERENT_REFERENCE = 9
    EXISTS_WITH_DIFFERENT_PENDING_ID = 10
    EXISTS_WITH_DIFFERENT_EXPIRES_ON = 11
    LINKED_TRANSFER_FAILED = 12
    LINKED_CHAIN_OPEN = 13
    AMOUNT_ZERO = 20
    AMOUNT_NEGATIVE = 21
    AMOUNT_OUT_OF_RANGE = 22
    PENDING_ID_MISSING = 23
    PENDING_ID_UNEXPECTED = 24
    EXPIRES_ON_UNEXPECTED = 25
    EXPIRES_ON_NOT_AFTER_POSTED_ON = 26
    SAME_ACCOUNT = 27
    CURRENCY_MISMATCH = 28
    DEBIT_ACCOUNT_UNKNOWN = 30
    CREDIT_ACCOUNT_UNKNOWN = 31
    DEBIT_ACCOUNT_CLOSED = 32
    CREDIT_ACCOUNT_CLOSED = 33
    PENDING_NOT_FOUND = 40
    PENDING_HAS_DIFFERENT_ACCOUNTS = 41
    PENDING_ALREADY_POSTED = 42
    PENDING_ALREADY_VOIDED = 43
    PENDING_EXPIRED = 44
    PENDING_NOT_EXPIRED = 45
    EXCEEDS_PENDING_AMOUNT = 46
    PENDING_HAS_DIFFERENT_AMOUNT = 47
    EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT = 50
    EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT = 51
    OVERFLOW = 60

    @property
    def is_in_books(self) -> bool:
        """Whether the transfer is in the books, now or from before."""
        return self in (Result.OK, Result.EXISTS)


MEANINGS: Final = {
    Result.OK: "The transfer is in the books now.",
    Result.EXISTS: "The same transfer is in the books already.",
    Result.EXISTS_WITH_DIFFERENT_KIND: "A transfer of this id is in the books and has another kind.",
    Result.EXISTS_WITH_DIFFERENT_DEBIT: "… and debits another account.",
    Result.EXISTS_WITH_DIFFERENT_CREDIT: "… and credits another account.",
    Result.EXISTS_WITH_DIFFERENT_AMOUNT: "… and moves another amount.",
    Result.EXISTS_WITH_DIFFERENT_REASON: "… and has another reason.",
    Result.EXISTS_WITH_DIFFERENT_VALUE_DATE: "… and counts from another day.",
    Result.EXISTS_WITH_DIFFERENT_POSTED_ON: "… and was written on another business date.",
    Result.EXISTS_WITH_DIFFERENT_REFERENCE: "… and has another cause.",
    Result.EXISTS_WITH_DIFFERENT_PENDING_ID: "… and ends another hold.",
    Result.EXISTS_WITH_DIFFERENT_EXPIRES_ON: "… and lapses on another day.",
    Result.LINKED_TRANSFER_FAILED: "Another transfer of its chain cannot be in the books, so this one is not.",
    Result.LINKED_CHAIN_OPEN: "The last transfer of the batch is linked to a next one that does not come.",
    Result.AMOUNT_ZERO: "Nothing would move.",
    Result.AMOUNT_NEGATIVE: "An amount is above zero; the other direction is the other way about.",
    Result.AMOUNT_OUT_OF_RANGE: "The amount is above 2^63 - 1 fen.",
    Result.PENDING_ID_MISSING: "A POST, VOID or EXPIRE names no pending transfer.",
    Result.PENDING_ID_UNEXPECTED: "A POSTED or PENDING transfer names one.",
    Result.EXPIRES_ON_UNEXPECTED: "Only a PENDING transfer lapses.",
    Result.EXPIRES_ON_NOT_AFTER_POSTED_ON: "It would lapse on the day on which it is written, or before.",
    Result.SAME_ACCOUNT: "Debit and credit are the same account.",
    Result.CURRENCY_MISMATCH: "Debit and credit account have two currencies.",
    Result.DEBIT_ACCOUNT_UNKNOWN: "The cell has no such debit account.",
    Result.CREDIT_ACCOUNT_UNKNOWN: "The cell has no such credit account.",
    Result.DEBIT_ACCOUNT_CLOSED: "The debit account is closed.",
    Result.CREDIT_ACCOUNT_CLOSED: "The credit account is closed.",
    Result.PENDING_NOT_FOUND: "No transfer of the cell has the id it names, or it is not a PENDING one.",
    Result.PENDING_HAS_DIFFERENT_ACCOUNTS: "The hold is between other accounts.",
    Result.PENDING_ALREADY_POSTED: "The hold was posted before.",
    Result.PENDING_ALREADY_VOIDED: "The hold was voided before.",
    Result.PENDING_EXPIRED: "The hold lapsed before.",
    Result.PENDING_NOT_EXPIRED: "An EXPIRE of a hold that never lapses, or lapses after the day it is posted on.",
    Result.EXCEEDS_PENDING_AMOUNT: "A POST takes more than is held.",
    Result.PENDING_HAS_DIFFERENT_AMOUNT: "A VOID or EXPIRE gives back another amount than is held.",
    Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT: "The debit account is strict: its debits, posted and pending, would exceed"
    " its posted credits.",
    Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT: "The credit account is strict: its credits, posted and pending, would"
    " exceed its posted debits.",
    Result.OVERFLOW: "A sum of an account, posted and pending, would pass 2^63 - 1 fen.",
}
assert list(MEANINGS) == sorted(Result), "results are documented in their order of precedence"


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
