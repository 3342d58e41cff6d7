"""Lines that a few loans use up, for whoever looks at who pays for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

from mingqu.domain.abs_pool import PoolTerms
from mingqu.domain.funding import Funding, FundingBook, FundingPlan, Share, SourceKind
from mingqu.services.house import House
from mingqu.services.revolving.pay_merchant import authorize_purchase, capture_purchase
from mingqu.store.decisions import policy
from mingqu.store.funders import funding_folder
from tests.world import OpenWorld

PRODUCT: Final = "chengchuan-instalment"
REVOLVING: Final = ("chengchuan-spend", "chengchuan-cash")
OWN_FEN, JOINT_FEN = 700_000, 1_000_000


def small_book() -> FundingBook:
    """The published plans, with lines that three loans use up."""

    def small(plan: FundingPlan) -> FundingPlan:
        lines = {"own": OWN_FEN, "joint-qinghe": JOINT_FEN, "line-qinghe": 0, "pool-1": 0}
        sources = [replace(one, line_fen=lines[one.id]) for one in plan.sources]
        sources[0] = replace(sources[0], amount_max_fen=OWN_FEN)
        return replace(plan, sources=tuple(sources))

    published = funding_folder.load_funding(policy.policy_folder())
    return replace(published, plans=tuple(small(one) for one in published.plans if one.product_id == PRODUCT))


def with_funding(world: OpenWorld, *, pools: tuple[PoolTerms, ...] = ()) -> OpenWorld:
    """Return the world with a house that routes what it lends, and knows pools."""
    return OpenWorld(
        house=replace(world.house, funding=small_book(), pools=pools),
        clock=world.clock,
        bank=world.bank,
        sms=world.sms,
        identity=world.identity,
        bureau=world.bureau,
    )


def joint_book(*, line_fen: int = 100_000_000) -> FundingBook:
    """The published plans of what is spent and drawn, each with a joint source of 30 % and 70 % before all others."""
    published = funding_folder.load_funding(policy.policy_folder())
    bank = next(one for one in published.funders if one.code == "qinghe")

    def joint(plan: FundingPlan) -> FundingPlan:
        shares = (Share(lender_id=plan.lender_id, ppm=300_000), Share(lender_id=bank.id, ppm=700_000))
        source = replace(
            plan.sources[0],
            id="joint-qinghe",
            kind=SourceKind.JOINT,
            name_zh="与清河银行联合",
            name_en="Joint with Qinghe Bank",
            funder_id=bank.id,
            funding=Funding(shares=shares),
            line_fen=line_fen,
        )
        return replace(plan, sources=(source, *plan.sources))

    plans = [one for one in published.plans if one.product_id in REVOLVING and one.version == 1]
    return replace(published, plans=tuple(joint(one) for one in plans))


def spend(house: House, *, person_id: UUID, account_id: UUID, number: str, amount_fen: int) -> UUID:
    """Let a person buy something for so much; return the purchase, captured."""
    purchase_id = authorize_purchase(
        house,
        person_id=person_id,
        account_id=account_id,
        merchant_id="m1",
        merchant_name="河畔书店",
        number=number,
        amount_fen=amount_fen,
        key=number,
    )
    return capture_purchase(house, purchase_id=purchase_id).purchase_id


def with_book(world: OpenWorld, book: FundingBook) -> OpenWorld:
    """Return the world with a house that routes by other plans."""
    return OpenWorld(
        house=replace(world.house, funding=book),
        clock=world.clock,
        bank=world.bank,
        sms=world.sms,
        identity=world.identity,
        bureau=world.bureau,
    )
