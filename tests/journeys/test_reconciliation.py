"""Bills beside our book: what differs is found once, asked about, mended or worked by two; what agrees is settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import work_until_idle
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Intent
from mingqu.domain.moment import start_of
from mingqu.domain.proposal import Deed, MakerIsChecker
from mingqu.domain.reconciliation import BreakKind, BreakState, BreakStill, Cause
from mingqu.domain.spend import PaymentWish
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.payout import Direction, StatementLine
from mingqu.services.access.read_refused import list_refused
from mingqu.services.close.close_day import DayNotOver
from mingqu.services.house import BANK, HOSTED, BillSource, House
from mingqu.services.loans.read_loan import order_states
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.proposals.propose import approve, propose
from mingqu.services.reconciliation.fetch_bill import BillRefused, BillTakesBack
from mingqu.services.reconciliation.reconcile import reconcile_day, reconcile_due, reconcile_one
from mingqu.services.reconciliation.settle_bill import Settled
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.services.revolving.return_credit import return_credit
from mingqu.store import proof
from mingqu.store.bills import bill, reconciliation
from mingqu.store.bills.reconciliation import KnownBreak
from tests.conftest import OPENED_ON
from tests.console import signed_in
from tests.journeys.reading import Borrowed, arrive, assert_coherent, borrow, cell_of, house_fen, rows_of, touched
from tests.journeys.test_bill_deductions import Account
from tests.journeys.test_fund_centre import QINGHE
from tests.journeys.test_returned_draws import draw
from tests.journeys.test_spend_funding import accounts_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

Change = Callable[[list[StatementLine]], Sequence[StatementLine]]


def unchanged(lines: list[StatementLine]) -> Sequence[StatementLine]:
    return lines


@dataclass
class BillsOf:
    """The bank's bills, with a hand on what stands on them."""

    world: OpenWorld
    change: Change = unchanged
    fault: BillUnreadable | None = None
    asked: list[date] = field(default_factory=list)

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        self.asked.append(business_date)
        if self.fault is not None:
            raise self.fault
        return self.change(list(self.world.bank.statement(business_date)))


@dataclass(frozen=True)
class Day:
    """A day on which somebody borrowed and paid some of it back by hand, and the morning after."""

    world: OpenWorld
    house: House
    bills: BillsOf
    borrowed: Borrowed
    paid: UUID
    on: date = OPENED_ON


@pytest.fixture
def day(world: OpenWorld) -> Day:
    bills = BillsOf(world)
    source = BillSource(channel=bills, channels=frozenset({BANK, HOSTED}))
    house = replace(world.house, bills={BANK: source})
    borrowed = borrow(world, arrive(world))
    work_until_idle(world)
    paid = pay(world, borrowed)
    world.go_to_date(OPENED_ON + timedelta(days=1))
    return Day(world=world, house=house, bills=bills, borrowed=borrowed, paid=paid)


def pay(world: OpenWorld, borrowed: Borrowed, *, amount_fen: int = 200_000) -> UUID:
    """Let the borrower pay by hand, some of what is not due yet; return the order."""
    house, person_id = world.house, borrowed.known.person_id
    page = repay_by_hand(
        house,
        person_id=person_id,
        loan_id=borrowed.signed.loan_id,
        intent=Intent.PREPAY,
        amount_fen=amount_fen,
        key=f"pay {amount_fen}",
    )
    open_page(house, person_id=person_id, order_id=page.order_id)
    world.pay_page(borrowed.known.newcomer, page.order_id)
    world.go_to(house.clock.now() + timedelta(minutes=5))
    run_errand(house, order_id=page.order_id)
    return page.order_id


def with_fee(lines: list[StatementLine]) -> Sequence[StatementLine]:
    return [replace(one, fee_fen=1_200) if one.direction is Direction.IN else one for one in lines]


def only(day: Day) -> KnownBreak:
    """Return the one break of the day."""
    with day.house.database.transaction() as tx:
        (found,) = reconciliation.of_day(tx, source=BANK, on=day.on)
    return found


def books(day: Day, code: AccountCode) -> int:
    cell = cell_of(day.house, day.borrowed.signed.loan_id)
    return house_fen(day.house, cell=cell, owner=day.borrowed.offered.product.lender_id, code=code)


