"""What a WeChat wallet will be asked for is announced some days ahead: once, as it is, and no more than that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.moment import start_of
from mingqu.domain.spend import DeductedPart
from mingqu.ports.collection import least_fen
from mingqu.services.orders.announce_deductions import AGAIN_AFTER, DAYS_AHEAD, plan_announcements
from mingqu.services.orders.end_agreement import stop_agreement
from mingqu.services.orders.find_announcement import TELL, announced_of
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.repayment.choose_deduction import choose_deduction
from mingqu.services.repayment.read_loans import loan_view
from mingqu.services.revolving.pay_merchant import authorize_purchase, capture_purchase
from mingqu.services.revolving.read_spend import spend_view
from mingqu.services.run_due_work import run_due_work
from mingqu.store.server import work
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.journeys.reading import arrive, assert_coherent, borrow
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world
from tests.journeys.test_spend_funding import accounts_of
from tests.journeys.test_wallet_agreement import OPENID, begin, fill, state


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        opened.sandbox.control.wechat.know(openid=OPENID, nickname=XIA.name.reveal())
        fill(opened, None)
        yield opened


def scheduled(world: SandboxWorld) -> list[tuple[int, int, str]]:
    """What WeChat was told of: amount, minimum and day, in the order of telling."""
    book = world.sandbox.control.wechatpay.book
    return [
        (row["amount"], row["minimum"], row["on_date"])
        for row in book.rows("SELECT * FROM wechat_schedule ORDER BY rowid")
    ]


def work_at(world: SandboxWorld, on: date) -> None:
    """Go to ten o'clock of a day and work through what is due, twice: what a round writes the next one does."""
    world.go_to_date(on)
    world.go_to(world.house.clock.now() + timedelta(hours=10))
    for _ in range(3):
        run_due_work(world.house)


def shift(world: SandboxWorld, off_fen: int) -> None:
    """Let announcements that wait say another amount than will be due."""
    with world.house.database.transaction() as tx:
        tx.execute(
            """UPDATE work
               SET payload = jsonb_set(payload, '{amount_fen}', to_jsonb((payload ->> 'amount_fen')::bigint + %s))
               WHERE kind = %s AND done_at IS NULL""",
            (off_fen, TELL),
        )
        tx.commit()


def announced(world: SandboxWorld, subject_id: UUID, agreement_id: UUID, on: date) -> list[int]:
    with world.house.database.transaction() as tx:
        return [one.amount_fen for one in announced_of(tx, subject_id=subject_id, agreement_id=agreement_id, on=on)]


def test_a_due_day_is_announced_once_and_what_changes_is_announced_again(world: SandboxWorld) -> None:
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    agreement_id = begin(world, known)
    assert state(world, known, agreement_id) == "active"
    view = loan_view(world.house, person_id=known.person_id, loan_id=loan_id)
    due, fen = view.next_due, view.next_due_fen
    assert due is not None
    work_at(world, due - timedelta(days=DAYS_AHEAD + 1))
    assert scheduled(world) == [], "a day too early"

    # WeChat took it and its answer was lost: said again an hour later it is the same.
    world.sandbox.control.plan("wechatpay", "wechatpay.schedule", "lose_reply")
    work_at(world, due - timedelta(days=DAYS_AHEAD))
    once = [(fen, least_fen(fen), due.isoformat())]
    assert scheduled(world) == once
    assert announced(world, loan_id, agreement_id, due) == [], "nobody heard that it was taken"
    world.go_to(world.house.clock.now() + AGAIN_AFTER)
    run_due_work(world.house)
    assert scheduled(world) == once
    assert announced(world, loan_id, agreement_id, due) == [fen]

    # Some of it is announced as more than it was: one that says less does not cover the day, and another is made.
    with world.house.database.transaction() as tx:
        tx.execute(
            "UPDATE work SET payload = payload || %s::jsonb, work_id = %s WHERE kind = %s",
            (f'{{"amount_fen": {fen - 1}}}', world.house.id_for(known.person_id), TELL),
        )
        tx.commit()
    world.sandbox.control.wechatpay.book.write("DELETE FROM wechat_schedule")
    work_at(world, due - timedelta(days=2))
    assert scheduled(world) == once
    assert announced(world, loan_id, agreement_id, due) == [fen - 1, fen]


def test_what_is_no_longer_so_is_not_said(world: SandboxWorld) -> None:
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    agreement_id = begin(world, known)
    assert state(world, known, agreement_id) == "active"
    due = loan_view(world.house, person_id=known.person_id, loan_id=loan_id).next_due
    assert due is not None
    world.go_to_date(due - timedelta(days=DAYS_AHEAD))
    world.go_to(world.house.clock.now() + timedelta(hours=10))
    cell = world.house.database.cell_of(loan_id)
    assert plan_announcements(world.house, cell=cell) == 1
    shift(world, 1)  # as if less were due by now than when it was planned
    run_due_work(world.house)
    assert scheduled(world) == []
    shift(world, -1)
    world.sandbox.control.plan("wechatpay", "wechatpay.terminate", "lose_request")  # WeChat has not heard of the end
    stop_agreement(world.house, person_id=known.person_id, agreement_id=agreement_id)
    work_at(world, due - timedelta(days=2))
    with world.house.database.transaction() as tx:
        assert {TELL, "plan_announcements"}.isdisjoint(work.pending(tx)), "it is looked at no more"
    assert scheduled(world) == []
    assert announced(world, loan_id, agreement_id, due) == []


def test_a_bill_is_announced_and_deducted_under_its_announcement_and_what_the_wallet_lacks_is_tried_again(
    world: SandboxWorld,
) -> None:
    known = arrive(world)
    house, account_id = world.house, accounts_of(world.house, known.person_id)["chengchuan-spend"]
    for purpose in (ConsentPurpose.AUTO_REPAYMENT, ConsentPurpose.BILL_REPAYMENT):
        operator = house.settings.operator_name
        give_consent(house, person_id=known.person_id, purpose=purpose, recipient=operator, key=purpose.value)
    agreement_id = begin(world, known)
    assert state(world, known, agreement_id) == "active"
    choose_deduction(house, person_id=known.person_id, account_id=account_id, part=DeductedPart.BILL, key="choose")
    bought = authorize_purchase(
        house,
        person_id=known.person_id,
        account_id=account_id,
        merchant_id="m1",
        merchant_name="河畔书店",
        number="1",
        amount_fen=100_000,
        key="1",
    )
    capture_purchase(house, purchase_id=bought)
    world.sandbox.control.wechatpay.repayments.need_schedule(True)  # nothing is deducted of which it was not told
    due = date(2026, 9, 10)
    work_at(world, due - timedelta(days=DAYS_AHEAD + 1))
    assert scheduled(world) == []
    work_at(world, due - timedelta(days=DAYS_AHEAD))
    work_at(world, due - timedelta(days=DAYS_AHEAD - 1))
    assert scheduled(world) == [(100_000, least_fen(100_000), due.isoformat())]
    assert announced(world, account_id, agreement_id, due) == [100_000]

    # The wallet holds a part: that is taken. The rest is asked for at two o'clock, when the announcement is used up.
    def left_fen() -> int:
        return spend_view(house, person_id=known.person_id, account_id=account_id).bill_left_fen

    fill(world, 40_000)
    work_at(world, due)
    assert left_fen() == 60_000
    world.sandbox.control.wechatpay.repayments.need_schedule(False)
    fill(world, 60_000)
    world.go_to(start_of(due) + timedelta(hours=14))
    work_until_idle(world)
    assert left_fen() == 0
    assert_coherent(house)
