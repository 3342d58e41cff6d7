"""What a borrower and a lender agreed on: everything the loan's life is computed from, besides its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from operator import itemgetter
from typing import Final

from mingqu.domain import schedule
from mingqu.domain.calendar import DayCount, Period, add_periods, check_date, due_dates
from mingqu.domain.changed import made
from mingqu.domain.loan.event import Receipt
from mingqu.domain.loan.fee import FeeDue, FeeRule, FeeTaker
from mingqu.domain.loan.guarantee import BillGuarantee
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import BrokenPeriod, InterestBasis, Method, Smoothing

PPM: Final = 1_000_000
RATE_DIGITS_MIN: Final = 6  # fewer are seen in the fen of a loan of some thousands
RATE_DIGITS_MAX: Final = 34  # the longest decimals that common arithmetic knows
GRACE_DAYS_MAX: Final = 30  # past a month a "grace" would be another term


DAYS_MAX: Final = 36_525  # a hundred years


class LoanTermsImpossible(Refusal):
    """The terms of the loan contradict themselves, so no loan can have them."""

    code = "loan_terms_impossible"


class Component(Enum):
    """What a fen of a repayment can pay."""

    # Hashed by identity, as members are one of a kind: they are keys in the inner loops of allocation.
    __hash__ = object.__hash__

    PENALTY = "penalty"  # 罚息
    FEE = "fee"  # 费用
    INTEREST = "interest"  # 利息
    PRINCIPAL = "principal"  # 本金


# What was done to each component, in the order in which amounts are written down.
by_component: Final = itemgetter(Component.PRINCIPAL, Component.INTEREST, Component.FEE, Component.PENALTY)


class Timing(Enum):
    """When an instalment fell due, seen from the day of the payment."""

    __hash__ = object.__hash__

    PAST_DUE = "past_due"
    DUE = "due"
    IN_ADVANCE = "in_advance"


AllocationStep = tuple[Timing, Component]


class Recalculation(Enum):
    """What interest follows once money moves otherwise than planned."""

    PLAN = "plan"  # the plan: early money is either a repayment in advance or makes a new plan (Chinese products)
    EARLY = "early"  # principal repaid early stops bearing that day; overdue principal bears penalty only
    DAILY = "daily"  # what is really owed, day by day: overdue principal goes on bearing interest


class Rest(Enum):
    """To which day a recalculation counts inside a period."""

    DAY = "day"  # the day of the payment
    PERIOD = "period"  # the end of the running period


class Surplus(Enum):
    """Where money beyond what is due goes."""

    RETURN = "return"  # back to the payer, unless it was meant to prepay
    NEXT_INSTALMENT = "next_instalment"  # the next instalment, then the one after it
    LAST_INSTALMENT = "last_instalment"  # the last instalment, then the one before it: the loan ends earlier
    NEXT_THEN_LAST = "next_then_last"  # the running instalment, then from the last backwards
    EVERY_INSTALMENT = "every_instalment"  # in equal parts to all that are left
    PRINCIPAL_LOWER = "principal_lower"  # principal at once, with the running instalment; all later ones are lower
    PRINCIPAL_NEXT = "principal_next"  # principal at once, with the running instalment; the next ones ask for less


PRINCIPAL_AT_ONCE: Final = (Surplus.PRINCIPAL_LOWER, Surplus.PRINCIPAL_NEXT)


class Direction(Enum):
    """Which comes first: an instalment's other components, or the same component of other instalments."""

    HORIZONTAL = "horizontal"  # the oldest instalment is served whole before the next
    VERTICAL = "vertical"  # one component of every instalment before the next component


class ChargeOffRule(Enum):
    """What becomes of the plan when a loan is charged off."""

    KEEP = "keep"
    ZERO_INTEREST = "zero_interest"  # the due dates stay, nothing bears interest any more
    ACCELERATE = "accelerate"  # everything is due that day


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRule:
    """The order in which one kind of receipt pays, and where its surplus goes."""

    order: tuple[AllocationStep, ...]
    surplus: Surplus = Surplus.RETURN

    def ahead(self) -> AllocationRule:
        """Return the rule for money that was meant as early: after what is due it pays what is not due yet."""
        order = (*self.order, *(step for step in ALLOCATION_IN_ADVANCE if step not in self.order))
        surplus = Surplus.NEXT_INSTALMENT if self.surplus is Surplus.RETURN else self.surplus
        return AllocationRule(order=order, surplus=surplus)


