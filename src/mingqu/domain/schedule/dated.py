"""Terms whose parts have dates of their own: interest here, principal there, rates that change, draws that follow.

`Terms` says what nearly every loan agrees with a few words (so many instalments, a month apart). `DatedTerms` says
date by date what any loan agrees; `dated` turns the first into the second, so that one term of it can be replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import NamedTuple

from mingqu.domain.calendar import MONTHLY, DatesOutOfOrder, DayCount, Period, check_date
from mingqu.domain.money import Money, Rounding
from mingqu.domain.schedule.building import due_days
from mingqu.domain.schedule.repricing import Rates
from mingqu.domain.schedule.running import MOVEMENTS_MAX, PrincipalMovement
from mingqu.domain.schedule.terms import InterestBasis, Method, Smoothing, Tail, Terms, TermsImpossible
from mingqu.domain.schedule.timetable import Due, check_dues


class Redemption(Enum):
    """What the amount of a principal due date is made of."""

    INSTALMENT = "instalment"  # principal and the interest borne until then, as in 等额本息
    PRINCIPAL = "principal"  # principal alone, as in 等额本金 and in plans written by hand (不规则还款)


class PrincipalDue(NamedTuple):
    """A date on which principal falls due, and its own amount if one is agreed."""

    due: Due
    amount_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedTerms:
    """What is agreed, date by date.

    `start` is the day the money leaves, or the day from which rows are wanted; `accrued` is what earlier days have
    borne and nobody has paid, as an exact fraction of a fen. At `end` falls due whatever is left.

    `interest_dues` are the dates on which interest is paid, or until `capitalized_until` added to principal (off for
    Chinese products: 不计复利). `principal_dues` may run on after the end: the instalment is then that of the longer
    plan, and the end takes a balloon (尾款). A date takes its own amount, or else `instalment_fen`, or else an equal
    part, which is computed on the first date that needs it and kept. A change of rate ends an equal instalment,
    agreed or computed, unless it keeps it; a movement ends a computed part; the next date computes a new one.

    `movements` are later draws and agreed repayments. Without `base_days` interest counts on what is owed. With them
    it counts on what was owed at the start and then, from each of these days on, on what was owed after its payments;
    with none at all always on the principal of the start (等本等息).

    Errors: TermsImpossible, DatesOutOfOrder, TooManyInstalments, DateOutOfRange.
    """

    principal: Money
    start: date
    end: Due
    rates: Rates
    day_count: DayCount
    interest_dues: tuple[Due, ...] = ()
    principal_dues: tuple[PrincipalDue, ...] = ()
    redemption: Redemption = Redemption.INSTALMENT
    instalment_fen: int | None = None
    capitalized_until: date | None = None
    movements: tuple[PrincipalMovement, ...] = ()
    base_days: tuple[date, ...] | None = None
    accrued: tuple[int, int] = (0, 1)
    period: Period = MONTHLY
    rounding: Rounding = Rounding.HALF_UP

    def __post_init__(self) -> None:
        if self.principal.fen <= 0:
            raise TermsImpossible("A loan is of at least one fen.", principal_fen=self.principal.fen)
        if self.accrued[0] < 0 or self.accrued[1] < 1:
            raise TermsImpossible("What earlier days have borne is not negative.")
        if self.end.counted <= check_date(self.start):
            raise DatesOutOfOrder("The end comes after the start.", start=str(self.start), end=str(self.end.counted))
        check_date(self.end.day)
        self._check_dates()
        self._check_amounts()

    def _check_dates(self) -> None:
        principal = tuple(due for due, _ in self.principal_dues)
        check_dues(self.interest_dues)
        check_dues(principal)
        for dues in (self.interest_dues, principal):
            if dues and dues[0].counted < self.start:
                raise DatesOutOfOrder("Due dates come on or after the start.", due=str(dues[0].counted))
        days = {due.counted: due.day for due in self.interest_dues}
        if any(days.get(due.counted, due.day) != due.day for due in (*principal, self.end)):
            raise TermsImpossible("Principal and interest that count to one day are payable on one day.")
        if self.interest_dues and self.interest_dues[-1].counted >= self.end.counted:
            raise DatesOutOfOrder("Interest dates come before the end, which is one of them without being named.")

    def _check_amounts(self) -> None:
        amounts = (self.instalment_fen, *(amount for _, amount in self.principal_dues))
        if any(amount is not None and amount < 1 for amount in amounts):
            raise TermsImpossible("An agreed amount is at least one fen.")
        if len(self.movements) > MOVEMENTS_MAX:
            raise TermsImpossible(f"Principal moves at most {MOVEMENTS_MAX} times.", movements=len(self.movements))
        if any(not self.start <= movement.day < self.end.counted for movement in self.movements):
            raise DatesOutOfOrder("Principal moves on or after the start and before the end.")


def dated(*, terms: Terms) -> DatedTerms:
    """Return regular terms date by date; `unfold` makes the same rows of them as `build`.

    Example: equal instalments that are repriced on 1 January: `replace(dated(terms=terms), rates=Rates(…))`.
    Errors: TermsImpossible for what only whole schedules have: evening out, a tail in the first instalment,
    multiples, and a single payment on the PERIOD basis; what `build` refuses.
    """
    whole = terms.basis is InterestBasis.PERIOD
    only_regular = terms.smoothing is not Smoothing.NONE or terms.tail is Tail.FIRST or terms.multiple_fen > 1
    if only_regular or (whole and terms.method is Method.SINGLE_PAYMENT):
        raise TermsImpossible("Evening out, tails, multiples and sums of whole periods belong to regular terms.")
    days = due_days(terms)
    counted = days.printed if terms.shift_bears_interest else days.agreed
    dues = tuple(
        Due(printed, until, whole and (number > 0 or days.first_is_whole))
        for number, (printed, until) in enumerate(zip(days.printed, counted, strict=True))
    )
    redeems = terms.method in (Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.FLAT)
    return DatedTerms(
        principal=terms.principal,
        start=terms.start,
        end=dues[-1],
        rates=Rates(first=terms.rate),
        day_count=terms.day_count,
        interest_dues=() if terms.method is Method.SINGLE_PAYMENT else dues[:-1],
        principal_dues=tuple(PrincipalDue(due) for due in dues) if redeems else (),
        redemption=Redemption.INSTALMENT if terms.method is Method.EQUAL_INSTALMENT else Redemption.PRINCIPAL,
        instalment_fen=terms.instalment_fen,
        base_days=() if terms.method is Method.FLAT else None,
        period=terms.period,
        rounding=terms.rounding,
    )
