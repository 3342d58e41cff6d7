"""An account is what its terms and its dated events make of it, and nothing else.

`open_account` begins it, `step` takes one event, `advance` lets days pass; `tell` tells the whole story.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.ledger import Reason
from mingqu.domain.money import divide
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend.convert import (
    ConversionRefused,
    ConversionWhileOverdue,
    InstalmentAlready,
    MinimumNotConvertible,
    cut,
)
from mingqu.domain.spend.event import REVERSING, SpendEvent, SpendEventOutOfOrder, SpendKind
from mingqu.domain.spend.morning import go_on
from mingqu.domain.spend.state import Plan, SpendOutcome, SpendState
from mingqu.domain.spend.terms import SpendTerms
from mingqu.domain.spend.working import NOTHING_SAID, OpenLot, Said, Working


class CreditExceeded(Refusal):
    """More is asked back than is the owner's on this account beyond what it is owed itself."""

    code: ClassVar[str] = "credit_exceeded"
    status: ClassVar[int] = 409


def open_account(*, terms: SpendTerms, on: date, limit_fen: int) -> SpendState:
    """Return an account on the day it is opened: nothing owed, its first bill on the next bill day."""
    return SpendState(day=on, next_bill_on=terms.bill_after(on), limit_fen=limit_fen)


def advance(*, terms: SpendTerms, state: SpendState, to: date, said: Said = NOTHING_SAID) -> SpendOutcome:
    """Return an account on the morning of a day, with the bills and the dues that fell meanwhile.

    `said` are the bills that were issued, where the account is told again (`tell`).
    Errors: SpendEventOutOfOrder when the account is further on.
    """
    working = Working(terms=terms, state=state, said=said)
    _move(working, to)
    return working.outcome()


def step(*, terms: SpendTerms, state: SpendState, event: SpendEvent, said: Said = NOTHING_SAID) -> SpendOutcome:
    """Return an account after an event of a day, and after the mornings up to it.

    A repayment pays what is owed in the order of the terms, the overdue and the billed first, then purchases of the
    next bill; what is more is the borrower's (溢缴款) and pays the next purchase. A refund of what is not billed lowers
    it at once; of what is billed it waits for the next bill, bears nothing meanwhile, and pays none of this one.
    A repayment that bounced is owed again from the day on which that is known, as part of the next bill; what the
    bills before said stays, and nothing is borne for the days between. That a draw came back takes the whole story
    (`tell.take_draw_back`). `said` is as for `advance`.
    What is the owner's own leaves the account when its return is ordered (`require_returnable`), so that it is spent or
    returned and never both; what the channel did not pay, or what came back, is theirs again. Where a story told again
    has less that is theirs, what was sent beyond that is owed: the money is gone.
    Errors: SpendEventOutOfOrder, ConversionRefused, InstalmentAlready, MinimumNotConvertible, ConversionWhileOverdue.
    """
    assert event.kind is not SpendKind.DRAW_RETURNED, "what a draw left behind only its history says"
    working = Working(terms=terms, state=state, said=said)
    _move(working, event.on)
    match event.kind:
        case SpendKind.PURCHASED | SpendKind.DRAWN:
            _spend(working, event)
        case SpendKind.REPAID:
            _repay(working, event)
        case SpendKind.REFUNDED:
            _refund(working, event)
        case SpendKind.CONVERTED:
            _convert(working, event)
        case SpendKind.LIMITED:
            working.limit_fen = event.amount_fen
        case SpendKind.REVERSED:
            _reverse(working, event)
        case SpendKind.SENT_BACK:
            _send_back(working, event)
        case SpendKind.NOT_SENT_BACK | SpendKind.CAME_BACK:
            _have_again(working, event)
        case _:
            working.owe_again(REVERSING[event.kind], event.amount_fen, event.on)
    return working.outcome()


def require_returnable(state: SpendState, *, amount_fen: int) -> None:
    """Return when so much of an account's credit can be sent to its owner's card. Errors: CreditExceeded."""
    if amount_fen > state.returnable_fen:
        raise CreditExceeded("Not so much on this account is yours.", returnable_fen=state.returnable_fen)


