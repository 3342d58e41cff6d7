"""What is agreed about a repayment schedule, as one frozen value; impossible terms cannot be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Final

from mingqu.domain.calendar import MONTHLY, DayCount, Holidays, Period, Shift, check_date
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal

# A century of months. Consumer loans end within 7 years (NFRA notice, March 2025), house loans within 30.
INSTALMENTS_MAX: Final = 1200


class TermsImpossible(Refusal):
    """No schedule can have these terms."""

    code = "terms_impossible"


class TooManyInstalments(Refusal):
    """The number of instalments is above the limit."""

    code = "instalments_too_many"


class MultipleAboveInstalment(Refusal):
    """The amount that instalments must be a multiple of is larger than the instalment itself."""

    code = "multiple_above_instalment"


class InstalmentBelowInterest(Refusal):
    """The agreed instalment does not cover the interest of its period, so the debt would grow."""

    code = "instalment_below_interest"


class Method(Enum):
    """How principal and interest are spread over the instalments."""

    EQUAL_INSTALMENT = "equal_instalment"  # 等额本息
    EQUAL_PRINCIPAL = "equal_principal"  # 等额本金
    INTEREST_ONLY = "interest_only"  # 先息后本
    SINGLE_PAYMENT = "single_payment"  # 一次还本付息
    FLAT = "flat"  # 等本等息: interest on the original principal in every period


class InterestBasis(Enum):
    """What interest is counted by."""

    __hash__ = object.__hash__  # one of a kind each, and keys of a cache in the inner loop of a course

    PERIOD = "period"  # every whole period bears the same rate, e.g. a twelfth of the yearly one
    DAILY = "daily"  # a period bears interest for its days, by the day count


class BrokenPeriod(Enum):
    """On the PERIOD basis: what a part of a period bears."""

    BY_DAY_COUNT = "by_day_count"  # its days, by the day count
    PRO_RATA = "pro_rata"  # the period's interest × days passed ÷ days of the period


class Smoothing(Enum):
    """Whether a last instalment far from the others is evened out over all of them."""

    NONE = "none"  # the last instalment takes the tail: Chinese products
    EVEN_OUT = "even_out"  # see docs/algorithms/smoothing.md


class Tail(Enum):
    """Which instalment takes what rounding leaves over (尾差)."""

    LAST = "last"
    FIRST = "first"  # only where parts of principal are equal: equal_principal and flat


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of one schedule.

    `start` is the day the money leaves; the first period begins on it. `first_due` and `anchor_day` move the
    due dates (see `calendar.due_dates`). `instalment_fen` fixes the instalment (equal_instalment) or the part
    of principal in it (equal_principal) instead of computing it; the tail then follows. `shift` moves due
    dates off holidays; with `shift_bears_interest` interest follows them, otherwise it keeps to the agreed days.

    Errors: TermsImpossible, TooManyInstalments, DateOutOfRange; PeriodMalformed and RateOutOfRange from parts.
    """

    principal: Money
    method: Method
    rate: Rate
    start: date
    instalments: int
    day_count: DayCount
    period: Period = MONTHLY
    first_due: date | None = None
    anchor_day: int | None = None
    basis: InterestBasis = InterestBasis.PERIOD
    broken_period: BrokenPeriod = BrokenPeriod.BY_DAY_COUNT
    rounding: Rounding = Rounding.HALF_UP
    multiple_fen: int = 1
    smoothing: Smoothing = Smoothing.NONE
    tail: Tail = Tail.LAST
    instalment_fen: int | None = None
    shift: Shift = Shift.NONE
    shift_bears_interest: bool = True
    holidays: Holidays = field(default_factory=Holidays)

    def __post_init__(self) -> None:
        if self.principal.fen <= 0:
            raise TermsImpossible("A loan is of at least one fen.", principal_fen=self.principal.fen)
        if self.instalments < 1:
            raise TermsImpossible("A schedule has at least one instalment.", instalments=self.instalments)
        if self.instalments > INSTALMENTS_MAX:
            raise TooManyInstalments(
                f"A schedule has at most {INSTALMENTS_MAX} instalments.", instalments=self.instalments
            )
        if self.multiple_fen < 1:
            raise TermsImpossible("Instalments are multiples of at least one fen.", multiple_fen=self.multiple_fen)
        if self.instalment_fen is not None and self.instalment_fen < 1:
            raise TermsImpossible("An agreed instalment is at least one fen.", instalment_fen=self.instalment_fen)
        if self.anchor_day is not None and not 1 <= self.anchor_day <= 31:
            raise TermsImpossible("A due day is a day of the month, 1 to 31.", anchor_day=self.anchor_day)
        self._check_dates()
        self._check_rules()

    def _check_dates(self) -> None:
        check_date(self.start)
        if self.first_due is not None:
            check_date(self.first_due)
            if self.first_due <= self.start:
                raise TermsImpossible(
                    "The first due date comes after the start.", start=str(self.start), first_due=str(self.first_due)
                )

    def _check_rules(self) -> None:
        equal_parts = self.method in (Method.EQUAL_PRINCIPAL, Method.FLAT)
        if self.tail is Tail.FIRST and not equal_parts:
            raise TermsImpossible("Only equal parts of principal leave their tail to the first instalment.")
        if self.smoothing is not Smoothing.NONE and self.method is not Method.EQUAL_INSTALMENT:
            raise TermsImpossible("Only equal instalments are evened out.")
        if self.instalment_fen is not None and self.method not in (Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL):
            raise TermsImpossible("This method has no agreed instalment.", method=self.method.value)
