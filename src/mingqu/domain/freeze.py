"""Drawing stopped by a person, for a named cause: nothing new is lent, and what is owed is paid as always."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar
from uuid import UUID

from mingqu.domain.refusal import Refusal


class FreezeCause(Enum):
    """Why drawing was stopped. Words are stored: never changed, never used again."""

    FRAUD = "fraud"  # the money may be drawn by or for somebody else
    IDENTITY = "identity"  # it is in doubt who the person is
    PURPOSE = "purpose"  # what was borrowed goes where it may not go
    WISH = "wish"  # the person asked for it
    LOST_DEVICE = "lost_device"  # the phone is lost, and with it the codes
    OVERINDEBTED = "overindebted"  # more debts turned up than can be carried
    LAW = "law"  # a court or an authority asked for it


class DrawingStopped(Refusal):
    """Drawing was stopped by a person, for a cause; repaying works as always. Two people let it go on."""

    code: ClassVar[str] = "drawing_stopped"
    status: ClassVar[int] = 409


class FrozenAlready(Refusal):
    """Drawing is stopped already; what is known besides goes into a note."""

    code: ClassVar[str] = "frozen_already"
    status: ClassVar[int] = 409


class NotFrozen(Refusal):
    """Drawing is not stopped, or goes on again since."""

    code: ClassVar[str] = "not_frozen"
    status: ClassVar[int] = 409


class FreezeCauseUnknown(Refusal):
    """Drawing is stopped for one of the causes there are."""

    code: ClassVar[str] = "freeze_cause_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A person's drawing stopped; it stands until two people ended it by a proposal."""

    freeze_id: UUID
    person_id: UUID
    cause: FreezeCause
    reason: str
    frozen_by: UUID
    frozen_at: datetime
    thawed_at: datetime | None = None


def read_cause(text: str) -> FreezeCause:
    """Return the cause that a form names. Errors: FreezeCauseUnknown."""
    found = next((one for one in FreezeCause if one.value == text), None)
    if found is None:
        raise FreezeCauseUnknown(f"A cause is one of {', '.join(one.value for one in FreezeCause)}.")
    return found
