"""Operators for tests of what takes two: who sits where, and money that no loan could take."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from mingqu.demo.journey import Borrowed, take_loan, work_until_idle
from mingqu.domain.loan import ChargedOff, Intent, WrittenOff
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.house import House
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.store.operators import operator
from tests.console import employ
from tests.journeys.reading import arrive, borrow
from tests.world import OpenWorld

PAID_FEN = 200_000


def seat_of(house: House, role: str, *, name: str = "") -> Seat:
    """Return the seat of an operator of a role, made if there is none of the name."""
    wanted = name or role.replace(":", "-")
    with house.database.transaction() as tx:
        known = operator.find(tx, name=wanted)
    if known is None:
        employ(house, role, name=wanted)
        with house.database.transaction() as tx:
            known = operator.find(tx, name=wanted)
    assert known is not None
    return Seat(session_id=house.identifiers.fresh(0), operator=known)


def parked(world: OpenWorld) -> tuple[UUID, Borrowed, Borrowed]:
    """Return the order of money that is parked, the loan it was meant for, and another one of the person's.

    The person opened a page to pay, the lender gave the claim up, and then the page was paid.
    """
    house = world.house
    lost = borrow(world, arrive(world), amount_fen=600_000)
    other = take_loan(world, lost.known, amount_fen=300_000, instalments=6, method="equal_instalment")
    work_until_idle(world)
    assert lost.offered.product.lender_id == other.offered.product.lender_id, "one lender has both loans"
    page = repay_by_hand(
        house,
        person_id=lost.known.person_id,
        loan_id=lost.signed.loan_id,
        intent=Intent.PREPAY,
        amount_fen=PAID_FEN,
        key="page",
    )
    open_page(house, person_id=lost.known.person_id, order_id=page.order_id)
    for kind in (ChargedOff, WrittenOff):
        world.go_to(house.clock.now() + timedelta(seconds=1))  # one after the other, by their ids
        event = kind(event_id=house.id_for(lost.known.person_id), value_date=house.clock.business_date())
        change_loan(house, loan_id=lost.signed.loan_id, event=event, key=kind.__name__)
    world.pay_page(lost.known.newcomer, page.order_id)
    world.go_to(house.clock.now() + timedelta(minutes=5))
    run_errand(house, order_id=page.order_id)
    return page.order_id, lost, other
