"""Fees come to be owed, each in the instalment its date lies in, and may be waived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from mingqu.domain.changed import changed
from mingqu.domain.loan.event import Disbursed, FeeCharged, FeeWaived
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule, fee_fen
from mingqu.domain.loan.posting import Change, Flow, Purse
from mingqu.domain.loan.state import Allocation, FeePart, Instalment
from mingqu.domain.loan.terms import Component
from mingqu.domain.loan.working import Working, paid_on
from mingqu.domain.money import Rounding
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import Row


class NothingToWaive(Refusal):
    """There is no such fee, or nothing of it is unpaid."""

    code = "nothing_to_waive"
    status = 409


def charge(working: Working, event: FeeCharged) -> None:
    """Let a fee be owed: with every instalment not paid yet, or in the instalment its date lies in."""
    rule = event.rule
    if rule.due is FeeDue.INSTALMENT:
        for index in working.agreed():
            line = working.lines[index]
            if line.paid_on is None:
                _add(working, index, event, _amount(working, rule, line), due=line.due)
        return
    _add(working, _line_of(working, event.due), event, _amount(working, rule, None), due=event.due)


def planned_fees(*, rule: FeeRule, rows: Sequence[Row], rounding: Rounding) -> tuple[tuple[date, int], ...]:
    """Return what a fee of instalments asks for with each row of a schedule, as (due, fen), for whoever is shown it.

    Example: 3.6 % a year on the balance is 0.3 % a month; of 10,000.00 with 9,233.20 left after a month: 30.00, 27.70.
    """
    charged, owed_fen = [], sum(row.principal_fen for row in rows)
    for row in rows:
        of_fen = owed_fen if rule.basis is FeeBasis.BALANCE else row.principal_fen
        fen = fee_fen(rule=rule, principal_fen=of_fen, interest_fen=row.interest_fen, rounding=rounding)
        charged.append((row.due, fen))
        owed_fen -= row.principal_fen
    return tuple(charged)


def _amount(working: Working, rule: FeeRule, line: Instalment | None) -> int:
    if line is not None and rule.basis is FeeBasis.BALANCE:
        owed_fen = sum(
            working.lines[index].principal_fen for index in working.agreed() if not _is_before(working, index, line)
        )
        return fee_fen(rule=rule, principal_fen=owed_fen, interest_fen=0, rounding=working.terms.rounding)
    lines = [line] if line is not None else working.lines
    return fee_fen(
        rule=rule,
        principal_fen=line.principal_fen if line else working.state.disbursed_fen,
        interest_fen=sum(item.interest_fen for item in lines),
        rounding=working.terms.rounding,
    )


def _is_before(working: Working, index: int, line: Instalment) -> bool:
    return working.lines[index].due < line.due


def _add(working: Working, index: int, event: FeeCharged, amount_fen: int, *, due: date) -> None:
    line = working.lines[index]
    penalty = event.rule.penalty
    line = (
        changed(line, penalty_fen=line.penalty_fen + amount_fen, paid_on=None)
        if penalty
        else changed(line, fee_fen=line.fee_fen + amount_fen, paid_on=None)
    )
    working.lines[index] = line
    working.fees.append(
        FeePart(
            fee_id=event.event_id,
            due=due,
            line_due=line.due,
            amount_fen=amount_fen,
            penalty=penalty,
            rule=event.rule if event.rule.due is FeeDue.INSTALMENT and event.rule.share_ppm else None,
            taker=event.rule.taker,
        )
    )


def follow_instalments(working: Working, on: date) -> None:
    """Work out anew what is a share of an instalment that became another; what was paid or waived of it stays."""
    for index, fee in enumerate(working.fees):
        if fee.rule is None or fee.paid_fen or fee.waived_fen:
            continue
        for position, line in enumerate(working.lines):
            if line.due != fee.line_due or line.down_payment or line.additional:
                continue
            more = _amount(working, fee.rule, line) - fee.amount_fen
            name = "penalty_fen" if fee.penalty else "fee_fen"
            if more:
                other = changed(line, **{name: getattr(line, name) + more})
                working.lines[position] = changed(other, paid_on=paid_on(other, on))
                working.fees[index] = changed(fee, amount_fen=fee.amount_fen + more)


def _line_of(working: Working, due: date) -> int:
    """Return the line a date lies in; behind the last one, a line of its own."""
    regular = working.agreed()
    for position, index in enumerate(regular):
        line = working.lines[index]
        if line.start < due <= line.due or (position == 0 and due <= line.start):
            return index
    for index, line in enumerate(working.lines):
        if line.additional:
            if due > line.due:
                working.fees = [changed(fee, line_due=due) if fee.line_due == line.due else fee for fee in working.fees]
                working.lines[index] = changed(line, due=due)
            return index
    last = working.lines[regular[-1]]
    working.lines.append(
        Instalment(
            number=0,
            period_start=last.due,
            start=last.due,
            due=due,
            principal_fen=0,
            interest_fen=0,
            additional=True,
        )
    )
    return len(working.lines) - 1


def fees_at_disbursement(working: Working, event: Disbursed, change: Change) -> None:
    """Record the fees that are paid with a disbursement: out of the borrower's pocket, never deducted from it."""
    for rule in working.terms.fees:
        first = working.state.disbursements == 1
        if rule.due is not FeeDue.DISBURSEMENT and not (rule.due is FeeDue.OPENING and first):
            continue
        amount = fee_fen(
            rule=rule,
            principal_fen=event.amount_fen,
            interest_fen=sum(line.interest_fen for line in working.lines),
            rounding=working.terms.rounding,
        )
        change.allocations.append(
            Allocation(
                event_id=event.event_id,
                receipt=None,
                value_date=event.value_date,
                amount_fen=amount,
                fee_fen=amount,
                balance_fen=working.principal_owed_fen,
            )
        )
        change.flows.append(Flow(purse=Purse.CASH, paid={Component.FEE: amount}))
        working.fees.append(
            FeePart(
                fee_id=event.event_id,
                due=event.value_date,
                line_due=event.value_date,
                amount_fen=amount,
                paid_fen=amount,
            )
        )


