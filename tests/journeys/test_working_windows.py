"""A payout waits for its channel, or takes the other one, and the borrower is told when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mingqu.demo.journey import take_loan, work_until_idle
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.working_window import WorkingWindows
from mingqu.services.house import BANK, CLEARING
from mingqu.services.repayment.read_loans import loan_view
from mingqu.services.run_due_work import run_due_work
from tests.journeys.reading import arrive, assert_coherent, orders_of
from tests.world import OpenWorld

HOURS = timedelta(hours=5)


def rewire(world: OpenWorld, **changes: Any) -> None:
    world._house = replace(world.house, **changes)


@pytest.mark.parametrize("other", [False, True])
def test_a_payout_in_the_dark_waits_or_takes_the_other_channel(world: OpenWorld, other: bool) -> None:
    known, now = arrive(world), world.house.clock.now()
    dark = WorkingWindows(channel=BANK, dark=((now - HOURS, now + HOURS),))
    rewire(world, windows={BANK: dark}, payouts={CLEARING: world.bank} if other else {})
    borrowed = take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    work_until_idle(world)
    (payout,) = orders_of(world.house, borrowed.signed.loan_id, OrderKind.PAYOUT)
    if other:
        assert (payout.channel, payout.state) == (CLEARING, OrderState.PAID)
        assert_coherent(world.house)
        return
    assert (payout.state, payout.run_at) == (OrderState.RESERVED, now + HOURS)
    view = loan_view(world.house, person_id=known.person_id, loan_id=borrowed.signed.loan_id)
    assert view.payout is not None
    assert view.payout.run_at == now + HOURS, "the page says when"
    later = WorkingWindows(channel=BANK, dark=((now - HOURS, now + 2 * HOURS),))  # announced meanwhile
    rewire(world, windows={BANK: later})
    world.go_to(now + HOURS)
    run_due_work(world.house)
    (payout,) = orders_of(world.house, borrowed.signed.loan_id, OrderKind.PAYOUT)
    assert (payout.state, payout.attempts, payout.next_at) == (OrderState.RESERVED, 0, now + 2 * HOURS)
    world.go_to(now + 2 * HOURS)
    work_until_idle(world)
    (payout,) = orders_of(world.house, borrowed.signed.loan_id, OrderKind.PAYOUT)
    assert payout.state is OrderState.PAID
    assert_coherent(world.house)
