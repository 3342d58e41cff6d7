"""A loan enters from another book: what it brings is checked against itself, and then it is a loan like any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import date
from typing import Final

from mingqu.domain.calendar import check_date
from mingqu.domain.changed import changed
from mingqu.domain.course import Stretch, settle_last
from mingqu.domain.loan.event import order_key
from mingqu.domain.loan.lend import LoanNotActive
from mingqu.domain.loan.migrated import MigratedIn, MigratedOtherwise, MigratedRow
from mingqu.domain.loan.posting import Change, post_opening
from mingqu.domain.loan.state import FeePart, Instalment, LoanState, Stage, overdue_start
from mingqu.domain.loan.terms import NON_ACCRUAL_AFTER_DAYS, Component, LoanTerms, Recalculation
from mingqu.domain.loan.working import new_course, paid_on, work_on
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import INSTALMENTS_MAX


class MigrationUnsound(Refusal):
    """What the other book says of a loan does not add up, or its terms are not those of the contract."""

    code = "migration_unsound"
    status = 409


_AMOUNTS: Final = tuple(field.name for field in fields(MigratedRow) if field.name.endswith("_fen"))


def take_over(*, terms: LoanTerms, state: LoanState, event: MigratedIn, change: Change) -> LoanState:
    """Return the state of a loan that another book kept until now; every balance is posted against migration clearing.

    On a course the interest of rows to come is worked out along the debt, as it would be for any loan: instalments
    stay as told, and the last one takes the difference. Errors: LoanNotActive, MigrationUnsound.
    """
    if state.stage is not Stage.PLANNED:
        raise LoanNotActive("A loan is taken over as its first event.")
    _check_rows(terms, event, event.rows)
    _check_terms(terms, event)
    _check_loss(terms, event)
    after = _standing(terms, event, told=event, billed_to=event.billed_to)
    if event.lost_on is not None:
        after = changed(after, stage=Stage.CHARGED_OFF, lost=True, suspended=event.suspended)
    _check_balances(event, after)
    if terms.uses_course:
        after = _on_course(terms, event, after)
    if event.otherwise is not None:
        other = _standing(terms, event, told=event.otherwise, billed_to=event.value_date)
        _require(
            any(line.unpaid_fen for line in other.instalments),
            "Without its loss it would owe something.",
            balance="otherwise",
        )
        after = changed(after, otherwise=_on_course(terms, event, other) if terms.uses_course else other)
    post_opening(state=after, accrued_fen=event.accrued_fen, change=change, on=event.value_date)
    return after


def _standing(
    terms: LoanTerms, event: MigratedIn, *, told: MigratedIn | MigratedOtherwise, billed_to: date
) -> LoanState:
    """Return how a loan stands that runs as its rows say."""
    after = LoanState(
        stage=Stage.ACTIVE,
        as_of=event.value_date,
        instalments=tuple(_lines(terms, event, told.rows, billed_to)),
        disbursed_fen=event.disbursed_fen,
        disbursements=event.disbursements,
        overpayment_fen=told.overpayment_fen,
        fees=tuple(_fees(event, told.rows)),
        last_key=order_key(event),
    )
    late_days = after.overdue_days(event.value_date)
    _require(not told.suspended or (terms.suspends_income and late_days > 0), "Income stops of a loan that is overdue.")
    if told.suspended or (terms.suspends_income and late_days > NON_ACCRUAL_AFTER_DAYS):
        after = changed(after, suspended=True)
    return after


def _require(holds: bool, sentence: str, **data: int | str) -> None:
    if not holds:
        raise MigrationUnsound(sentence, **data)


def _check_rows(terms: LoanTerms, event: MigratedIn, rows: Sequence[MigratedRow]) -> None:
    in_advance = terms.uses_course or event.lost_on is not None
    _require(1 <= len(rows) <= INSTALMENTS_MAX, f"A loan brings 1 to {INSTALMENTS_MAX} rows.")
    for day in (event.disbursed_on, rows[0].start, rows[-1].due):
        check_date(day)
    begun = rows[0].start
    _require(event.disbursed_on <= begun, "The first row begins after the money went out, or with it.")
    _require(event.disbursed_on <= event.value_date, "A loan is taken over after its money went out.")
    for row in rows:
        _require(row.start == begun < row.due, "Rows follow each other without a gap.", due=row.due.isoformat())
        begun = row.due
        _require(row.period_start is None or row.period_start <= row.start, "A row begins in its period.")
        _require(all(getattr(row, name) >= 0 for name in _AMOUNTS), "No amount of a row is below zero.")
        _require(
            all(_paid(row, component) <= _owed(row, component) for component in Component),
            "No more is paid of a row than it asks for.",
            due=row.due.isoformat(),
        )
        early = row.penalty_fen or (not in_advance and any(_paid(row, component) for component in Component))
        _require(row.due <= event.value_date or not early, "A row that is not due yet says what is still to come.")
    repaid = event.disbursed_fen - sum(row.principal_fen for row in rows)
    _require(repaid >= 0, "Rows ask for more principal than was paid out.")
    _require(not repaid or event.disbursed_on < rows[0].start, "What was repaid before the rows has no row.")


def _owed(row: MigratedRow, component: Component) -> int:
    return int(getattr(row, f"{component.value}_fen"))


def _paid(row: MigratedRow, component: Component) -> int:
    return int(getattr(row, f"{component.value}_paid_fen"))


def _check_terms(terms: LoanTerms, event: MigratedIn) -> None:
    if terms.uses_course:
        _require(
            event.disbursed_fen <= terms.principal_fen,
            "More was paid out than the contract says.",
            balance="disbursed_fen",
        )
        _require(
            1 <= event.disbursements <= terms.disbursements_max,
            "The terms know other disbursements.",
            balance="disbursements",
        )
        return
    _require(
        event.disbursed_fen == terms.principal_fen,
        "The amount paid out is not the amount of the contract.",
        balance="disbursed_fen",
    )
    _require(event.disbursements == 1, "A loan that follows a plan is paid out once.", balance="disbursements")
    _require(event.rate == terms.rate, "A loan that follows a plan bears the rate of its contract.", balance="rate")


def _check_loss(terms: LoanTerms, event: MigratedIn) -> None:
    lost, other = event.lost_on, event.otherwise
    if lost is None:
        _require(other is None, "Only a loan taken for lost would stand otherwise.", balance="otherwise")
        return
    _require(event.disbursed_on <= lost < event.value_date, "A loan is lost after it was paid out.", balance="lost_on")
    if other is not None:
        _check_rows(terms, event, other.rows)
        _require(other.overpayment_fen >= 0, "What would be owed back is not below zero.", balance="otherwise")
        same = other.rows[0].start == event.rows[0].start and _principal_fen(other.rows) == _principal_fen(event.rows)
        _require(
            same, "What a loan would owe is told from the same row on, of the same principal.", balance="otherwise"
        )


def _principal_fen(rows: Sequence[MigratedRow]) -> int:
    return sum(row.principal_fen for row in rows)


def _check_balances(event: MigratedIn, state: LoanState) -> None:
    payable = state.payable
    found = {
        "principal_due_fen": payable.principal_fen,
        "interest_due_fen": payable.interest_fen,
        "penalty_due_fen": payable.penalty_fen,
        "fee_due_fen": payable.fee_fen,
        "principal_unbilled_fen": state.principal_unbilled_fen,
    }
    for name, fen in found.items():
        _require(getattr(event, name) == fen, "A balance is not what the rows add up to.", balance=name, rows_fen=fen)
    oldest = next(state.unpaid_billed, None)
    since = oldest.due if oldest is not None and oldest.due < event.value_date else None
    _require(event.overdue_since == since, "The loan is not overdue since the day that is told.")
    _require(event.overpayment_fen >= 0, "What is owed back is not below zero.")
    _require(any(line.unpaid_fen for line in state.instalments), "Nothing is owed: there is no loan to take over.")
    running = state.current
    runs = running is not None and state.stage is Stage.ACTIVE and not state.suspended
    most = running.interest_fen if running is not None and runs and running.start < event.value_date else 0
    ahead = sum(line.interest_paid_fen for line in state.instalments if not line.billed) if runs else 0
    _require(
        -ahead <= event.accrued_fen <= most,
        "More has accrued than the running row asks for, or more was paid ahead than rows say.",
        balance="accrued_interest_fen",
        most_fen=most,
    )


def _lines(terms: LoanTerms, event: MigratedIn, rows: Sequence[MigratedRow], billed_to: date) -> Iterator[Instalment]:
    """Yield the rows as instalments, behind one that holds what was repaid in rows that are not told any more."""
    repaid = event.disbursed_fen - _principal_fen(rows)
    first = rows[0].start
    if repaid:
        yield Instalment(
            number=1,
            period_start=event.disbursed_on,
            start=event.disbursed_on,
            due=first,
            principal_fen=repaid,
            principal_paid_fen=repaid,
            interest_fen=0,
            billed=True,
            paid_on=first,
        )
    for number, row in enumerate(rows, start=2 if repaid else 1):
        billed = row.due <= billed_to
        line = Instalment(
            number=number,
            period_start=row.period_start or row.start,
            start=row.start,
            billed=billed,
            due=row.due,
            **{name: getattr(row, name) for name in _AMOUNTS},
        )
        if billed or line.paid_fen:
            line = changed(line, paid_on=paid_on(line, min(row.due, event.value_date)))
        overdue = billed and line.unpaid_fen > 0 and overdue_start(line, terms) <= event.value_date
        # Penalties are billed up to the day, so they run from there.
        yield changed(line, penalty_from=event.value_date) if overdue else line


def _fees(event: MigratedIn, rows: Sequence[MigratedRow]) -> Iterator[FeePart]:
    for row in rows:
        if row.fee_fen:
            yield FeePart(
                fee_id=event.event_id,
                due=row.due,
                line_due=row.due,
                amount_fen=row.fee_fen,
                paid_fen=row.fee_paid_fen,
            )


def _on_course(terms: LoanTerms, event: MigratedIn, state: LoanState) -> LoanState:
    """Give the loan a course: what is due stays as told, what is to come bears along the debt from its row's start.

    Where interest follows the plan, the plan as told is the plan: no payment ever touches such a course.
    """
    follows = terms.recalculation is not Recalculation.PLAN
    course = new_course(terms=terms, start=terms.start or event.disbursed_on)
    on_top = course.stretches[0].on_top
    course.terms = replace(course.terms, principal_grace=0, interest_grace=0)  # the rows say what is left of them
    course.stretches = [_stretch(line, on_top=on_top, paid=follows) for line in state.instalments]
    opened = course.stretches[0].start
    course.rates = [(opened, event.rate)]
    course.move(on=opened, lent_fen=event.disbursed_fen, moved_fen=-course.total("principal_paid_fen"))
    settle_last(course, on=event.value_date)
    working = work_on(terms=terms, state=changed(state, course=course))
    if follows:
        working.sync(on=event.value_date, since=event.value_date)
    return working.save()


def _stretch(line: Instalment, *, on_top: bool, paid: bool) -> Stretch:
    target = line.principal_fen if on_top else line.principal_fen + line.interest_fen
    told = Stretch(
        start=line.start,
        due=line.due,
        target_fen=target,
        agreed_fen=target,
        principal_paid_fen=line.principal_paid_fen if paid else 0,
        interest_paid_fen=line.interest_paid_fen if paid else 0,
        on_top=on_top,
    )
    if line.billed:  # its interest is what the other book says, and is not borne here
        told.interest_fixed_fen, told.silent, told.closed = line.interest_fen, True, True
    return told
