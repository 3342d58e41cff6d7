"""The directory of institutions: who lends or issues cards here, under which licence, and whether people come to them.

An entry is versioned, dated data. Whether an institution is open to somebody is asked at each routing and never
remembered: a list of partners has dates (名单制), a pilot has a share of people, and both may change overnight.
Sources: 金规〔2025〕9号 (a bank works only with platforms on its published list); 银保监办发〔2021〕24号 (local banks
serve their own region).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import MalformedIdentifier, parse
from mingqu.domain.policy_file import Document, Reader
from mingqu.domain.product import Licence
from mingqu.domain.refusal import Refusal

PPM: Final = 1_000_000
WHOLE_COUNTRY: Final = "CN"
PARTNERS_MAX: Final = 200  # a list that is longer is a register and belongs elsewhere
PILOT_PEOPLE_MAX: Final = 2_000  # who tries something out; more are a share
_PROVINCE_DIGITS: Final = 2  # of an ID number: the province (GB/T 2260)
_REGION: Final = re.compile(r"CN(-[0-9]{2})?")


class Status(StrEnum):
    """How far an institution is connected. Words are shown and stored."""

    CONNECTED = "connected"
    PILOT = "pilot"
    CONNECTING = "connecting"
    SUSPENDED = "suspended"


class Service(StrEnum):
    """What an institution does for people who come from here."""

    LOAN = "loan"
    CARD_CASH_ADVANCE = "card_cash_advance"


class InstitutionUnknown(Refusal):
    """No institution of this name is in the directory for this service; the directory lists those that are."""

    code: ClassVar[str] = "institution_unknown"
    status: ClassVar[int] = 404


class InstitutionNotConnected(Refusal):
    """The institution is not connected yet, or is suspended: take one that is connected, or come back later."""

    code: ClassVar[str] = "institution_not_connected"
    status: ClassVar[int] = 409


class PilotExcludes(Refusal):
    """The institution is tried out by some people, and this person is not among them: take another one meanwhile."""

    code: ClassVar[str] = "pilot_excludes"
    status: ClassVar[int] = 409


class PartnerNotListed(Refusal):
    """We are not on the institution's published list of partners on this day: nobody is sent there until we are."""

    code: ClassVar[str] = "partner_not_listed"
    status: ClassVar[int] = 409


class RegionNotServed(Refusal):
    """The institution serves its own region only, and the person's is another: take one of the whole country."""

    code: ClassVar[str] = "region_not_served"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A line of an institution's published list of partners: who, as what, for [valid_from, valid_to), and where."""

    name: str
    role: str
    valid_from: date
    valid_to: date
    url: str

    def holds(self, *, business_date: date) -> bool:
        """Return whether the line stands on a date."""
        return self.valid_from <= business_date < self.valid_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """One version of an entry. `region` is "CN" or "CN-" and two digits; `hash` is that of the file's body.

    `pilot_share_ppm` and `pilot_people` say who takes part in a pilot; `lender_id` is the lender's, where it lends.
    """

    code: str
    version: int
    valid_from: date
    valid_to: date
    name_zh: str
    name_en: str
    licence: Licence
    region: str
    status: Status
    services: frozenset[Service]
    partners: tuple[Partner, ...]
    pilot_share_ppm: int
    pilot_people: frozenset[UUID]
    lender_id: UUID | None
    hash: str

    def takes_part(self, *, person_id: UUID) -> bool:
        """Return whether a person takes part in the pilot: named, or within its share by the hash of their id.

        The same person always has the same place, so raising the share lets people in and turns nobody out.
        Example: a share of 200_000 ppm is everybody whose place, SHA-256 of "code:id" mod 10^6, is below 200_000.
        """
        if person_id in self.pilot_people:
            return True
        place = hashlib.sha256(f"{self.code}:{person_id.hex}".encode()).digest()
        return int.from_bytes(place[:8], "big") % PPM < self.pilot_share_ppm

    def lists(self, *, partner: str, role: str, business_date: date) -> bool:
        """Return whether a partner stands on the institution's list in a role on a date."""
        return any(
            (one.name, one.role) == (partner, role) and one.holds(business_date=business_date) for one in self.partners
        )


PLATFORM: Final = "platform"  # our role on such a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """All versions of all entries."""

    entries: tuple[Institution, ...]

    def on(self, business_date: date) -> list[Institution]:
        """Return the entry of each institution that holds on a date, by code; of several the newest version."""
        found: dict[str, Institution] = {}
        for entry in sorted(self.entries, key=lambda one: (one.code, one.version)):
            if entry.valid_from <= business_date < entry.valid_to:
                found[entry.code] = entry
        return list(found.values())

    def find(self, *, code: str, service: Service, business_date: date) -> Institution:
        """Return an institution's entry on a date. Errors: InstitutionUnknown."""
        for entry in self.on(business_date):
            if entry.code == code and service in entry.services:
                return entry
        raise InstitutionUnknown("The directory has no such institution for this: take one that it lists.")

    def of_lender(self, *, lender_id: UUID, business_date: date) -> Institution | None:
        """Return a lender's entry on a date, or None when it has none."""
        return next((entry for entry in self.on(business_date) if entry.lender_id == lender_id), None)