def fees_of_instalments(working: Working, event: Disbursed) -> None:
    """Charge the fees that the terms put on every instalment, with the first disbursement."""
    for rule in working.terms.fees:
        if rule.due is FeeDue.INSTALMENT:
            charge(
                working,
                FeeCharged(event_id=event.event_id, value_date=event.value_date, rule=rule, due=event.value_date),
            )


def waive(working: Working, event: FeeWaived, change: Change) -> None:
    """Let what is unpaid of a fee be owed no more."""
    waived = 0
    for index, fee in enumerate(working.fees):
        if fee.fee_id != event.target or not fee.unpaid_fen:
            continue
        waived += fee.unpaid_fen
        _take_off(working, fee, event.value_date)
        working.fees[index] = changed(fee, waived_fen=fee.waived_fen + fee.unpaid_fen)
    if not waived:
        raise NothingToWaive("There is no such fee, or nothing of it is unpaid.")
    change.allocations.append(
        Allocation(
            event_id=event.event_id,
            receipt=None,
            value_date=event.value_date,
            amount_fen=waived,
            balance_fen=working.principal_owed_fen,
        )
    )


def _take_off(working: Working, fee: FeePart, on: date) -> None:
    name = "penalty" if fee.penalty else "fee"
    for index, line in enumerate(working.lines):
        unpaid = getattr(line, f"{name}_fen") - getattr(line, f"{name}_paid_fen")
        if line.due == fee.line_due and not line.down_payment and unpaid >= fee.unpaid_fen:
            less = changed(line, **{f"{name}_fen": getattr(line, f"{name}_fen") - fee.unpaid_fen})
            working.lines[index] = changed(less, paid_on=paid_on(less, on))
            return
    raise NothingToWaive("This fee was spread anew with the debt: it is part of other instalments now.")


def fee_total(fees: tuple[FeePart, ...], fee_id: UUID) -> int:
    """Return what is unpaid of one fee."""
    return sum(fee.unpaid_fen for fee in fees if fee.fee_id == fee_id)
