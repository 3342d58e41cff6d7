"""冷静期: a loan is given back within its first days for its principal alone; later it is early repayment like any."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mingqu.demo.journey import pay_by_hand, work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Intent, Stage
from mingqu.domain.moment import start_of
from mingqu.domain.money import AmountOutOfRange
from mingqu.services.loans.read_loan import loan_ledger, loan_state
from mingqu.services.loans.withdraw_loan import CoolingOffOver, cooling_off
from mingqu.services.repayment.preview_repayment import preview_payment
from mingqu.services.repayment.repay import open_page, quote_repayment, repay_by_hand
from tests.journeys.pages import Phone
from tests.journeys.policies import body_of, publish
from tests.journeys.reading import Books, arrive, assert_coherent, books_of, borrow, limit_of, live_until
from tests.world import OpenWorld

BORROWED_FEN = 1_000_000


def with_days_to_think(world: OpenWorld) -> None:
    """Let two people publish both products with seven days, from today on."""
    today = world.house.clock.business_date()
    for name in ("chengchuan-instalment", "tinglan-instalment"):
        body = body_of(world.house, "product", name, cooling_off_days=7, valid_from=today.isoformat())
        publish(world.house, body, from_date=today)


def test_a_loan_is_given_back_for_its_principal_and_the_lender_forgoes_the_interest(world: OpenWorld) -> None:
    house = world.house
    with_days_to_think(world)
    known = arrive(world)
    before = limit_of(house, known.person_id)
    loan_id = borrow(world, known).signed.loan_id
    live_until(world, date(2026, 8, 18))
    offered = cooling_off(house, person_id=known.person_id, loan_id=loan_id)
    assert offered is not None
    owed = quote_repayment(house, person_id=known.person_id, loan_id=loan_id)
    assert (offered.until, offered.amount_fen) == (date(2026, 8, 21), BORROWED_FEN)
    assert offered.forgone_fen == owed.payoff_fen - BORROWED_FEN > 0
    with pytest.raises(AmountOutOfRange):
        repay_by_hand(
            house, person_id=known.person_id, loan_id=loan_id, intent=Intent.WITHDRAW, amount_fen=999_999, key="short"
        )
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.WITHDRAW) == BORROWED_FEN
    assert loan_state(house, person_id=known.person_id, loan_id=loan_id).stage is Stage.SETTLED
    assert books_of(house, loan_id) == Books()
    assert limit_of(house, known.person_id) == before
    conceded = [
        one.amount_fen
        for one in loan_ledger(house, person_id=known.person_id, loan_id=loan_id)
        if one.other.code is AccountCode.CONCESSION
    ]
    assert sum(conceded) == offered.forgone_fen
    assert world.balance_fen(XIA) == 6_000_000
    assert cooling_off(house, person_id=known.person_id, loan_id=loan_id) is None
    assert_coherent(house)
    live_until(world, date(2026, 9, 17))
    assert world.balance_fen(XIA) == 6_000_000, "nothing is deducted from who owes nothing"
    assert_coherent(house)


def test_after_the_days_it_is_refused_with_the_way_that_is_left(world: OpenWorld) -> None:
    house = world.house
    other = arrive(world, ZHOU)
    without = borrow(world, other, amount_fen=300_000).signed.loan_id
    with pytest.raises(CoolingOffOver):
        repay_by_hand(house, person_id=other.person_id, loan_id=without, intent=Intent.WITHDRAW, key="none")
    with_days_to_think(world)
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    live_until(world, date(2026, 8, 21))
    midnight = start_of(date(2026, 8, 22))
    world.go_to(midnight - timedelta(minutes=5))
    page = repay_by_hand(house, person_id=known.person_id, loan_id=loan_id, intent=Intent.WITHDRAW, key="in time")
    open_page(house, person_id=known.person_id, order_id=page.order_id)
    world.go_to(midnight + timedelta(minutes=1))
    with pytest.raises(CoolingOffOver, match="repaid early"):
        repay_by_hand(house, person_id=known.person_id, loan_id=loan_id, intent=Intent.WITHDRAW, key="too late")
    # A page that was opened in time and paid too late: the money is early repayment, and interest is owed.
    world.pay_page(XIA, page.order_id)
    world.go_to(midnight + timedelta(minutes=6))
    work_until_idle(world)
    left = quote_repayment(house, person_id=known.person_id, loan_id=loan_id).payoff_fen
    assert 0 < left < 10_000
    with pytest.raises(CoolingOffOver):
        preview_payment(
            house, person_id=known.person_id, loan_id=loan_id, amount_fen=BORROWED_FEN, intent=Intent.WITHDRAW
        )
    assert_coherent(house)


def test_the_page_and_the_papers_name_the_days(world: OpenWorld) -> None:
    with_days_to_think(world)
    phone = Phone(world, language="zh")
    world.meet(XIA, balance_fen=6_000_000)
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    phone.be_assessed(XIA, amount="10,000")
    table = phone.choose_offer(amount="10000")
    assert "到账起 7 天内退回本金，不付利息" in table.text
