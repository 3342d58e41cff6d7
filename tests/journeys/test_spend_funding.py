"""Purchases and draws find their funder like loans do: what was open with the account may be used up at its use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import work_until_idle
from mingqu.domain.funding import FundingPlan
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.loans.reserve_payout import FundingExhausted
from mingqu.services.pools.read_funds import read_funds
from mingqu.services.revolving.draw_cash import draw_cash
from mingqu.services.revolving.open_spend import open_spend, spend_offers
from mingqu.services.revolving.pay_merchant import (
    authorize_purchase,
    capture_purchase,
    refund_purchase,
    release_purchase,
)
from mingqu.store import proof
from mingqu.store.decisions import policy
from mingqu.store.funders import funding_folder
from tests.funding import REVOLVING
from tests.journeys.reading import arrive, assert_coherent, facts_of, rows_of
from tests.journeys.test_fund_centre import used
from tests.world import OpenWorld

LINES = {"pool-2": 30_000, "line-qinghe": 50_000, "own": 100_000}


@pytest.fixture
def funded(world: OpenWorld) -> OpenWorld:
    """The world with a house that routes what is spent and drawn, by lines that a few purchases use up."""

    def small(plan: FundingPlan) -> FundingPlan:
        return replace(plan, sources=tuple(replace(one, line_fen=LINES[one.id]) for one in plan.sources))

    book = funding_folder.load_funding(policy.policy_folder())
    plans = [small(one) for one in book.plans if one.product_id in REVOLVING and one.version == 1]
    return OpenWorld(
        house=replace(world.house, funding=replace(book, plans=tuple(plans))),
        clock=world.clock,
        bank=world.bank,
        sms=world.sms,
        identity=world.identity,
        bureau=world.bureau,
    )


def accounts_of(house: House, person_id: UUID) -> dict[str, UUID]:
    """Open what can be opened, by the terms shown; return the accounts by product."""
    return {
        one.product.id: open_spend(
            house, person_id=person_id, product_id=one.product.id, terms_hash=one.terms_hash, key=one.product.id
        )
        for one in spend_offers(house, person_id=person_id)
    }


def test_what_is_spent_and_drawn_uses_its_source_and_is_refused_when_that_is_used_up(funded: OpenWorld) -> None:
    house, known = funded.house, arrive(funded)
    accounts = accounts_of(house, known.person_id)

    def buy(number: str, amount_fen: int) -> UUID:
        return authorize_purchase(
            house,
            person_id=known.person_id,
            account_id=accounts["chengchuan-spend"],
            merchant_id="m1",
            merchant_name="河畔书店",
            number=number,
            amount_fen=amount_fen,
            key=number,
        )

    pool_fen = partial(used, house, "line chengchuan-spend/pool-2")
    first = buy("1", 20_000)
    (routed,) = facts_of(house, known.person_id, "funding")
    assert (routed["source"], routed["skipped"], routed["cause"]) == ("pool-2", [], first.hex)
    before = rows_of(house)
    with pytest.raises(FundingExhausted) as refused:
        buy("2", 15_000)  # there is room in its lender's own money, but an account stays with its source
    assert refused.value.details == {"free_fen": 10_000, "sources": "pool-2: line"}
    assert rows_of(house) == before

    capture_purchase(house, purchase_id=first, amount_fen=12_000)
    assert pool_fen() == 12_000  # what was not captured is free at once
    release_purchase(house, purchase_id=buy("3", 15_000))
    assert pool_fen() == 12_000
    refund_purchase(house, purchase_id=first, number="r", amount_fen=2_000)
    assert pool_fen() == 12_000  # what came back counts until the morning after
    assert_coherent(house)

    draw_and_be_refused(funded, known.person_id, accounts["chengchuan-cash"], known.instrument_id)
    follow_funding(house)
    assert (pool_fen(), used(house, "line chengchuan-cash/own")) == (10_000, 60_000)
    seen = {(one.product_id, one.source_id): one for one in read_funds(house).sources}
    assert seen["chengchuan-cash", "own"].principal_fen == 60_000
    assert seen["chengchuan-cash", "own"].product_zh == "澄川随借", "a revolving product has its name, not its id"
    assert_coherent(house)
    with house.database.transaction() as tx:
        tx.execute("UPDATE headroom_use SET amount_fen = 0 WHERE use_id = %s", (accounts["chengchuan-cash"],))
        assert proof.fundings(tx) == [
            f"account {accounts['chengchuan-cash']} uses less of its line than it owes and holds"
        ]
        assert proof.spend_accounts(tx) == []
        tx.execute(
            """INSERT INTO spend_statement (cell, account_id, number, billed_on, body)
               VALUES (0, %s, 1, '2026-09-01', '')""",
            (UUID(int=2),),
        )
        assert proof.spend_accounts(tx) == [f"bill 1 of {UUID(int=2)} is of no account"]


def draw_and_be_refused(funded: OpenWorld, person_id: UUID, account_id: UUID, instrument_id: UUID) -> None:
    """Draw more than the bank's line has, so that the lender's own money pays; a refused payout gives it back."""
    house = funded.house

    def draw(key: str, amount_fen: int) -> None:
        draw_cash(
            house,
            person_id=person_id,
            account_id=account_id,
            instrument_id=instrument_id,
            amount_fen=amount_fen,
            key=key,
        )
        work_until_idle(funded)

    draw("a", 60_000)
    assert facts_of(house, person_id, "funding")[-1]["skipped"] == [["line-qinghe", "no_room", "line"]]
    funded.bank.faults.plan("payout.send", Fault.REFUSE)
    draw("b", 30_000)
    assert used(house, "line chengchuan-cash/own") == 60_000
    with pytest.raises(FundingExhausted):
        draw("c", 40_001)
