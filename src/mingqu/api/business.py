"""A business of the caller's own: state it, and read what is verified. Business loans take one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body
from mingqu.domain.business import (
    NAME_LENGTH_MAX,
    USES,
    BusinessNameMalformed,
    BusinessUnknown,
    NotLegalPerson,
    UseOfMoneyUnknown,
)
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.party import UsccCheckCharacterWrong, UsccMalformed
from mingqu.domain.personal import Personal
from mingqu.services.once import id_of_key
from mingqu.services.people.bind_wallet import IdentityNotVerified
from mingqu.services.people.state_business import (
    BusinessCheckSilent,
    BusinessTriesExhausted,
    BusinessView,
    business_view,
    state_business,
)

TAG: Final = "Person"
BusinessName = Annotated[
    str, msgspec.Meta(min_length=2, max_length=NAME_LENGTH_MAX, pattern=PLAIN, examples=["西湖区知夏面馆"])
]
Use = Annotated[str, msgspec.Meta(max_length=40, pattern=PLAIN, examples=["stock"], description=f"{', '.join(USES)}.")]


class NewBusiness(Body, frozen=True, kw_only=True):
    """What the licence says, and what the money of a loan would be for."""

    name: BusinessName
    uscc: Annotated[str, msgspec.Meta(min_length=18, max_length=18, pattern=PLAIN, examples=["92330106MA2ABCDE83"])]
    use: Use


class Business(Answer, frozen=True, kw_only=True):
    """A verified business, its code masked."""

    business_id: UUID
    name: str
    uscc: Annotated[str, msgspec.Meta(examples=["9233************83"])]
    use: Use
    verified_at: datetime


class OwnBusiness(Answer, frozen=True, kw_only=True):
    """The business that was verified last, or null."""

    business: Business | None


@writes(
    "/businesses",
    tag=TAG,
    refuses=(
        UsccMalformed,
        UsccCheckCharacterWrong,
        BusinessNameMalformed,
        UseOfMoneyUnknown,
        IdentityNotVerified,
        ConsentMissing,
        BusinessTriesExhausted,
        BusinessCheckSilent,
        BusinessUnknown,
        NotLegalPerson,
    ),
)
def add_business(data: JSONBody[NewBusiness], key: KeyHere, house: HouseHere, caller: CallerHere) -> OwnBusiness:
    """State a business whose legal person or operator the caller is.

    Takes the consent `business_verification` and a proven identity. When the register is silent (503) nothing is
    decided: send the same request again, with the same key. Stating it again says another use.
    """
    state_business(
        house,
        person_id=caller.person_id,
        request_id=id_of_key(scope=caller.person_id, command="state_business", key=key),
        name=Personal(data.name),
        uscc=Personal(data.uscc),
        use=data.use,
    )
    return _own(business_view(house, person_id=caller.person_id))


@reads("/businesses", tag=TAG)
def read_business(house: HouseHere, caller: CallerHere) -> OwnBusiness:
    """Read the business that a business loan would be for."""
    return _own(business_view(house, person_id=caller.person_id))


def _own(view: BusinessView | None) -> OwnBusiness:
    if view is None:
        return OwnBusiness(business=None)
    return OwnBusiness(
        business=Business(
            business_id=view.business_id, name=view.name, uscc=view.uscc, use=view.use, verified_at=view.verified_at
        )
    )


HANDLERS: Final = (add_business, read_business)
