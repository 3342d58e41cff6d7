"""Where a loan stands: its instalments, what is payable, and the straight lines its accrual follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from operator import attrgetter
from typing import Final
from uuid import UUID

from mingqu.domain.changed import made
from mingqu.domain.course import Course
from mingqu.domain.loan.event import Receipt
from mingqu.domain.loan.fee import FeeRule, FeeTaker
from mingqu.domain.loan.guarantee import BillClaim
from mingqu.domain.loan.terms import NON_ACCRUAL_AFTER_DAYS, PPM, Component, LoanTerms
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.schedule import accrued_ratio, interest_ratio

PARTNERS: Final = (FeeTaker.GUARANTOR, FeeTaker.INSURER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What an event's amount was used for, in fen; `balance_fen` is the principal still out after it."""

    event_id: UUID
    receipt: Receipt | None
    value_date: date
    amount_fen: int
    principal_fen: int = 0
    interest_fen: int = 0
    fee_fen: int = 0
    penalty_fen: int = 0
    overpaid_fen: int = 0
    guarantor_fen: int = 0  # went to the guarantor who had paid in the borrower's place
    balance_fen: int = 0


class Stage(Enum):
    """The life of a loan, coarsely; overdue days are read from the instalments."""

    PLANNED = "planned"  # signed, the money has not arrived: nothing bears interest
    ACTIVE = "active"
    SETTLED = "settled"
    CHARGED_OFF = "charged_off"  # taken for lost; the claim stays
    WRITTEN_OFF = "written_off"  # the claim was given up
    CANCELLED = "cancelled"  # the money never left


# Looking a member up costs more than most of what is done with it, and these are asked for with every event.
_ACTIVE: Final = Stage.ACTIVE
_WRITTEN_OFF: Final = Stage.WRITTEN_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """One line of the schedule with what became payable and what was paid; amounts in fen.

    Until `billed` the principal and interest are the plan; `penalty_from` is the day from which unpaid
    principal bears penalty that is not yet billed.
    """

    number: int
    period_start: date
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
    billed: bool = False
    early: bool = False  # made by an early repayment, on its day
    down_payment: bool = False
    renewed: bool = False  # made by a new agreement, beside the course
    additional: bool = False  # behind the last one of the plan: what came to be owed after it
    penalty_from: date | None = None
    paid_on: date | None = None
    advance_fen: int = 0  # paid before its due date
    late_fen: int = 0  # paid after it

    @property
    def due_fen(self) -> int:
        """All that is or will be payable in it."""
        return self.principal_fen + self.interest_fen + self.fee_fen + self.penalty_fen

    @property
    def paid_fen(self) -> int:
        """All that was paid in it."""
        return self.principal_paid_fen + self.interest_paid_fen + self.fee_paid_fen + self.penalty_paid_fen

    @property
    def unpaid_fen(self) -> int:
        """What is left of the line, planned or billed."""
        return (
            self.principal_fen - self.principal_paid_fen
            + self.interest_fen - self.interest_paid_fen
            + self.penalty_fen - self.penalty_paid_fen
            + self.fee_fen - self.fee_paid_fen
        )  # fmt: skip

    def outstanding_fen(self, component: Component) -> int:
        """What is left of one component."""
        due, paid = AMOUNTS[component](self)
        left: int = due - paid
        return left


