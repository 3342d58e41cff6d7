"""Which column of a file is at fault when something that it names, or needs, is not in the pack."""

from __future__ import annotations

from typing import Final

from mingqu.domain.decision.strategy import PolicyMissing
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.rule import RuleMissing

# Which column of a file names what was not found.
_NAMED_BY: Final = {
    ("strategy", "fields"): "fields",
    ("strategy", "card"): "card",
    ("strategy", "policy"): "policy",
    ("strategy", "grid"): "limits",
    ("product", "grid"): "price_grid",
    ("product", "lender"): "lender_id",
    ("product", "partner"): "partner_fee",
}


def fault_of(*, document: Document, missing: PolicyMissing | RuleMissing) -> PolicyFault:
    """Return (not raise) the fault of a file that names, or needs, what is not in the pack."""
    column = _NAMED_BY.get((document.kind, str(missing.details.get("kind"))), "valid_from")
    if document.kind == "experiment":
        column = "instead"
    return document.reader().fault(column, missing.message, "Add what is missing, or correct the name.")
