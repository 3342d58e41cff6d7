"""What falls on a morning: a bill after its bill day, and after its due day whether it was paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.ledger import Reason
from mingqu.domain.money import divide
from mingqu.domain.rate import PPM
from mingqu.domain.revolving import Bill, UnpaidBill, late_fee, minimum_payment
from mingqu.domain.spend.state import SpendState, Statement
from mingqu.domain.spend.working import Working

_DAY: Final = timedelta(days=1)


def next_morning(state: SpendState) -> date:
    """Return the next day on whose morning something falls. Example: the bill of 2026-09-01 is made on 2026-09-02."""
    if state.due_open and state.bill is not None:
        return state.bill.due + _DAY
    return state.next_bill_on + _DAY


def go_on(working: Working, *, to: date) -> None:
    """Let mornings pass up to a day's, that one included."""
    while True:  # each turn moves a due day or a bill day on, of which there is one of each a month
        if working.due_open and working.bill is not None:
            if working.bill.due + _DAY > to:
                break
            _judge(working, working.bill)
        elif working.next_bill_on + _DAY <= to:
            _issue(working)
        else:
            break
    working.day = max(working.day, to)


def _judge(working: Working, bill: Statement) -> None:
    """Say whether a bill was paid: whole, so that it bears nothing; at least; or not, so that it is overdue.

    Sources: 银发〔2016〕111号 (free period, least payment: as agreed); 法释〔2021〕10号 art. 2 (which of two ways).
    """
    terms, due = working.terms, bill.due
    working.due_open = False
    whole = bill.total_fen <= working.paid_fen + working.converted_fen
    for lot in working.lots:
        if lot.billed_on is None or lot.bears:
            continue
        if whole:
            lot.area_fen_days, lot.since = 0, due
            continue
        lot.bears = True
        if terms.unpaid_bill is UnpaidBill.UNPAID_PART or lot.instalment:
            lot.area_fen_days, lot.since = 0, due
    billed = [lot for lot in working.lots if lot.billed_on is not None]
    principal_fen = sum(lot.net_fen for lot in billed)
    owed_fen = principal_fen + sum(working.due.values())
    lacking_fen = min(max(0, bill.minimum_fen - working.paid_fen), owed_fen)
    if not lacking_fen:
        working.asked_fen = 0
        working.lacking_fen = 0
        working.end_lateness(due + _DAY)
        return
    working.grow_penalty(due)
    working.overdue_fen = min(working.overdue_fen + working.asked_fen, principal_fen)
    working.asked_fen = 0
    if working.overdue_fen and working.penalty_since is None:
        working.penalty_since = due
    if terms.late_fee is not None:
        paid_fen = max(0, bill.minimum_fen - lacking_fen)
        fee_fen = late_fee(
            minimum_fen=bill.minimum_fen, paid_fen=paid_fen, charge=terms.late_fee, rounding=terms.rounding
        )
        working.charge("fee", fee_fen, due + _DAY)
        lacking_fen += fee_fen
    working.lacking_fen = lacking_fen
    working.overdue_since = working.overdue_since or due + _DAY


