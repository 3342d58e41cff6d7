"""What turns out not to have been eligible for a pool goes back to its originator; what was and went bad stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from mingqu.demo.journey import pay_by_hand
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import Intent, quote
from mingqu.domain.order import OrderKind
from mingqu.domain.proposal import HOUSE
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.close.close_day import close_through
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.pools.draw_pool import draw_pools, open_pool
from mingqu.services.pools.read_pools import read_pool
from mingqu.store import proof
from mingqu.store.loans import loan
from tests.funding import with_funding
from tests.journeys.reading import arrive, assert_coherent, borrow, do_morning, facts_of, live_until, orders_of
from tests.journeys.test_fund_centre import another, used
from tests.journeys.test_pool_of_the_book import POOL, SENIOR_FEN, SUBORDINATE_FEN, small_pool
from tests.world import OpenWorld

LINE = "line chengchuan-instalment/own"


@pytest.fixture
def pooling(world: OpenWorld) -> OpenWorld:
    """The world with a pool that buys what one instalment was paid of, and whose originator buys back."""
    pool = small_pool()
    asked = replace(pool.eligibility, paid_instalments_min=1)
    return with_funding(world, pools=(replace(pool, eligibility=asked, originator_buys_back=True),))


def test_an_originator_buys_back_what_had_not_been_eligible_and_nothing_else(pooling: OpenWorld) -> None:
    house = pooling.house
    one, other = arrive(pooling), arrive(pooling, another())
    wrong = borrow(pooling, one, amount_fen=400_000).signed.loan_id
    right = borrow(pooling, other, amount_fen=300_000).signed.loan_id
    live_until(pooling, date(2026, 9, 15))
    open_pool(house, pool_id=POOL)
    close_and_draw(pooling, date(2026, 9, 15))
    assert read_pool(house, pool_id=POOL).loans == 2
    follow_funding(house)
    assert used(house, LINE) == 0

    # The instalment that made one of them eligible bounces; of the other it is a payment of a later day.
    do_morning(pooling)
    pay_by_hand(pooling, other, loan_id=right, intent=Intent.PREPAY, amount_fen=50_000)
    close_and_draw(pooling, date(2026, 9, 16))
    bounce(house, wrong, place=0)
    bounce(house, right, place=-1)
    close_and_draw(pooling, date(2026, 9, 17))
    view = read_pool(house, pool_id=POOL)
    state, day = loan_state(house, person_id=one.person_id, loan_id=wrong), view.day
    with house.database.transaction() as tx:
        terms = loan.terms_of(tx, cell=tx.cell_of(wrong), loan_id=wrong)
    price = quote(terms=terms, state=state, on=date(2026, 9, 18))
    assert day is not None
    assert (day.returned_fen, day.returned_fen + day.returned_other_fen) == (400_000, price.payoff_fen)
    assert day.returned_other_fen > 4_000  # a month's interest and more
    assert returns(house) == [(wrong, date(2026, 9, 18), ["too_few_paid", "overdue"])]
    assert (view.loans, view.principal_fen) == (1, view.trust[Code.TRUST_LOANS])
    assert facts_of(house, HOUSE, "pool_day")[-1]["returned"] == [
        [wrong.hex, 400_000, day.returned_other_fen, ["too_few_paid", "overdue"]]
    ]
    # What came in is what was paid out, what is held, and what is in reserve.
    trust = view.trust
    assert SENIOR_FEN + SUBORDINATE_FEN + trust[Code.TRUST_EARNED] == sum(
        trust[code]
        for code in (Code.TRUST_CASH, Code.TRUST_LOANS, Code.TRUST_FEE, Code.TRUST_INTEREST, Code.TRUST_EXCESS)
    )
    assert_coherent(house)
    follow_funding(house)
    assert used(house, LINE) == 400_000  # its lender's own money again
    close_and_draw(pooling, date(2026, 9, 18))
    assert [row[0] for row in returns(house)] == [wrong]
    with house.database.transaction() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE pool_loan SET returned_fen = returned_fen - 1 WHERE loan_id = %s", (wrong,))
        assert any(f"of loan {wrong} another principal" in sentence for sentence in proof.pools(tx))
        assert any(sentence.startswith("day 2026-09-17 of pool") for sentence in proof.pools(tx))


def close_and_draw(world: OpenWorld, on: date) -> None:
    """Close a day in the morning of the next one and draw it."""
    world.go_to_date(date.fromordinal(on.toordinal() + 1))
    close_through(world.house, to=on)
    assert draw_pools(world.house) == 1


def bounce(house: House, loan_id: UUID, *, place: int) -> None:
    """Take a collection of a loan back, by its place among them."""
    paid = [one for one in orders_of(house, loan_id, OrderKind.COLLECTION) if one.state.value == "PAID"]
    reverse_repayment(house, loan_id=loan_id, repayment_id=paid[place].order_id, key=f"bounce {loan_id.hex}")


def returns(house: House) -> list[tuple[UUID, date, list[str]]]:
    """Return every loan that went back, since when and why."""
    with house.database.transaction() as tx:
        return tx.execute(
            "SELECT loan_id, returned_on, returned_for FROM pool_loan WHERE returned_on IS NOT NULL"
        ).fetchall()