def accrued_fen(*, terms: SpendTerms, state: SpendState, on: date) -> int:
    """Return what the account has borne since its last bill when the day `on` begins, as a bill would round it."""
    area = sum(
        lot.area_fen_days + (lot.principal_fen - lot.refunded_fen) * max(0, (on - lot.since).days)
        for lot in state.lots
        if lot.bears
    )
    numerator, denominator = terms.fen_day()
    return divide(area * numerator, denominator, terms.rounding)


def convertible_bill_fen(state: SpendState, *, on: date) -> int:
    """Return how much of the last bill can be paid in instalments on a day: nothing of what it asks at least."""
    if state.bill is None or not state.due_open or on > state.bill.due or state.lacking_fen:
        return 0
    left_fen = sum(
        lot.principal_fen - lot.refunded_fen for lot in state.lots if lot.billed_on is not None and not lot.instalment
    )
    asked_fen = state.asked_fen + state.overdue_fen
    instalments_fen = sum(lot.principal_fen for lot in state.lots if lot.instalment)
    return max(0, left_fen - max(0, asked_fen - instalments_fen))


def convertible_purchase_fen(state: SpendState, *, purchase_id: UUID) -> int:
    """Return how much of a purchase can be paid in instalments: all that is owed of it, before it is billed."""
    return sum(
        lot.principal_fen
        for lot in state.lots
        if lot.lot_id == purchase_id and lot.billed_on is None and not lot.instalment
    )


def _move(working: Working, to: date) -> None:
    if to < working.day:
        raise SpendEventOutOfOrder("The account has gone on since that day.", day=str(working.day))
    go_on(working, to=to)


def _spend(working: Working, event: SpendEvent) -> None:
    drawn = event.kind is SpendKind.DRAWN
    reason = Reason.SPEND_DRAW if drawn else Reason.SPEND_PURCHASE
    working.drawn_fen += event.amount_fen
    working.post(Code.SPEND_PRINCIPAL, Code.LENDER_CASH, event.amount_fen, reason, event.on)
    working.add_lot(event.event_id, on=event.on, principal_fen=event.amount_fen)
    working.use_credit(working.lots[-1], event.on)


def _repay(working: Working, event: SpendEvent) -> None:
    left_fen = event.amount_fen
    for component in working.terms.allocation:
        left_fen -= (
            _pay_principal(working, left_fen, event.on)
            if component == "principal"
            else working.pay_due(component, left_fen, event.on)
        )
    working.credit_fen += left_fen
    working.post(Code.COLLECTION_CLEARING, Code.SPEND_CREDIT, left_fen, Reason.SPEND_REPAY, event.on)
    working.paid_fen += event.amount_fen
    working.lacking_fen = max(0, working.lacking_fen - event.amount_fen)
    if not working.lacking_fen:
        working.end_lateness(event.on)


def _reverse(working: Working, event: SpendEvent) -> None:
    own_fen = min(working.credit_fen, event.amount_fen)
    working.credit_fen -= own_fen
    working.post(Code.SPEND_CREDIT, Code.COLLECTION_CLEARING, own_fen, Reason.SPEND_REPAY, event.on)
    if owed_fen := event.amount_fen - own_fen:
        working.add_lot(event.event_id, on=event.on, principal_fen=owed_fen)
        working.released_fen -= owed_fen
        working.post(Code.SPEND_PRINCIPAL, Code.COLLECTION_CLEARING, owed_fen, Reason.SPEND_REPAY, event.on)


def _send_back(working: Working, event: SpendEvent) -> None:
    own_fen = min(working.credit_fen, event.amount_fen)
    working.credit_fen -= own_fen
    working.post(Code.SPEND_CREDIT, Code.SPEND_RETURNING, own_fen, Reason.SPEND_RETURN, event.on)
    if owed_fen := event.amount_fen - own_fen:
        working.add_lot(event.event_id, on=event.on, principal_fen=owed_fen)
        working.released_fen -= owed_fen
        working.post(Code.SPEND_PRINCIPAL, Code.SPEND_RETURNING, owed_fen, Reason.SPEND_RETURN, event.on)


