"""Record what happened in somebody's life, by two people and from a paper: another phone, a death, a mistake.

A new phone takes the place of all old ones: they lead nowhere, open sessions end, and the identity has to be proved
with it again. After a death nothing is lent, deducted or demanded (`store.people.life.require_living`); what is owed
stands, and a person speaks with the heirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.life import (
    LifeEvent,
    LifeEventMalformed,
    LifeKind,
    PersonDeceased,
    check_day,
    check_paper,
    read_kind,
)
from mingqu.domain.operator import Permission
from mingqu.domain.party import IdentityEvent, IdentityLevel, LoginProvider, read_phone
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Proposal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.orders.end_agreement import end_agreement
from mingqu.store.parties import party
from mingqu.store.people import directory, life, session, vault
from mingqu.store.server.database import Transaction


def keep_new_phone(house: House, *, seat: Seat, person_id: UUID, phone: Personal[str]) -> str:
    """Seal a phone that is to be somebody's, and return the keyed hash by which a proposal names it.

    Kept again it is the same. Errors: OperatorForbidden, PhoneMalformed, NotFound, PersonErased.
    """
    seat.operator.require(Permission.ANSWER)
    written = read_phone(phone)
    hashed = house.keyring.lookup_hash(kind=LoginProvider.PHONE.value, value=written).hex()

    def work(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        party.load_person(tx, person_id=person_id)
        vault.seal(
            tx,
            keyring=house.keyring,
            person_id=person_id,
            field=_field(hashed),
            value=written,
            at=house.clock.now(),
        )

    house.database.run(work)
    return hashed


def say_life(
    tx: Transaction, house: House, person_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose life it is and what is to be recorded. It is asked with `kind`, `happened_on`, `paper`, and for a
    phone with `phone_hash`, as `keep_new_phone` returned it.

    Errors: NotFound, LifeEventMalformed, PersonDeceased.
    """
    known, kind = party.load_person(tx, person_id=person_id), read_kind(str(asked.get("kind", "")))
    day = check_day(str(asked.get("happened_on", "")), today=house.clock.business_date())
    gone = life.is_deceased(tx, person_id=person_id)
    if gone and kind is not LifeKind.ALIVE:
        raise PersonDeceased("This person is recorded as deceased.")
    if kind is LifeKind.ALIVE and not gone:
        raise LifeEventMalformed("Nobody recorded a death.")
    says: dict[str, Canonical] = {
        "life": kind.value,
        "happened_on": day.isoformat(),
        "paper": check_paper(str(asked.get("paper", ""))),
    }
    if kind is LifeKind.PHONE_CHANGED:
        if known.identity_level is IdentityLevel.NONE or not asked.get("phone_hash"):
            raise LifeEventMalformed("Give the new phone of somebody who proved who they are.")
        says["phone_hash"] = str(asked["phone_hash"])
    return person_id, says


def basis_of_life(tx: Transaction, proposal: Proposal) -> str:
    """Return what a record rests on: the person's logins, and what was recorded before. Errors: NotFound."""
    party.load_person(tx, person_id=proposal.person_id)
    logins = "".join(one.subject_hash.hex() for one in directory.logins(tx, person_id=proposal.person_id))
    told = "".join(one.event_id.hex for one in life.of_person(tx, person_id=proposal.person_id))
    return hashlib.sha256(f"{logins} {told}".encode()).hexdigest()


def record_life(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Record the event and do what follows from it. Errors: DirectoryTaken, NotFound, PersonErased."""
    body, now, person_id = proposal.body, house.clock.now(), proposal.person_id
    kind = read_kind(str(body["life"]))
    life.insert(
        tx,
        event=LifeEvent(
            event_id=house.id_for(person_id),
            person_id=person_id,
            kind=kind,
            happened_on=date.fromisoformat(str(body["happened_on"])),
            paper=str(body["paper"]),
            proposal_id=proposal.proposal_id,
            recorded_at=now,
        ),
    )
    if kind is LifeKind.DECEASED:
        end_agreement(tx, house, person_id=person_id)
        session.end_all(tx, person_id=person_id, at=now)
    elif kind is LifeKind.PHONE_CHANGED:
        _change_phone(tx, house, person_id=person_id, phone_hash=str(body["phone_hash"]))


def _change_phone(tx: Transaction, house: House, *, person_id: UUID, phone_hash: str) -> None:
    now = house.clock.now()
    phone = vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=_field(phone_hash))
    directory.forget_logins(tx, person_id=person_id, provider=LoginProvider.PHONE)
    directory.add_login(
        tx, keyring=house.keyring, provider=LoginProvider.PHONE, subject=phone, person_id=person_id, at=now
    )
    party.set_phone(tx, keyring=house.keyring, person_id=person_id, phone=phone, at=now)
    party.set_identity_level(tx, person_id=person_id, event=IdentityEvent.PHONE_CHANGED)
    session.end_all(tx, person_id=person_id, at=now)


def _field(phone_hash: str) -> str:
    return f"life.{phone_hash[:32]}"
