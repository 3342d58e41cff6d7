"""A customer as an operator sees them: masked unless they said why, and every look is noted before it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.freeze import Freeze
from mingqu.domain.life import LifeEvent
from mingqu.domain.moment import MARKET_TIME, business_date_of
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.party import LoginProvider
from mingqu.domain.proposal import Deed
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.customers.find_customer import DecisionLine, require_visible
from mingqu.services.decisions.read_limit import LimitView, limit_view
from mingqu.services.house import House
from mingqu.services.limits.link_accounts import LinkView, links_of
from mingqu.services.loans.follow_up import NOTICE, QUIET_FROM, QUIET_UNTIL
from mingqu.services.people.read_person import ConsentView, PersonView, consents_of, person_view
from mingqu.services.people.write_note import NoteView, notes_of
from mingqu.services.repayment.read_loans import LoanView, loans_of
from mingqu.services.revolving.read_spend import SpendView, spend_views
from mingqu.store.limits import freeze
from mingqu.store.loans import loan
from mingqu.store.messages import notice_round
from mingqu.store.operators import access, operator, proposal
from mingqu.store.operators.access import Access
from mingqu.store.orders import order
from mingqu.store.parties import party
from mingqu.store.people import directory, find, life, vault
from mingqu.store.people.vault import PersonErased
from mingqu.store.revolving import spend
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

NOTICES_MAX: Final = 8
ACCESSES_MAX: Final = 8  # the card shows the latest; the log has all


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice that was sent, or waits for its hour."""

    template: str
    loan_id: UUID
    due_at: datetime
    sent_at: datetime | None
    on: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order of the person whose end is not known."""

    order_id: UUID
    kind: str
    state: str
    loan_id: UUID | None
    amount_fen: int
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmasked:
    """What a person's masks hide, until the moment at which it hides itself again."""

    name: str
    id_number: str
    phone: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whether the person may be contacted now: not at night, and not before whom we speak to is known."""

    allowed: bool
    quiet: bool
    notices_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeView:
    """That drawing is stopped: by whom, why, and the proposal to let it go on, if one waits."""

    freeze: Freeze
    operator: str
    waits: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """Everything on the customer page. For a lender's operator: only what concerns that lender's loans."""

    person_id: UUID
    erased: bool
    person: PersonView | None
    unmasked: Unmasked | None
    may_unmask: bool
    logins: tuple[LoginProvider, ...]
    limit: LimitView | None
    loans: tuple[LoanView, ...]
    spend: tuple[SpendView, ...]  # revolving accounts, of this lender or of all
    links: tuple[LinkView, ...]
    orders: tuple[OpenOrder, ...]
    consents: tuple[ConsentView, ...]
    decisions: tuple[DecisionLine, ...]
    notices: tuple[Notice, ...]
    accesses: tuple[Access, ...]
    contact: Contact
    freeze: FreezeView | None
    notes: tuple[NoteView, ...]
    life: tuple[LifeEvent, ...]
    life_waits: UUID | None
    deceased: bool

    @property
    def outstanding_fen(self) -> int:
        """The sum of the rows above it."""
        return sum(one.outstanding_fen for one in self.loans)


def read_customer(house: House, *, seat: Seat, person_id: UUID) -> CustomerView:
    """Return a customer, and note that this operator looked. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.CUSTOMER)
    lender_id, now = seat.operator.lender_id, house.clock.now()
    erased = _noted(house, seat=seat, person_id=person_id)
    own = _own_loans(house, person_id=person_id, lender_id=lender_id)
    loan_ids = [one.loan_id for one in own]
    with house.database.transaction() as tx:
        cell = tx.cell_of(person_id)
        notices = [
            _notice(row)
            for row in (
                *notice_round.waiting_for(tx, cell=cell, loan_ids=loan_ids),
                *work.of_subjects(tx, cell=cell, kind=NOTICE, subject_ids=loan_ids, limit=NOTICES_MAX),
            )
        ]
        orders = [
            OpenOrder(
                order_id=one.order_id,
                kind=one.kind.value,
                state=one.state.value,
                loan_id=one.loan_id,
                amount_fen=one.amount_fen,
                sent_at=one.sent_at,
            )
            for one in order.open_orders_of_person(tx, person_id=person_id)
            if (one.loan_id in loan_ids if one.loan_id else lender_id in (None, _lender_of(tx, one.order_id)))
        ]
        happened = life.of_person(tx, person_id=person_id) if lender_id is None else []
        deceased = life.is_deceased(tx, person_id=person_id)
        waits = proposal.waits_for(tx, deed=Deed.RECORD_LIFE, subject_id=person_id, at=now)
        logins = directory.logins(tx, person_id=person_id)
        looks = access.of_person(tx, person_id=person_id, limit=ACCESSES_MAX)
        notes = notes_of(tx, house, person_id=person_id) if lender_id is None else []
        stopped = _freeze(tx, person_id=person_id, at=now) if lender_id is None else None
        decisions = find.decisions(tx, person_id=person_id) if seat.operator.may(Permission.DECISION) else []
    whole = lender_id is None and not erased
    return CustomerView(
        person_id=person_id,
        erased=erased,
        person=None if erased else person_view(house, person_id=person_id),
        unmasked=None if erased else _unmasked(house, seat=seat, person_id=person_id),
        may_unmask=not erased and seat.operator.may(Permission.UNMASK),
        logins=tuple(login.provider for login in logins),
        limit=limit_view(house, person_id=person_id) if whole else None,
        loans=tuple(own),
        spend=_own_accounts(house, person_id=person_id, lender_id=lender_id),
        links=tuple(links_of(house, person_id=person_id)) if whole else (),
        orders=tuple(orders),
        consents=tuple(reversed(consents_of(house, person_id=person_id))) if lender_id is None else (),
        decisions=tuple(decisions),
        notices=tuple(notices),
        accesses=tuple(looks) if lender_id is None else (),
        contact=_contact(now, notices, erased=erased),
        freeze=stopped,
        notes=tuple(notes),
        life=tuple(happened),
        life_waits=waits.proposal_id if waits else None,
        deceased=deceased,
    )


