"""A ledger in plain Python: a list of what was accepted, and everything else computed from it anew.

It shares no idea with the SQL: no sums are kept, integers have no limit, and nothing is done in bulk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mingqu.domain.ledger import Account, Balance, Result, Side, Transfer, TransferKind

LARGEST = 2**63 - 1
DIFFERENCES = [
    ("kind", Result.EXISTS_WITH_DIFFERENT_KIND),
    ("debit", Result.EXISTS_WITH_DIFFERENT_DEBIT),
    ("credit", Result.EXISTS_WITH_DIFFERENT_CREDIT),
    ("amount_fen", Result.EXISTS_WITH_DIFFERENT_AMOUNT),
    ("reason", Result.EXISTS_WITH_DIFFERENT_REASON),
    ("value_date", Result.EXISTS_WITH_DIFFERENT_VALUE_DATE),
    ("posted_on", Result.EXISTS_WITH_DIFFERENT_POSTED_ON),
    ("reference", Result.EXISTS_WITH_DIFFERENT_REFERENCE),
    ("pending_id", Result.EXISTS_WITH_DIFFERENT_PENDING_ID),
]


@dataclass
class LedgerModel:
    opened: set[Account] = field(default_factory=set)
    closed: set[Account] = field(default_factory=set)
    accepted: list[Transfer] = field(default_factory=list)

    def post(self, transfer: Transfer) -> Result:
        result = self.answer(transfer)
        if result is Result.OK:
            self.accepted.append(transfer)
        return result

    def answer(self, transfer: Transfer) -> Result:
        for earlier in self.accepted:
            if earlier.id == transfer.id:
                differing = [
                    result for name, result in DIFFERENCES if getattr(earlier, name) != getattr(transfer, name)
                ]
                return differing[0] if differing else Result.EXISTS
        ends_a_hold = transfer.kind in (TransferKind.POST, TransferKind.VOID)
        malformed = [
            (transfer.amount_fen == 0, Result.AMOUNT_ZERO),
            (transfer.amount_fen < 0, Result.AMOUNT_NEGATIVE),
            (transfer.amount_fen > LARGEST, Result.AMOUNT_OUT_OF_RANGE),
            (ends_a_hold and transfer.pending_id is None, Result.PENDING_ID_MISSING),
            (not ends_a_hold and transfer.pending_id is not None, Result.PENDING_ID_UNEXPECTED),
            (transfer.debit == transfer.credit, Result.SAME_ACCOUNT),
            (transfer.debit.currency != transfer.credit.currency, Result.CURRENCY_MISMATCH),
            (transfer.debit not in self.opened, Result.DEBIT_ACCOUNT_UNKNOWN),
            (transfer.credit not in self.opened, Result.CREDIT_ACCOUNT_UNKNOWN),
            (transfer.debit in self.closed, Result.DEBIT_ACCOUNT_CLOSED),
            (transfer.credit in self.closed, Result.CREDIT_ACCOUNT_CLOSED),
        ]
        for holds, result in malformed:
            if holds:
                return result
        return self._ending(transfer) if ends_a_hold else self._room(transfer)

    def _ending(self, transfer: Transfer) -> Result:
        held = [
            earlier
            for earlier in self.accepted
            if earlier.id == transfer.pending_id and earlier.kind is TransferKind.PENDING
        ]
        if not held:
            return Result.PENDING_NOT_FOUND
        if (held[0].debit, held[0].credit) != (transfer.debit, transfer.credit):
            return Result.PENDING_HAS_DIFFERENT_ACCOUNTS
        for earlier in self.accepted:
            if earlier.pending_id == transfer.pending_id:
                posted = earlier.kind is TransferKind.POST
                return Result.PENDING_ALREADY_POSTED if posted else Result.PENDING_ALREADY_VOIDED
        if transfer.kind is TransferKind.POST and transfer.amount_fen > held[0].amount_fen:
            return Result.EXCEEDS_PENDING_AMOUNT
        if transfer.kind is TransferKind.VOID and transfer.amount_fen != held[0].amount_fen:
            return Result.PENDING_HAS_DIFFERENT_AMOUNT
        return Result.OK

    def _room(self, transfer: Transfer) -> Result:
        after = LedgerModel(opened=self.opened, closed=self.closed, accepted=[*self.accepted, transfer])
        debit, credit = after.balance(transfer.debit), after.balance(transfer.credit)
        debits_after = debit.debits_posted_fen + debit.debits_pending_fen
        credits_after = credit.credits_posted_fen + credit.credits_pending_fen
        code = transfer.debit.code
        if code.strict and code.side is Side.CREDIT and debits_after > debit.credits_posted_fen:
            return Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT
        code = transfer.credit.code
        if code.strict and code.side is Side.DEBIT and credits_after > credit.debits_posted_fen:
            return Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT
        if debits_after > LARGEST or credits_after > LARGEST:
            return Result.OVERFLOW
        return Result.OK

    def balance(self, account: Account) -> Balance:
        ended = {transfer.pending_id for transfer in self.accepted}
        sums = {"debits_posted_fen": 0, "credits_posted_fen": 0, "debits_pending_fen": 0, "credits_pending_fen": 0}
        for transfer in self.accepted:
            if transfer.kind in (TransferKind.POSTED, TransferKind.POST):
                state = "posted"
            elif transfer.kind is TransferKind.PENDING and transfer.id not in ended:
                state = "pending"
            else:
                continue
            if transfer.debit == account:
                sums[f"debits_{state}_fen"] += transfer.amount_fen
            if transfer.credit == account:
                sums[f"credits_{state}_fen"] += transfer.amount_fen
        return Balance(**sums)

    def is_empty(self, account: Account) -> bool:
        held = self.balance(account)
        return held.posted_fen == 0 and held.debits_pending_fen == 0 and held.credits_pending_fen == 0
