"""What a step does besides changing the state: postings for the ledger, happenings for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from mingqu.domain.ledger import AccountCode, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One transfer to be, between accounts named by code; the code says who owns it: loan, lender, group or limit."""

    debit: AccountCode
    credit: AccountCode
    amount_fen: int
    reason: Reason
    value_date: date


class Kind(Enum):
    """Happenings that somebody is told about or that start other work."""

    BILLED = "billed"
    OVERDUE = "overdue"
    CURED = "cured"
    SETTLED = "settled"
    OVERPAID = "overpaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened while time passed or an event was applied; `amount_fen` as the kind says."""

    kind: Kind
    on: date
    instalment: int
    amount_fen: int


@dataclass(slots=True)
class Change:
    """What a step gathers on its way; the caller turns it into transfers, work and notices."""

    postings: list[Posting] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)

    def post(self, debit: AccountCode, credit: AccountCode, amount_fen: int, reason: Reason, on: date) -> None:
        """Add a posting; zero amounts are no postings."""
        assert amount_fen >= 0
        if amount_fen:
            self.postings.append(
                Posting(debit=debit, credit=credit, amount_fen=amount_fen, reason=reason, value_date=on)
            )


def difference(*, before: Iterable[Posting], after: Iterable[Posting]) -> list[Posting]:
    """Return the postings that turn the first history's books into the second's.

    Amounts are netted for each (debit, credit, reason, value date); what the second history no longer
    has is posted the other way round. Example: interest 100.00 before and 90.00 after is one posting
    of 10.00 with debit and credit exchanged.
    """
    net: Counter[tuple[AccountCode, AccountCode, Reason, date]] = Counter()
    for sign, postings in ((-1, before), (1, after)):
        for posting in postings:
            net[(posting.debit, posting.credit, posting.reason, posting.value_date)] += sign * posting.amount_fen
    ordered = sorted(
        net.items(), key=lambda item: (_turn(item[0][2], taken_back=item[1] < 0), item[0][3], item[0][2], item[0][0])
    )
    return [
        Posting(debit=debit, credit=credit, amount_fen=amount, reason=reason, value_date=on)
        if amount > 0
        else Posting(debit=credit, credit=debit, amount_fen=-amount, reason=reason, value_date=on)
        for (debit, credit, reason, on), amount in ordered
        if amount
    ]


_BILLED = frozenset({Reason.BILL_INTEREST, Reason.BILL_PENALTY, Reason.BILL_FEE})
_REPAID = frozenset({Reason.REPAY_PRINCIPAL, Reason.REPAY_INTEREST, Reason.REPAY_PENALTY, Reason.REPAY_FEE})


def _turn(reason: Reason, *, taken_back: bool) -> int:
    """Return when a line of a difference has its turn, so that each account holds what a later line takes out of it.

    Money flows from principal not due to what is due, and from there out by repayments. So repayments are taken
    back first; then principal flows back from due and out again, and other bills the other way about, for
    they have no account to come from that could run dry; new repayments find it all there.
    """
    if reason in _REPAID:
        return 1 if taken_back else 4
    if reason is Reason.BILL_PRINCIPAL:
        return 2 if taken_back else 3
    if reason in _BILLED:
        return 3 if taken_back else 2
    return 5 if taken_back else 0