def test_a_day_that_agrees_has_no_break_and_its_money_is_settled_once_less_the_fee(day: Day) -> None:
    day.bills.change = with_fee
    cash = books(day, AccountCode.LENDER_CASH)
    assert books(day, AccountCode.COLLECTION_CLEARING) == 200_000
    (done,) = reconcile_day(day.house, on=day.on)
    assert (done.compared.tally.agreed, done.open, done.fetched) == (2, 0, True)
    assert done.compared.told()["theirs"] == {"lines": 2, "in_fen": 200_000, "out_fen": 1_000_000}
    assert (done.settled.orders, done.settled.gross_fen, done.settled.fee_fen) == (1, 200_000, 1_200)
    assert books(day, AccountCode.COLLECTION_CLEARING) == 0
    assert books(day, AccountCode.LENDER_CASH) == cash + 198_800
    assert books(day, AccountCode.CHANNEL_FEE) == 1_200
    assert_coherent(day.house)
    before = rows_of(day.house)["transfer"]
    (again,) = reconcile_day(day.house, on=day.on)
    assert (again.settled, again.compared.told()) == (Settled(), done.compared.told())
    assert rows_of(day.house)["transfer"] == before
    settle_what_an_account_moved(day)


def settle_what_an_account_moved(day: Day) -> None:
    """What a revolving account's owner pays is its lender's cash as well, and what is given back is not; a draw was
    paid out of that cash when it was drawn, and is none of what is settled."""
    known, on, cash = day.borrowed.known, day.on + timedelta(days=1), books(day, AccountCode.LENDER_CASH)
    line = Account(day.world, known, accounts_of(day.house, known.person_id)["chengchuan-cash"])
    draw(line, "draw", 100_000)
    owed_fen = line.view().whole_fen
    paid = line.pay(PaymentWish.ALL, "pay more", amount_fen=owed_fen + 50_000)
    back = return_credit(
        day.house, person_id=known.person_id, account_id=line.account_id, instrument_id=known.instrument_id,
        amount_fen=40_000, key="give back",
    )  # fmt: skip
    work_until_idle(day.world)
    day.world.go_to_date(on + timedelta(days=1))
    assert books(day, AccountCode.COLLECTION_CLEARING) == owed_fen + 10_000
    (done,) = reconcile_day(day.house, on=on)
    assert (done.compared.tally.agreed, done.open) == (3, 0)
    assert (done.settled.orders, done.settled.gross_fen, done.settled.fee_fen) == (2, owed_fen + 10_000, 1_200)
    assert books(day, AccountCode.COLLECTION_CLEARING) == 0
    assert books(day, AccountCode.LENDER_CASH) == cash - 100_000 + owed_fen + 10_000 - 1_200
    assert_coherent(day.house)
    with day.house.database.transaction() as tx:
        tx.execute("UPDATE settlement SET lender_id = %s WHERE on_date = %s", (QINGHE, on))
        found = proof.settlements(tx)
        assert {f"order {one} is settled, and neither it nor a bill says so" for one in (paid, back)} < set(found)


def test_another_amount_in_a_bill_books_nothing_is_asked_about_and_is_gone_when_the_bill_is_mended(day: Day) -> None:
    day.bills.change = lambda lines: [
        replace(one, amount_fen=one.amount_fen + 1) if one.direction is Direction.IN else one for one in lines
    ]
    (done,) = reconcile_day(day.house, on=day.on)
    found = only(day)
    assert (done.open, found.kind, found.ours_fen, found.theirs_fen) == (1, BreakKind.AMOUNT, 200_000, 200_001)
    assert found.answer == "paid"
    assert books(day, AccountCode.COLLECTION_CLEARING) == 200_000
    assert_coherent(day.house)
    day.bills.change = unchanged
    (mended,) = reconcile_day(day.house, on=day.on)
    assert (mended.open, only(day).state, only(day).cause) == (0, BreakState.CLOSED, Cause.MENDED)
    assert books(day, AccountCode.COLLECTION_CLEARING) == 0
    assert_coherent(day.house)


