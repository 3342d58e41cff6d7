"""Work that fails as nobody had foreseen is set aside with the reason and waits; everything else goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from mingqu.demo.journey import take_loan
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.moment import start_of
from mingqu.domain.order import OrderKind, OrderState
from mingqu.services.do_each import do_each, do_of_cell
from mingqu.services.house import House
from mingqu.services.orders.run_errand import PaymentChannelUnknown, run_errand
from mingqu.services.revolving import bill_spend, tell_account
from mingqu.services.revolving.tell_account import promise_notice
from mingqu.services.run_due_work import run_due_work
from mingqu.store.revolving import spend
from mingqu.store.server import work, work_aside
from mingqu.store.server.database import DatabaseUnavailable
from mingqu.store.server.work import LeaseLost
from mingqu.store.server.work_aside import Aside, wait_after
from tests.console import signed_in
from tests.journeys.reading import arrive, assert_coherent, orders_of
from tests.journeys.test_bill_reminders import bill_of
from tests.journeys.test_disputed_orders import load
from tests.world import OpenWorld


def failing(there: Callable[..., Any], *, of: UUID) -> Callable[..., Any]:
    """Return a function that fails for what concerns an id, and else does what it did."""

    def fail_or_do(*arguments: Any, **more: Any) -> Any:
        given = (*arguments, *more.values())
        if any(of in (one, getattr(one, "subject_id", None), getattr(one, "account_id", None)) for one in given):
            raise ZeroDivisionError("with somebody's name in it")
        return there(*arguments, **more)

    return fail_or_do


def raising(error: Exception) -> Callable[..., Any]:
    """Return a function that only raises."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def aside(house: House) -> list[Aside]:
    with house.database.transaction() as tx:
        return work_aside.everything(tx)


def promise(world: OpenWorld, account_id: UUID) -> None:
    with world.house.database.transaction() as tx:
        account = spend.get(tx, account_id=account_id)
        promise_notice(tx, world.house, account=account, template="spend.deducted", amount_fen=1)
        tx.commit()


def told(world: OpenWorld, phone: Any) -> int:
    return sum(one.template == "spend.deducted" for one in world.sms.inbox(phone=phone))


def test_a_piece_that_fails_waits_longer_each_time_and_keeps_no_other_waiting(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house, bad, good = world.house, bill_of(world, XIA), bill_of(world, ZHOU)
    promise(world, bad)
    promise(world, good)
    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR, "mingqu.work"):
        broken.setattr(tell_account, "_tell", failing(tell_account._tell, of=bad))
        began = house.clock.now()
        done = run_due_work(house)
        assert (told(world, XIA.phone), told(world, ZHOU.phone)) == (0, 1)
        (one,) = done.aside
        assert (one.subject_id, one.code, one.tries) == (bad, "ZeroDivisionError in tell_account.<lambda>", 1)
        assert one.again_at == began + timedelta(minutes=1)
        assert [record.message for record in caplog.records] == ["work.set_aside"]
        assert "name" not in caplog.text
        world.go_to(began + timedelta(seconds=59))
        assert run_due_work(house).aside == (), "it waits"
        desk = signed_in(house, "operations")
        page = desk.get("/console/queues").text
        assert "ZeroDivisionError in tell_account.&lt;lambda&gt;" in page
        world.go_to(one.again_at)
        (again,) = run_due_work(house).aside
        assert (again.tries, again.since, again.again_at) == (2, began, one.again_at + timedelta(minutes=2))
    world.go_to(again.again_at)
    assert run_due_work(house).aside == ()
    assert (told(world, XIA.phone), told(world, ZHOU.phone)) == (1, 1)
    with house.database.transaction() as tx:
        assert tx.execute("SELECT FROM work_set_aside").rowcount == 0
    assert "ZeroDivisionError" not in desk.get("/console/queues").text


def test_the_wait_grows_to_a_quarter_of_a_day() -> None:
    assert [wait_after(tries) // timedelta(minutes=1) for tries in (1, 2, 3, 9, 10, 1_000_000)] == [
        1, 2, 4, 256, 360, 360,
    ]  # fmt: skip


def test_what_is_another_workers_is_passed_over_and_trouble_of_the_server_ends_the_round(world: OpenWorld) -> None:
    house, account_id = world.house, bill_of(world, XIA)
    promise(world, account_id)
    cell = house.database.cell_of(account_id)
    with house.database.transaction() as tx:
        pieces = work.lease(tx, cell=cell, kinds=["account_notice"], now=house.clock.now(), lease_seconds=60, limit=9)
        tx.commit()

    assert do_each(house, pieces, raising(LeaseLost("It is another worker's."))) == 0
    for trouble in (DatabaseUnavailable("It went away."), MemoryError()):
        do = raising(trouble)
        with pytest.raises(type(trouble)):
            do_each(house, pieces, do)
        with pytest.raises(type(trouble)):
            do_of_cell(house, kind="account_notice", cell=cell, do=partial(do_each, house, pieces, do))
    assert aside(house) == []
    (lost,) = pieces
    with house.database.transaction() as tx:
        work.complete(tx, work=lost, now=house.clock.now())
        tx.commit()
    assert do_each(house, pieces, raising(ZeroDivisionError())) == 0
    assert aside(house) == [], "what failed behind its end is not to be done again"


