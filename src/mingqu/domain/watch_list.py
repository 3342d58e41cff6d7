"""Lists: whom to refuse, to let pass, or to watch, by what is known of them, with a cause, an owner and a last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.instrument import CardCheckDigitWrong, CardNumberMalformed, read_card_number
from mingqu.domain.party import IdNumberCheckDigitWrong, IdNumberMalformed, PhoneMalformed, read_id_number, read_phone
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import DEVICE_LENGTH_MAX, network_of

# Nobody is suspected for ever: who still should be is entered again, by somebody who looked.
ENTRY_LASTS_MAX: Final = timedelta(days=3 * 365)


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


class WhiteListTakesTwo(Refusal):
    """Whoever stands on the white list is let pass where a rule would stop: one proposes that, another approves."""

    code: ClassVar[str] = "white_list_takes_two"
    status: ClassVar[int] = 409


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
    proposal_id: UUID | None = None  # by which two people entered it

    def holds(self, *, business_date: date) -> bool:
        """Return whether the entry counts on a date."""
        return self.removed_at is None and business_date < self.expires_on


def read_listed(
    *, list_name: str, kind: str, value: Personal[str], on: date
) -> tuple[ListName, ListedKind, Personal[str]]:
    """Return what a form names on a date, the value as the rest of the book writes it, so that their hashes are one.

    Example: the phone "+86 138-0013-8000" is listed as 13800138000. Errors: ListEntryMalformed.
    """
    known_list = next((one for one in ListName if one.value == list_name), None)
    known_kind = next((one for one in ListedKind if one.value == kind), None)
    if known_list is None or known_kind is None:
        raise ListEntryMalformed("Name a list, a kind, and a value of that kind.")
    try:
        return known_list, known_kind, _written(known_kind, value, on=on)
    except (PhoneMalformed, IdNumberMalformed, IdNumberCheckDigitWrong, CardNumberMalformed, CardCheckDigitWrong):
        raise ListEntryMalformed("The value is not one of its kind: compare it with where it was read.") from None


def _written(kind: ListedKind, value: Personal[str], *, on: date) -> Personal[str]:
    """Return a value as it is looked up. A child's ID number is listed like any other: being listed lends nothing."""
    if kind is ListedKind.PHONE:
        return read_phone(value)
    if kind is ListedKind.CARD:
        return read_card_number(value)
    if kind is ListedKind.ID_NUMBER:
        bare = Personal(value.reveal().replace(" ", "").replace("-", ""))
        return read_id_number(number=bare, on=on, age_years_min=0).number
    text = value.reveal().strip()
    if kind is ListedKind.ADDRESS:
        network = network_of(text)
        if network is None:
            raise ListEntryMalformed("Name an address of the network, such as 203.0.113.9.")
        return Personal(network)
    if not 8 <= len(text) <= DEVICE_LENGTH_MAX or not (text.isascii() and text.isprintable()) or " " in text:
        raise ListEntryMalformed(f"A device number has 8 to {DEVICE_LENGTH_MAX} printable characters, no blanks.")
    return Personal(text)


def require_end(*, expires_on: date, business_date: date) -> None:
    """Return when a last day lies within what a list may hold. Errors: ListEntryMalformed."""
    if not business_date < expires_on <= business_date + ENTRY_LASTS_MAX:
        raise ListEntryMalformed("Name a day after today and within three years.")
