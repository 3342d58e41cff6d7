"""Lists: whom to refuse, to let pass, or to watch, by what is known of them, with a cause, an owner and a last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import network_of

# Nobody is suspected for ever: who still should be is entered again, by somebody who looked.
ENTRY_LASTS_MAX: Final = timedelta(days=3 * 365)
VALUE_LENGTH_MAX: Final = 200


class ListName(Enum):
    """Which list. Words are stored: never changed, never used again."""

    BLACK = "black"  # refused, or whatever the policy table says
    WHITE = "white"  # known to be right where a rule would stop
    WATCH = "watch"  # decided as everybody, and looked at


class ListedKind(Enum):
    """What is listed: words are those under which the same value is looked up elsewhere in the book."""

    PHONE = "phone"
    ID_NUMBER = "id_number"
    CARD = "card"
    DEVICE = "device"
    ADDRESS = "address"


class ListEntryMalformed(Refusal):
    """An entry names a list, a kind of value, the value, and a last day within three years from tomorrow."""

    code: ClassVar[str] = "list_entry_malformed"


class NotListed(Refusal):
    """The entry ended, or was taken off the list already."""

    code: ClassVar[str] = "not_listed"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One entry: the keyed hash of a value, never the value. It holds before `expires_on`."""

    entry_id: UUID
    list: ListName
    kind: ListedKind
    hash: bytes
    cause: str
    owner_id: UUID
    entered_at: datetime
    expires_on: date
    removed_at: datetime | None = None

    def holds(self, *, business_date: date) -> bool:
        """Return whether the entry counts on a date."""
        return self.removed_at is None and business_date < self.expires_on


def read_listed(*, list_name: str, kind: str, value: Personal[str]) -> tuple[ListName, ListedKind, Personal[str]]:
    """Return what a form names, the value without the spaces people write into numbers. Errors: ListEntryMalformed."""
    known_list = next((one for one in ListName if one.value == list_name), None)
    known_kind = next((one for one in ListedKind if one.value == kind), None)
    written = "".join(value.reveal().split())
    if (
        known_list is None
        or known_kind is None
        or not 4 <= len(written) <= VALUE_LENGTH_MAX
        or not written.isprintable()
    ):
        raise ListEntryMalformed("Name a list, a kind, and a value of at least four signs.")
    if known_kind is ListedKind.ADDRESS:
        network = network_of(written)
        if network is None:
            raise ListEntryMalformed("Name an address of the network, such as 203.0.113.9.")
        written = network
    return known_list, known_kind, Personal(written.upper() if known_kind is ListedKind.ID_NUMBER else written)


def require_end(*, expires_on: date, business_date: date) -> None:
    """Return when a last day lies within what a list may hold. Errors: ListEntryMalformed."""
    if not business_date < expires_on <= business_date + ENTRY_LASTS_MAX:
        raise ListEntryMalformed("Name a day after today and within three years.")