def test_a_kind_of_work_that_fails_as_a_whole_waits_in_its_cell(world: OpenWorld) -> None:
    house, done = world.house, []

    def fail() -> int:
        done.append(0)
        raise ZeroDivisionError

    assert [do_of_cell(house, kind=kind, cell=0, do=fail) for kind in ("hold", "hold", "notice")] == [0, 0, 0]
    assert len(done) == 2
    assert [(one.cell, one.kind, one.tries) for one in aside(house)] == [(0, "hold", 1), (0, "notice", 1)]
    world.go_to(house.clock.now() + timedelta(minutes=1))
    assert do_of_cell(house, kind="hold", cell=0, do=lambda: 5) == 5
    assert [one.kind for one in aside(house)] == ["notice"]


def test_an_order_that_fails_is_tried_again_and_the_others_are_sent(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = world.house
    loans = [
        take_loan(world, arrive(world, each), amount_fen=500_000, instalments=6, method="equal_instalment").signed
        for each in (XIA, ZHOU)
    ]
    bad, good = (one.payout_order_id for one in loans)
    with monkeypatch.context() as broken:
        broken.setattr("mingqu.services.run_due_work.run_errand", failing(run_errand, of=bad))
        done = run_due_work(house)
    assert [order_id for order_id, _ in done.stuck] == [bad]
    assert [(one.work_id, one.kind) for one in done.aside] == [(bad, "order")]
    states = [orders_of(house, one.loan_id, OrderKind.PAYOUT)[0].state for one in loans]
    assert states == [OrderState.RESERVED, OrderState.PAID]
    assert good != bad

    def fails(waits: timedelta, *, error: Exception) -> list[timedelta]:
        """Let time pass and the order fail again; return how long it waits from then on, as told and as kept."""
        world.go_to(house.clock.now() + waits)
        with monkeypatch.context() as broken:
            broken.setattr("mingqu.services.run_due_work.run_errand", raising(error))
            (one,) = run_due_work(house).aside
        known = orders_of(house, loans[0].loan_id, OrderKind.PAYOUT)[0]
        return [until - house.clock.now() for until in (one.again_at, known.next_at)]

    minutes, shut = timedelta(minutes=1), PaymentChannelUnknown("It is not connected.")
    assert run_due_work(house).idle, "it waits a minute"
    waits = [fails(minutes, error=shut)]
    for _ in range(6):
        waits.append(fails(waits[-1][0], error=shut))
    assert waits == [[each * minutes] * 2 for each in (2, 4, 8, 16, 30, 30, 30)]
    world.go_to(house.clock.now() + 30 * minutes)
    with monkeypatch.context() as slow:  # it went well, though nothing came of it yet
        slow.setattr("mingqu.services.run_due_work.run_errand", lambda _, order_id: (load(world, order_id), None))
        assert run_due_work(house).aside == ()
    assert fails(0 * minutes, error=shut) == [minutes] * 2, "what troubles it later waits as at first"
    world.go_to(house.clock.now() + minutes)
    assert run_due_work(house).aside == ()
    assert orders_of(house, loans[0].loan_id, OrderKind.PAYOUT)[0].state is OrderState.PAID
    assert aside(house) == []
    assert_coherent(house)


def test_an_account_whose_morning_fails_is_set_aside_and_the_others_are_billed(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, bad, good = world.house, bill_of(world, XIA), bill_of(world, ZHOU)
    cell = house.database.cell_of(bad)
    assert house.database.cell_of(good) == cell

    def no_chunk(*_: object, **__: object) -> int:
        raise ZeroDivisionError

    def bills() -> list[int]:
        with house.database.transaction() as tx:
            return [len(spend.statements_of(tx, account_id=one)) for one in (bad, good)]

    world.go_to(start_of(date(2026, 9, 2)) + timedelta(hours=1))
    with monkeypatch.context() as broken:
        broken.setattr(bill_spend, "bill_chunk", no_chunk)
        broken.setattr(bill_spend, "brought_up", failing(bill_spend.brought_up, of=bad))
        done = run_due_work(house)
        assert bills() == [0, 1]
        assert [(one.work_id, one.kind) for one in done.aside] == [(bad, "account")]
        assert run_due_work(house).booked == 0, "it waits"
    assert run_due_work(house).booked == 0, "mended, it still waits its minute"
    world.go_to(house.clock.now() + timedelta(minutes=1))
    assert run_due_work(house).booked == 1
    assert (bills(), aside(house)) == ([1, 1], [])
    assert_coherent(house)
