"""What the published scenarios expect, compared with the loan as the engine sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from mingqu.domain.loan import Instalment, Stage
from mingqu.domain.loan.state import LoanState
from tests.conformance.fineract_refusals import expect_refused
from tests.conformance.fineract_rows import (
    Row,
    charge_rows,
    schedule_rows,
    total_row,
    tranche_rows,
    transaction_rows,
)
from tests.conformance.fineract_story import Story, View
from tests.conformance.outcome import differ

Step = dict[str, Any]
CENT: Final = Decimal("0.01")
# Expectations that may be left out: they speak of reports, not of arithmetic.
LEFT_OUT: Final = frozenset({"delinquency_loan", "delinquency_range", "delinquency_installment", "term_variations"})
# Columns that are words, not amounts.
WORDS: Final = frozenset(
    {"nr", "days", "date", "paid_date", "type", "reverted", "ispenalty", "due_as_of"}
    | {"expected_disbursement_on", "disbursed_on"}
)
# Columns nobody's arithmetic stands behind: how a charge is named, and whether a row was written twice.
SILENT: Final = frozenset({"name", "payment_due_at", "calculation_type", "replayed", "net_disbursal_amount"})
STATUS: Final = {
    Stage.ACTIVE: "ACTIVE",
    Stage.CHARGED_OFF: "ACTIVE",
    Stage.SETTLED: "CLOSED_OBLIGATIONS_MET",
    Stage.WRITTEN_OFF: "CLOSED_WRITTEN_OFF",
}


def _expect_schedule(story: Story, step: Step) -> None:
    _compare_schedule(step, schedule_rows(story, story.view()))


def _expect_total(story: Story, step: Step) -> None:
    _compare_each(step["rows"], [total_row(schedule_rows(story, story.view()))], what="total")


def _preview(story: Story) -> View:
    assert story.trial is not None, "a preview is expected that no step made"
    return story.view(trial=story.trial)


def _expect_preview(story: Story, step: Step) -> None:
    _compare_schedule(step, schedule_rows(story, _preview(story)))


def _expect_preview_total(story: Story, step: Step) -> None:
    _compare_each(step["rows"], [total_row(schedule_rows(story, _preview(story)))], what="total")


def _compare_schedule(step: Step, rows: list[Row]) -> None:
    instalments = sum(1 for row in rows if row["nr"])
    if step.get("periods") and int(step["periods"]) != instalments:
        differ(what="instalments", expected=step["periods"], actual=instalments)
    _compare_each(step["rows"], rows, what="row", with_nr=True)


def _expect_transactions(story: Story, step: Step) -> None:
    if step.get("only") == "accruals":
        return  # that system books accruals for each loan and day, ours for each group
    wanted = [row for row in step["rows"] if "accrual" not in row["type"].lower()]
    rows = [row for row in transaction_rows(story) if step.get("on_date") in (None, row["date"])]
    _compare_each(wanted, rows, what="transaction")
    if step.get("exact") and not len(wanted) <= len(rows) <= len(wanted) + _written_twice(step["rows"]):
        listed = ", ".join(f"{row['date']} {row['type']} {_yuan(row['amount'])}" for row in rows)
        differ(what="transactions", expected=len(wanted), actual=f"{len(rows)}: {listed}")


def _written_twice(listed: list[Step]) -> int:
    """Return how many rows of accruals only repeat another, word for word.

    The published check looks each row up and counts the list, so a row that is repeated stands for itself and for
    another row that is not shown. Of accruals nothing is compared here, so that other row may be a movement of money.
    """
    accruals = [tuple(sorted(row.items())) for row in listed if "accrual" in row["type"].lower()]
    return len(accruals) - len(set(accruals))


def _expect_charges(story: Story, step: Step) -> None:
    rows = charge_rows(story)
    _compare_each(step["rows"], rows, what="charge")
    if step.get("exact", True) and len(step["rows"]) != len(rows):
        differ(what="charges", expected=len(step["rows"]), actual=len(rows))


def _expect_tranches(story: Story, step: Step) -> None:
    rows = tranche_rows(story)
    _compare_each(step["rows"], rows, what="tranche")
    if len(step["rows"]) != len(rows):
        differ(what="tranches", expected=len(step["rows"]), actual=len(rows))


def _compare_each(wanted: list[Step], rows: list[Row], *, what: str, with_nr: bool = False) -> None:
    """Compare each row expected with the rows of its date: one of them must agree in every column."""
    for expected in wanted:
        candidates = [row for row in rows if expected.get("date") in (None, row.get("date"))]
        if with_nr:
            candidates = [row for row in candidates if (row["nr"] is None) == (expected["nr"] is None)] or candidates
        differences = [_differences(expected, row) for row in candidates]
        if not differences:
            differ(what=what, expected=_short(expected), actual="no row on that date")
        if all(differences):
            nearest = min(differences, key=len)
            differ(what=what, expected=_short(expected), actual=", ".join(nearest))


def _differences(expected: Step, row: Row) -> list[str]:
    """Return the columns of our row that differ from the published one, as they are in ours."""
    found = []
    for name, value in expected.items():
        if name in SILENT or (value is None and name not in ("nr", "days", "paid_date", "due_as_of", "disbursed_on")):
            continue
        if name in WORDS:
            if row[name] != value:
                found.append(f"{name} {row[name]}")
        elif Decimal(value).quantize(CENT, ROUND_HALF_UP) != _yuan(row[name]):
            found.append(f"{name} {_yuan(row[name])}")
    return found


def _yuan(fen: str | int | None) -> Decimal:
    return Decimal(int(fen or 0)) / 100


def _short(expected: Step) -> str:
    return " ".join(f"{name} {value}" for name, value in expected.items() if value not in (None, "0.0", "false"))


def _sum_unpaid(state: LoanState, lines: Iterable[Instalment]) -> int:
    return 0 if state.stage is Stage.WRITTEN_OFF else sum(line.unpaid_fen for line in lines)


def _outstanding_fen(story: Story) -> int:
    state = story.view().state
    return _sum_unpaid(state, state.instalments)


def _expect_amount(what: str, step: Step, actual_fen: int) -> None:
    if Decimal(step["amount"]).quantize(CENT, ROUND_HALF_UP) != _yuan(actual_fen):
        differ(what=what, expected=step["amount"], actual=_yuan(actual_fen))


def _expect_outstanding(story: Story, step: Step) -> None:
    _expect_amount("outstanding", step, _outstanding_fen(story))


def _expect_overpaid(story: Story, step: Step) -> None:
    _expect_amount("overpaid", step, story.view().state.overpayment_fen)


def _expect_overdue(story: Story, step: Step) -> None:
    state = story.view().state
    overdue = _sum_unpaid(state, (line for line in state.instalments if line.due < story.business_date))
    _expect_amount("overdue", step, overdue)


def _expect_interest_due(story: Story, step: Step) -> None:
    lines = [line for line in story.view().state.instalments if line.due <= story.business_date]
    unpaid = sum(line.interest_fen - line.interest_paid_fen for line in lines)
    _expect_amount("unpaid interest of what is due", step, unpaid)


def _expect_interest_not_due(story: Story, step: Step) -> None:
    lines = [line for line in story.view().state.instalments if line.due > story.business_date]
    unpaid = sum(line.interest_fen - line.interest_paid_fen for line in lines)
    _expect_amount("unpaid interest of what is not due", step, unpaid)


def _status(story: Story) -> str:
    if not story.is_disbursed:
        return "APPROVED" if story.approved else "SUBMITTED_AND_PENDING_APPROVAL"
    state = story.view().state
    if state.stage is Stage.SETTLED and state.overpayment_fen:
        return "OVERPAID"
    return STATUS[state.stage]


def _expect_status(story: Story, step: Step) -> None:
    """Compare the status; it is written as a code or in words."""
    wanted = step["value"].upper().replace("(", "").replace(")", "").replace(" ", "_")
    if wanted != _status(story):
        differ(what="status", expected=wanted, actual=_status(story))


def _expect_closed(story: Story, step: Step) -> None:
    if _status(story) != "CLOSED_OBLIGATIONS_MET":
        actual = f"{_status(story)}, outstanding {_yuan(_outstanding_fen(story))}"
        differ(what="closed", expected="nothing outstanding", actual=actual)


def _expect_met(story: Story, step: Step) -> None:
    if _outstanding_fen(story):
        differ(what="obligations", expected="met", actual=f"outstanding {_yuan(_outstanding_fen(story))}")


def _expect_maturity(story: Story, step: Step) -> None:
    lines = [line for line in story.view().state.instalments if not line.additional]
    if str(lines[-1].due) != step["date"]:
        differ(what="maturity", expected=step["date"], actual=lines[-1].due)


def _expect_closed_on(story: Story, step: Step) -> None:
    settled_on = story.view().state.settled_on
    if str(settled_on) != step["date"]:
        differ(what="closed on", expected=step["date"], actual=settled_on)


EXPECTATIONS: Final[dict[str, Callable[[Story, Step], None]]] = {
    "schedule": _expect_schedule,
    "schedule_total": _expect_total,
    "preview": _expect_preview,
    "preview_total": _expect_preview_total,
    "transactions": _expect_transactions,
    "charges": _expect_charges,
    "tranches": _expect_tranches,
    "outstanding": _expect_outstanding,
    "overpaid": _expect_overpaid,
    "overdue": _expect_overdue,
    "unpaid_due_interest": _expect_interest_due,
    "unpaid_not_due_interest": _expect_interest_not_due,
    "status": _expect_status,
    "closed_zero": _expect_closed,
    "obligations_met": _expect_met,
    "maturity": _expect_maturity,
    "closed_on": _expect_closed_on,
    "refused": expect_refused,
}
