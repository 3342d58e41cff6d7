"""How a loan enters from another system's book: its rows, what was paid of them, and the balances they must give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain.rate import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedRow:
    """One instalment as the other book has it, with what was paid of each component; amounts in fen.

    On a plan a row that is not due yet says what is still to come: what was paid of it early is not in it any more. On
    a course, and of a loan taken for lost, it says what was paid. Where an early repayment cut a period, the row begins
    with it, and `period_start` says when the period did.
    """

    start: date
    due: date
    principal_fen: int
    interest_fen: int
    penalty_fen: int = 0
    fee_fen: int = 0
    principal_paid_fen: int = 0
    interest_paid_fen: int = 0
    penalty_paid_fen: int = 0
    fee_paid_fen: int = 0
    period_start: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedOtherwise:
    """How a loan taken for lost would stand if it had not been, from the same first row on; amounts in fen."""

    rows: tuple[MigratedRow, ...]
    overpayment_fen: int = 0
    suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedIn:
    """The loan was taken over from another system's book as that stood when `value_date` began (迁入).

    `rows` follow each other without a gap; rows that are paid may be left out, and what was repaid in them is then
    `disbursed_fen` less the principal of those named. Penalties are billed in them up to the day. Rows due by then
    are billed. Everything else is the other book's word to check the rows by: what is billed and unpaid by component,
    principal not due yet, and since when the loan is overdue. `accrued_fen` is the interest of the running row up to
    the day, `overpayment_fen` what is owed back to the borrower. `suspended` says that its income stopped while it was
    more overdue than it is now; of a loan that is so late it has stopped anyway. `product_version` is that of the
    product here under which the loan goes on. `accrued_fen` is below zero where more interest was paid ahead than was
    borne. A loan taken for lost (核销) names that day, `lost_on`: rows due by then are billed and no later one, and
    income stopped if `suspended` says so. `otherwise` is what undoing the loss goes back to; without it nothing can.
    """

    rank: ClassVar[int] = 0
    event_id: UUID
    value_date: date
    disbursed_on: date
    disbursed_fen: int
    rate: Rate
    rows: tuple[MigratedRow, ...]
    principal_unbilled_fen: int
    principal_due_fen: int
    interest_due_fen: int
    penalty_due_fen: int
    fee_due_fen: int
    accrued_fen: int
    overpayment_fen: int = 0
    overdue_since: date | None = None
    disbursements: int = 1
    suspended: bool = False
    product_version: int = 1
    lost_on: date | None = None
    otherwise: MigratedOtherwise | None = None

    @property
    def billed_to(self) -> date:
        """The last due date whose row is billed: of a lost loan none was since."""
        return self.value_date if self.lost_on is None else self.lost_on
