"""A cash draw of a revolving account comes back days after it was paid: its owner never owed it."""

from __future__ import annotations

from datetime import date
from typing import LiteralString
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU, Newcomer
from mingqu.domain.order import OrderState, VerdictImpossible
from mingqu.domain.spend import DeductedPart, PaymentWish
from mingqu.domain.word import Failed
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.revolving.deduct_bills import deduct_bills
from mingqu.services.revolving.draw_cash import draw_cash
from mingqu.services.revolving.read_spend import spend_bills
from mingqu.store import proof
from tests.journeys.reading import arrive, assert_coherent, cell_of, facts_of, limit_of
from tests.journeys.test_bill_deductions import Account, bounce, moment, state_of
from tests.journeys.test_disputed_orders import check, decide, hear, load
from tests.journeys.test_spend_funding import accounts_of
from tests.world import OpenWorld


def line_of(world: OpenWorld, newcomer: Newcomer) -> Account:
    """Return the line of cash of somebody whose card holds nothing."""
    known = arrive(world, newcomer, balance_fen=0)
    return Account(world, known, accounts_of(world.house, known.person_id)["chengchuan-cash"])


def draw(line: Account, key: str, amount_fen: int) -> UUID:
    order_id = draw_cash(
        line.world.house, person_id=line.known.person_id, account_id=line.account_id,
        instrument_id=line.known.instrument_id, amount_fen=amount_fen, key=key,
    )  # fmt: skip
    work_until_idle(line.world)
    return order_id


def come_back(world: OpenWorld, order_id: UUID) -> None:
    """Let the bank say that the money of a draw came back, and two people that this holds."""
    assert hear(world, order_id, Failed(code="returned")).disputed
    check(world, decide(world, order_id, "returned"))


def test_a_draw_that_came_back_was_never_owed_nor_late(world: OpenWorld) -> None:
    line = line_of(world, XIA)
    house, person_id = world.house, line.known.person_id
    draw(line, "stays", 300_000)
    gone = draw(line, "gone", 500_000)
    with pytest.raises(VerdictImpossible):
        decide(world, gone, "returned")
    line.at(date(2026, 9, 5), 12)
    bill = line.view().bill
    assert bill is not None
    assert (bill.total_fen, bill.minimum_fen) == (805_440, 85_440)
    world.deposit(XIA, 40_000)
    paid = line.pay(PaymentWish.BILL, "part", amount_fen=40_000)  # in time, and enough of the draw that stays
    line.at(date(2026, 9, 15), 12)
    assert (line.view().overdue_days, line.view().overdue_fen) == (5, 45_440)
    with pytest.raises(DrawingFrozen):
        draw(line, "frozen", 10_000)
    assert hear(world, gone, Failed(code="returned")).disputed
    proposed = decide(world, gone, "returned")
    check(world, proposed)
    assert load(world, gone).state is OrderState.PAID, "it was, and an event takes it back"
    work_until_idle(world)

    # 300,000 from 15 August at 0.04 % a day: 20.40 by the bill, of which 400.00 came; 379.60 of them paid principal.
    after, limit = line.view(), limit_of(house, person_id)
    assert (after.used_fen, after.overdue_days, after.bill_left_fen, after.credit_fen) == (262_040, 0, 262_040, 0)
    assert (after.available_fen, limit.drawn, limit.above) == (2_400_000 - 262_040, 262_040, 0)
    assert (state_of(line).lates, after.stopped) == ((), None)
    (sent,) = spend_bills(house, person_id=person_id, account_id=line.account_id)
    assert sent.issued == bill
    assert (sent.stands.number, sent.stands.total_fen, sent.stands.minimum_fen) == (1, 302_040, 32_040)
    (said,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "spend.draw_returned"]
    assert [said.values[name].reveal() for name in ("on", "amount")] == ["2026-08-15", "5,000.00"]
    (leaf,) = [one for one in facts_of(house, person_id, "spend") if one["event"] == "draw_returned"]
    assert (leaf["target"], leaf["amount_fen"]) == (gone.hex, 500_000)
    assert_coherent(house)
    with pytest.raises(VerdictImpossible):
        decide(world, gone, "returned")

    # A payment that bounces later is owed as what it had paid without that draw; what is drawn anew is a new order.
    bounce(line, paid)
    assert (state_of(line).interest_fen, line.view().used_fen) == (2_040, 300_000)
    again = draw(line, "again", 500_000)
    assert (load(world, again).state, line.view().used_fen) == (OrderState.PAID, 800_000)
    line.at(date(2026, 10, 2), 1)
    assert [one.issued.number for one in spend_bills(house, person_id=person_id, account_id=line.account_id)] == [2, 1]
    assert_coherent(house)
    see_deductions_follow(line_of(world, ZHOU))
    see_that_proofs_find_it(line, gone)