def _have_again(working: Working, event: SpendEvent) -> None:
    came = event.kind is SpendKind.CAME_BACK
    source = Code.COLLECTION_CLEARING if came else Code.SPEND_RETURNING
    working.credit_fen += event.amount_fen
    working.post(source, Code.SPEND_CREDIT, event.amount_fen, Reason.SPEND_RETURN, event.on)


def _pay_principal(working: Working, amount_fen: int, on: date) -> int:
    paid_fen = 0
    for lot in working.in_order():
        part_fen = min(amount_fen - paid_fen, lot.principal_fen)
        if part_fen:
            working.lower(lot, part_fen, on)
            if lot.billed_on is not None:
                working.principal_paid(part_fen, on)
            paid_fen += part_fen
    working.released_fen += paid_fen
    working.post(Code.COLLECTION_CLEARING, Code.SPEND_PRINCIPAL, paid_fen, Reason.SPEND_REPAY, on)
    return paid_fen


def _refund(working: Working, event: SpendEvent) -> None:
    left_fen, off_fen = event.amount_fen, 0
    for lot in working.lots:
        if lot.lot_id == event.target and not lot.instalment:
            part_fen = min(left_fen, lot.net_fen)
            if lot.billed_on is None:
                working.lower(lot, part_fen, event.on)
                off_fen += part_fen
            else:
                working.touch(lot, event.on)
                lot.refunded_fen += part_fen
                working.post(Code.LENDER_CASH, Code.SPEND_CREDIT, part_fen, Reason.SPEND_REFUND, event.on)
            left_fen -= part_fen
    place = next((at for at, plan in enumerate(working.plans) if event.target in plan.sources), None)
    if place is not None:
        taken_fen = working.reduce_plan(place, left_fen)
        off_fen += taken_fen
        left_fen -= taken_fen
    working.released_fen += off_fen
    working.post(Code.LENDER_CASH, Code.SPEND_PRINCIPAL, off_fen, Reason.SPEND_REFUND, event.on)
    working.credit_fen += left_fen
    working.post(Code.LENDER_CASH, Code.SPEND_CREDIT, left_fen, Reason.SPEND_REFUND, event.on)


def _convert(working: Working, event: SpendEvent) -> None:
    assert event.count is not None
    state = working.outcome().state
    if state.lacking_fen:
        raise ConversionWhileOverdue("An amount is overdue; pay it and instalments can be agreed again.")
    if event.target is None:
        most_fen = convertible_bill_fen(state, on=event.on)
        if most_fen < event.amount_fen <= state.bill_left_fen and state.due_open:
            raise MinimumNotConvertible("The least payment is paid in money.", convertible_fen=most_fen)
        chosen = [lot for lot in working.in_order() if lot.billed_on is not None and not lot.instalment]
    else:
        if any(event.target in plan.sources or plan.plan_id == event.target for plan in state.plans):
            raise InstalmentAlready("This is paid in instalments already.")
        if any(lot.lot_id == event.target and lot.instalment for lot in state.lots):
            raise InstalmentAlready("This is paid in instalments already.")
        most_fen = convertible_purchase_fen(state, purchase_id=event.target)
        chosen = [lot for lot in working.lots if lot.lot_id == event.target and lot.billed_on is None]
    if event.amount_fen > most_fen:
        raise ConversionRefused("Not so much of it is left for instalments.", convertible_fen=most_fen)
    parts = cut(terms=working.terms, amount_fen=event.amount_fen, count=event.count)
    sources = _take(working, chosen, event)
    working.add_plan(
        Plan(plan_id=event.event_id, converted_on=event.on, sources=sources, count=event.count, parts=parts)
    )
    if event.target is None:
        working.converted_fen += event.amount_fen


def _take(working: Working, chosen: list[OpenLot], event: SpendEvent) -> tuple[UUID, ...]:
    """Take what becomes instalments off its lots; the principal stays owed, so neither ledger nor limit move."""
    left_fen, sources = event.amount_fen, []
    for lot in chosen:
        part_fen = min(left_fen, lot.net_fen)
        if part_fen:
            working.lower(lot, part_fen, event.on)
            sources.append(lot.lot_id)
            left_fen -= part_fen
    assert not left_fen, "what can be converted lies in the lots"
    return tuple(sources)
