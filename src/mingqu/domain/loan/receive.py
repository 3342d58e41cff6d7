"""Money comes in, or is given up: it is used in the order agreed, and what is left is owed back."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.domain.changed import changed, made
from mingqu.domain.course import credit, outstanding
from mingqu.domain.loan.allocate import Paid, nothing_paid, pay
from mingqu.domain.loan.early import repay_early
from mingqu.domain.loan.event import ChargedBack, Intent, OverpaymentReturned, Receipt, Repaid
from mingqu.domain.loan.posting import PURSE_OF, Change, Flow, Kind, Purse
from mingqu.domain.loan.state import Allocation, Instalment, Stage
from mingqu.domain.loan.subrogate import (
    claim_again,
    claim_bill,
    is_for_guarantor_alone,
    recover,
    serve_guarantor,
    serves_guarantor,
)
from mingqu.domain.loan.terms import Component, Direction, Rest, Surplus, by_component
from mingqu.domain.loan.withdraw import withdraw
from mingqu.domain.loan.working import Working, paid_on, work_on
from mingqu.domain.refusal import Refusal


class NothingToChargeBack(Refusal):
    """The payment that was taken back is not part of the loan, or less of it is left than was taken back."""

    code = "nothing_to_charge_back"
    status = 409


def repay(working: Working, event: Repaid, change: Change) -> None:
    """Use a payment by the rule of its kind; what even that leaves is an overpayment."""
    on, state = event.value_date, working.state
    if is_for_guarantor_alone(working, event):
        _recover_for_guarantor(working, event, change)
        return
    if event.intent is Intent.WITHDRAW and withdraw(working, event, change):
        return
    payoff = _settles(working, event.amount_fen, on)
    working.keep_bearing(to=on, payoff=payoff)
    was_overdue = state.overdue_days(on)
    rule = working.terms.rule_of(event.receipt, overdue_days=was_overdue)
    early = event.intent is not Intent.DUE
    paid = nothing_paid()
    rest, to_guarantor = event.amount_fen, 0
    if working.state.guarantor_claim_fen and serves_guarantor(working, event):
        rest, to_guarantor = serve_guarantor(working, event, change, rule=rule, paid=paid)
    if early and (working.course is not None or state.stage is Stage.CHARGED_OFF):
        rule = rule.ahead()
    if state.stage is not Stage.WRITTEN_OFF:  # then nothing is owed, and all of it is owed back
        # Whoever pays everything pays instalment by instalment: the order of components decides nothing then.
        whole = Direction.HORIZONTAL if event.intent is Intent.PAYOFF or event.bill else None
        rule = changed(rule, surplus=Surplus.RETURN) if event.bill else rule
        rest = pay(
            working=working,
            rule=rule,
            amount_fen=rest,
            on=on,
            paid=paid,
            payoff=payoff,
            direction=whole,
            bill=event.bill,
        )
    if was_overdue and not working.is_overdue(on):
        change.tell(Kind.CURED, on, event.amount_fen)
    if rest and early and working.course is None and state.stage is Stage.ACTIVE:
        repay_early(working, amount_fen=rest, on=on, change=change)
        rest = pay(working=working, rule=rule, amount_fen=rest, on=on, paid=paid)
    if event.receipt is Receipt.COMPENSATION:
        to_guarantor, rest = rest, 0  # more than was owed: it goes back to the guarantor, and is no claim
    if rest:
        working.overpayment_fen += rest
        change.tell(Kind.OVERPAID, on, rest)
    claimed = event.amount_fen if event.receipt is Receipt.COMPENSATION else 0
    if claimed > to_guarantor:
        claim_bill(working, event, claimed - to_guarantor)
    purse = PURSE_OF.get(event.receipt, Purse.CASH)
    change.flows.append(
        Flow(purse=purse, paid=paid, overpaid_fen=rest, claimed_fen=claimed, recovered_fen=to_guarantor)
    )
    used = (event.event_id, event.receipt, on, event.amount_fen, *by_component(paid), rest, to_guarantor)
    _record(working, change, made(Allocation, *used, working.principal_owed_fen))


def _recover_for_guarantor(working: Working, event: Repaid, change: Change) -> None:
    """Let money reach the guarantor who had paid; what is more than the claim is owed back to the payer."""
    taken = recover(working, event.amount_fen, change, on=event.value_date)
    rest = event.amount_fen - taken
    if rest:
        working.overpayment_fen += rest
        change.tell(Kind.OVERPAID, event.value_date, rest)
    change.flows.append(Flow(purse=Purse.CASH, paid={}, overpaid_fen=rest, recovered_fen=taken))
    used = Allocation(
        event_id=event.event_id,
        receipt=event.receipt,
        value_date=event.value_date,
        amount_fen=event.amount_fen,
        overpaid_fen=rest,
        guarantor_fen=taken,
    )
    record_use(working, change, used)


def by_name(paid: Paid) -> dict[str, int]:
    """Return components by the names of an allocation's fields."""
    return {FIELD[component]: fen for component, fen in paid.items()}


FIELD: Final = {component: f"{component.value}_fen" for component in Component}


