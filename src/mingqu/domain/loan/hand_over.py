"""What another system is told of a loan when it goes there: the event by which it would enter this very engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.changed import changed
from mingqu.domain.course import Course
from mingqu.domain.loan.billing import with_penalties_billed
from mingqu.domain.loan.event import ChargedOff, Event, order_key
from mingqu.domain.loan.migrated import MigratedIn, MigratedOtherwise, MigratedRow
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.replay import record
from mingqu.domain.loan.state import PARTNERS, Instalment, LoanState, Stage, interest_line
from mingqu.domain.loan.step import advance, undone_in
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal

_AMOUNTS: Final = tuple(
    f"{component}_{what}fen" for component in ("principal", "interest", "penalty", "fee") for what in ("", "paid_")
)


class NotHandedOver(Refusal):
    """The loan stands in a way that rows and balances cannot say: it is called in, or was agreed for days to come."""

    code = "loan_not_handed_over"
    status = 409


def lost_on(events: Iterable[Event]) -> date | None:
    """Return the day on which a loan that is taken for lost was, here or in the book that it came from."""
    told = sorted(events, key=order_key)
    undone = undone_in(told)
    for event in reversed(told):
        if isinstance(event, ChargedOff) and event.event_id not in undone:
            return event.value_date
        if isinstance(event, MigratedIn):
            return event.lost_on
    return None


def hand_over(
    *,
    terms: LoanTerms,
    state: LoanState,
    on: date,
    event_id: UUID,
    product_version: int,
    disbursed_on: date | None = None,
    lost: date | None = None,
) -> MigratedIn:
    """Return the event by which a running or lost loan enters another book on the morning of a day; the rows begin with
    the first that is not paid. `disbursed_on` is known of a loan that came from another book itself, `lost` is the day
    on which one that is taken for lost was (`lost_on`).

    Errors: NotHandedOver, also when the event would be refused by whoever takes the loan over, or mean another loan.
    """
    state = _brought_up(terms, state, on)
    if state.stage not in (Stage.ACTIVE, Stage.CHARGED_OFF) or state.ended or state.guarantor_claim_fen:
        raise NotHandedOver("Only a loan that runs as agreed, or is taken for lost, is handed over.")
    if state.bill_claims:  # paid back or not: behind so many of them the guarantor owes for the whole loan
        raise NotHandedOver("Its guarantor paid bills of it, and no row says how many.")
    if any(fee.unpaid_fen and fee.taker in PARTNERS for fee in state.fees):
        raise NotHandedOver("It owes fees that are its guarantor's or insurer's, and no row says whose a fee is.")
    if (lost is not None) is not (state.stage is Stage.CHARGED_OFF) or state.lost is not (lost is not None):
        raise NotHandedOver("Nobody can tell since when the loan is lost.")
    event = _event(terms, state, on, event_id=event_id, product_version=product_version, lost=lost)
    if disbursed_on is not None:
        event = changed(event, disbursed_on=disbursed_on)
    try:
        outcome = record(terms=terms, events=(), state=LoanState(), event=event, business_date=on)
    except Refusal as refusal:
        raise NotHandedOver(f"Told as rows the loan would not add up. {refusal.message}") from refusal
    if state.course is not None or lost is not None:
        again = _event(terms, outcome.state, on, event_id=event_id, product_version=product_version, lost=lost)
        if changed(again, disbursed_on=event.disbursed_on) != event:
            raise NotHandedOver("Told as rows it would be another loan.")
    return event


def _brought_up(terms: LoanTerms, state: LoanState, on: date) -> LoanState:
    state = advance(terms=terms, state=state, to=on, change=Change())
    return with_penalties_billed(terms=terms, state=state, on=on)


def _event(
    terms: LoanTerms, state: LoanState, on: date, *, event_id: UUID, product_version: int, lost: date | None
) -> MigratedIn:
    other = None if state.otherwise is None else _brought_up(terms, state.otherwise, on)
    first = _first_told(state, other)
    in_advance = state.course is not None or lost is not None
    payable, oldest = state.payable, next(state.unpaid_billed, None)
    return MigratedIn(
        event_id=event_id,
        value_date=on,
        disbursed_on=state.instalments[0].start,
        disbursed_fen=state.disbursed_fen,
        disbursements=state.disbursements,
        rate=terms.rate if state.course is None else _rate_now(state.course, on),
        rows=_rows(state.instalments[first:], in_advance=in_advance),
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
        lost_on=lost,
        otherwise=None if other is None else _otherwise(other, first),
    )


def _otherwise(other: LoanState, first: int) -> MigratedOtherwise:
    if other.stage is not Stage.ACTIVE or other.ended or other.guarantor_claim_fen:
        raise NotHandedOver("Without its loss the loan would be over, or called in.")
    return MigratedOtherwise(
        rows=_rows(other.instalments[first:], in_advance=True),
        overpayment_fen=other.overpayment_fen,
        suspended=other.suspended,
    )


def _first_told(state: LoanState, other: LoanState | None) -> int:
    """Return the place of the first instalment with something left, here or if the loan were not lost."""
    first = next((place for place, line in enumerate(state.instalments) if line.unpaid_fen), None)
    if first is None:
        raise NotHandedOver("Nothing is owed.")
    if other is None:
        return first
    pairs = zip(state.instalments[:first], other.instalments, strict=False)
    return next((place for place, both in enumerate(pairs) if _told(both[0]) != _told(both[1])), first)


def _told(line: Instalment) -> tuple[object, ...]:
    return (line.start, line.due, *(getattr(line, name) for name in _AMOUNTS))


def _rate_now(course: Course, on: date) -> Rate:
    if any(day > on for day, _ in course.rates) or any(until > on for _, until in course.pauses):
        raise NotHandedOver("A rate or a pause was agreed for days to come.")
    return course.rate_on(on)


def _rows(lines: Sequence[Instalment], *, in_advance: bool) -> tuple[MigratedRow, ...]:
    if any(not _is_plain(line, in_advance=in_advance) for line in lines) or any(
        line.period_start != line.start for line in lines[1:]
    ):
        raise NotHandedOver("Instalments were agreed beside the others, or paid before they were due.")
    return tuple(
        MigratedRow(
            start=line.start,
            due=line.due,
            period_start=line.period_start if line.period_start != line.start else None,
            **{name: getattr(line, name) for name in _AMOUNTS},
        )
        for line in lines
    )


def _is_plain(line: Instalment, *, in_advance: bool) -> bool:
    """Whether rows can say an instalment. Those of a new agreement are the plan where interest follows one."""
    early = not line.billed and (line.penalty_fen or (line.paid_fen and not in_advance))
    renewed = line.renewed and not in_advance
    return line.start < line.due and not (line.down_payment or line.additional or renewed or early)


def _accrued_fen(terms: LoanTerms, state: LoanState, on: date) -> int:
    line, running = interest_line(state, terms), state.current
    if line is None or running is None:
        return 0
    ahead = sum(other.interest_paid_fen for other in state.instalments if not other.billed)
    return max(-ahead, min(line.at(on) // MICRO_PER_FEN, running.interest_fen))