def _issue(working: Working) -> None:
    """Freeze what was posted up to the bill day into a bill. Where nothing is owed there is none."""
    terms, on = working.terms, working.next_bill_on
    _settle_refunds(working, on)
    _charge_interest(working, on)
    _bill_instalments(working, on)
    if working.credit_fen:
        for lot in working.in_order():
            working.use_credit(lot, on)
    for lot in working.lots:
        lot.billed_on = on if lot.billed_on is None else lot.billed_on
        if not lot.bears and terms.unpaid_bill is UnpaidBill.UNPAID_PART:
            lot.since = on
    working.next_bill_on = terms.bill_after(on)
    ordinary_fen = sum(lot.principal_fen for lot in working.lots if not lot.instalment)
    instalments_fen = sum(lot.principal_fen for lot in working.lots if lot.instalment)
    older_fen = sum(lot.principal_fen for lot in working.lots if lot.instalment and lot.posted_on < on)
    # What was refunded meanwhile is overdue no more, and an instalment of this bill is not yet.
    working.overdue_fen = min(working.overdue_fen, ordinary_fen + older_fen)
    overdue_instalments_fen = min(working.overdue_fen, older_fen)
    _lack_no_more(working, on)
    principal_fen = ordinary_fen - (working.overdue_fen - overdue_instalments_fen)
    used_fen = ordinary_fen + instalments_fen + sum(plan.principal_fen for plan in working.plans)
    over_fen = min(principal_fen, max(0, used_fen - working.limit_fen))
    asked = Bill(
        principal_fen=principal_fen - over_fen,
        interest_fen=working.due["interest"],
        fee_fen=working.due["fee"] + working.due["penalty"],
        instalment_fen=instalments_fen - overdue_instalments_fen,
        overdue_fen=working.overdue_fen,
        over_limit_fen=over_fen,
    )
    working.paid_fen = working.converted_fen = 0
    before = working.bill
    number = 1 if before is None else before.number + 1
    minimum_fen = minimum_payment(bill=asked, rule=terms.minimum)
    said = working.said.get(on)
    if said is not None:
        minimum_fen = min(minimum_fen, said.minimum_fen)
    working.bill = Statement(
        number=number,
        billed_on=on,
        due=terms.due_of(on),
        principal_fen=asked.principal_fen,
        interest_fen=asked.interest_fen,
        fee_fen=working.due["fee"],
        penalty_fen=working.due["penalty"],
        instalment_fen=asked.instalment_fen,
        overdue_fen=asked.overdue_fen,
        over_limit_fen=over_fen,
        minimum_fen=minimum_fen,
        total_fen=asked.total_fen,
    )
    working.asked_fen = max(0, minimum_fen - asked.interest_fen - asked.fee_fen - asked.overdue_fen)
    working.due_open = asked.total_fen > 0
    if working.due_open or said is not None:
        working.statements.append(working.bill)
    else:
        working.bill = before  # nothing is asked for, so no number is used up


def _lack_no_more(working: Working, on: date) -> None:
    """Let nobody be late with more than is owed of what is late: what was refunded meanwhile is lacking no more."""
    working.lacking_fen = min(working.lacking_fen, working.overdue_fen + sum(working.due.values()))
    if not working.lacking_fen:
        working.end_lateness(on + _DAY)


def _settle_refunds(working: Working, on: date) -> None:
    """Let what came back since the last bill lower what is owed: this bill's, no earlier one's."""
    for lot in working.lots:
        if lot.refunded_fen:
            refunded_fen = lot.refunded_fen
            working.touch(lot, on)
            lot.principal_fen -= refunded_fen
            lot.refunded_fen = 0
            working.released_fen += refunded_fen
            working.post(Code.SPEND_CREDIT, Code.SPEND_PRINCIPAL, refunded_fen, Reason.SPEND_CREDIT_USED, on)


def _charge_interest(working: Working, on: date) -> None:
    """Round once what was borne since the last bill, and what overdue principal bore beyond that."""
    terms = working.terms
    area = 0
    for lot in working.lots:
        if lot.bears:
            lot.grow(on)
            area += lot.area_fen_days
            lot.area_fen_days = 0
    numerator, denominator = terms.fen_day()
    working.charge("interest", divide(area * numerator, denominator, terms.rounding), on)
    working.grow_penalty(on)
    if working.penalty_area_fen_days:
        beyond_ppm = terms.penalty_multiple_ppm - PPM
        penalty_fen = divide(working.penalty_area_fen_days * numerator * beyond_ppm, denominator * PPM, terms.rounding)
        working.penalty_area_fen_days = 0
        working.charge("penalty", penalty_fen, on)


def _bill_instalments(working: Working, on: date) -> None:
    """Put the next instalment of each plan into the bill, and charge its fee."""
    left = []
    for plan in working.plans:
        (principal_fen, fee_fen), rest = plan.parts[0], plan.parts[1:]
        if principal_fen:
            working.add_lot(plan.plan_id, on=on, principal_fen=principal_fen, billed_on=on)
        working.charge("fee", fee_fen, on)
        if rest:
            left.append(replace(plan, parts=rest))
    working.plans = left
