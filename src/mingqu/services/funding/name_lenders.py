"""Name the joint lenders of a revolving product: what is told with its terms, and who an account's lenders became."""

from __future__ import annotations

from mingqu.domain.funding import JointSource, NamedLender, Source
from mingqu.services.house import House


def joint_sources(house: House, *, product_id: str) -> tuple[JointSource, ...]:
    """Return every joint source of a product's plan of today, each with its lenders, shares and licences."""
    plan = house.funding.plan_of(product_id=product_id, business_date=house.clock.business_date())
    return () if plan is None else tuple(_named(house, one) for one in plan.sources if one.is_joint)


def _named(house: House, source: Source) -> JointSource:
    newest = {one.id: one for one in sorted(house.funding.funders, key=lambda each: each.version)}
    funders = newest | house.funding.funders_on(house.clock.business_date())
    lenders = tuple(
        NamedLender(
            lender_id=share.lender_id,
            name_zh=funders[share.lender_id].name_zh,
            name_en=funders[share.lender_id].name_en,
            licence=funders[share.lender_id].licence.value,
            share_ppm=share.ppm,
        )
        for share in source.funding.shares
    )
    return JointSource(source_id=source.id, lenders=lenders)
