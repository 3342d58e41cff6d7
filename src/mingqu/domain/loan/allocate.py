"""Which fen of a repayment pays what: the order is a term of the loan, printed in its contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Final

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.ledger import Reason
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.state import Instalment, LoanState
from mingqu.domain.loan.terms import NON_ACCRUAL_AFTER_DAYS, AllocationStep, Component, LoanTerms, Timing

_ACCOUNT: Final = {
    Component.PRINCIPAL: (Code.LOAN_PRINCIPAL_DUE, Reason.REPAY_PRINCIPAL),
    Component.INTEREST: (Code.LOAN_INTEREST_DUE, Reason.REPAY_INTEREST),
    Component.PENALTY: (Code.LOAN_PENALTY_DUE, Reason.REPAY_PENALTY),
    Component.FEE: (Code.LOAN_FEE_DUE, Reason.REPAY_FEE),
}


def pay_billed(
    *, terms: LoanTerms, state: LoanState, amount_fen: int, on: date, change: Change
) -> tuple[LoanState, int]:
    """Use `amount_fen` on what is billed, in the order the terms name; return the state and what is left.

    Neighbouring steps of one timing form a block; within a block the oldest instalment is served whole
    before the next. Example of 500.00 against fee 20.00, penalty 11.90, interest 100.00, principal 833.34:
    20.00, 11.90, 100.00 and 368.10 of the principal; more than ninety days overdue, principal takes all 500.00.
    """
    late = state.overdue_days(on) > NON_ACCRUAL_AFTER_DAYS
    order = terms.allocation_non_accrual if late else terms.allocation
    lines = list(state.instalments)
    paid: dict[Component, int] = dict.fromkeys(Component, 0)
    rest = amount_fen
    for timing, block in groupby(order, key=_timing):
        components = [component for _, component in block]
        for index, line in enumerate(lines):
            if rest and line.billed and _timing_of(line, on) is timing:
                lines[index], rest = _pay_line(line, components, rest, on, paid)
    for component, fen in paid.items():
        account, reason = _ACCOUNT[component]
        change.post(Code.COLLECTION_CLEARING, account, fen, reason, on)
    change.post(Code.LIMIT_DRAWN, Code.LIMIT_AVAILABLE, paid[Component.PRINCIPAL], Reason.LIMIT_RELEASE, on)
    return replace(state, instalments=tuple(lines)), rest


def _timing(entry: AllocationStep) -> Timing:
    return entry[0]


def _timing_of(line: Instalment, on: date) -> Timing:
    if line.due < on:
        return Timing.PAST_DUE
    return Timing.DUE if line.due == on else Timing.IN_ADVANCE


def _pay_line(
    line: Instalment, components: list[Component], rest: int, on: date, paid: dict[Component, int]
) -> tuple[Instalment, int]:
    changes: dict[str, int] = {}
    for component in components:
        part = min(rest, line.outstanding_fen(component))
        if part:
            changes[f"{component.value}_paid_fen"] = getattr(line, f"{component.value}_paid_fen") + part
            paid[component] += part
            rest -= part
    if not changes:
        return line, rest
    after = replace(line, **changes)  # type: ignore[arg-type]  # the names are the four components, all ints
    return (replace(after, paid_on=on) if after.unpaid_fen == 0 else after), rest
