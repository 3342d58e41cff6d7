"""Find a customer, loan or decision by what somebody has in hand: an id, an order number, a phone, an ID number."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.party import IdentityLevel, LoginProvider, PhoneMalformed, read_phone
from mingqu.domain.personal import Personal
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store.parties import party
from mingqu.store.people import directory, find
from mingqu.store.people.find import DecisionLine as DecisionLine
from mingqu.store.people.find import Found as Found
from mingqu.store.people.find import LoanLine
from mingqu.store.server.database import Transaction

_ID_DIGITS: Final = re.compile(r"[0-9a-f]{32}")
_ID_NUMBER: Final = re.compile(r"[0-9]{17}[0-9X]")
TYPED_LENGTH_MAX: Final = 100  # longer than anything that can be found


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """A person of a list."""

    person_id: UUID
    name: str | None
    level: IdentityLevel
    since: datetime
    loans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLoan:
    """A loan of a list, in words."""

    loan: LoanLine
    name: str | None
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDecision:
    """A decision of a list."""

    decision: DecisionLine
    name: str | None


def find_anything(house: House, *, seat: Seat, typed: Personal[str]) -> Found:
    """Return what the typed text names. A phone or ID number is compared by its keyed hash, whole.

    Errors: OperatorForbidden; NotFound, also for what this operator's lender has no part in.
    """
    seat.operator.require(Permission.FIND)
    text = typed.reveal().strip()
    if not 0 < len(text) <= TYPED_LENGTH_MAX:
        raise NotFound
    with house.database.transaction() as tx:
        digits = text.lower().replace("-", "")
        found = find.by_id(tx, subject_id=UUID(digits)) if _ID_DIGITS.fullmatch(digits) else None
        if found is None:
            person_id = _by_hash(tx, house, Personal(text))
            if person_id is None:
                raise NotFound
            found = Found(kind="person", person_id=person_id, loan_id=None, subject_id=person_id)
        require_visible(tx, seat=seat, person_id=found.person_id)
        return found


def require_visible(tx: Transaction, *, seat: Seat, person_id: UUID) -> None:
    """Return when an operator may know of a person: a lender's only of whom the lender lends to. Errors: NotFound."""
    lender_id = seat.operator.lender_id
    if lender_id is not None and not find.lends_to(tx, lender_id=lender_id, person_id=person_id):
        raise NotFound


def list_people(house: House, *, seat: Seat) -> list[PersonLine]:
    """Return the newest customers."""
    with house.database.transaction() as tx:
        rows = find.people(tx, lender_id=seat.operator.lender_id)
        names = masked_names(tx, house, person_ids=[row[0] for row in rows])
    return [
        PersonLine(person_id=row[0], name=names.get(row[0]), level=IdentityLevel(row[1]), since=row[2], loans=row[3])
        for row in rows
    ]


def list_loans(house: House, *, seat: Seat) -> list[ListedLoan]:
    """Return loans, the longest overdue first."""
    with house.database.transaction() as tx:
        rows = find.loans(tx, lender_id=seat.operator.lender_id)
        names = masked_names(tx, house, person_ids=[row.person_id for row in rows])
    products = {product.id: product for product in house.pack.products}
    lenders = {lender.id: lender for lender in house.pack.lenders}
    return [
        ListedLoan(
            loan=row,
            name=names.get(row.person_id),
            product_zh=products[row.product_id].name_zh,
            product_en=products[row.product_id].name_en,
            lender_zh=lenders[row.lender_id].name_zh,
            lender_en=lenders[row.lender_id].name_en,
        )
        for row in rows
    ]


def list_decisions(house: House, *, seat: Seat) -> list[ListedDecision]:
    """Return the latest decisions. Errors: OperatorForbidden."""
    seat.operator.require(Permission.DECISION)
    with house.database.transaction() as tx:
        rows = find.decisions(tx)
        names = masked_names(tx, house, person_ids=[row.person_id for row in rows])
    return [ListedDecision(decision=row, name=names.get(row.person_id)) for row in rows]


def _by_hash(tx: Transaction, house: House, typed: Personal[str]) -> UUID | None:
    """Return the person behind a phone, an ID number or a login's subject, merged ones followed."""
    person_id: UUID | None = None
    text = typed.reveal().upper()
    if _ID_NUMBER.fullmatch(text):
        person_id = directory.find_id_number(tx, keyring=house.keyring, id_number=Personal(text))
    if person_id is None:
        with contextlib.suppress(PhoneMalformed):
            login = directory.find_login(
                tx, keyring=house.keyring, provider=LoginProvider.PHONE, subject=read_phone(typed)
            )
            person_id = None if login is None else login.person_id
    if person_id is None:
        for provider in (LoginProvider.WECHAT, LoginProvider.ALIPAY):
            login = directory.find_login(tx, keyring=house.keyring, provider=provider, subject=typed)
            if login is not None:
                person_id = login.person_id
    return None if person_id is None else party.surviving(tx, person_id=person_id)
