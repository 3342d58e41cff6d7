"""Collecting: too much goes back to the card, a bounced deduction is owed again, an empty card is cured in parts."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.demo.journey import Borrowed, pay_by_hand
from mingqu.demo.people import XIA
from mingqu.domain.loan import Intent, NothingToReverse
from mingqu.domain.order import OrderKind
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.make_offers import NoLimit
from mingqu.services.repayment.repay import quote_repayment
from tests.journeys.reading import (
    Books,
    Limit,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    collected_fen,
    facts_of,
    limit_of,
    live_until,
    orders_of,
)
from tests.world import OpenWorld

GRANTED = 3_000_000


def test_what_is_paid_too_much_goes_back_to_the_card_each_time_it_happens(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    before_fen = world.balance_fen(XIA)

    for times in (1, 2, 3):  # the same amount again on the same day: another return
        assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=5_000) == 5_000
        returns = orders_of(house, loan_id, OrderKind.RETURN)
        assert [(one.amount_fen, one.state.value) for one in returns] == [(5_000, "PAID")] * times
        assert world.balance_fen(XIA) == before_fen
        assert books_of(house, loan_id) == Books(unbilled=1_000_000)
    assert [fact["amount_fen"] for fact in facts_of(house, known.person_id, "repayment")] == [5_000] * 3
    assert_coherent(house)


def test_what_is_paid_after_the_loan_is_settled_goes_back_too(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF, amount_fen=1_000_001)
    assert books_of(house, loan_id) == Books()
    assert collected_fen(house, borrowed) == 1_000_000
    assert world.balance_fen(XIA) == 6_000_000
    assert_coherent(house)


def test_a_bounced_deduction_is_owed_again_with_penalty_and_its_limit_is_drawn_again(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id, facility_id = borrowed.signed.loan_id, borrowed.offered.offer.facility_id
    live_until(world, date(2026, 9, 15))
    assert limit_of(house, known.person_id).drawn == 923_320

    # 2026-09-17: the bank takes its word back. It counts as never paid.
    live_until(world, date(2026, 9, 17))
    bounce(world, borrowed)
    assert books_of(house, loan_id) == Books(unbilled=923_320, principal=76_680, interest=15_000)
    whole = Limit(granted=GRANTED, available=2_000_000, drawn=1_000_000, held=0)
    assert limit_of(house, known.person_id) == limit_of(house, facility_id) == whole
    assert collected_fen(house, borrowed) == 0
    owed = quote_repayment(house, person_id=known.person_id, loan_id=loan_id)
    assert owed.due.penalty_fen == 115  # 766.80 at 27 % on 360 for two days
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    assert state.overdue_days(date(2026, 9, 17)) == 2
    assert_coherent(house)

    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE) == 91_680 + 115
    assert books_of(house, loan_id) == Books(unbilled=923_320)
    assert limit_of(house, known.person_id).drawn == 923_320
    live_until(world, date(2026, 9, 18))
    assert_coherent(house)


def test_a_payment_bounces_once_and_what_never_happened_cannot_bounce(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    live_until(world, date(2026, 9, 15))
    bounce(world, borrowed)
    with pytest.raises(NothingToReverse):
        bounce(world, borrowed)
    assert_coherent(house)


def test_an_old_payment_that_bounces_after_later_ones_takes_their_money_in_order(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    live_until(world, date(2026, 10, 20))
    assert books_of(house, loan_id) == Books(unbilled=1_000_000 - 76_680 - 77_830)

    # October's 916.80 now pays September first: penalty, interest, and principal but for 17.25. October is open.
    bounce(world, borrowed)
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    september, october = state.instalments[:2]
    assert (september.penalty_fen, september.penalty_paid_fen) == (1_725, 1_725)  # 766.80 at 27 % for thirty days
    assert (september.interest_paid_fen, september.principal_paid_fen) == (15_000, 76_680 - 1_725)
    assert (october.principal_paid_fen, october.interest_paid_fen) == (0, 0)
    assert books_of(house, loan_id) == Books(
        unbilled=1_000_000 - 76_680 - 77_830, principal=1_725 + 77_830, interest=13_850
    )
    assert collected_fen(house, borrowed) == 91_680
    assert_coherent(house)
    live_until(world, date(2026, 10, 21))
    assert_coherent(house)


def test_an_empty_card_moves_nothing_and_wages_cure_it_in_two_parts(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    world.deposit(XIA, 50_000 - world.balance_fen(XIA))  # short of 916.80
    live_until(world, date(2026, 9, 15))
    (failed,) = orders_of(house, loan_id, OrderKind.COLLECTION)
    assert (failed.state.value, failed.refusal_code) == ("FAILED", "insufficient_funds")
    assert books_of(house, loan_id) == Books(unbilled=923_320, principal=76_680, interest=15_000)
    assert_coherent(house)

    # Half by hand on the day: interest first, then principal. Penalty counts on what is left of the principal.
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=50_000)
    assert books_of(house, loan_id) == Books(unbilled=923_320, principal=41_680)
    world.deposit(XIA, 100_000)
    live_until(world, date(2026, 9, 17))  # the deduction of the 16th takes the rest
    last = orders_of(house, loan_id, OrderKind.COLLECTION)[-1]
    assert (last.amount_fen, last.state.value) == (41_680 + 31, "PAID")  # 416.80 at 27 % on 360 for one day
    assert books_of(house, loan_id) == Books(unbilled=923_320)
    assert world.balance_fen(XIA) == 100_000 - 41_680 - 31
    assert_coherent(house)


def test_a_bounce_may_draw_a_limit_that_was_drawn_again_meanwhile_and_what_comes_in_ends_that_first(
    world: OpenWorld,
) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    facility_id = borrowed.offered.offer.facility_id
    live_until(world, date(2026, 9, 15))
    assert limit_of(house, facility_id).available == 2_000_000 + 76_680
    borrow(world, known, amount_fen=2_070_000)

    # The limit is used but for 66.80; the bounce needs 766.80 of it.
    bounce(world, borrowed)
    over = Limit(granted=GRANTED, available=0, drawn=GRANTED + 70_000, held=0, above=70_000)
    assert limit_of(house, known.person_id) == limit_of(house, facility_id) == over
    assert_coherent(house)
    with pytest.raises(NoLimit):
        borrow(world, known, amount_fen=50_000, instalments=3)

    pay_by_hand(world, known, loan_id=borrowed.signed.loan_id, intent=Intent.DUE)
    back = Limit(granted=GRANTED, available=6_680, drawn=GRANTED - 6_680, held=0)
    assert limit_of(house, known.person_id) == limit_of(house, facility_id) == back
    assert_coherent(house)


def test_a_bounced_payment_whose_surplus_we_returned_already_is_owed_until_it_is_paid(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=5_000)
    bounce(world, borrowed)  # the bank takes 50.00 back that went back to the card before: gone twice
    assert collected_fen(house, borrowed) == -5_000
    assert books_of(house, loan_id) == Books(unbilled=1_000_000, fee=5_000)
    assert_coherent(house)

    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE) == 5_000
    assert collected_fen(house, borrowed) == 0
    assert books_of(house, loan_id) == Books(unbilled=1_000_000)
    assert_coherent(house)


def test_who_paid_by_hand_before_the_deduction_went_out_is_not_asked_twice(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id, before_fen = borrowed.signed.loan_id, world.balance_fen(XIA)
    live_until(world, date(2026, 9, 14))
    world.go_to_date(date(2026, 9, 15))
    close_through(house, to=date(2026, 9, 14))
    bring_up_today(house)
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE) == 91_680
    live_until(world, date(2026, 9, 15))
    assert world.balance_fen(XIA) == before_fen - 91_680
    assert collected_fen(house, borrowed) == 91_680
    orders = orders_of(house, loan_id, OrderKind.COLLECTION)
    assert sorted((one.state.value, one.refusal_code) for one in orders) == [
        ("FAILED", "paid_already"),
        ("PAID", None),
    ]
    assert orders_of(house, loan_id, OrderKind.RETURN) == []
    assert_coherent(house)


def bounce(world: OpenWorld, borrowed: Borrowed) -> None:
    """Let the first collection of a loan turn out not to have happened, known today."""
    loan_id = borrowed.signed.loan_id
    first = orders_of(world.house, loan_id, OrderKind.COLLECTION)[0]
    key = f"bounce {world.house.id_for(borrowed.known.person_id).hex}"
    reverse_repayment(world.house, loan_id=loan_id, repayment_id=first.order_id, key=key)
