"""Operations that move money between payer and lender, and what takes them back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from mingqu.domain.loan import Disbursed, Event, OverpaymentReturned, Repaid, payoff_fen
from mingqu.domain.loan.event import ChargedBack, Receipt
from tests.conformance.fineract import day, fen
from tests.conformance.fineract_story import Story
from tests.conformance.fineract_terms import RECEIPTS
from tests.conformance.outcome import NotApplicableError

Step = dict[str, Any]
Listed = TypeVar("Listed")
UNDONE_RECEIPTS: Final = {
    "Repayment": Receipt.REPAYMENT,
    "Down Payment": Receipt.DOWN_PAYMENT,
    "Merchant Issued Refund": Receipt.MERCHANT_REFUND,
    "Payout Refund": Receipt.PAYOUT_REFUND,
    "Goodwill Credit": Receipt.GOODWILL,
    "Interest Refund": Receipt.INTEREST_REFUND,
    "Interest Payment Waiver": Receipt.INTEREST_WAIVED,
    "Charge Adjustment": Receipt.FEE_ADJUSTMENT,
}


def _receive(story: Story, step: Step, receipt: Receipt) -> None:
    story.events.append(
        Repaid(event_id=story.next_id(), value_date=day(step["date"]), amount_fen=fen(step["amount"]), receipt=receipt)
    )


def repay(story: Story, step: Step) -> None:
    _receive(story, step, Receipt.REPAYMENT)


def transact(story: Story, step: Step) -> None:
    receipt = RECEIPTS.get(step["transaction_type"])
    if receipt is None:
        raise NotApplicableError(f"transaction {step['transaction_type']}")
    _receive(story, step, receipt)
    wanted = step.get("interest_refund_calculation")
    if wanted == "true" or (wanted is None and receipt in story.terms.refund_interest):
        story.give_interest_back(story.events[-1])


def refund(story: Story, step: Step) -> None:
    _receive(story, step, Receipt.PAYOUT_REFUND)


def refund_interest(story: Story, step: Step) -> None:
    """Give back interest by hand for the nth refund of its kind and day; it falls with the refund."""
    receipt = RECEIPTS[step["transaction_type"]]
    refunds = [payment for payment in story.payments(receipt) if payment.value_date == day(step["date"])]
    refunded = _nth(refunds, step.get("nth"))
    _receive(story, step, Receipt.INTEREST_REFUND)
    story.linked.setdefault(refunded.event_id, []).append(story.events[-1])


def pay_off(story: Story, step: Step) -> None:
    on = day(step["date"])
    state = story.view_on(on).state
    amount_fen = payoff_fen(terms=story.terms, state=state, on=on)
    if amount_fen:
        story.events.append(Repaid(event_id=story.next_id(), value_date=on, amount_fen=amount_fen))


def return_overpayment(story: Story, step: Step) -> None:
    story.events.append(
        OverpaymentReturned(event_id=story.next_id(), value_date=day(step["date"]), amount_fen=fen(step["amount"]))
    )


def charge_back(story: Story, step: Step) -> None:
    story.events.append(
        ChargedBack(
            event_id=story.next_id(),
            value_date=story.business_date,
            amount_fen=fen(step["amount"]),
            target=_charged_back(story, step),
        )
    )


def _charged_back(story: Story, step: Step) -> UUID:
    if step.get("downpayment_nr"):
        return _nth(list(story.payments(Receipt.DOWN_PAYMENT)), step["downpayment_nr"]).event_id
    if step.get("merchant_refund_nr"):
        return _nth(list(story.payments(Receipt.MERCHANT_REFUND)), step["merchant_refund_nr"]).event_id
    if step.get("payment_nr"):
        return _nth(_repayments(story), step["payment_nr"]).event_id
    return story.last(lambda event: isinstance(event, Repaid) and event.receipt is not Receipt.DOWN_PAYMENT).event_id


def _repayments(story: Story) -> list[Repaid]:
    """Return the repayments of all days, undone ones among them, as steps number them."""
    made = [event for event in story.events if isinstance(event, Repaid) and event.receipt is Receipt.REPAYMENT]
    return sorted(made, key=lambda event: (event.value_date, event.event_id))


def _nth(listed: list[Listed], number: str | None) -> Listed:
    """Return the item a step names by its number, counted from one."""
    found = next(islice(listed, int(number or "1") - 1, None), None)
    if found is None:
        raise NotApplicableError(f"no transaction number {number}")
    return found


def undo_repayment(story: Story, step: Step) -> None:
    """Undo the nth repayment of all, or the last."""
    if step.get("nth"):
        story.undo(_nth(_repayments(story), step["nth"]))
    else:
        story.undo(story.last(lambda event: isinstance(event, Repaid) and event.receipt is Receipt.REPAYMENT))


def undone_transaction(story: Story, step: Step) -> Event:
    """Return the nth transaction of a day, of a kind if one is named."""
    kind = step.get("transaction_type")
    if kind is not None and kind not in UNDONE_RECEIPTS:
        raise NotApplicableError(f"undo of {kind}")
    found: list[Event] = [
        event
        for event in story.events
        if event.value_date == day(step["date"])
        and isinstance(event, Repaid | OverpaymentReturned | ChargedBack)
        and (kind is None or (isinstance(event, Repaid) and event.receipt is UNDONE_RECEIPTS[kind]))
    ]
    if kind is None and any(event.value_date == day(step["date"]) for event in story.disbursements):
        found = [story.disbursements[0], *found]  # the list that is counted holds the money paid out too
    return _nth(found, step["nth"])


def undo_transaction(story: Story, step: Step) -> None:
    event = undone_transaction(story, step)
    if isinstance(event, Disbursed):
        raise NotApplicableError("undo of a disbursement as a transaction")
    story.undo(event)


def undo_receipt(receipt: Receipt) -> Callable[[Story, Step], None]:
    def undo(story: Story, step: Step) -> None:
        story.undo(story.last(lambda event: isinstance(event, Repaid) and event.receipt is receipt))

    return undo
