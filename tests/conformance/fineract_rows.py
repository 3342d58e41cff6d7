"""The loan in the published shape: schedule rows, totals, transactions, charges and tranches. Amounts in fen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.loan import Disbursed, Event, Instalment, OverpaymentReturned, Repaid, Stage
from mingqu.domain.loan.event import (
    ChargedBack,
    ChargedOff,
    FeeCharged,
    FeeWaived,
    ReAged,
    ReAmortized,
    Receipt,
    WrittenOff,
)
from mingqu.domain.loan.fee import FeeDue
from mingqu.domain.loan.state import Allocation, FeePart
from tests.conformance.fineract_story import Story, View

Row = dict[str, str | int | None]
# The amounts of a row of a schedule that its total sums up.
SUMMED: Final = (
    "principal",
    "interest",
    "fees",
    "penalties",
    "due",
    "paid",
    "in_advance",
    "late",
    "waived",
    "outstanding",
)
TYPES: Final[dict[type[Event], str]] = {
    ChargedBack: "Chargeback",
    OverpaymentReturned: "Credit Balance Refund",
    ReAged: "Re-age",
    ReAmortized: "Re-amortize",
    ChargedOff: "Charge-off",
    WrittenOff: "Close (as written-off)",
    FeeWaived: "Waive loan charges",
}
# Rows of these carry no balance there: nothing is paid by them.
MOVING_NOTHING: Final = (ReAged, ReAmortized, ChargedOff, WrittenOff)
RECEIPT_TYPES: Final = {
    Receipt.REPAYMENT: "Repayment",
    Receipt.DOWN_PAYMENT: "Down Payment",
    Receipt.MERCHANT_REFUND: "Merchant Issued Refund",
    Receipt.PAYOUT_REFUND: "Payout Refund",
    Receipt.GOODWILL: "Goodwill Credit",
    Receipt.FEE_ADJUSTMENT: "Charge Adjustment",
    Receipt.INTEREST_WAIVED: "Interest Payment Waiver",
    Receipt.INTEREST_REFUND: "Interest Refund",
    Receipt.RECOVERY: "Recovery Repayment",
}


def schedule_rows(story: Story, view: View) -> list[Row]:
    """Return the rows of the schedule in the order of their days: money out, then one row an instalment."""
    events = _standing(view.events)
    lent = [(event.value_date, event.amount_fen) for event in events if isinstance(event, Disbursed)]
    last = max((day for day, _ in lent), default=date.max)
    awaited = [
        (tranche.expected_on, tranche.amount_fen)
        for tranche in story.tranches
        if tranche.disbursed_on is None and story.is_disbursed and tranche.expected_on > last
    ]
    restored = [(used.value_date, used.principal_fen) for used in _restored(view, events)]
    fees = _fees_at_disbursement(view, paid=story.is_disbursed)
    rows = [_disbursement_row(day, fen, fees.pop(day, (0, 0))) for day, fen in sorted(lent + awaited)]
    written_off = view.state.stage is Stage.WRITTEN_OFF
    repaid = 0
    begun: set[date] = set()  # days whose down payment is listed already, and so is the money it is a part of
    for line in view.state.instalments:
        repaid += line.principal_fen
        if line.down_payment:
            begun.add(line.due)
        out = sum(fen for day, fen in lent + awaited if day < line.due or day <= line.start or day in begun)
        out += sum(fen for day, fen in restored if day < line.due or (day == line.due and line.additional))
        row = _instalment_row(line, max(0, out - repaid), view.state.fees)
        if not story.is_disbursed:
            row.update(paid_date=None)
        if written_off and row["outstanding"]:
            row.update(outstanding=0, paid_date=str(_written_off_on(events)))
        rows.append(row)
    return rows


def _standing(events: Iterable[Event]) -> list[Event]:
    """Return the events that no other took back."""
    listed = list(events)
    undone = {getattr(event, "target", None) for event in listed if type(event).__name__ == "Reversed"}
    return [event for event in listed if event.event_id not in undone]


def _restored(view: View, events: list[Event]) -> list[Allocation]:
    """Return what added to the principal owed without being lent: charge backs, and money returned in excess."""
    ids = {event.event_id for event in events if isinstance(event, ChargedBack | OverpaymentReturned)}
    return [used for used in view.allocations if used.event_id in ids]


def _written_off_on(events: list[Event]) -> date | None:
    return next((event.value_date for event in events if isinstance(event, WrittenOff)), None)


def _fees_at_disbursement(view: View, *, paid: bool) -> dict[date, tuple[int, int]]:
    """Return {day: (charged, paid)} of the fees that are paid with the money."""
    ids = {event.event_id for event in view.events if isinstance(event, Disbursed)}
    fees: dict[date, tuple[int, int]] = {}
    for part in view.state.fees:
        if part.fee_id in ids:
            charged, settled = fees.get(part.due, (0, 0))
            fees[part.due] = charged + part.amount_fen, settled + (part.paid_fen if paid else 0)
    return fees


def _disbursement_row(day: date, amount_fen: int, fees: tuple[int, int]) -> Row:
    charged, paid = fees
    return {
        "nr": None,
        "days": None,
        "date": str(day),
        "paid_date": None,
        "balance": amount_fen,
        **dict.fromkeys(SUMMED, 0),
        "fees": charged,
        "due": charged,
        "paid": paid,
        "outstanding": charged - paid,
    }


def _instalment_row(line: Instalment, balance_fen: int, parts: tuple[FeePart, ...]) -> Row:
    """Return the row of an instalment; what was waived of it is still listed as due, and taken off again."""
    waived = [part for part in parts if part.waived_fen and part.line_due == line.due and not line.down_payment]
    penalty = sum(part.waived_fen for part in waived if part.penalty)
    fee = sum(part.waived_fen for part in waived if not part.penalty)
    return {
        "nr": str(line.number),
        "days": str((line.due - line.start).days),
        "date": str(line.due),
        "paid_date": str(line.paid_on) if line.paid_on else None,
        "balance": balance_fen,
        "principal": line.principal_fen,
        "interest": line.interest_fen,
        "fees": line.fee_fen + fee,
        "penalties": line.penalty_fen + penalty,
        "due": line.due_fen + fee + penalty,
        "paid": line.paid_fen,
        "in_advance": line.advance_fen,
        "late": line.late_fen,
        "waived": fee + penalty,
        "outstanding": line.unpaid_fen,
    }


def total_row(rows: list[Row]) -> Row:
    """Return the sums of a schedule's rows."""
    return {name: sum(int(row[name] or 0) for row in rows) for name in SUMMED}


