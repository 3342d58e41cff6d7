"""What another system would say of a loan on the morning on which it hands it over."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from mingqu.domain.loan import LoanState, LoanTerms, MigratedIn, MigratedRow, interest_line
from mingqu.domain.loan.billing import with_penalties_billed
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.step import advance
from mingqu.domain.money import MICRO_PER_FEN

AMOUNTS = tuple(
    f"{component}_{what}fen" for component in ("principal", "interest", "penalty", "fee") for what in ("", "paid_")
)


def handed_over(
    *, terms: LoanTerms, state: LoanState, on: date, event_id: UUID, keep_paid_rows: bool = True
) -> MigratedIn | None:
    """Return the event by which a loan that nothing was paid early of enters another book; None for any other."""
    state = advance(terms=terms, state=state, to=on, change=Change())
    state = with_penalties_billed(terms=terms, state=state, on=on)
    lines = state.instalments
    plain = all(line.start < line.due and not (line.down_payment or line.additional or line.renewed) for line in lines)
    touched = any(line.paid_fen or line.penalty_fen or line.fee_fen for line in lines if not line.billed)
    if touched or not plain or not any(line.unpaid_fen for line in lines):
        return None
    first = lines[0].start
    if not keep_paid_rows:
        lines = tuple(line for line in lines if line.unpaid_fen)
        lines = state.instalments[state.instalments.index(lines[0]) :]
    accrued, oldest = interest_line(state, terms), next(state.unpaid_billed, None)
    running = state.current
    payable = state.payable
    return MigratedIn(
        event_id=event_id,
        value_date=on,
        disbursed_on=first,
        disbursed_fen=state.disbursed_fen,
        disbursements=state.disbursements,
        rate=state.course.rate_on(on) if state.course is not None else terms.rate,
        rows=tuple(
            MigratedRow(start=line.start, due=line.due, **{name: getattr(line, name) for name in AMOUNTS})
            for line in lines
        ),
        principal_unbilled_fen=state.principal_unbilled_fen,
        principal_due_fen=payable.principal_fen,
        interest_due_fen=payable.interest_fen,
        penalty_due_fen=payable.penalty_fen,
        fee_due_fen=payable.fee_fen,
        accrued_fen=min(accrued.at(on) // MICRO_PER_FEN, running.interest_fen) if accrued and running else 0,
        overpayment_fen=state.overpayment_fen,
        overdue_since=oldest.due if oldest is not None and oldest.due < on else None,
    )
