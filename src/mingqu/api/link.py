"""Linking: may two of the caller's accounts share one assessment and one ceiling?"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Ppm, shaped
from mingqu.domain.decision.field import DecisionInputInvalid
from mingqu.domain.decision.link import LinkSame
from mingqu.domain.ownership import NotFound
from mingqu.services.limits.link_accounts import LinkView, ask_for_link, links_of

TAG: Final = "Links"


class LinkReason(Answer, frozen=True, kw_only=True):
    """Why not, or not without a limit; what helps, and from which day asking again has a point."""

    code: Annotated[str, msgspec.Meta(examples=["overdue_now"])]
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str
    retry_on: date | None


class Link(Answer, frozen=True, kw_only=True):
    """A decision on a link. Limited, the two share `limit_share_ppm` of the ceiling."""

    link_id: UUID
    outcome: Annotated[str, msgspec.Meta(description="allowed, limited or refused.", examples=["limited"])]
    first_id: UUID
    second_id: UUID
    limit_share_ppm: Ppm
    reasons: list[LinkReason]
    decided_at: datetime


class Links(Answer, frozen=True, kw_only=True):
    """What was decided, the newest first."""

    links: list[Link]


class NewLink(Body, frozen=True, kw_only=True):
    """Two of the caller's own accounts, or an account and a product's line, and what the shared limit is for."""

    first_id: UUID
    second_id: UUID
    purpose: Annotated[
        str,
        msgspec.Meta(
            description="consumption, business, property or securities.",
            examples=["consumption"],
            min_length=1,
            max_length=40,
            pattern=PLAIN,
        ),
    ]


@writes("/links", tag=TAG, refuses=(NotFound, LinkSame, DecisionInputInvalid))
def ask_link(data: JSONBody[NewLink], key: KeyHere, house: HouseHere, caller: CallerHere) -> Link:
    """Ask whether two accounts may be linked; every reason is told, with what helps."""
    return _link(
        ask_for_link(
            house,
            person_id=caller.person_id,
            first_id=data.first_id,
            second_id=data.second_id,
            purpose=data.purpose,
            key=key,
        )
    )


@reads("/links", tag=TAG)
def list_links(house: HouseHere, caller: CallerHere) -> Links:
    """List what was decided on the caller's links."""
    return Links(links=[_link(one) for one in links_of(house, person_id=caller.person_id)])


def _link(view: LinkView) -> Link:
    return shaped(view, Link, reasons=[shaped(one, LinkReason) for one in view.reasons])


HANDLERS: Final = (ask_link, list_links)