# 费用 → 罚息 → 利息 → 本金, the oldest instalment first: the order banks print in their contracts.
_COMPONENTS = (Component.FEE, Component.PENALTY, Component.INTEREST, Component.PRINCIPAL)
ALLOCATION_USUAL: Final[tuple[AllocationStep, ...]] = tuple(
    (timing, component) for timing in (Timing.PAST_DUE, Timing.DUE) for component in _COMPONENTS
)
# The same, and then what is not due yet, in the same order.
ALLOCATION_IN_ADVANCE: Final[tuple[AllocationStep, ...]] = tuple(
    (timing, component) for timing in Timing for component in _COMPONENTS
)
# Beyond ninety days overdue a repayment reduces principal first (accounting practice for non-accrual loans).
_PRINCIPAL_FIRST = (Component.PRINCIPAL, Component.INTEREST, Component.FEE, Component.PENALTY)
ALLOCATION_NON_ACCRUAL: Final[tuple[AllocationStep, ...]] = tuple(
    (timing, component) for timing in (Timing.PAST_DUE, Timing.DUE) for component in _PRINCIPAL_FIRST
)
NON_ACCRUAL_AFTER_DAYS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTerms:
    """The terms of one loan. Amounts in fen of `currency`, rates exact, days are calendar days.

    The dates follow from the day the money arrives, which the terms cannot know: the first instalment
    falls due one `period` after it, the others on the same day of later months (anchored).
    """

    principal_fen: int
    currency: str
    method: Method
    rate: Rate
    instalments: int
    period: Period
    interest_basis: InterestBasis
    day_count: DayCount  # for days inside a period: early repayment, and penalty
    rounding: Rounding
    penalty_multiple_ppm: int  # 1,500,000 is one and a half times the rate (银发〔2003〕251号: +30 … +50 %)
    grace_days: int = 0
    allocation: tuple[AllocationStep, ...] = ALLOCATION_USUAL
    allocation_non_accrual: tuple[AllocationStep, ...] = ALLOCATION_NON_ACCRUAL
    surplus: Surplus = Surplus.RETURN
    allocation_of: tuple[tuple[Receipt, AllocationRule], ...] = ()  # receipts with an order of their own
    direction: Direction = Direction.HORIZONTAL
    recalculation: Recalculation = Recalculation.PLAN
    rest: Rest = Rest.DAY
    payoff_rest: Rest = Rest.DAY
    chargeback_order: tuple[Component, ...] = ()  # components a charge back restores; none: all of it is principal
    charge_off: ChargeOffRule = ChargeOffRule.KEEP
    disbursements_max: int = 1
    full_term_each: bool = False  # every disbursement is repaid in as many instalments as the first
    whole_plan_each: bool = False  # every disbursement is spread over the whole plan, and what was paid pays anew
    principal_grace: int = 0  # 宽本期: the first instalments ask for interest only
    interest_grace: int = 0  # 宽息期: interest of the first instalments falls due with the one after them
    interest_free: int = 0  # 免息期: nothing bears in the periods of the first instalments
    down_payment_ppm: int = 0
    fees: tuple[FeeRule, ...] = ()
    broken_period: BrokenPeriod = BrokenPeriod.BY_DAY_COUNT
    part_periods: bool = True
    periods_alike: bool = False  # instalments are worked out as if every period were as long as the first
    rounded_at_changes: bool = False  # interest is rounded whenever what bears it changes; otherwise once a period
    rate_digits: int | None = None  # what a fen bears in a part of a period is rounded to so many; otherwise exact
    parts_rounded_alone: bool = False  # equal parts of interest have no tail, and may sum to some fen more or less
    multiple_fen: int = 1
    multiple_gives_way: bool = False  # an instalment below the multiple stays as it is; otherwise it is refused
    smoothing: Smoothing = Smoothing.NONE
    first_due: date | None = None
    start: date | None = None  # the plan begins here even if the money comes later; otherwise with the money
    length_days: int | None = None  # 固定期限: the last instalment falls due so many days after the start
    suspends_income: bool = False  # 非应计: beyond ninety days overdue, what is not paid is no income
    rate_min: Rate | None = None  # a rate agreed later is not lower, whatever its unit
    rate_max: Rate | None = None  # nor higher: a cap that the contract names, such as 24 % a year
    refund_interest: tuple[Receipt, ...] = ()  # receipts that take back the interest their amount has borne
    bill_guarantee: BillGuarantee | None = None  # 分期代偿: a guarantor pays late bills one by one

    def __post_init__(self) -> None:
        self._check_amounts()
        self._check_plan()
        for order in (self.allocation_non_accrual, *(rule.order for rule in self._rules)):
            if not _is_complete(order):
                raise LoanTermsImpossible(
                    "An allocation order names every component of what is past due and of what is due once, and of "
                    "what is in advance either each or none."
                )
        if any(rule.surplus is not Surplus.RETURN and not _goes_ahead(rule.order) for rule in self._rules):
            raise LoanTermsImpossible("Where a surplus pays instalments in advance, the allocation order names them.")
        if any(rule.surplus in PRINCIPAL_AT_ONCE for rule in self._rules) and self.recalculation is Recalculation.PLAN:
            raise LoanTermsImpossible(
                "A surplus that repays principal at once changes the interest: not that of a plan."
            )
        if len({kind for kind, _ in self.allocation_of}) != len(self.allocation_of):
            raise LoanTermsImpossible("A kind of receipt has one allocation order.")
        if len(set(self.chargeback_order)) != len(self.chargeback_order):
            raise LoanTermsImpossible("A charge back restores each component once.")

    @property
    def _rules(self) -> tuple[AllocationRule, ...]:
        return (AllocationRule(order=self.allocation, surplus=self.surplus), *(rule for _, rule in self.allocation_of))

    def _check_amounts(self) -> None:
        if self.principal_fen < 1:
            raise LoanTermsImpossible("A loan is of at least one fen.", principal_fen=self.principal_fen)
        if self.penalty_multiple_ppm < 0:
            raise LoanTermsImpossible("A penalty cannot be negative.")
        if self.rate_digits is not None and not RATE_DIGITS_MIN <= self.rate_digits <= RATE_DIGITS_MAX:
            raise LoanTermsImpossible(f"A rate is rounded to {RATE_DIGITS_MIN} to {RATE_DIGITS_MAX} digits.")
        if self.multiple_fen < 1:
            raise LoanTermsImpossible("Instalments are multiples of at least one fen.", multiple_fen=self.multiple_fen)
        if not self.allows_rate(self.rate):
            raise LoanTermsImpossible("The rate lies within the bounds that the terms name for it.")
        if not 0 <= self.down_payment_ppm < PPM:
            raise LoanTermsImpossible("A down payment is a part of the amount, not all of it.")
        if self.disbursements_max < 1:
            raise LoanTermsImpossible("A loan is paid out at least once.")

    def allows_rate(self, rate: Rate) -> bool:
        """Return whether a rate lies within the bounds that the terms name for rates agreed later, both included."""
        least, most = self.rate_min, self.rate_max
        return (least is None or _at_most(least, rate)) and (most is None or _at_most(rate, most))

    def _check_plan(self) -> None:
        if not 1 <= self.instalments <= schedule.INSTALMENTS_MAX:
            raise LoanTermsImpossible(
                f"A loan has 1 to {schedule.INSTALMENTS_MAX} instalments.", instalments=self.instalments
            )
        if not 0 <= self.grace_days <= GRACE_DAYS_MAX:
            raise LoanTermsImpossible(f"Grace is between 0 and {GRACE_DAYS_MAX} days.")
        if any(not 0 <= n < self.instalments for n in (self.principal_grace, self.interest_grace, self.interest_free)):
            raise LoanTermsImpossible("At least one instalment is without grace.")
        if self.interest_grace and (self.recalculation is not Recalculation.PLAN or self.method is Method.FLAT):
            raise LoanTermsImpossible("Interest that waits for a later instalment follows a plan, and no flat one.")
        if self.interest_free and self.method in (Method.FLAT, Method.SINGLE_PAYMENT):
            raise LoanTermsImpossible("Periods without interest are some of several, and no flat interest knows them.")
        if self.full_term_each and (self.first_due or self.length_days or self.method is Method.SINGLE_PAYMENT):
            raise LoanTermsImpossible("Disbursements with a full term each fall due by whole periods.")
        if self.whole_plan_each and (self.full_term_each or self.recalculation is not Recalculation.PLAN):
            raise LoanTermsImpossible("Disbursements are spread over the whole of a plan, whose interest it gives.")
        if self.bill_guarantee and sum(rule.taker is FeeTaker.GUARANTOR for rule in self.fees) != 1:
            raise LoanTermsImpossible("Who pays a loan's bills one by one is its one guarantor, whose fee it bears.")
        if self.bill_guarantee and (self.recalculation is not Recalculation.PLAN or self.chargeback_order):
            raise LoanTermsImpossible("A guarantor who pays bill by bill pays those of a plan.")
        if any(rule.due is FeeDue.DATE for rule in self.fees):
            raise LoanTermsImpossible("A fee on a date is charged by an event, which names the date.")
        if self.start is not None and self.first_due is not None and self.first_due <= self.start:
            raise LoanTermsImpossible("The first due date comes after the start.")
        if self.length_days is not None and not 1 <= self.length_days <= DAYS_MAX:
            raise LoanTermsImpossible(f"A loan runs for 1 to {DAYS_MAX} days.")
        if self.method is Method.FLAT and self.recalculation is not Recalculation.PLAN:
            raise LoanTermsImpossible("Flat interest is agreed for the whole term: early money does not change it.")

    @property
    def basis(self) -> InterestBasis:
        """What interest is counted by, under the name that schedules know it by."""
        return self.interest_basis

    def rule_of(self, receipt: Receipt, *, overdue_days: int = 0) -> AllocationRule:
        """Return the order in which a kind of receipt pays; beyond ninety days overdue it is another one."""
        if overdue_days > NON_ACCRUAL_AFTER_DAYS:
            order = self.allocation_non_accrual
            if self.surplus is not Surplus.RETURN and not _goes_ahead(order):
                order = (*order, *(step for step in ALLOCATION_IN_ADVANCE if step[0] is Timing.IN_ADVANCE))
            return AllocationRule(order=order, surplus=self.surplus)
        for kind, rule in self.allocation_of:
            if kind is receipt:
                return rule
        return made(AllocationRule, self.allocation, self.surplus)  # nearly every payment's

    @property
    def uses_course(self) -> bool:
        """Whether interest is worked out along what is really owed from the first day on."""
        return (
            self.recalculation is not Recalculation.PLAN
            or self.disbursements_max > 1
            or self.surplus is not Surplus.RETURN
            or self.principal_grace > 0
            or self.interest_grace > 0
            or self.interest_free > 0
            or self.down_payment_ppm > 0
            or self.start is not None
            or self.length_days is not None
        )

    def due_dates(self, *, start: date) -> tuple[date, ...]:
        """Return the due dates of a plan that begins on a day.

        Errors: DateOutOfRange; LoanTermsImpossible where `length_days` leaves room for one instalment more.
        """
        dues = due_dates(start=start, period=self.period, instalments=self.instalments, first_due=self.first_due)
        if self.length_days is None:
            return dues
        last = date.fromordinal(check_date(start).toordinal() + self.length_days)
        if add_periods(day=dues[-1], period=self.period, times=1) <= check_date(last):
            raise LoanTermsImpossible(
                "The loan runs on for a whole period after its last instalment: it takes more of them, or ends before.",
                length_days=self.length_days,
            )
        return (*(due for due in dues[:-1] if due < last), last)

    def schedule_terms(self, *, start: date, first_due: date | None = None) -> schedule.Terms:
        """Return the terms of the schedule of money that arrived on `start`. Errors: those of `schedule.Terms`."""
        return schedule.Terms(
            principal=Money(self.principal_fen, self.currency),
            method=self.method,
            rate=self.rate,
            start=start,
            instalments=self.instalments,
            first_due=first_due,
            day_count=self.day_count,
            period=self.period,
            basis=self.basis,
            broken_period=self.broken_period,
            rounding=self.rounding,
            multiple_fen=self.multiple_fen,
            smoothing=self.smoothing,
        )


def _at_most(rate: Rate, other: Rate) -> bool:
    one, most = rate.yearly(), other.yearly()
    return one.numerator * most.denominator <= most.numerator * one.denominator


# A house has a few orders, one or two for each product, and reads millions of terms.
@lru_cache(maxsize=256)
def _is_complete(order: tuple[AllocationStep, ...]) -> bool:
    ahead = sum(1 for timing, _ in order if timing is Timing.IN_ADVANCE)
    return len(set(order)) == len(order) and set(order) >= set(ALLOCATION_USUAL) and ahead in (0, len(Component))


@lru_cache(maxsize=256)
def _goes_ahead(order: tuple[AllocationStep, ...]) -> bool:
    return any(timing is Timing.IN_ADVANCE for timing, _ in order)
