"""A loan being worked on: its lines, its course and its fees, side by side while one event is applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Final

from mingqu.domain.changed import changed
from mingqu.domain.course import Bearing as CourseBearing
from mingqu.domain.course import Course, CourseTerms, Share, Stretch, keep_bearing
from mingqu.domain.loan.state import FeePart, Instalment, LoanState, Stage
from mingqu.domain.loan.terms import LoanTerms, Recalculation, Rest
from mingqu.domain.rate import NO_RATE
from mingqu.domain.schedule import Method

_PLAN: Final = Recalculation.PLAN
_NOT_LOST: Final = (Stage.ACTIVE, Stage.PLANNED, Stage.SETTLED)


@dataclass(slots=True, kw_only=True)
class Working:
    """What an event may change. `save` makes a state of it again."""

    terms: LoanTerms
    state: LoanState
    lines: list[Instalment]
    course: Course | None
    fees: list[FeePart]
    overpayment_fen: int
    # What the lines have taken from each stretch: on a plan they take differences, for what was agreed beside
    # the course (overdue principal spread anew, a charge back) stands in the lines alone.
    taken: list[tuple[int, int]]

    @property
    def recalculates(self) -> bool:
        """Whether payments move the interest: not for plans, and not once the loan is taken for lost."""
        state = self.state
        return (
            self.course is not None
            and self.terms.recalculation is not _PLAN
            and not (state.ended or state.lost)
            and state.stage in _NOT_LOST
        )

    @property
    def owed_fen(self) -> int:
        """Everything unpaid, due or not."""
        return sum(line.unpaid_fen for line in self.lines)

    @property
    def principal_owed_fen(self) -> int:
        """Principal unpaid, due or not."""
        owed = 0
        for line in self.lines:  # asked for after every event
            owed += line.principal_fen - line.principal_paid_fen
        return owed

    @property
    def beside_course_fen(self) -> int:
        """What is unpaid and no course works out: fees, penalties, and lines that were agreed beside it."""
        regular = set(self.regular())
        return sum(
            line.unpaid_fen
            if index not in regular
            else line.fee_fen - line.fee_paid_fen + line.penalty_fen - line.penalty_paid_fen
            for index, line in enumerate(self.lines)
        )

    def regular(self) -> list[int]:
        """Return the indexes of the lines that follow the course, in the order of its stretches."""
        return [
            index for index, line in enumerate(self.lines) if not (line.down_payment or line.additional or line.renewed)
        ]

    def agreed(self) -> list[int]:
        """Return the indexes of all lines that were agreed on, on the course or beside it."""
        return [index for index, line in enumerate(self.lines) if not (line.down_payment or line.additional)]

    def stretch_of(self, index: int) -> Stretch | None:
        """Return the stretch of a line, if it has one."""
        line = self.lines[index]
        if self.course is None or line.down_payment or line.additional or line.renewed:
            return None
        return self.course.stretches[self.regular().index(index)]

    def sync(self, *, on: date, since: date | None = None) -> None:
        """Take principal and interest of the lines from the course; `since` leaves lines due before it alone."""
        assert self.course is not None
        regular = self.regular()
        if len(regular) != len(self.course.stretches):
            return  # a new agreement beside the course replaced its lines
        recalculates, figures = self.recalculates, _figures(self.course)
        for position, (index, (principal, interest)) in enumerate(zip(regular, figures, strict=True)):
            line = self.lines[index]
            if since is not None and line.due < since:
                continue
            if not recalculates and position < len(self.taken):
                taken = self.taken[position]
                principal, interest = line.principal_fen + principal - taken[0], line.interest_fen + interest - taken[1]
            if line.principal_fen != principal or line.interest_fen != interest:
                line = changed(line, principal_fen=principal, interest_fen=interest)
                paid = paid_on(line, on)
                self.lines[index] = line if line.paid_on == paid else changed(line, paid_on=paid)
        self.taken = figures

    def keep_bearing(self, *, to: date, payoff: bool = False) -> None:
        """Let overdue principal bear interest up to a day, if that is agreed."""
        if self.course is None or not self.recalculates or self.terms.recalculation is not Recalculation.DAILY:
            return
        rest = self.terms.payoff_rest if payoff else Rest.DAY
        if self.terms.rest is Rest.PERIOD:
            rest = self.terms.payoff_rest
        if keep_bearing(self.course, to=to, whole_period=rest is Rest.PERIOD):
            self.sync(on=to)

    def save(self, **changes: object) -> LoanState:
        """Return the state: lines in the order of their due dates, those of a course numbered anew; more may change."""
        lines = tuple(self.lines)
        if self.course is not None or len(lines) != len(self.state.instalments):
            lines = tuple(sorted(lines, key=self.place_of))
        if self.course is not None:
            lines = tuple(
                line if line.number == number else changed(line, number=number)
                for number, line in enumerate(lines, start=1)
            )
        return changed(
            self.state,
            instalments=lines,
            course=self.course,
            fees=tuple(self.fees),
            overpayment_fen=self.overpayment_fen,
            **changes,
        )

    def place_of(self, line: Instalment) -> tuple[date, bool, bool]:
        """Return what lines are ordered by: a down payment is behind the instalment due with it.

        Where payments pay anew it is before it: the instalment is owed again, and the down payment is new.
        """
        return line.due, line.additional, line.down_payment is not self.terms.whole_plan_each

    def is_overdue(self, on: date) -> bool:
        """Whether anything billed was due before a day and is unpaid."""
        for line in self.lines:
            if line.paid_on is None and line.billed and line.due < on and line.unpaid_fen > 0:
                return True
        return False


def paid_on(line: Instalment, on: date) -> date | None:
    """Return the day a line was paid in full: today, if it was not before; None if anything is left."""
    if line.unpaid_fen > 0:  # below nothing it was paid more than it asks for now, and that goes elsewhere
        return None
    return line.paid_on or on


def work_on(*, terms: LoanTerms, state: LoanState) -> Working:
    """Return a working copy of a state; nothing of the state is changed by what is done to it."""
    return Working(
        terms=terms,
        state=state,
        lines=list(state.instalments),
        course=state.course.copy() if state.course is not None else None,
        fees=list(state.fees),
        overpayment_fen=state.overpayment_fen,
        taken=_figures(state.course) if state.course is not None else [],
    )


def _figures(course: Course) -> list[tuple[int, int]]:
    return list(map(attrgetter("principal_due_fen", "interest_due_fen"), course.stretches))


_SHARES: Final = {
    Method.EQUAL_PRINCIPAL: Share.PRINCIPAL,
    Method.INTEREST_ONLY: Share.AT_THE_END,
    Method.SINGLE_PAYMENT: Share.AT_THE_END,
}


def new_course(*, terms: LoanTerms, start: date) -> Course:
    """Return the course of a loan before any money left."""
    dues = terms.due_dates(start=start)
    share = _SHARES.get(terms.method, Share.INSTALMENT)
    if terms.method is Method.SINGLE_PAYMENT:
        dues = dues[-1:]
    opened = start
    stretches = []
    for due in dues:
        stretches.append(Stretch(start=opened, due=due, on_top=share is not Share.INSTALMENT))
        opened = due
    return Course(
        terms=CourseTerms(
            period=terms.period,
            basis=terms.basis,
            day_count=terms.day_count,
            rounding=terms.rounding,
            bearing=CourseBearing.FLAT if terms.method is Method.FLAT else CourseBearing.DECLINING,
            share=share,
            multiple_fen=terms.multiple_fen,
            multiple_gives_way=terms.multiple_gives_way,
            smoothing=terms.smoothing,
            recalculated=terms.recalculation is not Recalculation.PLAN,
            anchor=start,
            part_periods=terms.part_periods,
            periods_alike=terms.periods_alike,
            rounded_at_changes=terms.rounded_at_changes,
            rate_digits=terms.rate_digits,
            # However few instalments a single payment or a limit of days leaves, the last one is without grace.
            principal_grace=min(terms.principal_grace, len(stretches) - 1),
            interest_grace=min(terms.interest_grace, len(stretches) - 1),
        ),
        stretches=stretches,
        rates=[(start, NO_RATE), (dues[terms.interest_free - 1], terms.rate)]
        if terms.interest_free
        else [(start, terms.rate)],
    )


def lines_of(course: Course) -> list[Instalment]:
    """Return the lines of a course as planned."""
    return [
        Instalment(
            number=number,
            period_start=stretch.start,
            start=stretch.start,
            due=stretch.due,
            principal_fen=stretch.principal_due_fen,
            interest_fen=stretch.interest_due_fen,
        )
        for number, stretch in enumerate(course.stretches, start=1)
    ]


def renew_lines(working: Working, *, on: date, by_place: bool = False) -> None:
    """Make the lines of the course anew; what was paid in lines that are gone is in the one that ended for it.

    `by_place`: the first line is still the first, and so on, though all their dates may have moved.
    """
    course = working.course
    assert course is not None
    others = [line for line in working.lines if line.down_payment or line.additional]
    regular = [working.lines[index] for index in working.regular()]
    lines = []
    for position, stretch in enumerate(course.stretches):
        same = regular[position] if position < len(regular) else None
        if same is not None and not by_place and same.start != stretch.start and same.due != stretch.due:
            same = next((line for line in regular if line.start == stretch.start), None)
        line = same or Instalment(
            number=0,
            period_start=stretch.start,
            start=stretch.start,
            due=stretch.due,
            principal_fen=0,
            interest_fen=0,
        )
        line = changed(
            line,
            period_start=stretch.start,
            start=stretch.start,
            due=stretch.due,
            billed=line.billed and stretch.due <= on,
            principal_fen=stretch.principal_due_fen,
            interest_fen=stretch.interest_due_fen,
            principal_paid_fen=stretch.principal_paid_fen if working.recalculates else line.principal_paid_fen,
            interest_paid_fen=stretch.interest_paid_fen if working.recalculates else line.interest_paid_fen,
        )
        if not line.paid_fen:
            line = changed(line, advance_fen=0, late_fen=0)
        lines.append(changed(line, paid_on=paid_on(line, on)))
    working.lines = [*lines, *others]
    take_in_fees(working)


def take_in_fees(working: Working) -> None:
    """Let fees that stood behind the last line be part of a line that has come to reach over their dates."""
    behind = next((index for index, line in enumerate(working.lines) if line.additional), None)
    if behind is None:
        return
    taken = False
    for number, fee in enumerate(working.fees):
        last = working.lines[behind]
        reached = (i for i in working.agreed() if working.lines[i].start < fee.due <= working.lines[i].due)
        index = next(reached, None)
        name = "penalty_fen" if fee.penalty else "fee_fen"
        stands = fee.line_due == last.due and getattr(last, name) >= fee.amount_fen  # else it was spread anew
        if index is None or not stands or fee.paid_fen or fee.waived_fen:
            continue
        working.lines[behind] = changed(last, **{name: getattr(last, name) - fee.amount_fen})
        line = working.lines[index]
        working.lines[index] = changed(line, paid_on=None, **{name: getattr(line, name) + fee.amount_fen})
        working.fees[number] = changed(fee, line_due=line.due)
        taken = True
    if taken and not working.lines[behind].due_fen:
        del working.lines[behind]
        return
    begun = max(working.lines[index].due for index in working.agreed())
    if begun < working.lines[behind].due:
        working.lines[behind] = changed(working.lines[behind], period_start=begun, start=begun)
