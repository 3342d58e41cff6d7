"""Drives the loan engine through published scenarios of a whole lending system, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.fineract_charges import definitions
from tests.conformance.fineract_expectations import EXPECTATIONS, LEFT_OUT
from tests.conformance.fineract_operations import OPERATIONS
from tests.conformance.fineract_story import Story
from tests.conformance.outcome import DifferenceError, NotApplicableError

Case = dict[str, Any]
# Operations that do not look at the loan: its figures stay as of the day on which something last did.
BESIDE = frozenset(
    {"business_date", "set_future_installment_rule", "update_charge_definition", "delinquency_pause"}
    | {"delinquency_resume", "add_charge", "add_installment_charge", "add_nsf_fee", "add_processing_charge_percent"}
    | {"re_age_preview", "re_amortize_preview"}
)


def run(case: Case, *, products: dict[str, Any], charges: dict[str, Any]) -> None:
    """Compare one case. Errors: DifferenceError, NotApplicableError."""
    refuse_unknown(case)
    for _ in told(case, products=products, charges=charges):
        pass


def refuse_unknown(case: Case) -> None:
    """Refuse a case with an operation or an expectation that no table knows, before anything is compared."""
    for step in case["steps"]:
        if "op" in step and step["op"] not in OPERATIONS:
            raise NotApplicableError(f"operation {step['op']}")
        if "expect" in step and step["expect"] not in EXPECTATIONS and step["expect"] not in LEFT_OUT:
            raise NotApplicableError(f"expectation {step['expect']}")


def told(case: Case, *, products: dict[str, Any], charges: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Story]]:
    """Yield each step with the story after it. Errors: DifferenceError, NotApplicableError."""
    story = Story(products=products, definitions=definitions(charges))
    for number, step in enumerate(case["steps"]):
        if "op" in step:
            OPERATIONS[step["op"]](story, step)
            if step["op"] not in BESIDE or step.get("due_date", str(story.business_date)) < str(story.looked_at):
                story.refresh_refunds()
                story.looked_at = story.business_date
        elif step["expect"] not in LEFT_OUT:
            try:
                EXPECTATIONS[step["expect"]](story, step)
            except DifferenceError as difference:
                raise DifferenceError(f"step {number}, {story.business_date}: {difference}") from None
        yield step, story
