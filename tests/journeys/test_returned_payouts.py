"""A payout that was paid comes back, or is lost for good: the books follow, and another card is asked for."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import Borrowed, work_until_idle
from mingqu.domain.loan import NothingToReverse, Stage
from mingqu.domain.moment import start_of
from mingqu.domain.order import LOST_AFTER, RESEND_WINDOW, Order, OrderKind, OrderState, VerdictImpossible
from mingqu.domain.word import Failed, NotFound
from mingqu.services.changes.take_payout_back import NoPayoutReturned, pay_out_again
from mingqu.services.orders.settle_order import hear_word
from mingqu.services.repayment.read_loans import loan_view
from mingqu.services.reports.report_cohorts import report_funnel, report_vintage
from mingqu.services.reports.report_days import Asked
from mingqu.services.run_due_work import run_due_work
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order
from tests.journeys.reading import (
    Books,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    limit_of,
    live_until,
    orders_of,
    rows_of,
)
from tests.journeys.test_disputed_orders import check, decide, hear, load
from tests.world import OpenWorld


def came_back(world: OpenWorld, borrowed: Borrowed) -> None:
    """Let the bank say that the account was closed, and two people decide so."""
    order_id = borrowed.signed.payout_order_id
    assert hear(world, order_id, Failed(code="returned")).disputed
    check(world, decide(world, order_id, "returned"))


def loan_of(world: OpenWorld, borrowed: Borrowed) -> Loan:
    with world.house.database.transaction() as tx:
        return loan.get(tx, cell=tx.cell_of(borrowed.signed.loan_id), loan_id=borrowed.signed.loan_id)


def again(world: OpenWorld, borrowed: Borrowed, *, key: str = "again") -> UUID:
    known = borrowed.known
    return pay_out_again(
        world.house, person_id=known.person_id, loan_id=borrowed.signed.loan_id,
        instrument_id=known.instrument_id, key=key,
    )  # fmt: skip


def test_a_payout_that_came_back_was_never_owed_and_is_paid_again_by_a_new_order(world: OpenWorld) -> None:
    known = arrive(world)
    free = limit_of(world.house, known.person_id)
    borrowed = borrow(world, known)
    live_until(world, date(2026, 8, 20))  # days of accrual lie between
    with pytest.raises(VerdictImpossible):
        decide(world, borrowed.signed.payout_order_id, "returned")
    before = rows_of(world.house)
    with pytest.raises(NoPayoutReturned):
        again(world, borrowed)
    assert rows_of(world.house) == before
    came_back(world, borrowed)
    assert loan_of(world, borrowed).state.stage is Stage.PLANNED
    assert books_of(world.house, borrowed.signed.loan_id) == Books()
    assert limit_of(world.house, known.person_id) == free
    assert load(world, borrowed.signed.payout_order_id).state is OrderState.PAID, "it was, and an event takes it back"
    assert_coherent(world.house)
    order_id = again(world, borrowed)
    assert again(world, borrowed) == order_id
    work_until_idle(world)
    first, second = orders_of(world.house, borrowed.signed.loan_id, OrderKind.PAYOUT)
    assert (first.order_id, second.order_id, second.state) == (
        borrowed.signed.payout_order_id, order_id, OrderState.PAID,
    )  # fmt: skip
    after = loan_of(world, borrowed)
    assert (after.state.stage, after.state.disbursements) == (Stage.ACTIVE, 1)
    assert books_of(world.house, borrowed.signed.loan_id).unbilled == second.amount_fen
    live_until(world, date(2026, 9, 21))
    assert loan_of(world, borrowed).state.payable.principal_fen == 0, "the first instalment was deducted"
    assert_coherent(world.house)


def test_a_second_card_that_does_not_take_it_leaves_the_loan_waiting(world: OpenWorld) -> None:
    borrowed = borrow(world, arrive(world))
    came_back(world, borrowed)
    order_id = again(world, borrowed)
    world.bank.faults.plan("payout.send", Fault.REFUSE)
    work_until_idle(world)
    assert load(world, order_id).state is OrderState.FAILED
    view = loan_view(world.house, person_id=borrowed.known.person_id, loan_id=borrowed.signed.loan_id)
    assert view.stage is Stage.PLANNED
    assert again(world, borrowed, key="third") != order_id
    work_until_idle(world)
    assert loan_of(world, borrowed).state.stage is Stage.ACTIVE
    assert_coherent(world.house)


def test_a_payout_on_which_a_repayment_rests_is_not_taken_back_under_it(world: OpenWorld) -> None:
    borrowed = borrow(world, arrive(world))
    live_until(world, date(2026, 9, 16))  # an instalment was deducted meanwhile
    order_id = borrowed.signed.payout_order_id
    hear(world, order_id, Failed(code="returned"))
    proposed = decide(world, order_id, "returned")
    before = loan_of(world, borrowed)
    with pytest.raises(NothingToReverse):
        check(world, proposed)
    assert loan_of(world, borrowed) == before
    assert_coherent(world.house)


def test_a_payout_taken_back_by_night_leaves_the_day_that_is_not_closed_yet_as_it_was(world: OpenWorld) -> None:
    borrowed = borrow(world, arrive(world))
    due = date(2026, 9, 15)
    world.bank.faults.plan("collection.deduct", Fault.REFUSE, times=1_000)
    live_until(world, due)  # the first bill is made and not paid, and the day before is the last that is closed
    world.go_to(start_of(due + timedelta(days=1)) + timedelta(minutes=10))
    came_back(world, borrowed)
    assert books_of(world.house, borrowed.signed.loan_id) == Books()
    live_until(world, due + timedelta(days=2))
    with world.house.database.transaction() as tx:
        stood = tx.execute(
            """SELECT on_date, sum(loans), sum(principal_unbilled_fen), sum(principal_billed_fen), sum(interest_fen)
               FROM day_portfolio WHERE on_date >= %s GROUP BY 1 HAVING sum(loans) > 0 ORDER BY 1""",
            (due - timedelta(days=1),),
        ).fetchall()
    assert stood == [(due - timedelta(days=1), 1, 1_000_000, 0, 0), (due, 1, 923_320, 76_680, 15_000)]
    assert [came(world, on) for on in (due, due + timedelta(days=1))] == [([1_000_000], [1]), ([], [0])]
    assert_coherent(world.house)
    again(world, borrowed)
    live_until(world, due + timedelta(days=3))
    assert loan_of(world, borrowed).state.stage is Stage.ACTIVE
    assert [came(world, due), came(world, due + timedelta(days=2))] == [([1_000_000], [1])] * 2, "it started once"
    assert_coherent(world.house)


def came(world: OpenWorld, on: date) -> tuple[list[int], list[int]]:
    """What loans that started by the end of a day were paid, by their month, and how many applications came so far."""
    vintages = [row.started_fen for row in report_vintage(world.house, asked=Asked(as_of=on)) if row.on == on]
    return vintages, [row.paid for row in report_funnel(world.house, asked=Asked(as_of=on))]


def lost(world: OpenWorld) -> tuple[Borrowed, Order]:
    """Let the bank never learn of a payout, and say so for as long as it may be said again."""
    world.bank.faults.plan("payout.send", Fault.LOSE_REQUEST, times=1_000)
    borrowed = borrow(world, arrive(world))
    sent_at = load(world, borrowed.signed.payout_order_id).sent_at
    assert sent_at is not None
    world.go_to(sent_at + RESEND_WINDOW - timedelta(hours=1))
    step(world, borrowed.signed.payout_order_id)
    world.go_to(sent_at + LOST_AFTER + timedelta(minutes=1))
    return borrowed, load(world, borrowed.signed.payout_order_id)


def step(world: OpenWorld, order_id: UUID) -> Order:
    run_due_work(world.house)
    return load(world, order_id)


def test_an_order_that_nobody_knows_and_no_statement_shows_ends_when_two_people_say_so(world: OpenWorld) -> None:
    borrowed, known = lost(world)
    limit = limit_of(world.house, borrowed.known.person_id)
    assert limit.held == known.amount_fen
    for _ in range(3):  # a question, its answer, and the statements
        world.go_to(max(world.house.clock.now(), load(world, known.order_id).next_at))
        after = step(world, known.order_id)
        if after.disputed:
            break
    assert (after.conflict_code, after.state) == ("order_lost", OrderState.UNKNOWN)
    assert limit_of(world.house, borrowed.known.person_id).held == known.amount_fen, "no machine ends it"
    with world.house.database.transaction() as tx:
        said = [word.word for word in order.words(tx, order_id=known.order_id)]
    assert "not_on_statement" in said
    check(world, decide(world, known.order_id, "never_paid"))
    ended = load(world, known.order_id)
    assert (ended.state, ended.refusal_code) == (OrderState.FAILED, "never_paid")
    assert limit_of(world.house, borrowed.known.person_id).held == 0
    assert loan_of(world, borrowed).state.stage is Stage.CANCELLED
    today = world.house.clock.business_date()
    live_until(world, today + timedelta(days=1))
    assert came(world, today) == ([], [0]), "what was called off did not start"
    assert_coherent(world.house)


def test_a_lost_order_that_a_statement_shows_is_paid(world: OpenWorld) -> None:
    world.silence_next_payout()
    borrowed = borrow(world, arrive(world))
    order_id = borrowed.signed.payout_order_id
    known = load(world, order_id)
    assert known.sent_at is not None
    world.bank.faults.plan("bank.ask", Fault.NOT_FOUND, times=1_000)
    world.go_to(known.sent_at + LOST_AFTER + timedelta(minutes=1))
    world.house.database.run(
        lambda tx: hear_word(tx, world.house, order_id=order_id, word=NotFound(), at=world.house.clock.now())
    )
    after = step(world, order_id)
    assert (after.state, after.disputed, after.value_date) == (OrderState.PAID, False, date(2026, 8, 15))
    assert_coherent(world.house)
