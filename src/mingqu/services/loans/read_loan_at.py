"""The time machine: a loan at the end of any day, as it was known that day and as it is known now.

Nothing is stored for it: a loan is a function of its events, so "then" is the events that were booked by that day and
"now" is those that count from that day or earlier, whenever they came. Each is told again and laid beside the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Event, Instalment, LoanState, LoanTerms, Reversed, fold, interest_line, penalty_line
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.operator import Permission
from mingqu.domain.order import Order
from mingqu.domain.ownership import NotFound
from mingqu.services.access.note_access import note_access
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.ledgers import ledger
from mingqu.store.ledgers.ledger import Entry
from mingqu.store.loans import loan, loan_funding, offer
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import KnownEvent, known_events
from mingqu.store.operators import access
from mingqu.store.orders import order
from mingqu.store.server.database import Transaction

POINTS_MAX: Final = 80  # of the line of the balance; a loan of 36 instalments has half of that
REFUSED_MAX: Final = 5  # orders that ended without money, the newest: what a person asks about is one of them
_ACCOUNTS: Final = {
    "principal": (AccountCode.LOAN_PRINCIPAL, AccountCode.LOAN_PRINCIPAL_DUE),
    "interest": (AccountCode.LOAN_INTEREST_DUE,),
    "penalty": (AccountCode.LOAN_PENALTY_DUE,),
    "fee": (AccountCode.LOAN_FEE_DUE,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """What is owed, in fen: principal due or not, what is billed, what has grown since and is not billed."""

    principal_fen: int
    interest_fen: int
    accrued_fen: int
    penalty_fen: int
    fee_fen: int
    overdue_days: int
    stage: str

    @property
    def total_fen(self) -> int:
        """The sum of the components."""
        return self.principal_fen + self.interest_fen + self.accrued_fen + self.penalty_fen + self.fee_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One line of the schedule as known then and now; either is None where it did not exist."""

    then: Instalment | None
    now: Instalment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of the loan. `late` if it counts from a day before it was booked."""

    known: KnownEvent
    late: bool
    undone: bool
    counted_then: bool
    counted_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanAt:
    """A loan at the end of a day."""

    loan: Loan
    name: str | None
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    on: date
    first: date
    today: date
    last: date
    then: Balances
    now: Balances
    rows: tuple[Pair, ...]
    events: tuple[Told, ...]
    entries: tuple[Entry, ...]
    leaves: dict[UUID, tuple[int, int]]  # event or order → (cell, sequence) of its evidence
    points: tuple[tuple[date, int], ...]
    unknown: tuple[Order, ...]
    joint: bool  # more than one has a claim on it, so that a part may be bought back
    refused: tuple[Order, ...]  # ended without money, each with its channel's word; the newest last
    holds_now: bool  # told again, the loan is what the snapshot and the ledger say
    ledger_then_agrees: bool
    ledger_now_agrees: bool

    @property
    def terms(self) -> LoanTerms:
        """What was agreed."""
        return self.loan.terms

    @property
    def differs(self) -> bool:
        """Whether news that came later changed this day."""
        return self.then != self.now

    @property
    def steps(self) -> tuple[date | None, date | None]:
        """The days of the event before and after this one."""
        days = sorted(
            {told.known.event.value_date for told in self.events} | {row.now.due for row in self.rows if row.now}
        )
        before = [day for day in days if day < self.on]
        after = [day for day in days if day > self.on]
        return (before[-1] if before else None, after[0] if after else None)


def read_loan_at(house: House, *, seat: Seat, loan_id: UUID, on: date | None = None) -> LoanAt:
    """Return a loan at the end of a day, today unless another is given, and note that this operator looked.

    Errors: OperatorForbidden; NotFound, also for another lender's loan.
    """
    seat.operator.require(Permission.LOAN)
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        of = visible_loan(tx, seat=seat, loan_id=loan_id)
        note_access(tx, house, seat=seat, person_id=of.person_id, what=access.LOAN, subject_id=loan_id)
        known = known_events(tx, cell=of.cell, loan_id=loan_id)
        entries = ledger.entries(tx, cell=of.cell, owner=loan_id)
        signed_on = None if known else _signed_on(tx, of)
        leaves = _leaves(tx, of, known)
        orders = order.orders_of_loan(tx, loan_id=loan_id)
        name = masked_names(tx, house, person_ids=[of.person_id]).get(of.person_id)
        routed = loan_funding.of_loan(tx, loan_id=loan_id)
        tx.commit()
    first = signed_on or known[0].event.value_date
    last = max([line.due for line in of.state.instalments], default=today)
    day = min(max(on or today, first), max(last, today))
    then_events, now_events = events_then(known, day), events_now(known, day)
    then, now = _told(of, then_events, day), _told(of, now_events, day)
    product = next(one for one in house.pack.products if one.id == of.product_id)
    lender = house.pack.lender(lender_id=of.lender_id)
    return LoanAt(
        loan=of,
        name=name,
        product_zh=product.name_zh,
        product_en=product.name_en,
        lender_zh=lender.name_zh,
        lender_en=lender.name_en,
        on=day,
        first=first,
        today=today,
        last=last,
        then=balances_at(terms=of.terms, state=then, day=day),
        now=balances_at(terms=of.terms, state=now, day=day),
        rows=_rows(then, now),
        events=_events(known, then_events, now_events),
        entries=tuple(_once([entry for entry in entries if entry.value_date <= day])),
        leaves=leaves,
        points=_points(of, known, today=today),
        unknown=tuple(one for one in orders if one.open),
        refused=tuple(one for one in orders if one.refusal_code is not None)[-REFUSED_MAX:],
        joint=routed is not None and bool(routed.slices),
        holds_now=_holds(of, known, entries),
        ledger_then_agrees=_agrees(then, [entry for entry in entries if entry.posted_on <= day], of, day),
        ledger_now_agrees=_agrees(now, [entry for entry in entries if entry.value_date <= day], of, day),
    )


def _signed_on(tx: Transaction, of: Loan) -> date:
    return offer.load_contract(tx, person_id=of.person_id, contract_id=of.contract_id).signed_at.date()


def visible_loan(tx: Transaction, *, seat: Seat, loan_id: UUID) -> Loan:
    """Return a loan that this operator may see. Errors: NotFound."""
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    if seat.operator.lender_id not in (None, of.lender_id):
        raise NotFound
    return of


def events_then(known: Sequence[KnownEvent], day: date) -> list[Event]:
    """Return the events that were booked by the end of a day, without those undone by then."""
    return _standing([one for one in known if one.posted_on <= day], day)


def events_now(known: Sequence[KnownEvent], day: date) -> list[Event]:
    """Return the events that count from a day or earlier as we know today, without those undone since."""
    return _standing(known, day)


def _standing(known: Sequence[KnownEvent], day: date) -> list[Event]:
    undone = {one.event.target for one in known if isinstance(one.event, Reversed)}
    return [
        one.event
        for one in known
        if not isinstance(one.event, Reversed) and one.event.event_id not in undone and one.event.value_date <= day
    ]


def _told(of: Loan, events: Sequence[Event], day: date) -> LoanState:
    """Return the loan at the end of a day; one that has ended stays as it ended."""
    return fold(terms=of.terms, events=events, as_of=day)[0]


def balances_at(*, terms: LoanTerms, state: LoanState, day: date) -> Balances:
    """Return what is owed at the end of a day to which the state was brought up."""
    payable = state.payable
    tomorrow = day + timedelta(days=1)  # at its end a day has borne its interest
    lines = [line for line in (interest_line(state, terms), penalty_line(state, terms)) if line is not None]
    accrued = sum(max(0, line.at(tomorrow)) // MICRO_PER_FEN for line in lines)
    return Balances(
        principal_fen=state.principal_outstanding_fen,
        interest_fen=payable.interest_fen,
        accrued_fen=accrued,
        penalty_fen=payable.penalty_fen,
        fee_fen=payable.fee_fen,
        overdue_days=state.overdue_days(day),
        stage=state.stage.value,
    )


def _rows(then: LoanState, now: LoanState) -> tuple[Pair, ...]:
    """Pair the lines of two schedules by their number."""
    earlier = {line.number: line for line in then.instalments}
    later = {line.number: line for line in now.instalments}
    numbers = sorted(earlier.keys() | later.keys())
    return tuple(Pair(then=earlier.get(number), now=later.get(number)) for number in numbers)


def _events(known: Sequence[KnownEvent], then: Sequence[Event], now: Sequence[Event]) -> tuple[Told, ...]:
    undone = {one.event.target for one in known if isinstance(one.event, Reversed)}
    ids_then, ids_now = {event.event_id for event in then}, {event.event_id for event in now}
    return tuple(
        Told(
            known=one,
            late=one.event.value_date < one.posted_on,
            undone=one.event.event_id in undone,
            counted_then=one.event.event_id in ids_then,
            counted_now=one.event.event_id in ids_now,
        )
        for one in known
    )


def _points(of: Loan, known: Sequence[KnownEvent], *, today: date) -> tuple[tuple[date, int], ...]:
    """Return the principal at the end of each day on which it may have changed, then as planned."""
    days = {one.event.value_date for one in known} | {line.due for line in of.state.instalments} | {today}
    past = sorted(day for day in days if day <= today)[-POINTS_MAX:]
    points = [(day, _told(of, events_now(known, day), day).principal_outstanding_fen) for day in past]
    left = of.state.principal_outstanding_fen
    for line in sorted(of.state.instalments, key=lambda one: one.due):
        if line.due > today:
            left -= line.principal_fen - line.principal_paid_fen
            points.append((line.due, max(0, left)))
    return tuple(points)


def _holds(of: Loan, known: Sequence[KnownEvent], entries: Sequence[Entry]) -> bool:
    """Return whether all events told again give the stored state, and the ledger's accounts are its components."""
    again = fold(terms=of.terms, events=[one.event for one in known], as_of=of.state.as_of)[0]
    return again == of.state and _sums(entries) == _components(of.state)


