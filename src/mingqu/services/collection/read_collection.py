"""The worklist of collection and the page of a case: whom to call, whether they may be now, what promises came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.collection import (
    DUE_SOON,
    Bucket,
    Case,
    PromiseState,
    Step,
    StepKind,
    bucket_of,
    case_of,
    promise_state,
)
from mingqu.domain.contact import Denied
from mingqu.domain.moment import business_date_of
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import Deed
from mingqu.services.access.note_access import note_access
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.collection.collect import LAWSUITS, agencies_of, field_of, gate_call
from mingqu.services.collection.debt import Debt, due_fen, find_debt, paid_of
from mingqu.services.house import House
from mingqu.store.loans.loan import Loan
from mingqu.store.operators import access, operator, proposal
from mingqu.store.overdue import collection, grievance
from mingqu.store.overdue.collection import ROWS_MAX, Overdue
from mingqu.store.people import life, vault
from mingqu.store.people.vault import PersonErased
from mingqu.store.revolving import late
from mingqu.store.server.database import Transaction

STEPS_SHOWN: Final = 60  # the newest of a case; a page is read by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """A promise and what became of it. Amount in fen."""

    amount_fen: int
    until: date
    state: PromiseState


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """A loan or a revolving account of the worklist, its borrower masked."""

    overdue: Overdue
    name: str | None
    overdue_days: int
    case: Case
    assigned_to: str | None
    own: bool
    promise: Promised | None
    called_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklist:
    """A bucket with its debts, and of each bucket how many loans and accounts it has and what cures them in fen."""

    bucket: Bucket
    counts: dict[Bucket, tuple[int, int]]
    lines: tuple[CaseLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether the borrower may be called now; if not, why, by which row of which document, and from when."""

    allowed: bool
    reason: str
    rule_id: str
    document: str
    next_at: datetime | None
    spoken_today: int
    dialed_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step as the page shows it; `words` of a note, None when they were erased."""

    step: Step
    operator: str
    words: str | None
    promise: PromiseState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case as an operator works on it."""

    debt_id: UUID
    is_account: bool
    person_id: UUID
    name: str | None
    bucket: Bucket
    overdue_days: int
    due_fen: int
    left_instalments: int
    case: Case
    assigned_to: str | None
    own: bool
    gate: Gate
    steps: tuple[StepView, ...]
    agencies: tuple[str, ...]
    lawsuits: tuple[str, ...]
    relief_waits: UUID | None
    disputed: bool
    deceased: bool
    may_collect: bool


def read_worklist(house: House, *, seat: Seat, bucket: Bucket) -> Worklist:
    """Return a bucket of the worklist, the longest overdue first. Errors: OperatorForbidden."""
    seat.operator.require(Permission.COLLECTIONS)
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        loans = collection.worklist(tx, bucket=bucket, on=today, soon=today + DUE_SOON)
        accounts = late.worklist(tx, bucket=bucket, on=today)
        found = sorted((*loans, *accounts), key=lambda one: one.overdue_since or one.next_event or today)[:ROWS_MAX]
        people = masked_names(tx, house, person_ids=[one.person_id for one in found])
        names = {one.operator_id: one.name for one in operator.every(tx)}
        cells: dict[int, list[UUID]] = {}
        for one in found:
            cells.setdefault(tx.cell_of(one.debt_id), []).append(one.debt_id)
        steps = {
            debt_id: told
            for cell, debt_ids in cells.items()
            for debt_id, told in collection.of_debts(tx, cell=cell, debt_ids=debt_ids).items()
        }
        lines = tuple(_line(tx, one, steps[one.debt_id], people, names, seat, today) for one in found)
        counts = collection.counts(tx, on=today, soon=today + DUE_SOON)
        for late_in, (number, lacking_fen) in late.counts(tx, on=today).items():
            counts[late_in] = (counts[late_in][0] + number, counts[late_in][1] + lacking_fen)
    return Worklist(bucket=bucket, counts=counts, lines=lines)


