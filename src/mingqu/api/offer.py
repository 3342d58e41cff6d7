"""Offers of several lenders for one wish, and the cost table that is read before signing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Body, Fen, FenAsked, Hash, Method, Ppm, shaped
from mingqu.domain.canonical import Canonical
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.gate import RuleBroken
from mingqu.domain.institution import InstitutionNotConnected, PartnerNotListed, PilotExcludes
from mingqu.domain.limit import AssessmentExpired
from mingqu.domain.product import TermsNotOffered
from mingqu.services.customers.read_papers import offer_view
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.offers.disclose_cost import CostTableNotRead, OfferStale, confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import LendersUndecided, NoLimit, make_offers
from mingqu.services.offers.preview_offers import preview_offers
from mingqu.services.offers.price_offer import CostAboveCap, Offered
from mingqu.services.offers.read_cost_table import shown_cost_table
from mingqu.services.once import once_done

TAG: Final = "Offers"
TABLE_EXAMPLE: Final = {"principal_fen": 1000000, "cost_fen": 98000, "annual_effective_ppm": 195618}
Table = Annotated[
    dict[str, object],
    msgspec.Meta(
        description="The table as it is hashed: who collects what, the yearly cost, every payment, what delay costs.",
        examples=[TABLE_EXAMPLE],
    ),
]


class NewOffers(Body, frozen=True, kw_only=True):
    """What the caller wishes to borrow, in how many instalments, repaid how."""

    amount_fen: FenAsked
    instalments: Annotated[int, msgspec.Meta(ge=1, le=1200, examples=[12])]
    method: Method


class Payment(Answer, frozen=True, kw_only=True):
    """One planned payment."""

    due: date
    payment_fen: Fen
    principal_fen: Fen
    interest_fen: Fen
    fee_fen: Fen


class Collected(Answer, frozen=True, kw_only=True):
    """One part of what an offer costs, and who collects it."""

    code: str
    collector: str
    amount_fen: Fen


class Offer(Answer, frozen=True, kw_only=True):
    """What one lender offers. `annual_effective_ppm` is the whole yearly cost, by which offers are ordered."""

    offer_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    principal_fen: Fen
    method: Method
    instalments: int
    rate_year_ppm: Ppm
    cost_fen: Fen
    annual_simple_ppm: Ppm
    annual_effective_ppm: Ppm
    licence: str
    costs: list[Collected]
    payments: list[Payment]
    expires_at: datetime


class Offers(Answer, frozen=True, kw_only=True):
    """Offers, the cheapest by whole yearly cost first. None is preselected."""

    offers: list[Offer]


class CostTable(Answer, frozen=True, kw_only=True):
    """A cost table as it was shown. It can be confirmed after `wait_seconds`, the time it takes to read it."""

    disclosure_id: UUID
    offer_id: UUID
    body: Table
    body_hash: Hash
    shown_at: datetime
    confirmed_at: datetime | None
    wait_seconds: int


@writes(
    "/offers",
    tag=TAG,
    refuses=(
        NoLimit,
        DrawingFrozen,
        DrawingStopped,
        AssessmentExpired,
        TermsNotOffered,
        LendersUndecided,
        InstitutionNotConnected,
        PartnerNotListed,
        PilotExcludes,
        CostAboveCap,
        RuleBroken,
    ),
)
def ask_for_offers(data: JSONBody[NewOffers], key: KeyHere, house: HouseHere, caller: CallerHere) -> Offers:
    """Ask every lender with whom the caller has a limit; offers stand for a week."""
    made = make_offers(
        house,
        person_id=caller.person_id,
        amount_fen=data.amount_fen,
        instalments=data.instalments,
        method=data.method,
        key=key,
    )
    return Offers(offers=[offer_of(one) for one in made])


@writes(
    "/offers/preview",
    tag=TAG,
    status=200,
    refuses=(DrawingFrozen, DrawingStopped, AssessmentExpired, CostAboveCap, RuleBroken),
)
def try_offers(
    data: JSONBody[NewOffers],
    key: KeyHere,  # noqa: ARG001 - a POST takes one; nothing is kept
    house: HouseHere,
    caller: CallerHere,
) -> Offers:
    """Work out what would be offered, and keep nothing: for a calculator. The ids answered lead nowhere."""
    made = preview_offers(
        house,
        person_id=caller.person_id,
        amount_fen=data.amount_fen,
        instalments=data.instalments,
        method=data.method,
    )
    return Offers(offers=[offer_of(one) for one in made])


@reads(
    "/offers/{offer_id:uuid}",
    tag=TAG,
    refuses=(OfferStale, DrawingFrozen, DrawingStopped, AssessmentExpired, CostAboveCap, RuleBroken),
)
def read_offer(offer_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Offer:
    """Read an offer that can still be taken."""
    return offer_of(offer_view(house, person_id=caller.person_id, offer_id=offer_id))


@writes(
    "/offers/{offer_id:uuid}/cost-table",
    tag=TAG,
    body=False,
    refuses=(OfferStale, DrawingFrozen, DrawingStopped, AssessmentExpired, CostAboveCap, RuleBroken),
)
def show_costs(offer_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> CostTable:
    """Show the cost table of an offer (综合融资成本明示表); the time of reading counts from now."""
    shown = show_cost_table(house, person_id=caller.person_id, offer_id=offer_id, key=key)
    table = _table(house, caller, shown.disclosure_id)
    # Sent again later, the answer is still the one of the moment in which it was shown.
    wait_seconds = int(house.settings.cost_table_reading.total_seconds())
    return msgspec.structs.replace(table, confirmed_at=None, wait_seconds=wait_seconds)


@reads("/cost-tables/{disclosure_id:uuid}", tag=TAG)
def read_costs(disclosure_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> CostTable:
    """Read a cost table again as it was shown."""
    return _table(house, caller, disclosure_id)


@writes(
    "/cost-tables/{disclosure_id:uuid}/confirmation",
    tag=TAG,
    body=False,
    status=200,
    refuses=(OfferStale, CostTableNotRead, DrawingFrozen, DrawingStopped, AssessmentExpired, CostAboveCap, RuleBroken),
)
def confirm_costs(disclosure_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> CostTable:
    """Say that the table was read. Before it can have been read the answer is `cost_table_not_read`."""

    def act() -> dict[str, object]:
        confirm_cost_table(house, person_id=caller.person_id, disclosure_id=disclosure_id)
        return {}

    request: dict[str, Canonical] = {"disclosure_id": disclosure_id.hex}
    once_done(house, scope=caller.person_id, command="confirm_costs", key=key, request=request, act=act)
    return _table(house, caller, disclosure_id)


def offer_of(made: Offered) -> Offer:
    """Return an offer as it is answered."""
    terms, cost = made.offer.terms, made.cost
    return Offer(
        offer_id=made.offer.offer_id,
        product_id=made.product.id,
        product_zh=made.product.name_zh,
        product_en=made.product.name_en,
        lender_zh=made.lender_name_zh,
        lender_en=made.lender_name_en,
        principal_fen=terms.principal_fen,
        method=terms.method.value,
        instalments=terms.instalments,
        rate_year_ppm=made.rate_year_ppm,
        cost_fen=cost.cost_fen,
        annual_simple_ppm=cost.annual.simple_ppm,
        annual_effective_ppm=cost.annual.effective_ppm,
        licence=made.licence.value,
        costs=[shaped(item, Collected) for item in cost.items],
        payments=[shaped(one, Payment) for one in made.payments],
        expires_at=made.offer.expires_at,
    )


def _table(house: HouseHere, caller: CallerHere, disclosure_id: UUID) -> CostTable:
    shown = shown_cost_table(house, person_id=caller.person_id, disclosure_id=disclosure_id)
    return shaped(shown, CostTable, body_hash=shown.body_hash.hex(), body=dict(shown.body))


HANDLERS: Final = (ask_for_offers, try_offers, read_offer, show_costs, read_costs, confirm_costs)
