"""Orders that are due together go out in one message, and each ends by its own word, or is asked for by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.rails import FakeRails
from mingqu.demo.journey import take_loan, work_until_idle
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.services.house import BANK, Settings
from mingqu.services.orders import send_batch
from mingqu.services.run_due_work import run_due_work
from tests.journeys.reading import arrive, assert_coherent, orders_of
from tests.world import OpenWorld

AMOUNTS = (100_000, 200_000)


def rewire(world: OpenWorld, **changes: Any) -> None:
    world._house = replace(world.house, **changes)


@pytest.mark.parametrize("fault", [None, Fault.LOSE_REPLY, Fault.LOSE_REQUEST])
def test_payouts_go_out_together_and_a_silent_batch_is_asked_for_one_by_one(
    world: OpenWorld, fault: Fault | None
) -> None:
    known = arrive(world)
    rewire(world, batches={BANK: FakeRails(bank=world.bank)}, settings=Settings(batch_from=2))
    taken = [
        take_loan(world, known, amount_fen=amount_fen, instalments=12, method="equal_instalment")
        for amount_fen in AMOUNTS
    ]

    def payouts() -> list[Order]:
        return [orders_of(world.house, one.signed.loan_id, OrderKind.PAYOUT)[0] for one in taken]

    if fault is not None:
        world.bank.faults.plan("batch.send", fault)
    world.bank.faults.plan("payout.send", Fault.REFUSE)  # nothing is sent by itself at first
    run_due_work(world.house)
    states = {one.state for one in payouts()}
    assert states == ({OrderState.PAID} if fault is None else {OrderState.UNKNOWN})
    world.bank.faults.heal()
    for _ in range(3):
        world.go_to(max(world.house.clock.now(), *(one.next_at for one in payouts())))
        work_until_idle(world)
    assert {one.state for one in payouts()} == {OrderState.PAID}
    assert {one.attempts for one in payouts()} == {2 if fault is Fault.LOSE_REQUEST else 1}
    assert sum(world.bank.moved().values()) == sum(AMOUNTS)
    assert_coherent(world.house)


@pytest.mark.parametrize("step", ["_request", "_say"])
def test_a_batch_that_fails_unforeseen_keeps_no_order_waiting_and_pays_none_twice(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    known = arrive(world)
    rewire(world, batches={BANK: FakeRails(bank=world.bank)}, settings=Settings(batch_from=2))
    for amount_fen in AMOUNTS:
        take_loan(world, known, amount_fen=amount_fen, instalments=12, method="equal_instalment")

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(send_batch, step, fail)
    for _ in range(5):
        assert run_due_work(world.house).aside == ()
        world.go_to(world.house.clock.now() + timedelta(minutes=1))
    assert sum(world.bank.moved().values()) == sum(AMOUNTS)
    assert_coherent(world.house)