def transaction_rows(story: Story) -> list[Row]:
    """Return the transactions that stand, and those that were undone with what they had been used for."""
    if not story.is_disbursed:
        return []
    view = story.view()
    made = {event.event_id: event for event in view.events}
    rows = [_transaction_row(made[used.event_id], used, reverted=False) for used in view.allocations]
    rows += [_transaction_row(event, used, reverted=True) for event, used in story.reverted]
    return rows


def _transaction_row(event: Event, used: Allocation, *, reverted: bool) -> Row:
    return {
        "date": str(used.value_date),
        "type": _type_of(event, used),
        "amount": used.amount_fen,
        "principal": used.principal_fen,
        "interest": used.interest_fen,
        "fees": used.fee_fen,
        "penalties": used.penalty_fen,
        "balance": 0 if isinstance(event, MOVING_NOTHING) else used.balance_fen,
        "overpayment": used.overpaid_fen,
        "reverted": "true" if reverted else "false",
    }


def _type_of(event: Event, used: Allocation) -> str:
    if used.receipt is not None:
        return RECEIPT_TYPES[used.receipt]
    if isinstance(event, Disbursed):
        return "Repayment (at time of disbursement)" if used.fee_fen else "Disbursement"
    assert not isinstance(event, Repaid)
    return TYPES[type(event)]


def charge_rows(story: Story) -> list[Row]:
    """Return the charges, each with what became of it; before any money went out, those of the first of it only."""
    view = story.view()
    charged = {event.event_id: event for event in view.events if isinstance(event, FeeCharged)}
    first = min((event.value_date for event in view.events if isinstance(event, Disbursed)), default=None)
    parts: dict[UUID, list[FeePart]] = {}
    for part in view.state.fees:
        if story.is_disbursed or part.fee_id in charged or part.due == first:
            parts.setdefault(part.fee_id, []).append(part)
    each = any(rule.due is FeeDue.DISBURSEMENT for rule in story.fees)
    return [
        _charge_row(charged.get(fee_id), listed, paid=story.is_disbursed, each=each) for fee_id, listed in parts.items()
    ]


def _charge_row(event: FeeCharged | None, parts: list[FeePart], *, paid: bool, each: bool) -> Row:
    due = sum(part.amount_fen for part in parts)
    settled = sum(part.paid_fen for part in parts) if paid else 0
    waived = sum(part.waived_fen for part in parts)
    dated = each if event is None else event.rule.due is FeeDue.DATE
    return {
        "ispenalty": "true" if parts[0].penalty else "false",
        "due_as_of": str(event.due if event else parts[0].due) if dated else None,
        "due": due,
        "paid": settled,
        "waived": waived,
        "outstanding": due - settled - waived,
    }


def tranche_rows(story: Story) -> list[Row]:
    """Return the disbursements agreed on beforehand."""
    return [
        {
            "expected_disbursement_on": str(tranche.expected_on),
            "disbursed_on": str(tranche.disbursed_on) if tranche.disbursed_on else None,
            "principal": tranche.amount_fen,
        }
        for tranche in story.tranches
    ]