def _settles(working: Working, amount_fen: int, on: date) -> bool:
    """Return whether an amount pays the whole debt as it stands on its day: then it is a payoff.

    It matters where only a payoff counts to the end of the period: who pays enough for the day and less than the payoff
    still owes what is lacking, for nothing below the payoff that was quoted settles a loan.
    """
    terms = working.terms
    if working.course is None or not working.recalculates or terms.payoff_rest is not Rest.PERIOD:
        return False
    trial = work_on(terms=terms, state=working.save())
    assert trial.course is not None
    trial.keep_bearing(to=on)
    return amount_fen >= sum(outstanding(trial.course, on=on)) + trial.beside_course_fen


def use_overpayment(working: Working, change: Change, *, on: date) -> Paid:
    """Use money that is owed back for what has come to be owed since; return what it paid."""
    paid = nothing_paid()
    if not working.overpayment_fen or not working.owed_fen:
        return paid
    rule = working.terms.rule_of(Receipt.REPAYMENT)
    working.overpayment_fen = pay(working=working, rule=rule, amount_fen=working.overpayment_fen, on=on, paid=paid)
    change.flows.append(Flow(purse=Purse.OVERPAYMENT, paid=paid))
    return paid


def use_overpayment_for_fee(working: Working, change: Change, *, on: date) -> None:
    """Use money that is owed back for a fee that came later: it is the payment's own that brought it."""
    paid = use_overpayment(working, change, on=on)
    taken = sum(paid.values())
    for index in reversed(range(len(change.allocations))):
        used = change.allocations[index]
        if taken and used.receipt is not None and used.overpaid_fen >= taken:
            change.allocations[index] = changed(
                used,
                overpaid_fen=used.overpaid_fen - taken,
                principal_fen=used.principal_fen + paid[Component.PRINCIPAL],
                interest_fen=used.interest_fen + paid[Component.INTEREST],
                fee_fen=used.fee_fen + paid[Component.FEE],
                penalty_fen=used.penalty_fen + paid[Component.PENALTY],
            )
            return


def record_use(working: Working, change: Change, used: Allocation) -> None:
    """Say what an amount was used for, with the principal that is out after it."""
    _record(working, change, changed(used, balance_fen=working.principal_owed_fen))


def _record(working: Working, change: Change, used: Allocation) -> None:
    change.allocations.append(used)
    terms = working.terms
    remembered = terms.chargeback_order or terms.whole_plan_each or terms.bill_guarantee
    if remembered and used.receipt is not None:
        working.state = changed(working.state, paid=(*working.state.paid, used))


def charge_back(working: Working, event: ChargedBack, change: Change) -> None:
    """Let what a payment had paid be owed again: all of it principal, or in the order the terms name.

    It falls due with the running instalment; after the last, and for loans that follow a plan, on the day itself.
    """
    on = event.value_date
    working.keep_bearing(to=on)
    from_overpayment = min(working.overpayment_fen, event.amount_fen)
    if working.recalculates or working.terms.chargeback_order:
        parts = _restored(working, event)
        beyond = event.amount_fen - sum(parts.values())  # what the payment had paid too much
        due_back = min(beyond, working.overpayment_fen)
        working.overpayment_fen -= due_back
        parts[Component.PRINCIPAL] += beyond - due_back
        paid_back = {component: -fen for component, fen in parts.items()}
        change.flows.append(Flow(purse=Purse.CASH, paid=paid_back, returned_fen=due_back))
        restore(working, on, parts)
        use_overpayment(working, change, on=on)
    else:  # what is owed back anyway covers it first; only the rest is owed again
        working.overpayment_fen -= from_overpayment
        from_guarantor = claim_again(working, event, event.amount_fen - from_overpayment)
        parts = nothing_paid()
        parts[Component.PRINCIPAL] = event.amount_fen - from_overpayment - from_guarantor
        change.flows.append(
            Flow(
                purse=Purse.CASH,
                paid={component: -fen for component, fen in parts.items()},
                returned_fen=from_overpayment,
                recovered_fen=-from_guarantor,
            )
        )
        if parts[Component.PRINCIPAL]:
            restore(working, on, parts)
    used = Allocation(
        event_id=event.event_id,
        receipt=None,
        value_date=on,
        amount_fen=event.amount_fen,
        overpaid_fen=from_overpayment,
        **by_name(parts),
    )
    record_use(working, change, used)


def _restored(working: Working, event: ChargedBack) -> Paid:
    """Return which components an amount taken back restores."""
    order = working.terms.chargeback_order
    parts = nothing_paid()
    if not order:
        parts[Component.PRINCIPAL] = event.amount_fen
        return parts
    original = next((used for used in working.state.paid if used.event_id == event.target), None)
    if original is None:
        raise NothingToChargeBack("The payment that was taken back is not part of this loan.")
    left = {component: int(getattr(original, f"{component.value}_fen")) for component in Component}
    rest = event.amount_fen
    for component in order:
        parts[component] = min(rest, left[component])
        rest -= parts[component]
    # A second one of the same payment finds only what the first left.
    remaining = changed(
        original,
        principal_fen=left[Component.PRINCIPAL] - parts[Component.PRINCIPAL],
        interest_fen=left[Component.INTEREST] - parts[Component.INTEREST],
        fee_fen=left[Component.FEE] - parts[Component.FEE],
        penalty_fen=left[Component.PENALTY] - parts[Component.PENALTY],
    )
    working.state = changed(
        working.state, paid=tuple(remaining if used is original else used for used in working.state.paid)
    )
    return parts


