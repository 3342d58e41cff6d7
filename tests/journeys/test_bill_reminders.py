"""A revolving account's bill is told of when it is made, before it is due, and once it is late; a paid one no more."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.demo.world import Newcomer
from mingqu.domain.gate import Breach
from mingqu.domain.moment import start_of
from mingqu.domain.spend import PaymentWish
from mingqu.services.collection.list_overdue import list_overdue
from mingqu.services.repayment.repay import open_page
from mingqu.services.repayment.repay_spend import repay_spend
from mingqu.services.revolving import remind_of_bills
from mingqu.services.revolving.pay_merchant import authorize_purchase, capture_purchase
from mingqu.services.revolving.read_spend import spend_view
from mingqu.services.revolving.record_spend import bring_up_all
from mingqu.store.revolving import spend
from tests.journeys.reading import arrive, assert_coherent
from tests.journeys.test_spend_funding import accounts_of
from tests.world import OpenWorld

NINE = timedelta(hours=9, minutes=5)


def bill_of(world: OpenWorld, newcomer: Newcomer) -> UUID:
    """Let a newcomer owe a purchase on an account; return the account's id."""
    known = arrive(world, newcomer)
    account_id = accounts_of(world.house, known.person_id)["chengchuan-spend"]
    bought = authorize_purchase(
        world.house,
        person_id=known.person_id,
        account_id=account_id,
        merchant_id="m1",
        merchant_name="河畔书店",
        number=newcomer.alias,
        amount_fen=100_000,
        key=newcomer.alias,
    )
    capture_purchase(world.house, purchase_id=bought)
    return account_id


def told(world: OpenWorld, on: date, *, at: timedelta = NINE) -> list[tuple[str, str, str]]:
    """Do what is due at an hour of a day; return what was said of bills by then: which, due day, amount."""
    world.go_to(start_of(on) + at)
    work_until_idle(world)
    return [
        (one.template, one.values["on"].reveal(), one.values["amount"].reveal())
        for one in world.sms.inbox(phone=XIA.phone)
        if one.template.startswith("spend.")
    ]


def reported(world: OpenWorld) -> list[tuple[UUID, int, datetime | None, Breach | None]]:
    """Return what may be reported of whom: what is lacking, when they were told, what holds it back."""
    return [(one.debt_id, one.payable_fen, one.told_at, one.held_back) for one in list_overdue(world.house)]


def rounds(world: OpenWorld) -> int:
    with world.house.database.transaction() as tx:
        return tx.execute("SELECT FROM bill_round").rowcount


