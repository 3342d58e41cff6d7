"""Loans of a pool and loans offered to it, as a month ends. A borrower is a code that says nothing about the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mingqu.domain.abs_pool.terms import Grouping, Triggers


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedLoan:
    """A loan that its lender would sell, at its principal in fen: `rate_ppm` a year, `last_due` its last due date."""

    id: str
    borrower: str
    region: str
    product: str
    principal_fen: int
    rate_ppm: int
    paid_instalments: int
    overdue_days: int
    overdue_days_ever: int
    last_due: date

    def group(self, by: Grouping) -> str:
        """Return what a limit counts the loan under."""
        return _group(self, by)


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledLoan:
    """A loan that the pool bought, repaid or not, and what it brought in the month; amounts in fen.

    `opening_fen` is its principal as the month began, `repaid_fen` what came of it, `interest_fen` all else that came.
    `defaulted_fen` is its principal on the day it went into default, before this month; 0: it never did.
    """

    id: str
    borrower: str
    region: str
    product: str
    bought_on: date
    bought_fen: int
    opening_fen: int
    repaid_fen: int
    interest_fen: int
    overdue_days: int
    defaulted_fen: int

    @property
    def principal_fen(self) -> int:
        """What is left of the principal as the month ends."""
        return self.opening_fen - self.repaid_fen

    def group(self, by: Grouping) -> str:
        """Return what a limit counts the loan under."""
        return _group(self, by)

    def lost_fen(self, *, triggers: Triggers) -> int:
        """Return its principal when it went into default, this month or before; 0 if it never did.

        Who was in default stays so, whatever is paid later: money that comes then is a recovery.
        """
        if self.defaulted_fen:
            return self.defaulted_fen
        return self.principal_fen if self.overdue_days > triggers.default_after_days else 0

    def performing_fen(self, *, triggers: Triggers) -> int:
        """Return what is left of its principal if it is not in default, or else 0."""
        return 0 if self.lost_fen(triggers=triggers) else self.principal_fen

    def delinquent_fen(self, *, triggers: Triggers) -> int:
        """Return what is left of its principal if it is late but not in default, or else 0."""
        late = self.overdue_days > triggers.delinquent_after_days
        return self.performing_fen(triggers=triggers) if late else 0


def _group(loan: OfferedLoan | PooledLoan, by: Grouping) -> str:
    return {Grouping.BORROWER: loan.borrower, Grouping.REGION: loan.region, Grouping.PRODUCT: loan.product}[by]
