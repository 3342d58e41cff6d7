"""Who lends and what is on offer, open to everybody."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec

from mingqu.api.gate import HouseHere
from mingqu.api.operation import reads
from mingqu.api.shape import Answer, Fen, Ppm, shaped
from mingqu.domain.product import Licence

TAG: Final = "Market"


class Lender(Answer, frozen=True, kw_only=True):
    """A licensed institution that lends."""

    lender_id: UUID
    name_zh: str
    name_en: str
    licence: Licence
    region: Annotated[str, msgspec.Meta(examples=["CN"])]
    status: Annotated[str, msgspec.Meta(examples=["active"])]


class Lenders(Answer, frozen=True, kw_only=True):
    """Every lender."""

    lenders: list[Lender]


class Product(Answer, frozen=True, kw_only=True):
    """A product on offer today. The price is the decision's; what a loan costs stands in its cost table."""

    product_id: str
    version: int
    lender_id: UUID
    name_zh: str
    name_en: str
    kind: Annotated[str, msgspec.Meta(examples=["cash_instalment"])]
    methods: list[str]
    instalment_counts: list[int]
    amount_min_fen: Fen
    amount_max_fen: Fen
    amount_step_fen: Fen
    penalty_multiple_ppm: Ppm
    early_repayment_fee_ppm: Ppm
    grace_days: int
    prohibited_uses: list[str]


class Products(Answer, frozen=True, kw_only=True):
    """Every product on offer today."""

    products: list[Product]


@reads("/lenders", tag=TAG, public=True)
def list_lenders(house: HouseHere) -> Lenders:
    """List who lends, with the licence of each."""
    newest = {one.id: house.pack.lender(lender_id=one.id) for one in house.pack.lenders}
    return Lenders(lenders=[shaped(one, Lender, lender_id=one.id) for one in newest.values()])


@reads("/products", tag=TAG, public=True)
def list_products(house: HouseHere) -> Products:
    """List what is on offer today."""
    offered = house.pack.offered(business_date=house.clock.business_date())
    return Products(products=[shaped(one, Product, product_id=one.id) for one in offered])


HANDLERS: Final = (list_lenders, list_products)
