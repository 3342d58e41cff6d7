"""The page of the chart of accounts, made from what stands beside the codes, the reasons and the results."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mingqu.domain.ledger import CHART, FORWARD, MEANINGS, REASONS, WAYS, Reason, Side

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "chart-of-accounts.md"
_HEAD: Final = """# The chart of accounts

An account is named by whose it is (a loan, a person, a credit line, a lender, a cell), a code and a currency. The code
says on which side the account grows. A *strict* account never gives more than it has: its other side, posted and held,
stays within what is posted on its normal side.

This page is written by `python -m tests.docs.write_chart` from `mingqu.domain.ledger`; a test compares them.
`mingqu account OWNER` shows what accounts hold on any day.

| code | name | grows on | strict | what it holds |
|---|---|---|---|---|
"""
_REASONS: Final = """
## Reasons

Why money moves, and between which accounts it may (debit ← credit; "or back" where a correction turns it about).

| number | reason | what happened | between |
|---|---|---|---|
"""
_RESULTS: Final = """
## Results

What becomes of each transfer of a batch. The table is in order of precedence: the first that holds is the answer, so a
replay is answered before everything else. Only `OK` and `EXISTS` mean that the transfer is in the books. A number may
change with a version; the name stays.

In a chain of linked transfers the first that cannot be in the books keeps its own result, and each other one that is
not there already answers `LINKED_TRANSFER_FAILED`.

| result | meaning |
|---|---|
"""
_SIDES: Final = {Side.DEBIT: "debit", Side.CREDIT: "credit", Side.EITHER: "either side"}


def page() -> str:
    """Return the text of the page."""
    accounts = [
        f"| {code:d} | `{code.name}` | {_SIDES[line.side]} | {'yes' if line.strict else ''} | {line.meaning} |"
        for code, line in sorted(CHART.items())
    ]
    reasons = [
        f"| {reason:d} | `{reason.name}` | {meaning} | {_between(reason)} |" for reason, meaning in REASONS.items()
    ]
    results = [f"| `{result.name}` | {meaning} |" for result, meaning in MEANINGS.items()]
    return _HEAD + "\n".join([*accounts, _REASONS + "\n".join([*reasons, _RESULTS + "\n".join(results)])]) + "\n"


def _between(reason: Reason) -> str:
    return (
        ", ".join(
            f"{debit:d} ← {credit:d}{' or back' if (credit, debit, reason) in WAYS else ''}"
            for debit, credit, why in sorted(FORWARD)
            if why is reason
        )
        or "—"
    )
