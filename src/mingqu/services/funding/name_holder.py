"""Name whoever has, or may have, a part of a joint loan: a funder, or a partner who buys one back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mingqu.domain.funding import FunderUnknown
from mingqu.domain.partner import PartnerRole
from mingqu.domain.product import Licence
from mingqu.services.house import House


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody with a claim. A funder has a licence to lend; a partner has a role and an id that follows from its code.

    `status` is "active" or "suspended"; a funder is active while figures of it hold.
    """

    id: UUID
    code: str
    name_zh: str
    name_en: str
    licence: Licence | None = None
    role: PartnerRole | None = None
    status: str = "active"


def holders(house: House) -> dict[UUID, Holder]:
    """Return everybody who may have a claim today, by id; also a funder whose figures hold no more, for what it had."""
    newest = {one.id: one for one in sorted(house.funding.funders, key=lambda each: each.version)}
    found = {
        one.id: Holder(id=one.id, code=one.code, name_zh=one.name_zh, name_en=one.name_en, licence=one.licence)
        for one in (newest | house.funding.funders_on(house.clock.business_date())).values()
    }
    for code in {one.code for one in house.pack.partners}:
        one = house.pack.partner(code=code)
        found[one.holder_id] = Holder(
            id=one.holder_id, code=code, name_zh=one.name_zh, name_en=one.name_en, role=one.role, status=one.status
        )
    return found


def holder_of(house: House, *, word: str) -> Holder:
    """Return somebody by code or id. Errors: FunderUnknown."""
    known = holders(house)
    found = next((one for one in known.values() if word in (one.code, one.id.hex, str(one.id))), None)
    if found is None:
        codes = ", ".join(sorted(one.code for one in known.values())) or "none"
        raise FunderUnknown(f"There is no such funder or partner. Known: {codes}.")
    return found