EMPTY: Final = Directory(entries=())


def require_open(*, entry: Institution, person_id: UUID, partner: str, business_date: date) -> None:
    """Return when a person may be sent to an institution today.

    Errors, in this order: InstitutionNotConnected, PartnerNotListed, PilotExcludes.
    """
    if entry.status in (Status.CONNECTING, Status.SUSPENDED):
        raise InstitutionNotConnected(
            "This institution is not connected: take one that is, or come back later.", stands_at=entry.status.value
        )
    if not entry.lists(partner=partner, role=PLATFORM, business_date=business_date):
        raise PartnerNotListed("We are not on the list of this institution's partners today: take another one.")
    if entry.status is Status.PILOT and not entry.takes_part(person_id=person_id):
        raise PilotExcludes("This institution is tried out by some people first: take another one meanwhile.")


def require_region(*, entry: Institution, province: str) -> None:
    """Return when an institution serves a province, the first two digits of an ID number. Errors: RegionNotServed.

    Example: "CN-33" serves "33" (Zhejiang) and refuses "11" (Beijing); "CN" serves everybody.
    """
    if entry.region not in (WHOLE_COUNTRY, f"{WHOLE_COUNTRY}-{province[:_PROVINCE_DIGITS]}"):
        raise RegionNotServed("This institution serves its own region only: take another one.", region=entry.region)


_COLUMNS: Final = (
    "kind", "id", "version", "valid_from", "valid_to", "name_zh", "name_en", "licence", "region", "status", "services",
    "partner", "pilot", "lender_id", "note",
)  # fmt: skip


def parse_directory(*, documents: Iterable[Document]) -> Directory:
    """Return the directory that files describe. Errors: PolicyFault with file, row and column."""
    entries: dict[tuple[str, int], Institution] = {}
    for document in documents:
        entry = _entry(document)
        if (entry.code, entry.version) in entries:
            raise document.reader().fault("version", "this version stands twice.", "Give the new file a new version.")
        entries[entry.code, entry.version] = entry
    return Directory(entries=tuple(entries.values()))


def _entry(document: Document) -> Institution:
    reader = document.reader()
    reader.only(_COLUMNS)
    reader.choice("kind", ("institution",))
    valid_from, valid_to = reader.period()
    status = Status(reader.choice("status", tuple(Status)))
    share_ppm, people = _pilot(reader, status)
    return Institution(
        code=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        valid_from=valid_from,
        valid_to=valid_to,
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        licence=Licence(reader.choice("licence", tuple(Licence))),
        region=_region(reader),
        status=status,
        services=frozenset(Service(one) for one in reader.names("services", tuple(Service))),
        partners=_partners(reader),
        pilot_share_ppm=share_ppm,
        pilot_people=people,
        lender_id=_identifier(reader, "lender_id", reader.text("lender_id")) if reader.has("lender_id") else None,
        hash=document.hash,
    )


def _region(reader: Reader) -> str:
    region = reader.text("region")
    if not _REGION.fullmatch(region):
        raise reader.fault("region", f"{region!r} is no region.", 'Write "CN", or "CN-" and the province: "CN-33".')
    return region


def _partners(reader: Reader) -> tuple[Partner, ...]:
    if not reader.has("partner"):
        return ()
    found = []
    for row in reader.tables("partner", label="name"):
        row.only(("name", "role", "valid_from", "valid_to", "url"))
        valid_from, valid_to = row.period()
        found.append(
            Partner(
                name=row.text("name"),
                role=row.choice("role", (PLATFORM, "guarantee_company", "insurance_company", "collection_agency")),
                valid_from=valid_from,
                valid_to=valid_to,
                url=row.text("url"),
            )
        )
    if len(found) > PARTNERS_MAX:
        raise reader.fault("partner", "more than a list of partners has.", f"Name {PARTNERS_MAX} at most.")
    return tuple(found)


def _pilot(reader: Reader, status: Status) -> tuple[int, frozenset[UUID]]:
    if status is not Status.PILOT:
        if reader.has("pilot"):
            raise reader.fault("pilot", "only a pilot has one.", 'Set status = "pilot", or drop the table.')
        return 0, frozenset()
    table = reader.table("pilot")
    table.only(("share_ppm", "people"))
    named = table.items("people") if table.has("people") else []
    if len(named) > PILOT_PEOPLE_MAX:
        raise table.fault("people", "too many to be named.", "Give the pilot a share instead.")
    people = frozenset(_identifier(table, "people", str(one)) for one in named)
    return table.integer("share_ppm", least=0, most=PPM), people


def _identifier(reader: Reader, column: str, text: str) -> UUID:
    try:
        return parse(text)
    except MalformedIdentifier:
        raise reader.fault(column, "not an identifier.", "Write a UUID of version 7.") from None