def see_that_proofs_find_it(line: Account, gone: UUID) -> None:
    """Assert that a draw taken back by nobody, or not wholly, and a bill corrected without cause are found."""
    spoilt = f"what came back of {gone} is no draw of its account that two people said came back"
    untold = f"revolving account {line.account_id} is not what its events make of it"
    causeless = f"bill 1 of {line.account_id} is corrected and no draw came back"
    with line.world.house.database.transaction() as tx:
        tx.execute("ALTER TABLE spend_event DISABLE TRIGGER spend_event_stays")
        tx.execute("ALTER TABLE spend_bill_corrected DISABLE TRIGGER spend_bill_corrected_stays")
        tx.execute("ALTER TABLE proposal DISABLE TRIGGER USER")
        tx.execute("SAVEPOINT sound")
        changes: tuple[tuple[LiteralString, UUID, str], ...] = (
            ('UPDATE proposal SET body = \'{"verdict": "as_booked"}\' WHERE subject_id = %s', gone, spoilt),
            ("UPDATE spend_event SET amount_fen = 1 WHERE target = %s", gone, spoilt),
            ("DELETE FROM spend_bill_corrected WHERE account_id = %s", line.account_id, untold),
            ("UPDATE spend_bill_corrected SET event_number = 1 WHERE account_id = %s", line.account_id, causeless),
        )
        for change, of, found in changes:
            tx.execute(change, (of,))
            assert proof.spend_accounts(tx) == [found], change
            tx.execute("ROLLBACK TO SAVEPOINT sound")


def see_deductions_follow(line: Account) -> None:
    """Assert that a deduction asks for no more than is left without a draw, and that what was paid of it is credit."""
    world, house = line.world, line.world.house
    line.agree()
    line.choose(DeductedPart.BILL)
    gone = draw(line, "gone", 500_000)
    draw(line, "stays", 100_000)
    line.at(date(2026, 11, 10), 8, 59)
    world.go_to(moment(date(2026, 11, 10), 9))
    deduct_bills(house, cell=cell_of(house, line.account_id))
    assert line.deductions() == [("RESERVED", 607_200, None)]  # 30 days of 0.04 % each
    come_back(world, gone)
    assert sorted(line.deductions()) == [("FAILED", 607_200, "paid_already"), ("RESERVED", 101_200, None)]
    world.deposit(ZHOU, 1_000_000)
    line.at(date(2026, 11, 10), 9, 1)
    assert ("PAID", 101_200, None) in line.deductions()
    assert (line.view().used_fen, line.view().bill_left_fen, line.view().credit_fen) == (0, 0, 0)

    # Of the next bill 9 days of what stayed are left; what was paid beyond that is its owner's.
    gone = draw(line, "gone too", 200_000)
    line.at(date(2026, 12, 10), 9, 1)
    state, taken_fen, _ = line.deductions()[-1]
    assert (state, taken_fen) == ("PAID", 201_680 + 40 * 9)
    come_back(world, gone)
    bill = line.view().bill
    assert bill is not None
    assert (bill.number, bill.total_fen, line.view().used_fen, line.view().credit_fen) == (2, 360, 0, 201_680)
    draw(line, "paid by it", 300_000)
    assert (line.view().used_fen, line.view().credit_fen) == (98_320, 0)
    line.at(date(2027, 1, 2), 1)
    bill = line.view().bill
    assert bill is not None
    assert (bill.number, bill.principal_fen) == (3, 98_320)
    assert_coherent(house)
