"""What somebody sees of banks and referrals: a person their own, an operator those of the house, without a name."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mingqu.domain.cash_advance import Guidance, GuidanceMissing, Limits, Referral, limits_on
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.institution import (
    PLATFORM,
    Institution,
    InstitutionNotConnected,
    PartnerNotListed,
    PilotExcludes,
    RegionNotServed,
    Service,
)
from mingqu.domain.operator import Permission
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.referrals.refer_cash_advance import IdentityNotProved, require_bank
from mingqu.store.lenders import referral

_CLOSED = (InstitutionNotConnected, PartnerNotListed, PilotExcludes, RegionNotServed, LendingSwitchedOff)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankView:
    """A bank of the directory. `closed` is the code of why this person is not sent there now, or None."""

    code: str
    name_zh: str
    name_en: str
    status: str
    region: str
    closed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionView:
    """An entry for operators: whether we stand on its list today, and whether there is a channel to it."""

    entry: Institution
    listed: bool
    reachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralsView:
    """The referrals of the house: how many of each bank and state, the latest, and the directory they rest on."""

    counts: dict[tuple[str, str], int]
    latest: list[Referral]
    institutions: list[InstitutionView]


def banks_for(house: House, *, person_id: UUID, search: str = "") -> list[BankView]:
    """Return the banks that card holders are sent to, those that take this person first, then by name.

    `search` is part of a name in either language, or of the code.
    """
    found = []
    with house.database.transaction() as tx:
        for entry in house.directory.on(house.clock.business_date()):
            named = f"{entry.code} {entry.name_zh} {entry.name_en}".lower()
            if Service.CARD_CASH_ADVANCE not in entry.services or search.strip().lower() not in named:
                continue
            closed: str | None = None
            try:
                require_bank(tx, house, person_id=person_id, bank=entry.code)
            except _CLOSED as refusal:
                closed = refusal.code
            except IdentityNotProved:
                closed = None  # the next page asks for it
            found.append(
                BankView(
                    code=entry.code,
                    name_zh=entry.name_zh,
                    name_en=entry.name_en,
                    status=entry.status.value,
                    region=entry.region,
                    closed=closed,
                )
            )
    return sorted(found, key=lambda one: (one.closed is not None, one.code))


def guidance_of(house: House) -> Guidance:
    """Return what is read before leaving. Errors: GuidanceMissing."""
    if house.guidance is None:
        raise GuidanceMissing("There is no guidance to read, so nobody is sent to a bank.")
    return house.guidance


def limits_of(house: House) -> Limits:
    """Return what may be asked for today. Errors: RuleMissing."""
    return limits_on(rules=house.pack.rules, business_date=house.clock.business_date())


def bank_of(house: House, *, bank: str) -> Institution:
    """Return a bank's entry of today. Errors: InstitutionUnknown."""
    return house.directory.find(code=bank, service=Service.CARD_CASH_ADVANCE, business_date=house.clock.business_date())


def referrals_of(house: House, *, person_id: UUID) -> list[Referral]:
    """Return a person's own referrals, the latest first."""
    with house.database.transaction() as tx:
        return referral.of_person(tx, person_id=person_id)


def referral_of(house: House, *, person_id: UUID, referral_id: UUID) -> Referral:
    """Return a person's own referral. Errors: NotFound."""
    with house.database.transaction() as tx:
        return referral.load(tx, person_id=person_id, referral_id=referral_id)


def referrals_view(house: House, *, seat: Seat) -> ReferralsView:
    """Return the referrals of the house for an operator. Errors: OperatorForbidden."""
    seat.operator.require(Permission.QUEUE)
    today, partner = house.clock.business_date(), house.settings.operator_name
    with house.database.transaction() as tx:
        counted, latest = referral.counts(tx), referral.latest(tx)
    return ReferralsView(
        counts=counted,
        latest=latest,
        institutions=[
            InstitutionView(
                entry=entry,
                listed=entry.lists(partner=partner, role=PLATFORM, business_date=today),
                reachable=entry.code in house.issuers,
            )
            for entry in house.directory.on(today)
        ],
    )
