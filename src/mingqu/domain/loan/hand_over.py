"""What another system is told of a loan when it goes there: the event by which it would enter this very engine."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.loan.billing import with_penalties_billed
from mingqu.domain.loan.migrated import MigratedIn, MigratedRow
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.replay import record
from mingqu.domain.loan.state import Instalment, LoanState, Stage, interest_line
from mingqu.domain.loan.step import advance
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.refusal import Refusal

_AMOUNTS: Final = tuple(
    f"{component}_{what}fen" for component in ("principal", "interest", "penalty", "fee") for what in ("", "paid_")
)


class NotHandedOver(Refusal):
    """The loan stands in a way that rows and balances cannot say: it is lost, follows a course, or was agreed anew."""

    code = "loan_not_handed_over"
    status = 409


def hand_over(
    *,
    terms: LoanTerms,
    state: LoanState,
    on: date,
    event_id: UUID,
    product_version: int,
    disbursed_on: date | None = None,
) -> MigratedIn:
    """Return the event by which a running loan enters another book on the morning of a day; the rows begin with the
    first that is not paid. `disbursed_on` is known of a loan that came from another book itself.

    Errors: NotHandedOver, also when the event would be refused by whoever takes the loan over.
    """
    state = advance(terms=terms, state=state, to=on, change=Change())
    state = with_penalties_billed(terms=terms, state=state, on=on)
    if state.stage is not Stage.ACTIVE or state.lost or state.ended or state.guarantor_claim_fen:
        raise NotHandedOver("Only a loan that runs as agreed is handed over.")
    if state.course is not None:
        raise NotHandedOver("What follows a course is not said by rows alone.")
    rows = _rows(state)
    payable, oldest = state.payable, next(state.unpaid_billed, None)
    event = MigratedIn(
        event_id=event_id,
        value_date=on,
        disbursed_on=disbursed_on or state.instalments[0].start,
        disbursed_fen=state.disbursed_fen,
        disbursements=state.disbursements,
        rate=terms.rate,
        rows=rows,
        principal_unbilled_fen=state.principal_unbilled_fen,
        principal_due_fen=payable.principal_fen,
        interest_due_fen=payable.interest_fen,
        penalty_due_fen=payable.penalty_fen,
        fee_due_fen=payable.fee_fen,
        accrued_fen=_accrued_fen(terms, state, on),
        overpayment_fen=state.overpayment_fen,
        overdue_since=oldest.due if oldest is not None and oldest.due < on else None,
        suspended=state.suspended,
        product_version=product_version,
    )
    try:
        record(terms=terms, events=(), state=LoanState(), event=event, business_date=on)
    except Refusal as refusal:
        raise NotHandedOver(f"Told as rows the loan would not add up. {refusal.message}") from refusal
    return event


def _rows(state: LoanState) -> tuple[MigratedRow, ...]:
    lines = state.instalments
    first = next((place for place, line in enumerate(lines) if line.unpaid_fen), None)
    if first is None:
        raise NotHandedOver("Nothing is owed.")
    if any(not _is_plain(line) for line in lines[first:]) or any(
        line.period_start != line.start for line in lines[first + 1 :]
    ):
        raise NotHandedOver("Instalments were agreed anew, or paid before they were due.")
    return tuple(
        MigratedRow(
            start=line.start,
            due=line.due,
            period_start=line.period_start if line.period_start != line.start else None,
            **{name: getattr(line, name) for name in _AMOUNTS},
        )
        for line in lines[first:]
    )


def _is_plain(line: Instalment) -> bool:
    early = not line.billed and (line.paid_fen or line.penalty_fen)
    return line.start < line.due and not (line.down_payment or line.additional or line.renewed or early)


def _accrued_fen(terms: LoanTerms, state: LoanState, on: date) -> int:
    line, running = interest_line(state, terms), state.current
    if line is None or running is None:
        return 0
    return max(0, min(line.at(on) // MICRO_PER_FEN, running.interest_fen))