def test_what_a_bill_lacks_does_not_undo_what_the_channel_said(day: Day) -> None:
    day.bills.change = lambda lines: [one for one in lines if one.direction is Direction.OUT]
    reconcile_day(day.house, on=day.on)
    assert (only(day).kind, only(day).state, only(day).answer) == (BreakKind.SHORT, BreakState.OPEN, "paid")
    assert order_states(day.house, order_id=day.paid)[-1] == "PAID"
    assert_coherent(day.house)


def test_a_line_of_an_order_that_nobody_answered_for_leads_to_a_question_whose_answer_books(world: OpenWorld) -> None:
    house = world.house
    world.bank.faults.plan("payout.send", Fault.LOSE_REPLY)
    borrowed = borrow(world, arrive(world))
    order_id = borrowed.signed.payout_order_id
    source = BillSource(channel=BillsOf(world), channels=frozenset({BANK, HOSTED}))
    house = replace(house, bills={BANK: source})
    world.go_to_date(OPENED_ON + timedelta(days=1))
    assert order_states(house, order_id=order_id)[-1] == "UNKNOWN"
    (done,) = reconcile_day(house, on=OPENED_ON)
    assert order_states(house, order_id=order_id)[-1] == "PAID"
    assert (done.open, done.compared.tally.agreed) == (0, 1)
    (known,) = done.compared.breaks
    assert (known.kind, known.state, known.answer) == (BreakKind.LONG, BreakState.CLOSED, "paid")
    assert_coherent(house)


def test_a_line_that_is_a_day_late_is_short_first_and_then_shifted(day: Day) -> None:
    late: list[StatementLine] = []

    def hold_up(lines: list[StatementLine]) -> Sequence[StatementLine]:
        late.extend(replace(one, succeeded_at=one.succeeded_at + timedelta(days=1)) for one in lines)
        return []

    day.bills.change = hold_up
    (first,) = reconcile_day(day.house, on=day.on)
    assert first.open == 2
    day.world.go_to_date(day.on + timedelta(days=2))
    day.bills.change = lambda _: late
    (second,) = reconcile_day(day.house, on=day.on + timedelta(days=1))
    assert {(one.kind, one.state, one.cause) for one in second.compared.breaks} == {
        (BreakKind.SHIFTED, BreakState.EXPLAINED, Cause.OTHER_DAY)
    }
    reconcile_one(day.house, source=BANK, on=day.on)  # the day before, whose own bill is still empty
    day.bills.change = lambda _: []
    (again,) = reconcile_day(day.house, on=day.on)
    assert {one.state for one in again.compared.breaks} == {BreakState.CLOSED}
    assert books(day, AccountCode.COLLECTION_CLEARING) == 0
    assert_coherent(day.house)


def test_strangers_and_duplicates_are_breaks_that_move_nothing(day: Day) -> None:
    day.bills.change = lambda lines: [*lines, lines[-1], replace(lines[0], order_number="T-4711")]
    (done,) = reconcile_day(day.house, on=day.on)
    assert {one.kind for one in done.compared.breaks} == {BreakKind.DUPLICATE, BreakKind.FOREIGN}
    assert done.settled.orders == 1
    assert_coherent(day.house)


def test_a_broken_bill_is_refused_whole_with_its_place_and_asked_for_again(day: Day) -> None:
    day.bills.fault = BillUnreadable(fault=BillFault.BROKEN_ROW, row=7, column="订单金额")
    before = rows_of(day.house)
    with pytest.raises(BillRefused) as refused:
        reconcile_day(day.house, on=day.on)
    assert refused.value.details == {
        "source": BANK, "date": "2026-08-15", "fault": "broken_row", "row": 7, "column": "订单金额",
    }  # fmt: skip
    assert touched(day.house, before=before) == {"bill", "refused_word"}
    day.world.go_to(start_of(day.on) + timedelta(hours=34, minutes=20))
    assert reconcile_due(day.house).refused != ()
    day.bills.fault = None
    assert reconcile_due(day.house).days == 0, "it waits before it asks again"
    day.world.go_to(day.house.clock.now() + timedelta(hours=3))
    assert reconcile_due(day.house).days > 0
    assert reconcile_due(day.house).days == 0
    with day.house.database.transaction() as tx:
        known = bill.load(tx, source=BANK, on=day.on)
    assert known is not None
    assert (known.lines, known.fault) == (2, None)


