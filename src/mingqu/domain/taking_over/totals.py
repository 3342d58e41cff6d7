"""Control totals: what a book adds up to, by product, lender and currency, and how late it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

from mingqu.domain.taking_over.agreement import TakenOver

# Days overdue up to which a loan is in a bucket; beyond the last it is in another one.
_BUCKET_DAYS: Final = (0, 30, 60, 90)
BUCKETS: Final = ("current", "1-30", "31-60", "61-90", "91+")


@dataclass(slots=True, kw_only=True)  # added to, line by line
class Totals:
    """Sums of loans, in fen; of each bucket of days overdue how many loans and how much principal is in it."""

    loans: int = 0
    principal_not_due_fen: int = 0
    principal_due_fen: int = 0
    interest_due_fen: int = 0
    penalty_due_fen: int = 0
    fee_due_fen: int = 0
    overpayment_fen: int = 0

    def add(self, other: Totals, *, times: int = 1) -> None:
        """Add other sums, as often as is said."""
        for name in _FIELDS:
            setattr(self, name, getattr(self, name) + times * getattr(other, name))

    @property
    def principal_fen(self) -> int:
        """Principal, due or not."""
        return self.principal_not_due_fen + self.principal_due_fen

    def written(self) -> dict[str, int]:
        """Return the sums by name."""
        return {name: getattr(self, name) for name in _FIELDS}


_FIELDS: Final = tuple(field.name for field in fields(Totals))


def bucket_of(*, overdue_since: date | None, on: date, grace_days: int = 0) -> str:
    """Return the bucket of a loan on the morning of a day; within its days of grace it is current."""
    days = (on - overdue_since).days if overdue_since is not None else 0
    if days <= grace_days:
        return BUCKETS[0]
    return next((name for name, most in zip(BUCKETS, _BUCKET_DAYS, strict=False) if days <= most), BUCKETS[-1])


def said(one: TakenOver) -> Totals:
    """Return what a line says its loan adds to the book's totals, at the end of the day of its balances."""
    content = one.content
    sums: Mapping[str, int] = {name: getattr(content, name) for name in _FIELDS if name != "loans"}
    return Totals(loans=1, **sums)


def expected(one: TakenOver) -> Totals:
    """Return what the loan adds on the morning after, when what falls due then is billed."""
    event = one.event
    return Totals(
        loans=1,
        principal_not_due_fen=event.principal_unbilled_fen,
        principal_due_fen=event.principal_due_fen,
        interest_due_fen=event.interest_due_fen,
        penalty_due_fen=event.penalty_due_fen,
        fee_due_fen=event.fee_due_fen,
        overpayment_fen=event.overpayment_fen,
    )
