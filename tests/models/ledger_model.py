"""A ledger in plain Python: a list of what was accepted, and everything else computed from it anew.

It shares no idea with the SQL: no sums are kept, integers have no limit, and nothing is done in bulk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

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
    ("expires_on", Result.EXISTS_WITH_DIFFERENT_EXPIRES_ON),
]
ENDED = {
    TransferKind.POST: Result.PENDING_ALREADY_POSTED,
    TransferKind.VOID: Result.PENDING_ALREADY_VOIDED,
    TransferKind.EXPIRE: Result.PENDING_EXPIRED,
}


@dataclass
class LedgerModel:
    opened: set[Account] = field(default_factory=set)
    closed: set[Account] = field(default_factory=set)
    accepted: list[Transfer] = field(default_factory=list)

    def post_batch(self, batch: list[Transfer]) -> list[Result]:
        results: list[Result] = []
        while len(results) < len(batch):
            chain = []
            for transfer in batch[len(results) :]:
                chain.append(transfer)
                if not transfer.linked:
                    break
            results += self._post_chain(chain)
        return results

    def _post_chain(self, chain: list[Transfer]) -> list[Result]:
        before = list(self.accepted)
        if chain[-1].linked:
            culprit, why = len(chain) - 1, Result.LINKED_CHAIN_OPEN
        else:
            answers: list[Result] = []
            for transfer in chain:
                answers.append(self.post(transfer))
                if not answers[-1].is_in_books:
                    break
            else:
                return answers
            culprit, why = len(answers) - 1, answers[-1]
            if len(chain) == 1:
                return answers
        self.accepted = before
        known = [self.replay(transfer) for transfer in chain]
        known[culprit] = known[culprit] or why
        return [result or Result.LINKED_TRANSFER_FAILED for result in known]

    def post(self, transfer: Transfer) -> Result:
        result = self.answer(transfer)
        if result is Result.OK:
            self.accepted.append(transfer)
        return result

    def replay(self, transfer: Transfer) -> Result | None:
        for earlier in self.accepted:
            if earlier.id == transfer.id:
                differing = [
                    result for name, result in DIFFERENCES if getattr(earlier, name) != getattr(transfer, name)
                ]
                return differing[0] if differing else Result.EXISTS
        return None

    def answer(self, transfer: Transfer) -> Result:
        known = self.replay(transfer)
        if known is not None:
            return known
        ends_a_hold = transfer.kind in ENDED
        malformed = [
            (transfer.amount_fen == 0, Result.AMOUNT_ZERO),
            (transfer.amount_fen < 0, Result.AMOUNT_NEGATIVE),
            (transfer.amount_fen > LARGEST, Result.AMOUNT_OUT_OF_RANGE),
            (ends_a_hold and transfer.pending_id is None, Result.PENDING_ID_MISSING),
            (not ends_a_hold and transfer.pending_id is not None, Result.PENDING_ID_UNEXPECTED),
            (
                transfer.expires_on is not None and transfer.kind is not TransferKind.PENDING,
                Result.EXPIRES_ON_UNEXPECTED,
            ),
            (
                transfer.expires_on is not None and transfer.expires_on <= transfer.posted_on,
                Result.EXPIRES_ON_NOT_AFTER_POSTED_ON,
            ),
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
                return ENDED[earlier.kind]
        lapses_on = held[0].expires_on
        if transfer.kind is TransferKind.EXPIRE and (lapses_on is None or lapses_on > transfer.posted_on):
            return Result.PENDING_NOT_EXPIRED
        if transfer.kind is TransferKind.POST and transfer.amount_fen > held[0].amount_fen:
            return Result.EXCEEDS_PENDING_AMOUNT
        if transfer.kind is not TransferKind.POST and transfer.amount_fen != held[0].amount_fen:
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

    def balance(self, account: Account, *, valued_to: date = date.max, posted_to: date = date.max) -> Balance:
        counted = [one for one in self.accepted if one.value_date <= valued_to and one.posted_on <= posted_to]
        ended = {transfer.pending_id for transfer in counted}
        sums = {"debits_posted_fen": 0, "credits_posted_fen": 0, "debits_pending_fen": 0, "credits_pending_fen": 0}
        for transfer in counted:
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