def test_a_bill_that_takes_back_what_was_settled_is_refused(day: Day) -> None:
    reconcile_day(day.house, on=day.on)
    before = rows_of(day.house)
    day.bills.change = lambda lines: [one for one in lines if one.direction is Direction.OUT]
    with pytest.raises(BillTakesBack):
        reconcile_day(day.house, on=day.on)
    assert touched(day.house, before=before) == {"refused_word"}
    (noted,) = list_refused(day.house, seat=seat_of(day.house, "auditor"), age_days=1, source=BANK, reason="").words
    assert (noted.reason, noted.facts) == ("bill_takes_back", {"bill_on": day.on.isoformat(), "orders": 1})
    assert_coherent(day.house)


def test_a_day_that_is_not_over_is_not_reconciled(day: Day) -> None:
    with pytest.raises(DayNotOver):
        reconcile_day(day.house, on=day.on + timedelta(days=1))


def test_two_people_explain_and_close_a_break_and_one_cannot(day: Day) -> None:
    day.bills.change = lambda lines: [one for one in lines if one.direction is Direction.OUT]
    reconcile_day(day.house, on=day.on)
    maker, checker = seat_of(day.house, "operations"), seat_of(day.house, "operations", name="other")
    asked = {"to": "explained", "cause": "channel_wrong"}
    made = propose(
        day.house, seat=maker, deed=Deed.WORK_BREAK, subject_id=only(day).break_id, asked=asked,
        reason="来电确认渠道漏记", key="k1",
    )  # fmt: skip
    assert only(day).state is BreakState.OPEN
    with pytest.raises(MakerIsChecker):
        approve(day.house, seat=maker, proposal_id=made)
    approve(day.house, seat=checker, proposal_id=made)
    assert (only(day).state, only(day).cause) == (BreakState.EXPLAINED, Cause.CHANNEL_WRONG)
    assert_coherent(day.house)
    closed = propose(
        day.house, seat=maker, deed=Deed.WORK_BREAK, subject_id=only(day).break_id,
        asked={**asked, "to": "closed"}, reason="补记已到渠道账单", key="k2",
    )  # fmt: skip
    approve(day.house, seat=checker, proposal_id=closed)
    assert only(day).state is BreakState.CLOSED
    reconcile_day(day.house, on=day.on)
    assert only(day).state is BreakState.CLOSED, "what two people closed is not opened by the next comparison"
    with pytest.raises(BreakStill):
        propose(
            day.house, seat=maker, deed=Deed.WORK_BREAK, subject_id=only(day).break_id, asked=asked,
            reason="再来一次说明", key="k3",
        )  # fmt: skip
    assert_coherent(day.house)


def test_the_console_shows_breaks_and_bills_and_takes_a_proposal(day: Day) -> None:
    day.bills.change = lambda lines: [one for one in lines if one.direction is Direction.OUT]
    reconcile_day(day.house, on=day.on)
    desk = signed_in(day.house, "operations")
    listed = desk.get("/console/breaks").text
    page = f"/console/breaks/{only(day).break_id.hex}"
    assert page in listed
    assert "2,000.00" in listed
    assert page not in desk.get("/console").text
    assert "/console/breaks" in desk.get("/console").text
    form = {"to": "closed", "cause": "channel_wrong", "reason": "渠道来函确认漏记", "key": "k"}
    made = desk.post(f"{page}/work", seen_on=page, **form)
    assert made.status_code in (302, 303)
    assert "关闭" in desk.get(made.headers["location"]).text
    wrong = desk.post(f"{page}/work", seen_on="/console/account", **{**form, "cause": "mended", "key": "l"})
    assert wrong.status_code == 422
    auditor = signed_in(day.house, "auditor")
    assert auditor.get("/console/breaks").status_code == 200
    assert auditor.post(f"{page}/work", seen_on="/console/account", **form).status_code == 403
    assert only(day).state is BreakState.OPEN