def read_case(house: House, *, seat: Seat, debt_id: UUID) -> CaseView:
    """Return the case of a debt, and note that this operator looked. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.COLLECTIONS)
    today, now = house.clock.business_date(), house.clock.now()
    with house.database.transaction() as tx:
        of = find_debt(tx, debt_id=debt_id)
        steps = collection.of_debts(tx, cell=of.cell, debt_ids=[debt_id])[debt_id]
        names = {one.operator_id: one.name for one in operator.every(tx)}
        case = case_of(steps=steps, on=today)
        paid = paid_of(tx, debt_id=debt_id, is_account=not isinstance(of, Loan))
        shown = list(reversed(steps))[:STEPS_SHOWN]
        words = vault.open_many(
            tx,
            keyring=house.keyring,
            cell=of.cell,
            fields=[(of.person_id, field_of(one.step_id)) for one in shown if one.kind is StepKind.NOTED],
        )
        waits = proposal.waits_for(tx, deed=Deed.RELIEVE_LOAN, subject_id=debt_id, at=now)
        days = of.state.overdue_days(today)
        view = CaseView(
            debt_id=debt_id,
            is_account=not isinstance(of, Loan),
            person_id=of.person_id,
            name=masked_names(tx, house, person_ids=[of.person_id]).get(of.person_id),
            bucket=bucket_of(overdue_days=days),
            overdue_days=days,
            due_fen=due_fen(of, on=today),
            left_instalments=sum(line.paid_on is None for line in of.state.instalments) if isinstance(of, Loan) else 0,
            case=case,
            assigned_to=names.get(case.assigned_to) if case.assigned_to else None,
            own=case.assigned_to == seat.operator.operator_id,
            gate=_gate(tx, house, of, now),
            steps=tuple(
                StepView(
                    step=one,
                    operator=names.get(one.operator_id, "?"),
                    words=None if (said := words.get((of.person_id, field_of(one.step_id)))) is None else said.reveal(),
                    promise=promise_state(promise=one, paid=paid, on=today) if one.kind is StepKind.PROMISED else None,
                )
                for one in shown
            ),
            agencies=tuple(agencies_of(house, of=of, on=today)),
            lawsuits=LAWSUITS,
            relief_waits=waits.proposal_id if waits else None,
            disputed=grievance.disputed(tx, person_id=of.person_id, debt_id=debt_id) > 0,
            deceased=life.is_deceased(tx, person_id=of.person_id),
            may_collect=seat.operator.may(Permission.COLLECT) and days > 0,
        )
        note_access(tx, house, seat=seat, person_id=of.person_id, what=access.LOAN, subject_id=debt_id)
        tx.commit()
    return view


def _line(
    tx: Transaction,
    one: Overdue,
    steps: Sequence[Step],
    people: dict[UUID, str],
    names: dict[UUID, str],
    seat: Seat,
    today: date,
) -> CaseLine:
    case = case_of(steps=steps, on=today)
    promise = None
    if case.promise is not None:
        assert case.promise.amount_fen is not None
        assert case.promise.until is not None
        paid = paid_of(tx, debt_id=one.debt_id, is_account=one.is_account)
        promise = Promised(
            amount_fen=case.promise.amount_fen,
            until=case.promise.until,
            state=promise_state(promise=case.promise, paid=paid, on=today),
        )
    return CaseLine(
        overdue=one,
        name=people.get(one.person_id),
        overdue_days=0 if one.overdue_since is None else (today - one.overdue_since).days,
        case=case,
        assigned_to=names.get(case.assigned_to) if case.assigned_to else None,
        own=case.assigned_to == seat.operator.operator_id,
        promise=promise,
        called_at=next((step.at for step in reversed(steps) if step.kind is StepKind.CALLED), None),
    )


def _gate(tx: Transaction, house: House, of: Debt, now: datetime) -> Gate:
    made = collection.calls_of_person(tx, person_id=of.person_id, since=now.replace(hour=0, minute=0))
    today = [one for one in made if business_date_of(one.at) == business_date_of(now)]
    try:
        answer = gate_call(tx, house, about=of, to_debtor=True, at=now)
    except (NotFound, PersonErased):
        answer = None  # came over without a phone, or is erased: nobody can be called
    denied = answer if isinstance(answer, Denied) else None
    return Gate(
        allowed=answer is not None and denied is None,
        reason="no_number" if answer is None else denied.reason.value if denied else "",
        rule_id=denied.rule.id if denied else "",
        document=denied.rule.document if denied else "",
        next_at=denied.next_at if denied else None,
        spoken_today=sum(bool(one.effective) for one in today),
        dialed_today=len(today),
    )