def _agrees(state: LoanState, entries: Sequence[Entry], of: Loan, day: date) -> bool:
    """Return whether the ledger, read to a day, is the told state; a morning not done yet is not compared."""
    if of.state.as_of is None or day > of.state.as_of:
        return True
    return _sums(entries) == _components(state)


def _components(state: LoanState) -> dict[str, int]:
    payable = state.payable
    return {
        "principal": state.principal_outstanding_fen,
        "interest": payable.interest_fen,
        "penalty": payable.penalty_fen,
        "fee": payable.fee_fen,
    }


def _once(entries: Sequence[Entry]) -> list[Entry]:
    """Return each transfer once: one between two accounts of the loan stands in its statement on both sides."""
    return list({entry.transfer_id: entry for entry in entries}.values())


def _sums(entries: Sequence[Entry]) -> dict[str, int]:
    net: dict[AccountCode, int] = {}
    for entry in entries:
        if entry.kind.name in ("POSTED", "POST"):
            sign = 1 if entry.side.name == "DEBIT" else -1
            net[entry.account.code] = net.get(entry.account.code, 0) + sign * entry.amount_fen
    return {name: sum(net.get(code, 0) for code in codes) for name, codes in _ACCOUNTS.items()}


def _leaves(tx: Transaction, of: Loan, known: Sequence[KnownEvent]) -> dict[UUID, tuple[int, int]]:
    found: dict[UUID, tuple[int, int]] = {}
    for subject_id in [of.contract_id, *(one.event.event_id for one in known)]:
        for leaf in evidence.leaves_of(tx, person_id=of.person_id, subject_id=subject_id):
            found[subject_id] = (leaf.cell, leaf.sequence)
    return found
