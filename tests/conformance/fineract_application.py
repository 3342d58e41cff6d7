"""Operations before and with the payout: the product, the application, the approval, the money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from mingqu.domain.loan.fee import FeeDue, FeeRule
from tests.conformance.fineract import day, fen
from tests.conformance.fineract_story import Story, Tranche
from tests.conformance.outcome import NotApplicableError

Step = dict[str, Any]
TRANCHES_MAX: Final = 10  # more are not numbered in words
ORDINALS: Final = ("1st", "2nd", "3rd", *(f"{number}th" for number in range(4, TRANCHES_MAX + 1)))


def set_business_date(story: Story, step: Step) -> None:
    story.business_date = day(step["date"])


def set_rule(story: Story, step: Step) -> None:
    story.rules.setdefault(step["product"], {})[step["transaction_type"]] = step["rule"]


def update_definition(story: Story, step: Step) -> None:
    known = story.definitions[step["charge"]]
    story.definitions[step["charge"]] = replace(known, calculation=step["calculation"], amount=step["amount"])


def create(story: Story, step: Step) -> None:
    if story.requested:
        raise NotApplicableError("a second loan")
    story.requested = requested = step["terms"]
    story.principal_fen = fen(requested["principal"])
    story.expected_on = day(requested["submitted_on"])
    # A step in the singular speaks of one disbursement, however many columns its table has.
    single = step.get("variant", "").endswith("disbursement details")
    story.tranches = list(_tranches(requested))[: 1 if single else None]
    if requested.get("charges"):
        raise NotApplicableError("charges of the loan")
    if requested.get("charge_calculation_type"):
        definition = story.definitions[requested["charge_calculation_type"]]
        _charge_from_start(story, definition.rule(requested["charge_amount"]))
    for charge in story.product.get("charges") or ():
        definition = story.definitions[charge["id"]]
        if definition.time == "OVERDUE_FEES":
            story.late_fees.append(definition.rule())
        elif requested.get("take_product_charges"):
            _charge_from_start(story, definition.rule())


def _charge_from_start(story: Story, rule: FeeRule) -> None:
    """Make a fee part of the contract: paid with the money, or charged with every instalment once there are any."""
    if rule.due in (FeeDue.OPENING, FeeDue.DISBURSEMENT):
        story.fees.append(rule)
    else:
        story.charge(rule=rule, due=story.business_date)


def _tranches(requested: dict[str, Any]) -> Iterator[Tranche]:
    for prefix in ("", *(f"{ordinal}_" for ordinal in ORDINALS)):
        expected = requested.get(f"{prefix}tranche_disb_expected_date")
        if expected:
            yield Tranche(expected_on=day(expected), amount_fen=fen(requested[f"{prefix}tranche_disb_principal"]))


def approve(story: Story, step: Step) -> None:
    story.approved = True
    if step.get("amount"):
        story.principal_fen = fen(step["amount"])
    if step.get("expected_disbursement_date"):
        story.expected_on = day(step["expected_disbursement_date"])


def undo_approval(story: Story, step: Step) -> None:
    story.approved = False
    story.principal_fen = fen(story.requested["principal"])


def modify_rate(story: Story, step: Step) -> None:
    story.requested = {**story.requested, "interest_rate": step["rate"]}


def add_tranche(story: Story, step: Step) -> None:
    story.tranches.append(Tranche(expected_on=day(step["date"]), amount_fen=fen(step["amount"])))


def disburse(story: Story, step: Step) -> None:
    amount_fen = fen(step["amount"]) if step.get("amount") else story.principal_fen
    story.disburse(on=day(step["date"]), amount_fen=amount_fen)
