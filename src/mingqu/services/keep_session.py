"""Stay signed in: open a session, recognize its token, end it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.session import Door, NotSignedIn, Session, read_token, write_token
from mingqu.services.house import House
from mingqu.store import party, session

# A session is written at most so often: a page of ten requests is one write.
_SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a request speaks for."""

    session_id: UUID
    person_id: UUID


def open_session(
    house: House, *, person_id: UUID, door: Door, instead_of: Personal[str] | None = None
) -> Personal[str]:
    """Return the token of a new session; the one it replaces ends, so that a token planted before is worth nothing."""
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
        tx.commit()
    return write_token(identity=opened.session_id, secret=secret)


def recognize(house: House, *, token: Personal[str]) -> Caller:
    """Return who a token speaks for. A login that was found to be another person's leads to that person.

    Errors: NotSignedIn.
    """
    session_id, secret = read_token(token)
    now = house.clock.now()
    with house.database.transaction() as tx:
        found = session.find(tx, session_id=session_id)
        given = hashlib.sha256(secret.reveal()).digest()
        if found is None or not hmac.compare_digest(found.secret_hash, given) or not found.lives(at=now):
            raise NotSignedIn("Please sign in again.")
        person_id = party.surviving(tx, person_id=found.person_id)
        if now - found.seen_at >= _SEEN_EVERY:
            session.touch(tx, session_id=session_id, at=now)
            tx.commit()
    return Caller(session_id=session_id, person_id=person_id)


def end_session(house: House, *, token: Personal[str]) -> None:
    """End the session of a token; one that is wrong or ended already changes nothing."""
    try:
        session_id, secret = read_token(token)
    except NotSignedIn:
        return
    with house.database.transaction() as tx:
        found = session.find(tx, session_id=session_id)
        given = hashlib.sha256(secret.reveal()).digest()
        if found is not None and hmac.compare_digest(found.secret_hash, given):
            session.end(tx, session_id=session_id, at=house.clock.now())
            tx.commit()