# What is due and what is paid of a component.
AMOUNTS: Final = {
    component: attrgetter(f"{component.value}_fen", f"{component.value}_paid_fen") for component in Component
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Accrual as a straight line in whole micro-fen: `base_micro` at `on`, then `daily_micro` each day.

    Between two events of a loan nothing else happens to its accrual, so it costs no rows and no work.
    """

    daily_micro: int
    base_micro: int
    on: date

    def at(self, day: date) -> int:
        """Return the micro-fen accrued when `day` begins."""
        return self.base_micro + self.daily_micro * (day - self.on).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Payable:
    """What is billed and unpaid, by component, in fen; each equals its ledger account."""

    principal_fen: int
    interest_fen: int
    penalty_fen: int
    fee_fen: int

    @property
    def total_fen(self) -> int:
        """The sum of the components."""
        return self.principal_fen + self.interest_fen + self.penalty_fen + self.fee_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePart:
    """What one fee asks for in one instalment; `line_due` is the instalment's due date, `due` the fee's own."""

    fee_id: UUID
    due: date
    line_due: date
    amount_fen: int
    paid_fen: int = 0
    waived_fen: int = 0
    penalty: bool = False
    rule: FeeRule | None = None  # of a share of its instalment: the fee follows when the instalment becomes another
    taker: FeeTaker = FeeTaker.LENDER

    @property
    def unpaid_fen(self) -> int:
        """What is left of it."""
        return self.amount_fen - self.paid_fen - self.waived_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanState:
    """The snapshot: `fold(terms, events, as_of)` gives it anew from nothing, which `verify` does."""

    stage: Stage = Stage.PLANNED
    as_of: date | None = None  # the day this state has been brought up to, its morning
    instalments: tuple[Instalment, ...] = ()
    disbursed_fen: int = 0
    disbursements: int = 0
    ended: bool = False  # called in: everything is due, nothing bears interest any more
    overpayment_fen: int = 0
    settled_on: date | None = None
    fees: tuple[FeePart, ...] = ()
    course: Course | None = None  # interest along what is really owed; copied before it is changed
    guarantor_claim_fen: int = 0  # what the guarantor paid and may claim back from the borrower
    bill_claims: tuple[BillClaim, ...] = ()  # of it, bill by bill, where a guarantor pays so; paid back or not
    suspended: bool = False  # long overdue: what it bears is owed, and is no income until it is paid
    lost: bool = False  # it was taken for lost, and still is; what is owed again after all was paid is lost, too
    otherwise: LoanState | None = None  # of a loan taken for lost: how it would stand if it had not been
    paid: tuple[Allocation, ...] = ()  # what payments were used for, where they may be charged back or pay anew
    last_key: tuple[date, int, UUID] | None = None  # where the next event in order must lie behind

    @property
    def current(self) -> Instalment | None:
        """The instalment now running: the first that is not billed."""
        for line in self.instalments:
            if not line.billed:
                return line
        return None

    @property
    def principal_unbilled_fen(self) -> int:
        """Principal not yet due, less what was paid of it in advance."""
        if self.stage is _WRITTEN_OFF:
            return 0
        return sum(line.principal_fen - line.principal_paid_fen for line in self.instalments if not line.billed)

    @property
    def principal_outstanding_fen(self) -> int:
        """Principal the borrower still has, due or not."""
        if self.stage is _WRITTEN_OFF:
            return 0
        return sum(line.principal_fen - line.principal_paid_fen for line in self.instalments)

    @property
    def payable(self) -> Payable:
        """What is billed and unpaid. Penalty still running is not in it: see `quote`."""
        principal = interest = penalty = fee = 0
        if self.stage is not _WRITTEN_OFF:
            for line in self.instalments:
                if line.billed and line.paid_on is None:  # what is paid has nothing left
                    principal += line.principal_fen - line.principal_paid_fen
                    interest += line.interest_fen - line.interest_paid_fen
                    penalty += line.penalty_fen - line.penalty_paid_fen
                    fee += line.fee_fen - line.fee_paid_fen
        return made(Payable, principal, interest, penalty, fee)

    @property
    def penalty_charged_fen(self) -> int:
        """Penalties that were charged as fees and are billed, less what was waived: the others are borne by days."""
        if not self.fees:
            return 0
        billed = {line.due for line in self.instalments if line.billed}
        return sum(fee.amount_fen - fee.waived_fen for fee in self.fees if fee.penalty and fee.line_due in billed)

    def partner_fees(self) -> tuple[dict[FeeTaker, int], int]:
        """Return what was paid to each kind of partner, and what of their fees is billed and unpaid, in fen."""
        paid, unpaid = dict.fromkeys(PARTNERS, 0), 0
        billed = {line.due for line in self.instalments if line.billed} if self.fees else set()
        for fee in self.fees:
            if fee.taker is not FeeTaker.LENDER:
                paid[fee.taker] += fee.paid_fen
                unpaid += fee.unpaid_fen if fee.line_due in billed and self.stage is not _WRITTEN_OFF else 0
        return paid, unpaid

    @property
    def unpaid_billed(self) -> Iterator[Instalment]:
        """Billed instalments with something left, the oldest first."""
        given_up = self.stage is _WRITTEN_OFF
        return (
            line
            for line in self.instalments
            if line.paid_on is None and line.billed and line.unpaid_fen > 0 and not given_up
        )

    def overdue_days(self, on: date) -> int:
        """Return whole days since the oldest unpaid due date, 0 when nothing is past due."""
        if self.stage is _WRITTEN_OFF:
            return 0
        for line in self.instalments:
            if line.paid_on is None and line.billed and line.unpaid_fen > 0:
                return max(0, (on - line.due).days)
        return 0

    def next_event(self, terms: LoanTerms) -> date | None:
        """Return the next day on which something happens by itself: a bill, or the start of an overdue."""
        soonest = None
        if self.stage is _ACTIVE and (current := self.current) is not None:
            soonest = current.due
        if self.stage is _WRITTEN_OFF:
            return None
        for line in self.instalments:
            if line.paid_on is not None or not line.billed or line.penalty_from is not None:
                continue  # nearly all of them
            if (soonest is None or line.due < soonest) and line.unpaid_fen > 0:
                start = overdue_start(line, terms)
                soonest = start if soonest is None or start < soonest else soonest
        stops = self.suspends_on(terms)
        return stops if soonest is None or (stops is not None and stops < soonest) else soonest

    def suspends_on(self, terms: LoanTerms) -> date | None:
        """Return the morning on which income from this loan stops if nothing is paid until then, if it ever does."""
        if not terms.suspends_income or self.suspended or self.stage is not _ACTIVE:
            return None
        oldest = next(self.unpaid_billed, None)
        return None if oldest is None else date.fromordinal(oldest.due.toordinal() + NON_ACCRUAL_AFTER_DAYS + 1)


def overdue_start(line: Instalment, terms: LoanTerms) -> date:
    """Return the morning on which an unpaid instalment counts as overdue: the day after its due date and grace."""
    return date.fromordinal(line.due.toordinal() + terms.grace_days + 1)


def exact_interest(
    *, terms: LoanTerms, line: Instalment, principal_fen: int, end: date | None = None
) -> tuple[int, int]:
    """Return what principal bears from the start of an instalment to `end` (its due date), exact, in fen.

    The answer is (numerator, denominator). A whole period of a product that charges by the period bears
    rate × period, however long the month; any other stretch bears its days.
    """
    return accrued_ratio(
        principal_fen=principal_fen,
        terms=terms,
        period_start=line.period_start,
        period_due=line.due,
        whole=True,
        start=line.start,
        end=line.due if end is None else end,
    )


def interest_line(state: LoanState, terms: LoanTerms) -> Line | None:
    """Return the line that interest of the running instalment follows, or None when none runs.

    `daily_micro` is the exact interest of the segment over its days, rounded down; at the event the
    exact figure replaces the line and the difference goes to the rounding account.
    """
    line = state.current
    if line is None or state.stage is not _ACTIVE or state.suspended:
        return None
    if state.course is not None:
        return _course_line(state, line)
    days = (line.due - line.start).days
    if not days:  # owed again on a day to come: it is due as it begins
        return None
    numerator, denominator = exact_interest(terms=terms, line=line, principal_fen=state.principal_unbilled_fen)
    return Line(daily_micro=numerator * MICRO_PER_FEN // (denominator * days), base_micro=0, on=line.start)


def _course_line(state: LoanState, line: Instalment) -> Line:
    """Return the line of a loan on its course: its instalment's interest over the period, less what is paid ahead."""
    ahead = sum(other.interest_paid_fen for other in state.instalments if not other.billed)
    days = max(1, (line.due - line.start).days)
    return Line(daily_micro=line.interest_fen * MICRO_PER_FEN // days, base_micro=-ahead * MICRO_PER_FEN, on=line.start)


def penalty_exact(*, terms: LoanTerms, principal_fen: int, start: date, end: date) -> tuple[int, int]:
    """Return the penalty (罚息) on overdue principal for the days from start to end, in fen, exact.

    Example: 833.34 at 0.05 % a day × 1.5 for 17 days is 10.63 once rounded half up; rounding each day
    first would make 10.71.
    """
    numerator, denominator = interest_ratio(
        principal_fen=principal_fen,
        rate=terms.rate,
        day_count=terms.day_count,
        start=start,
        end=end,
    )
    return numerator * terms.penalty_multiple_ppm, denominator * PPM


def penalty_line(state: LoanState, terms: LoanTerms) -> Line | None:
    """Return the line that running penalties follow together, or None when nothing is overdue."""
    daily_total = base_total = 0
    assert state.as_of is not None or not state.instalments
    if state.suspended:
        return None
    for line in state.unpaid_billed:
        principal_fen = line.principal_fen - line.principal_paid_fen
        if line.penalty_from is None or principal_fen == 0:
            continue
        day_after = date.fromordinal(line.penalty_from.toordinal() + 1)
        numerator, denominator = penalty_exact(
            terms=terms, principal_fen=principal_fen, start=line.penalty_from, end=day_after
        )
        daily = numerator * MICRO_PER_FEN // denominator
        daily_total += daily
        assert state.as_of is not None
        base_total += daily * (state.as_of - line.penalty_from).days
    if daily_total == 0 or state.as_of is None:
        return None
    return Line(daily_micro=daily_total, base_micro=base_total, on=state.as_of)
