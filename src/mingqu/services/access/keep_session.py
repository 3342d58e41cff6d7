"""Stay signed in: open a session, recognize its token, end it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.session import Door, NotSignedIn, Session, read_token, write_token
from mingqu.services.house import House
from mingqu.store.decisions import publication
from mingqu.store.parties import party
from mingqu.store.people import session, vault

# A session is written at most so often: a page of ten requests is one write.
_SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a request speaks for."""

    session_id: UUID
    person_id: UUID
    seen_at: datetime  # when it was last noted that the session is used


def open_session(
    house: House,
    *,
    person_id: UUID,
    door: Door,
    login: Personal[str] | None = None,
    instead_of: Personal[str] | None = None,
) -> Personal[str]:
    """Return the token of a new session; the one it replaces ends, so that a token planted before is worth nothing.

    `login` is the subject of the super-app's login that the session was opened with, kept sealed: another session of
    the same person may have been opened with another, or with none.
    """
    secret, now = house.codes.secret(), house.clock.now()
    opened = Session(
        session_id=house.id_for(person_id),
        person_id=person_id,
        secret_hash=hashlib.sha256(secret.reveal()).digest(),
        door=door,
        opened_at=now,
        seen_at=now,
    )
    if instead_of is not None:
        end_session(house, token=instead_of)
    with house.database.transaction() as tx:
        session.insert(tx, session=opened)
        if login is not None:
            values = {_login_field(opened.session_id): login}
            vault.seal_all(tx, keyring=house.keyring, person_id=person_id, values=values, at=now)
        tx.commit()
    return write_token(identity=opened.session_id, secret=secret)


def login_of(house: House, *, caller: Caller) -> Personal[str] | None:
    """Return the subject of the super-app's login that a session was opened with, or None if it was by a code."""
    with house.database.transaction() as tx:
        try:
            field = _login_field(caller.session_id)
            return vault.open_field(tx, keyring=house.keyring, person_id=caller.person_id, field=field)
        except NotFound:
            return None  # also when the login was found to be another person's: it is theirs from the next session on


def _login_field(session_id: UUID) -> str:
    return f"session_login.{session_id.hex}"


def recognize(house: House, *, token: Personal[str]) -> Caller:
    """Return who a token speaks for, and note that it was used. Errors: NotSignedIn."""
    caller = find_caller(house, token=token)
    note_use(house, caller=caller)
    return caller


def find_caller(house: House, *, token: Personal[str]) -> Caller:
    """Return who a token speaks for. A login that was found to be another person's leads to that person.

    It reads; whoever lets the caller in calls `note_use` as well. Errors: NotSignedIn.
    """
    session_id, secret = read_token(token)
    answer, counted = house.database.ask(
        lambda book: [
            session.asked(cell=book.cell_of(session_id), session_id=session_id),
            publication.generation_asked(),
        ]
    )
    found, merged_into = session.found_in(answer) or (None, None)
    if found is None or not _is_of(found, secret) or not found.lives(at=house.clock.now()):
        raise NotSignedIn("Please sign in again.")
    # Whoever comes in meets the policies of this moment.
    house.policies.as_asked(house.database, generation=publication.generation_in(counted))
    person_id = found.person_id
    if merged_into is not None:
        with house.database.transaction() as tx:
            person_id = party.surviving(tx, person_id=merged_into)
    return Caller(session_id=session_id, person_id=person_id, seen_at=found.seen_at)


def note_use(house: House, *, caller: Caller) -> None:
    """Note that a session is used: it lives on from now. Written at most once a minute."""
    now = house.clock.now()
    if now - caller.seen_at >= _SEEN_EVERY:
        with house.database.transaction() as tx:
            session.touch(tx, session_id=caller.session_id, at=now)
            tx.commit()


def end_session(house: House, *, token: Personal[str]) -> None:
    """End the session of a token; one that is wrong or ended already changes nothing."""
    try:
        session_id, secret = read_token(token)
    except NotSignedIn:
        return
    with house.database.transaction() as tx:
        found, _ = session.find(tx, session_id=session_id) or (None, None)
        if found is not None and _is_of(found, secret):
            session.end(tx, session_id=session_id, at=house.clock.now())
            tx.commit()


def _is_of(found: Session, secret: Personal[bytes]) -> bool:
    """Return whether this is the secret of a session, in the same time for every wrong one."""
    return hmac.compare_digest(found.secret_hash, hashlib.sha256(secret.reveal()).digest())
