"""The directory: from the keyed hash of an openid, a phone or an identity number to the person.

It is global, for whoever signs in must be found before a cell is known. A login is not a person: when real-name
verification finds that two persons are one, the logins of the second are pointed to the first. What either of
them owes stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.party import Login, LoginProvider
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_ID_NUMBER: Final = "id_number"
_PROVIDERS: Final = [provider.value for provider in LoginProvider]


class DirectoryTaken(Refusal):
    """This login or identity number leads to another person already."""

    code = "directory_taken"
    status = 409


class PersonMergeNeedsReview(Refusal):
    """Two persons turn out to be one, and the second owes money or is frozen: people decide, not the machine."""

    code = "person_merge_needs_review"
    status = 409


def find_login(tx: Transaction, *, keyring: Keyring, provider: LoginProvider, subject: Personal[str]) -> Login | None:
    """Return the login of a subject (openid, phone number), or None when it is new."""
    subject_hash = keyring.lookup_hash(kind=provider.value, value=subject)
    person_id = _find(tx, kind=provider.value, subject_hash=subject_hash)
    return None if person_id is None else Login(provider=provider, subject_hash=subject_hash, person_id=person_id)


def find_id_number(tx: Transaction, *, keyring: Keyring, id_number: Personal[str]) -> UUID | None:
    """Return the person whose verified identity number this is, or None."""
    return _find(tx, kind=_ID_NUMBER, subject_hash=keyring.lookup_hash(kind=_ID_NUMBER, value=id_number))


def add_login(
    tx: Transaction,
    *,
    keyring: Keyring,
    provider: LoginProvider,
    subject: Personal[str],
    person_id: UUID,
    at: datetime,
) -> Login:
    """Let a login lead to a person; the same again changes nothing. Errors: DirectoryTaken."""
    subject_hash = keyring.lookup_hash(kind=provider.value, value=subject)
    _add(tx, kind=provider.value, subject_hash=subject_hash, person_id=person_id, at=at)
    return Login(provider=provider, subject_hash=subject_hash, person_id=person_id)


def add_id_number(
    tx: Transaction, *, keyring: Keyring, id_number: Personal[str], person_id: UUID, at: datetime
) -> None:
    """Let a verified identity number lead to a person; the same again changes nothing. Errors: DirectoryTaken."""
    subject_hash = keyring.lookup_hash(kind=_ID_NUMBER, value=id_number)
    _add(tx, kind=_ID_NUMBER, subject_hash=subject_hash, person_id=person_id, at=at)


def logins(tx: Transaction, *, person_id: UUID) -> list[Login]:
    """Return the logins that lead to a person."""
    rows = tx.execute(
        "SELECT kind, subject_hash FROM directory WHERE person_id = %s AND kind = ANY (%s) ORDER BY kind, subject_hash",
        (person_id, _PROVIDERS),
    )
    return [
        Login(provider=LoginProvider(kind), subject_hash=bytes(subject_hash), person_id=person_id)
        for kind, subject_hash in rows
    ]


def repoint(
    tx: Transaction, *, from_person_id: UUID, to_person_id: UUID, owes_money: Callable[[UUID], bool], at: datetime
) -> int:
    """Let every login of one person lead to another and return how many; `party.merge` records the merger.

    The caller holds the locks of both cells, so that nothing is borrowed meanwhile.
    Errors: PersonMergeNeedsReview, when the first person owes money or was verified by another identity number.
    """
    assert from_person_id != to_person_id
    if owes_money(from_person_id) or _verified(tx, person_id=from_person_id):
        raise PersonMergeNeedsReview(
            "You have another account here with an open loan or another identity: we will call you to sort it out."
        )
    moved = tx.execute(
        "UPDATE directory SET person_id = %s, since = %s WHERE person_id = %s", (to_person_id, at, from_person_id)
    )
    return moved.rowcount


def forget(tx: Transaction, *, person_id: UUID) -> int:
    """Remove every entry that leads to a person, and return how many: part of an erasure."""
    return tx.execute("DELETE FROM directory WHERE person_id = %s", (person_id,)).rowcount


def forget_logins(tx: Transaction, *, person_id: UUID, provider: LoginProvider) -> int:
    """Remove a person's logins of a provider, and return how many: they lead to nobody any more."""
    return tx.execute("DELETE FROM directory WHERE person_id = %s AND kind = %s", (person_id, provider.value)).rowcount


def _verified(tx: Transaction, *, person_id: UUID) -> bool:
    row = tx.execute("SELECT FROM directory WHERE person_id = %s AND kind = %s", (person_id, _ID_NUMBER)).fetchone()
    return row is not None


def _find(tx: Transaction, *, kind: str, subject_hash: bytes) -> UUID | None:
    row = tx.execute(
        "SELECT person_id FROM directory WHERE kind = %s AND subject_hash = %s", (kind, subject_hash)
    ).fetchone()
    return None if row is None else UUID(bytes=row[0].bytes)


def _add(tx: Transaction, *, kind: str, subject_hash: bytes, person_id: UUID, at: datetime) -> None:
    # Two sign-ins of the same new subject may arrive together: the second waits here and is then told.
    tx.execute(
        """
        INSERT INTO directory (kind, subject_hash, person_id, since) VALUES (%s, %s, %s, %s)
        ON CONFLICT (kind, subject_hash) DO NOTHING
        """,
        (kind, subject_hash, person_id, at),
    )
    if _find(tx, kind=kind, subject_hash=subject_hash) != person_id:
        raise DirectoryTaken("This login or identity number leads to another person already.", kind=kind)
