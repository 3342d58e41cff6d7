"""Partners of lenders: companies that guarantee or insure loans, each with its own price, as versioned data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from mingqu.domain.policy_file import Document, Reader

PPM: Final = 1_000_000
COMPENSATES_AFTER_DAYS_MAX: Final = 360  # above any day of compensation that is agreed
COMPENSATES_BILLS_MAX: Final = 120  # instalments of the longest loan with a guarantor
PARTNERS_MAX: Final = 2  # of one loan: who guarantees it and who insures it


class PartnerRole(StrEnum):
    """What a partner does for a loan, and whose fee it therefore is."""

    GUARANTOR = "guarantor"
    INSURER = "insurer"


# How lenders' published lists of partners call these roles.
LISTED_AS: Final = {PartnerRole.GUARANTOR: "guarantee_company", PartnerRole.INSURER: "insurance_company"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A company that stands beside lenders. `status` is "active" or "suspended".

    A guarantor pays the whole of a loan that is late by `compensates_after_days` (代偿); without that line it pays for
    none by itself.
    """

    code: str
    version: int
    name_zh: str
    name_en: str
    role: PartnerRole
    status: str
    compensates_after_days: int | None = None

    @property
    def holder_id(self) -> UUID:
        """Under which id it holds a claim; it follows from its code, so that every server has the same."""
        return UUID(bytes=hashlib.sha256(f"partner {self.code}".encode()).digest()[:16], version=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFee:
    """What a product's partner is paid by the borrower: so much a year of the principal still owed, in ppm.

    A guarantor with `compensates_bill_after_days` pays bill by bill (分期代偿), not by its own rule for whole loans;
    behind `compensates_whole_after_bills` of them, if that is named, the whole loan.
    """

    partner: str
    role: PartnerRole
    year_ppm: int
    compensates_bill_after_days: int | None = None
    compensates_whole_after_bills: int | None = None


def parse_partner(*, document: Document) -> Partner:
    """Return the partner that a file describes. Errors: PolicyFault with file, row and column."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "name_zh", "name_en", "role", "status", "compensates_after_days", "note"))
    role, days = PartnerRole(reader.choice("role", tuple(PartnerRole))), None
    if reader.has("compensates_after_days"):
        if role is not PartnerRole.GUARANTOR:
            raise reader.fault("compensates_after_days", "an insurer guarantees no loan.", "Leave it out.")
        days = reader.integer("compensates_after_days", least=1, most=COMPENSATES_AFTER_DAYS_MAX)
    return Partner(
        code=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        role=role,
        compensates_after_days=days,
        status=reader.choice("status", ("active", "suspended")),
    )


def read_partner_fees(reader: Reader, *, periods_per_year: int) -> tuple[PartnerFee, ...]:
    """Return what a product's `[[partner_fee]]` tables say; one for each role, a whole number of ppm each period.

    Errors: PolicyFault.
    """
    if not reader.has("partner_fee"):
        return ()
    found = []
    for row in reader.tables("partner_fee", label="partner"):
        row.only(
            ("partner", "role", "year_ppm", "compensates_bill_after_days", "compensates_whole_after_bills"),
        )
        year_ppm = row.integer("year_ppm", least=1, most=PPM)
        if year_ppm % periods_per_year:
            raise row.fault("year_ppm", "no whole number for each period.", f"Write a multiple of {periods_per_year}.")
        role = PartnerRole(row.choice("role", tuple(PartnerRole)))
        days, bills = _bill_by_bill(row, role)
        found.append(
            PartnerFee(
                partner=row.name("partner"),
                role=role,
                year_ppm=year_ppm,
                compensates_bill_after_days=days,
                compensates_whole_after_bills=bills,
            )
        )
    if len({one.role for one in found}) != len(found):
        raise reader.fault("partner_fee", "a role stands twice.", "Name one guarantor and one insurer at most.")
    return tuple(found)


def _bill_by_bill(row: Reader, role: PartnerRole) -> tuple[int | None, int | None]:
    """Return how late a bill is that a guarantor pays, and behind how many it pays all. Errors: PolicyFault."""
    days, bills = "compensates_bill_after_days", "compensates_whole_after_bills"
    if not row.has(days):
        if row.has(bills):
            raise row.fault(bills, "nobody pays bill by bill here.", f"Name {days} as well, or leave it out.")
        return None, None
    if role is not PartnerRole.GUARANTOR:
        raise row.fault(days, "an insurer guarantees no loan.", "Leave it out.")
    after_days = row.integer(days, least=1, most=COMPENSATES_AFTER_DAYS_MAX)
    return after_days, row.integer(bills, least=1, most=COMPENSATES_BILLS_MAX) if row.has(bills) else None


def fees_year_ppm(fees: Iterable[PartnerFee]) -> int:
    """Return what partners take together a year, in ppm of the principal still owed."""
    return sum(one.year_ppm for one in fees)
