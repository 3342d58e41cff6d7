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
    # Additions first: an account must hold what a later line takes back out of it.
    ordered = sorted(net.items(), key=lambda item: (item[1] < 0, item[0][3], item[0][2], item[0][0]))
    return [
        Posting(debit=debit, credit=credit, amount_fen=amount, reason=reason, value_date=on)
        if amount > 0
        else Posting(debit=credit, credit=debit, amount_fen=-amount, reason=reason, value_date=on)
        for (debit, credit, reason, on), amount in ordered
        if amount
    ]
