"""Which fen of a payment pays what: the order is a term of the loan, printed in its contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from mingqu.domain.changed import changed
from mingqu.domain.course import Stretch, due_if_paid, pay_interest, pay_principal, repay_ahead
from mingqu.domain.loan.state import AMOUNTS, Instalment
from mingqu.domain.loan.terms import (
    PRINCIPAL_AT_ONCE,
    AllocationRule,
    AllocationStep,
    Component,
    Direction,
    Rest,
    Surplus,
    Timing,
)
from mingqu.domain.loan.working import Working
from mingqu.domain.money import Rounding, divide

# Every round pays something or ends; a round may pay one component of one instalment.
ROUNDS_MAX: Final = 10_000

Paid = dict[Component, int]
_NOTHING: Final[Paid] = dict.fromkeys(Component, 0)
_PAST_DUE, _DUE, _IN_ADVANCE = Timing
_HORIZONTAL, _VERTICAL = Direction
PAID_FIELD: Final = {component: f"{component.value}_paid_fen" for component in Component}


def nothing_paid() -> Paid:
    """Return every component with nothing paid of it."""
    return _NOTHING.copy()


def pay(
    *,
    working: Working,
    rule: AllocationRule,
    amount_fen: int,
    on: date,
    paid: Paid,
    payoff: bool = False,
    direction: Direction | None = None,
    bill: date | None = None,
) -> int:
    """Use an amount in the order of a rule, adding to `paid`, and return what is left; of one `bill` alone if named.

    Horizontally the timings are served one after the other, and in each the oldest instalment whole before the
    next. Vertically each step of the order is served over all instalments of its timing before the next step.
    Example of 500.00 against fee 20.00, penalty 11.90, interest 100.00, principal 833.34: 20.00, 11.90, 100.00
    and 368.10 of the principal; with principal first, principal takes all 500.00.
    """
    purse = _Purse(working, rule, on, paid, payoff=payoff, direction=direction or working.terms.direction, bill=bill)
    rest = amount_fen
    blocks = _steps(rule.order) if purse.direction is _VERTICAL else _blocks(rule.order)
    for timing, components in blocks:
        if timing is _IN_ADVANCE and rest:
            rest = purse.repay_at_once(rest)  # what is left after all principal pays the rest of the order
        rest = purse.serve(timing, components, rest)
    return rest


@lru_cache(maxsize=256)
def _steps(order: tuple[AllocationStep, ...]) -> tuple[tuple[Timing, tuple[Component, ...]], ...]:
    """Return each step as a block of its own."""
    return tuple((timing, (component,)) for timing, component in order)


# A house has a few orders, one or two for each product, and allocates millions of payments.
@lru_cache(maxsize=256)
def _blocks(order: tuple[AllocationStep, ...]) -> tuple[tuple[Timing, tuple[Component, ...]], ...]:
    """Return the components of each timing, timings in the order they are first named in."""
    blocks: dict[Timing, tuple[Component, ...]] = {}
    for timing, component in order:
        blocks[timing] = (*blocks.get(timing, ()), component)
    return tuple(blocks.items())


class _Purse:
    """One payment on its way through the lines."""

    def __init__(
        self,
        working: Working,
        rule: AllocationRule,
        on: date,
        paid: Paid,
        *,
        payoff: bool,
        direction: Direction,
        bill: date | None,
    ) -> None:
        self.working = working
        self.rule = rule
        self.on = on
        self.paid = paid
        self.payoff = payoff
        self.direction = direction
        self.bill = bill
        self.passed: set[date] = set()  # instalments that turned out to ask for nothing
        self.settled: set[date] = set()  # instalments paid as far as they can be today, whose interest goes on
        # What instalments would ask for if they were paid in advance; forgotten whenever the course changes.
        self.asked: dict[tuple[date, date], tuple[int, int]] = {}

    def serve(self, timing: Timing, components: Sequence[Component], rest: int) -> int:
        """Serve lines of one timing until nothing is left on either side."""
        for _ in range(ROUNDS_MAX):
            lines = self._lines(timing, components) if rest else []
            if not lines:
                return rest
            before = rest
            seen = len(self.passed) + len(self.settled)
            if len(lines) == 1 and not self.working.recalculates:
                rest -= self._pay_whole(timing, components, lines[0], rest)
                continue
            for component in components:
                rest = self._pay_each(timing, component, lines, rest)
            if rest == before and len(self.passed) + len(self.settled) == seen:
                return rest
        raise AssertionError("a payment is not used up")

    def repay_at_once(self, rest: int) -> int:
        """Repay principal at once, if that is agreed, with the instalment today lies in; return what is left."""
        if self.payoff or self.rule.surplus not in PRINCIPAL_AT_ONCE:
            return rest
        course = self.working.course if self.working.recalculates else None
        stretch = course.at(self.on) if course is not None else None
        part = min(rest, max(0, course.owed_fen)) if course is not None else 0
        if course is None or stretch is None or not part:
            return rest
        index = self.working.regular()[course.place_of(stretch)]
        line = self.working.lines[index]
        early = part if self.on < line.due else 0
        self.working.lines[index] = changed(
            line, principal_paid_fen=line.principal_paid_fen + part, advance_fen=line.advance_fen + early
        )
        self.paid[Component.PRINCIPAL] += part
        repay_ahead(course, on=self.on, amount_fen=part, lower_all=self.rule.surplus is Surplus.PRINCIPAL_LOWER)
        self.asked.clear()
        self.working.sync(on=self.on)
        return rest - part

    def _pay_each(self, timing: Timing, component: Component, lines: list[int], rest: int) -> int:
        """Pay one component of lines; several share what is there equally, the last takes the tail."""
        share = divide(rest, len(lines), self.working.terms.rounding)
        if share * (len(lines) - 1) > rest:
            share = divide(rest, len(lines), Rounding.FLOOR)
        shares = [share] * (len(lines) - 1) + [rest - share * (len(lines) - 1)]
        for index, mine in zip(lines, shares, strict=True):
            rest -= self._pay_line(timing, component, index, min(mine, rest))
        return rest

    def _lines(self, timing: Timing, components: Sequence[Component]) -> list[int]:
        """Return the lines served next: one, or all that share a surplus."""
        if timing is not _IN_ADVANCE and self.direction is _HORIZONTAL:
            return self._oldest_unpaid(timing)
        found = [index for index, line in enumerate(self.working.lines) if _timing_of(line, self.on) is timing]
        if self.direction is _VERTICAL:
            found = [index for index in found if self.working.lines[index].outstanding_fen(components[0]) > 0]
        elif timing is not _IN_ADVANCE or not self._may_grow:
            found = [index for index in found if self.working.lines[index].unpaid_fen > 0]
        if timing is not _IN_ADVANCE:
            return found[:1]
        return self._ahead(found)

    def _oldest_unpaid(self, timing: Timing) -> list[int]:
        past, on = timing is _PAST_DUE, self.on
        for index, line in enumerate(self.working.lines):
            if line.paid_on is None and (line.due < on if past else line.due == on) and line.unpaid_fen > 0:
                if self.bill is not None and line.due != self.bill:
                    continue
                return [index]
        return []

    @property
    def _may_grow(self) -> bool:
        """Whether lines that ask for nothing now may ask for something if paid in advance."""
        return self.working.recalculates and self.rule.surplus in (Surplus.LAST_INSTALMENT, Surplus.NEXT_THEN_LAST)

    def _ahead(self, found: list[int]) -> list[int]:
        lines = self.working.lines
        unpaid = [index for index in found if lines[index].unpaid_fen > 0 and lines[index].due not in self.settled]
        backwards = [
            index
            for index in found
            if lines[index].unpaid_fen > 0 or (not lines[index].due_fen and lines[index].due not in self.passed)
        ]
        match self.rule.surplus:
            case Surplus.RETURN:
                return []
            case Surplus.PRINCIPAL_LOWER | Surplus.PRINCIPAL_NEXT:  # whoever pays everything pays them in order
                return unpaid[:1]
            case Surplus.NEXT_INSTALMENT:
                return unpaid[:1]
            case Surplus.EVERY_INSTALMENT:
                return unpaid
            case Surplus.LAST_INSTALMENT:
                return (backwards if self._may_grow else unpaid)[-1:]
            case Surplus.NEXT_THEN_LAST:
                running = [index for index in unpaid if lines[index].start <= self.on]
                return running or (backwards if self._may_grow else unpaid)[-1:]

    def _pay_whole(self, timing: Timing, components: Sequence[Component], index: int, rest: int) -> int:
        """Pay the components of one line whose interest follows its plan, and return how much it took."""
        line = self.working.lines[index]
        changes: dict[str, object] = {}
        taken = 0
        for component in components:
            due, already = AMOUNTS[component](line)
            part = due - already if due - already < rest - taken else rest - taken
            if part > 0:
                taken += part
                changes[PAID_FIELD[component]] = already + part
                self.paid[component] += part
                if self.working.fees:
                    self._pay_fees(line, part, component)
        if not taken:
            return 0
        if timing is not _DUE:
            name = "late_fen" if timing is _PAST_DUE else "advance_fen"
            changes[name] = getattr(line, name) + taken
        if taken == line.unpaid_fen:
            changes["paid_on"] = self.on
        self.working.lines[index] = changed(line, **changes)
        return taken

    def _pay_line(self, timing: Timing, component: Component, index: int, rest: int) -> int:
        """Pay one component of one line and return how much it took."""
        line = self.working.lines[index]
        stretch = self.working.stretch_of(index) if self.working.recalculates else None
        on = self.on
        if stretch is None:
            if self.working.recalculates:
                self.passed.add(line.due)
        elif timing is _IN_ADVANCE:
            on = self._counted(line)
            line = self._as_if_due(index, stretch, component, on)
        part = min(rest, max(0, line.outstanding_fen(component)))
        if stretch is not None and component is Component.PRINCIPAL and self.working.course is not None:
            part = min(part, max(0, self.working.course.owed_fen))
        if not part and stretch is None:
            return 0
        name = PAID_FIELD[component]
        changes: dict[str, object] = {name: getattr(line, name) + part}
        if timing is not _DUE:
            name = "late_fen" if timing is _PAST_DUE else "advance_fen"
            changes[name] = getattr(line, name) + part
        changes["paid_on"] = (line.paid_on or self.on) if part == line.unpaid_fen else None
        self.working.lines[index] = changed(line, **changes)
        self.paid[component] += part
        if component in (Component.FEE, Component.PENALTY):
            self._pay_fees(line, part, component)
        elif stretch is not None and self.working.course is not None:
            act = pay_principal if component is Component.PRINCIPAL else pay_interest
            act(self.working.course, stretch=stretch, on=on, amount_fen=part)
            self.asked.clear()
            self.working.sync(on=self.on)
        return part

    def _as_if_due(self, index: int, stretch: Stretch, component: Component, on: date) -> Instalment:
        """Return a line with what it would ask for if it were paid today."""
        course = self.working.course
        assert course is not None
        asked = self.asked.get((stretch.due, on))
        if asked is None:
            vertical = self.direction is Direction.VERTICAL
            asked = due_if_paid(course, stretch=stretch, on=on, principal_alone=vertical)
            self.asked[stretch.due, on] = asked
        principal, interest = asked
        line = self.working.lines[index]
        if not principal and not interest:
            self.passed.add(line.due)
        if stretch.on_top and principal <= stretch.principal_paid_fen and interest <= stretch.interest_paid_fen:
            self.settled.add(line.due)
        if component is Component.INTEREST:
            line = changed(line, interest_fen=interest)
        elif component is Component.PRINCIPAL:
            line = changed(line, principal_fen=principal)
        self.working.lines[index] = line
        return line

    def _counted(self, line: Instalment) -> date:
        """Return the day an early payment counts from: today, or the end of the running period if that is agreed."""
        terms = self.working.terms
        to_end = terms.payoff_rest is Rest.PERIOD and (self.payoff or terms.rest is Rest.PERIOD)
        running = self.working.course.at(self.on) if self.payoff and self.working.course is not None else None
        if to_end and running is not None:
            return running.due
        return line.due if to_end and line.start <= self.on < line.due else self.on

    def _pay_fees(self, line: Instalment, part: int, component: Component) -> None:
        """Say which fees of a line an amount pays: those of earlier dates first, as they were charged."""
        if component not in (Component.FEE, Component.PENALTY):
            return
        penalty = component is Component.PENALTY
        for index, fee in enumerate(self.working.fees):
            if fee.line_due == line.due and fee.penalty is penalty and part:
                taken = min(part, fee.unpaid_fen)
                self.working.fees[index] = changed(fee, paid_fen=fee.paid_fen + taken)
                part -= taken


def _timing_of(line: Instalment, on: date) -> Timing:
    if line.due < on:
        return _PAST_DUE
    return _DUE if line.due == on else _IN_ADVANCE
