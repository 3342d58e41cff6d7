"""People in the book: created at the first sign-in, raised in identity level, merged, erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.moment import business_date_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.party import IdCard, IdentityEvent, IdentityLevel, LoginProvider, Person, next_level
from mingqu.domain.personal import Personal
from mingqu.store.decisions import signal
from mingqu.store.limits import freeze
from mingqu.store.loans import taking_over
from mingqu.store.merchants import checkout
from mingqu.store.operators import access, proposal
from mingqu.store.people import business, directory, instrument, life, vault
from mingqu.store.purposes import purpose
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

FIELD_NAME: Final = "name"
FIELD_ID_NUMBER: Final = "id_number"
FIELD_PHONE: Final = "phone"
_PERSON: Final = """
    SELECT person_id, identity_level, created_at, merged_into, erased_at FROM person
    WHERE cell = $1::smallint AND person_id = $2::uuid"""
_MERGES_MAX: Final = 8  # a person is merged into one who was verified, who is not merged again


def create_person(tx: Transaction, *, keyring: Keyring, person_id: UUID, at: datetime) -> Person:
    """Create a person of whom nothing is known yet, with a key of their own for what will be."""
    tx.execute(
        "INSERT INTO person (cell, person_id, identity_level, created_at) VALUES (%s, %s, %s, %s)",
        (tx.cell_of(person_id), person_id, IdentityLevel.NONE.value, at),
    )
    vault.create_key(tx, keyring=keyring, person_id=person_id, at=at)
    return Person(person_id=person_id, identity_level=IdentityLevel.NONE, created_at=at)


def load_person(tx: Transaction, *, person_id: UUID) -> Person:
    """Return a person. Errors: NotFound."""
    return person_in(tx.together([person_asked(cell=tx.cell_of(person_id), person_id=person_id)])[0])


def person_asked(*, cell: int, person_id: UUID) -> Statement:
    """Return the statement of `load_person`, whose answer `person_in` reads."""
    return Statement(_PERSON, (column.smallint(cell), person_id.bytes))


def person_in(answer: Answer) -> Person:
    """Return the person of the answer to `person_asked`. Errors: NotFound."""
    row = answer.fetchone()
    if row is None:
        raise NotFound
    return Person(
        person_id=row[0],
        identity_level=IdentityLevel(row[1]),
        created_at=row[2],
        merged_into=row[3],
        erased_at=row[4],
    )


def find_by_login(
    tx: Transaction, *, keyring: Keyring, provider: LoginProvider, subject: Personal[str]
) -> Person | None:
    """Return the person that a login leads to, or None when the login is new."""
    login = directory.find_login(tx, keyring=keyring, provider=provider, subject=subject)
    return None if login is None else load_person(tx, person_id=login.person_id)


def set_identity_level(tx: Transaction, *, person_id: UUID, event: IdentityEvent) -> IdentityLevel:
    """Move a person's identity level by an event and return the new one. The caller holds the cell's lock.

    Errors: NotFound, IdentityTransitionNotAllowed.
    """
    level = next_level(level=load_person(tx, person_id=person_id).identity_level, event=event)
    tx.execute(
        "UPDATE person SET identity_level = %s WHERE cell = %s AND person_id = %s",
        (level.value, tx.cell_of(person_id), person_id),
    )
    return level


def set_identity(
    tx: Transaction,
    *,
    keyring: Keyring,
    person_id: UUID,
    name: Personal[str],
    id_card: IdCard,
    phone: Personal[str],
    at: datetime,
) -> None:
    """Seal a verified identity and enter its number in the directory. Errors: DirectoryTaken, PersonErased.

    DirectoryTaken says that the same number belongs to another person: the two are one, see `merge`.
    """
    directory.add_id_number(tx, keyring=keyring, id_number=id_card.number, person_id=person_id, at=at)
    values = {FIELD_NAME: name, FIELD_ID_NUMBER: id_card.number, FIELD_PHONE: phone}
    vault.seal_all(tx, keyring=keyring, person_id=person_id, values=values, at=at)


def set_phone(tx: Transaction, *, keyring: Keyring, person_id: UUID, phone: Personal[str], at: datetime) -> None:
    """Seal another phone of a person, in place of the one before. Errors: NotFound, PersonErased."""
    vault.seal_all(tx, keyring=keyring, person_id=person_id, values={FIELD_PHONE: phone}, at=at)


def merge(
    tx: Transaction, *, from_person_id: UUID, to_person_id: UUID, owes_money: Callable[[UUID], bool], at: datetime
) -> int:
    """Let one person's logins lead to another, who is the same, and return how many logins moved.

    The caller holds the locks of both cells, in ascending order. Errors: PersonMergeNeedsReview, NotFound.
    """
    load_person(tx, person_id=to_person_id)
    moved = directory.repoint(
        tx, from_person_id=from_person_id, to_person_id=to_person_id, owes_money=owes_money, at=at
    )
    merged = tx.execute(
        "UPDATE person SET merged_into = %s WHERE cell = %s AND person_id = %s",
        (to_person_id, tx.cell_of(from_person_id), from_person_id),
    )
    if merged.rowcount == 0:
        raise NotFound
    signal.repoint(tx, from_person_id=from_person_id, to_person_id=to_person_id)
    return moved


def erase(tx: Transaction, *, person_id: UUID, at: datetime) -> None:
    """Erase a person: key, sealed data, directory entries, hashes of cards. What remains names nobody.

    The caller holds the cell's lock. Errors: ErasureHeld, PersonErased, NotFound. Source: PIPL art. 47.
    """
    vault.erase(tx, person_id=person_id, on=business_date_of(at))
    directory.forget(tx, person_id=person_id)
    instrument.forget(tx, person_id=person_id, at=at)
    taking_over.forget_person(tx, person_id=person_id)
    signal.forget(tx, person_id=person_id)
    business.forget(tx, person_id=person_id)
    tx.execute(
        "UPDATE person SET erased_at = %s, identity_level = %s WHERE cell = %s AND person_id = %s",
        (at, IdentityLevel.NONE.value, tx.cell_of(person_id), person_id),
    )
    purpose.forget_places(tx, person_id=person_id)
    life.forget_papers(tx, person_id=person_id)
    proposal.forget_words(tx, person_id=person_id)
    access.forget_reasons(tx, person_id=person_id)
    freeze.forget_reasons(tx, person_id=person_id)
    checkout.forget_goods(tx, person_id=person_id)


def surviving(tx: Transaction, *, person_id: UUID) -> UUID:
    """Return the person that somebody was found to be: themselves, or whom they were merged into. Errors: NotFound."""
    for _ in range(_MERGES_MAX):
        known = load_person(tx, person_id=person_id)
        if known.merged_into is None:
            return person_id
        person_id = known.merged_into
    raise AssertionError("people are merged in a circle")
