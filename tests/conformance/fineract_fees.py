"""Operations on charges: added, waived, given back."""

from __future__ import annotations

from typing import Any

from mingqu.domain.loan import Repaid
from mingqu.domain.loan.event import FeeCharged, FeeWaived, Receipt
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule, fee_fen
from tests.conformance.fineract import day, fen
from tests.conformance.fineract_charges import NSF_FEE_AMOUNT
from tests.conformance.fineract_story import Story
from tests.conformance.outcome import NotApplicableError

Step = dict[str, Any]


def add_charge(story: Story, step: Step) -> None:
    rule = story.definitions[step["charge"]].rule(step["amount"])
    story.charge(rule=rule, due=day(step["due_date"]))


def add_percentage(story: Story, step: Step) -> None:
    """Add a charge in per cent that falls due with the money."""
    if story.is_disbursed:
        raise NotApplicableError("a charge at disbursement after it")
    story.fees.append(story.definitions[step["charge"]].rule(step["percent"]))


def add_instalment_charge(story: Story, step: Step) -> None:
    story.charge(rule=story.definitions[step["charge"]].rule(step["amount"]), due=story.business_date)


def add_nsf_fee(story: Story, step: Step) -> None:
    """Add the fee for a payment that bounced; a later step means it only if no charge was added by its name."""
    story.charge(rule=story.definitions["LOAN_NSF_FEE"].rule(NSF_FEE_AMOUNT), due=day(step["date"]), unnamed=True)


def add_processing_fee(story: Story, step: Step) -> None:
    rule = story.definitions["LOAN_PERCENTAGE_PROCESSING_FEE"].rule(step["percent"])
    story.charge(rule=rule, due=day(step["date"]))


def charge_late(story: Story) -> None:
    """Charge the agreed fee for every instalment that is overdue and was not charged for yet, on its due date."""
    if not story.late_fees or not story.is_disbursed:
        return
    charged = {event.due for event in story.live if isinstance(event, FeeCharged) and event.rule.penalty}
    for line in story.view_on(story.business_date).state.instalments:
        if line.due >= story.business_date or not line.unpaid_fen or line.due in charged:
            continue
        for rule in story.late_fees:
            amount = fee_fen(
                rule=rule,
                principal_fen=line.principal_fen,
                interest_fen=line.interest_fen,
                rounding=story.terms.rounding,
            )
            flat = FeeRule(due=FeeDue.DATE, amount_fen=amount, penalty=rule.penalty)
            story.charge(rule=flat, due=line.due)


def waive_charge(story: Story, step: Step) -> None:
    fee = story.charged_last
    on = min(story.business_date, max(fee.due, story.disbursements[0].value_date))
    story.events.append(FeeWaived(event_id=story.next_id(), value_date=max(on, fee.value_date), target=fee.event_id))


def adjust_charge(story: Story, step: Step) -> None:
    """Give back part of a charge; it is the last one of that kind and day."""
    definition, due = story.definitions[step["charge"]], day(step["due_date"])
    fee = story.last(
        lambda event: (
            isinstance(event, FeeCharged)
            and event.due == due
            and event.rule.penalty is definition.penalty
            and event.rule.basis is FeeBasis.FLAT
        )
    )
    story.events.append(
        Repaid(
            event_id=story.next_id(),
            value_date=story.business_date,
            amount_fen=fen(step["amount"]),
            receipt=Receipt.FEE_ADJUSTMENT,
            target=fee.event_id,
        )
    )
