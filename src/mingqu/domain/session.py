"""How long a person stays signed in, and how a session's token is written."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

SECRET_BYTES: Final = 32
_ID_BYTES: Final = 16
# A phone is put down and picked up by others: a page forgets after half an hour, at the latest after a day.
PAGE_IDLE_MAX: Final = timedelta(minutes=30)
PAGE_LIFE_MAX: Final = timedelta(days=1)
# A program keeps its token in a safer place than a browser does.
API_IDLE_MAX: Final = timedelta(hours=12)
API_LIFE_MAX: Final = timedelta(days=7)


class Door(Enum):
    """Where a session was opened, which decides how long it lasts."""

    PAGE = "page"
    API = "api"


class NotSignedIn(Refusal):
    """There is no session, or it has ended: sign in again."""

    code: ClassVar[str] = "not_signed_in"
    status: ClassVar[int] = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person's stay at one door. `secret_hash` is SHA-256 of the token's secret."""

    session_id: UUID
    person_id: UUID
    secret_hash: bytes
    door: Door
    opened_at: datetime
    seen_at: datetime
    ended_at: datetime | None = None

    def lives(self, *, at: datetime) -> bool:
        """Return whether the session still holds at a moment."""
        idle, life = (PAGE_IDLE_MAX, PAGE_LIFE_MAX) if self.door is Door.PAGE else (API_IDLE_MAX, API_LIFE_MAX)
        return self.ended_at is None and at < self.seen_at + idle and at < self.opened_at + life


def write_token(*, identity: UUID, secret: Personal[bytes]) -> Personal[str]:
    """Return the token of a session: 64 characters of URL-safe base64 over id and secret."""
    assert len(secret.reveal()) == SECRET_BYTES
    return Personal(base64.urlsafe_b64encode(identity.bytes + secret.reveal()).decode())


def read_token(token: Personal[str]) -> tuple[UUID, Personal[bytes]]:
    """Return id and secret of a token. Errors: NotSignedIn when it is none."""
    try:
        raw = base64.b64decode(token.reveal().encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise NotSignedIn("Please sign in.") from None
    if len(raw) != _ID_BYTES + SECRET_BYTES:
        raise NotSignedIn("Please sign in.")
    return UUID(bytes=raw[:_ID_BYTES]), Personal(raw[_ID_BYTES:])
