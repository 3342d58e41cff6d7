"""Two loans under one limit: each product has its own, the person's own is above both, and each fen is drawn once."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.demo.journey import pay_by_hand
from mingqu.domain.loan import Intent
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.make_offers import NoLimit, make_offers
from tests.journeys.reading import (
    Books,
    Limit,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    limit_of,
    live_until,
)
from tests.world import OpenWorld

GRANTED = 3_000_000


def test_two_loans_share_a_limit_and_what_one_repays_the_other_product_may_lend(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    first = borrow(world, known, amount_fen=2_000_000)
    second = borrow(world, known, amount_fen=1_000_000, instalments=6)
    person_id = known.person_id
    assert first.offered.offer.facility_id == second.offered.offer.facility_id
    assert limit_of(house, person_id) == Limit(granted=GRANTED, available=0, drawn=GRANTED, held=0)

    # The other product's own limit is untouched, and lends nothing, for the person's is used up.
    (other,) = {
        facility for facility in facilities(world, known.person_id) if facility != first.offered.offer.facility_id
    }
    assert limit_of(house, other) == Limit(granted=GRANTED, available=GRANTED, drawn=0, held=0)
    with pytest.raises(NoLimit):
        make_offers(house, person_id=person_id, amount_fen=50_000, instalments=3, method="equal_instalment")
    assert_coherent(house)

    # One morning takes both instalments, each with its own order.
    live_until(world, date(2026, 9, 15))
    drawn = 0
    for borrowed in (first, second):
        state = loan_state(house, person_id=person_id, loan_id=borrowed.signed.loan_id)
        assert (state.instalments[0].paid_on, state.payable.total_fen) == (date(2026, 9, 15), 0)
        assert books_of(house, borrowed.signed.loan_id) == Books(unbilled=state.principal_outstanding_fen)
        drawn += state.principal_outstanding_fen
    assert limit_of(house, person_id) == Limit(granted=GRANTED, available=GRANTED - drawn, drawn=drawn, held=0)
    assert_coherent(house)

    # Settling one leaves the other as it is.
    pay_by_hand(world, known, loan_id=second.signed.loan_id, intent=Intent.PAYOFF)
    left = loan_state(house, person_id=person_id, loan_id=first.signed.loan_id).principal_outstanding_fen
    assert limit_of(house, person_id) == Limit(granted=GRANTED, available=GRANTED - left, drawn=left, held=0)
    offers = make_offers(house, person_id=person_id, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    assert {one.product.id for one in offers} == {"chengchuan-instalment", "tinglan-instalment"}
    assert_coherent(house)


def facilities(world: OpenWorld, person_id: object) -> set[object]:
    """Return the ids of a person's product limits."""
    with world.house.database.transaction() as tx:
        return {one for (one,) in tx.execute("SELECT facility_id FROM facility WHERE person_id = %s", (person_id,))}