@pytest.fixture(params=[remind_of_bills.ROUND_MIN, 1])
def round_min(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Bills of which each is a row of work, and then bills that are a round."""
    chosen = int(request.param)
    monkeypatch.setattr(remind_of_bills, "ROUND_MIN", chosen)
    return chosen


def test_each_bill_has_three_moments_and_none_once_it_is_paid(world: OpenWorld, round_min: int) -> None:
    house, known = world.house, arrive(world)
    account_id = accounts_of(house, known.person_id)["chengchuan-spend"]

    def buy(number: str, amount_fen: int) -> None:
        bought = authorize_purchase(
            house,
            person_id=known.person_id,
            account_id=account_id,
            merchant_id="m1",
            merchant_name="河畔书店",
            number=number,
            amount_fen=amount_fen,
            key=number,
        )
        capture_purchase(house, purchase_id=bought)

    def pay(wish: PaymentWish, key: str) -> None:
        page = repay_spend(house, person_id=known.person_id, account_id=account_id, wish=wish, key=key)
        open_page(house, person_id=known.person_id, order_id=page.order_id)
        world.pay_page(known.newcomer, page.order_id)
        world.go_to(house.clock.now() + timedelta(minutes=1))
        work_until_idle(world)

    buy("1", 100_000)
    billed = ("spend.billed", "2026-09-10", "1,000.00")
    assert told(world, date(2026, 9, 2), at=timedelta(hours=1)) == []  # the bill is made at once, nobody is woken
    assert told(world, date(2026, 9, 2)) == [billed]
    assert told(world, date(2026, 9, 6)) == [billed]
    due = ("spend.due", "2026-09-10", "1,000.00")
    assert told(world, date(2026, 9, 7)) == [billed, due]
    late = ("spend.overdue", "2026-09-10", "100.00")  # a tenth was asked at least
    assert told(world, date(2026, 9, 11)) == [billed, due]  # nobody had judged yet whether it was paid
    assert rounds(world) == (1 if round_min == 1 else 0)  # it waits whole
    assert told(world, date(2026, 9, 11), at=NINE + timedelta(minutes=6)) == [billed, due, late]
    assert told(world, date(2026, 9, 20)) == [billed, due, late]
    assert reported(world) == [(account_id, 10_000, start_of(date(2026, 9, 11)) + NINE + timedelta(minutes=6), None)]
    pay(PaymentWish.ALL, "all")

    # The next bill is paid before its reminder: only that it was made is said, and of the last one nothing more.
    buy("2", 50_000)
    told(world, date(2026, 10, 2), at=timedelta(hours=1))
    *before, second = told(world, date(2026, 10, 2))
    assert before == [billed, due, late]
    assert second[:2] == ("spend.billed", "2026-10-10")
    pay(PaymentWish.BILL, "bill")
    assert told(world, date(2026, 10, 7)) == [billed, due, late, second]
    assert told(world, date(2026, 10, 11)) == [billed, due, late, second]
    assert spend_view(house, person_id=known.person_id, account_id=account_id).overdue_days == 0

    # A worker that slept for a month speaks of the bill that stands now, and not of the one behind which it was made.
    buy("3", 30_000)
    told(world, date(2026, 12, 2), at=timedelta(hours=1))
    world.sms.faults.plan("sms.send", Fault.LOSE_REQUEST)
    assert told(world, date(2026, 12, 2)) == [billed, due, late, second]  # the message was lost, and is sent again
    *before, last = told(world, date(2026, 12, 2), at=NINE + timedelta(minutes=6))
    assert before == [billed, due, late, second]
    assert last[:2] == ("spend.billed", "2026-12-10")
    whom_no_message_reached_is_not_reported(world)
    assert_coherent(house)


def whom_no_message_reached_is_not_reported(world: OpenWorld) -> None:
    told(world, date(2026, 12, 7))
    told(world, date(2026, 12, 11), at=timedelta(hours=1))
    world.sms.faults.plan("sms.send", Fault.REFUSE)
    told(world, date(2026, 12, 11))
    told(world, date(2026, 12, 11), at=NINE + timedelta(minutes=6))
    ((_, _, told_at, held_back),) = reported(world)
    assert (told_at, held_back is None) == (None, False)


def test_an_account_whose_morning_cannot_be_made_keeps_only_its_own_bill_waiting(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remind_of_bills, "ROUND_MIN", 1)
    house, stuck = world.house, bill_of(world, XIA)
    other, cell = bill_of(world, ZHOU), house.database.cell_of(stuck)
    assert house.database.cell_of(other) == cell
    told(world, date(2026, 9, 2), at=timedelta(hours=1))
    assert rounds(world) == 1, "both bills are one round"
    told(world, date(2026, 9, 2))
    told(world, date(2026, 9, 7))
    world.go_to(start_of(date(2026, 9, 11)) + NINE)
    with house.database.transaction() as tx:  # and of the first one nobody can
        tx.lock_cell(cell)
        bring_up_all(tx, house, accounts=[spend.get(tx, account_id=other)], to=house.clock.business_date())
        tx.commit()
    remind_of_bills.remind_of_bills(house, cell=cell)
    overdue = [one.template for one in world.sms.inbox(phone=ZHOU.phone) if one.template == "spend.overdue"]
    assert overdue == ["spend.overdue"]
    assert "spend.overdue" not in {one.template for one in world.sms.inbox(phone=XIA.phone)}
    assert rounds(world) == 0
    work_until_idle(world)
    assert told(world, date(2026, 9, 11), at=NINE + timedelta(minutes=6))[-1][0] == "spend.overdue"