def restore(working: Working, on: date, parts: Paid) -> None:
    """Let components be owed again: in the running instalment of a course, else in a line of their own."""
    course = working.course
    regular = working.regular()
    if course is None or on > course.maturity or not regular:
        _restore_behind(working, on, parts)
        return
    index = next((i for i in regular if working.lines[i].start <= on < working.lines[i].due), regular[-1])
    if working.recalculates:
        if parts[Component.PRINCIPAL] or parts[Component.INTEREST]:
            credit(course, on=on, principal_fen=parts[Component.PRINCIPAL], interest_fen=parts[Component.INTEREST])
            working.sync(on=on)
        parts = {**parts, Component.PRINCIPAL: 0, Component.INTEREST: 0}
    working.lines[index] = _with_more(working.lines[index], parts)


def _restore_behind(working: Working, on: date, parts: Paid) -> None:
    for index, line in enumerate(working.lines):
        if line.additional and working.course is not None:
            working.lines[index] = _with_more(changed(line, due=max(line.due, on)), parts)
            return
    begun = min(on, working.course.maturity) if working.course is not None else on
    behind = Instalment(
        number=0, period_start=begun, start=begun, due=on, principal_fen=0, interest_fen=0, additional=True
    )
    working.lines.append(_with_more(behind, parts))


def _with_more(line: Instalment, parts: Paid) -> Instalment:
    more = changed(
        line,
        principal_fen=line.principal_fen + parts[Component.PRINCIPAL],
        interest_fen=line.interest_fen + parts[Component.INTEREST],
        fee_fen=line.fee_fen + parts[Component.FEE],
        penalty_fen=line.penalty_fen + parts[Component.PENALTY],
    )
    return changed(more, paid_on=None) if more.unpaid_fen else more


def turn_not_borne(working: Working, change: Change, *, on: date) -> None:
    """Let what was paid in advance and is not owed after all pay other principal; what is left is owed back.

    A pause or a lower rate can make an instalment smaller than what was paid of it already.
    """
    interest = principal = 0
    for index, line in enumerate(working.lines):
        if line.interest_paid_fen <= line.interest_fen and line.principal_paid_fen <= line.principal_fen:
            continue
        interest += max(0, line.interest_paid_fen - line.interest_fen)
        principal += max(0, line.principal_paid_fen - line.principal_fen)
        line = changed(
            line,
            interest_paid_fen=min(line.interest_paid_fen, line.interest_fen),
            principal_paid_fen=min(line.principal_paid_fen, line.principal_fen),
        )
        working.lines[index] = changed(line, paid_on=paid_on(line, on))
    rest = interest + principal
    if not rest:
        return
    for index, line in enumerate(working.lines):
        part = min(rest, line.principal_fen - line.principal_paid_fen)
        if part:
            rest -= part
            line = changed(line, principal_paid_fen=line.principal_paid_fen + part)
            working.lines[index] = changed(line, paid_on=paid_on(line, on))
    working.overpayment_fen += rest
    turned = {Component.INTEREST: -interest, Component.PRINCIPAL: interest - rest}
    change.flows.append(Flow(purse=Purse.CASH, paid=turned, overpaid_fen=rest))


def give_back(working: Working, event: OverpaymentReturned, change: Change) -> None:
    """Give money back that was overpaid. It is a fact: what was not overpaid after all is owed from that day.

    That happens when the payment which had been too much bounces after its surplus was returned. On a course it is
    principal again; beside a plan it is owed as it is, and bears nothing.
    """
    on = event.value_date
    working.keep_bearing(to=on)
    due_back = min(event.amount_fen, working.overpayment_fen)
    excess = event.amount_fen - due_back
    if excess and working.state.stage is Stage.WRITTEN_OFF:  # there is no claim to restore: it is a loss
        change.flows.append(Flow(purse=Purse.LOSS, paid={}, overpaid_fen=excess))
        working.overpayment_fen += excess
        due_back, excess = event.amount_fen, 0
    working.overpayment_fen -= due_back
    parts = nothing_paid()
    if excess:
        component = Component.FEE if working.course is None else Component.PRINCIPAL
        parts[component] = excess
        restore(working, on, parts)
    change.flows.append(
        Flow(
            purse=Purse.CASH,
            paid={component: -fen for component, fen in parts.items() if component is not Component.FEE},
            returned_fen=due_back,
            owed_again_fen=parts[Component.FEE],
        )
    )
    record_use(
        working,
        change,
        Allocation(
            event_id=event.event_id,
            receipt=None,
            value_date=on,
            amount_fen=event.amount_fen,
            overpaid_fen=due_back,
            **by_name(parts),
        ),
    )