def _noted(house: House, *, seat: Seat, person_id: UUID) -> bool:
    """Note that an operator looks at a person, and return whether the person was erased. Errors: NotFound."""
    with house.database.transaction() as tx:
        known = party.load_person(tx, person_id=person_id)
        require_visible(tx, seat=seat, person_id=person_id)
        note_access(tx, house, seat=seat, person_id=person_id, what=access.CUSTOMER, subject_id=person_id)
        tx.commit()
    return known.erased_at is not None


def _own_accounts(house: House, *, person_id: UUID, lender_id: UUID | None) -> tuple[SpendView, ...]:
    found = spend_views(house, person_id=person_id)
    return tuple(one for one in found if lender_id in (None, one.lender_id))


def _lender_of(tx: Transaction, order_id: UUID) -> UUID:
    """Return the lender of the revolving account that an order is of."""
    return spend.account_of_order(tx, order_id=order_id).lender_id


def _freeze(tx: Transaction, *, person_id: UUID, at: datetime) -> FreezeView | None:
    standing = freeze.standing(tx, person_id=person_id)
    if standing is None:
        return None
    waits = proposal.waits_for(tx, deed=Deed.THAW_DRAWING, subject_id=standing.freeze_id, at=at)
    return FreezeView(
        freeze=standing,
        operator=operator.load(tx, operator_id=standing.frozen_by).name,
        waits=waits.proposal_id if waits else None,
    )


def survivor_of(house: House, *, person_id: UUID) -> UUID:
    """Return the person that somebody was found to be. Errors: NotFound."""
    with house.database.transaction() as tx:
        return party.surviving(tx, person_id=person_id)


def _own_loans(house: House, *, person_id: UUID, lender_id: UUID | None) -> list[LoanView]:
    with house.database.transaction() as tx:
        visible = {
            one.loan_id
            for one in loan.of_person(tx, person_id=person_id)
            if lender_id is None or one.lender_id == lender_id
        }
    return [one for one in loans_of(house, person_id=person_id) if one.loan_id in visible]


def _unmasked(house: House, *, seat: Seat, person_id: UUID) -> Unmasked | None:
    """Return what this session may see in clear, if it said why a little while ago."""
    if not seat.operator.may(Permission.UNMASK):
        return None
    with house.database.transaction() as tx:
        until = access.unmasked_until(tx, person_id=person_id, session_id=seat.session_id, at=house.clock.now())
        if until is None:
            return None
        try:
            known = vault.open_all(tx, keyring=house.keyring, person_id=person_id)
        except (PersonErased, NotFound):
            return None
    shown = {name: value.reveal() for name, value in known.items() if name in _FIELDS}
    return Unmasked(
        name=shown.get(party.FIELD_NAME, "–"),
        id_number=shown.get(party.FIELD_ID_NUMBER, "–"),
        phone=shown.get(party.FIELD_PHONE, "–"),
        until=until,
    )


_FIELDS: Final = (party.FIELD_NAME, party.FIELD_ID_NUMBER, party.FIELD_PHONE)


def _contact(now: datetime, notices: list[Notice], *, erased: bool) -> Contact:
    """Return whether contact is allowed: between 08:00 and 22:00 in the market (GB/T 45251-2025)."""
    wall = now.astimezone(MARKET_TIME)
    since_midnight = timedelta(hours=wall.hour, minutes=wall.minute)
    quiet = not QUIET_UNTIL <= since_midnight < QUIET_FROM
    today: date = business_date_of(now)
    sent = sum(one.sent_at is not None and business_date_of(one.sent_at) == today for one in notices)
    return Contact(allowed=not quiet and not erased, quiet=quiet, notices_today=sent)


def _notice(row: tuple[UUID, datetime, datetime | None, dict[str, object]]) -> Notice:
    loan_id, due_at, sent_at, payload = row
    return Notice(
        template=str(payload["template"]),
        loan_id=loan_id,
        due_at=due_at,
        sent_at=sent_at,
        on=str(payload["on"]),
        amount_fen=int(str(payload["amount_fen"])),
    )
