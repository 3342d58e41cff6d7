"""Revolving credit: what cannot be, and the edges of a bill's days."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.domain.calendar import DatesOutOfOrder, DayCount
from mingqu.domain.money import Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.revolving import (
    Bill,
    Charge,
    MinimumRule,
    Movement,
    MovementKind,
    MovementMalformed,
    RevolvingTermsImpossible,
    Statement,
    UnpaidBill,
    balance_interest,
    card_interest,
    minimum_payment,
)

POSTED, BILLED, DUE, UNTIL = date(2026, 6, 10), date(2026, 7, 5), date(2026, 7, 25), date(2026, 8, 5)
SPENT = Movement(posted_on=POSTED, amount_fen=1_000_000, kind=MovementKind.SPENT)


def interest(*moved: Movement, unpaid_bill: UnpaidBill = UnpaidBill.ALL_OF_IT, until: date = UNTIL) -> int:
    return card_interest(
        movements=moved,
        statement=Statement(billed_on=BILLED, due=DUE),
        until=until,
        unpaid_bill=unpaid_bill,
        rate=Rate.per_day(ppm=500),
        day_count=DayCount.ACT_365,
        rounding=Rounding.HALF_UP,
    )


def moved(on: date, fen: int, kind: MovementKind) -> Movement:
    return Movement(posted_on=on, amount_fen=fen, kind=kind)


@pytest.mark.parametrize("fen", [0, -1])
def test_a_movement_of_nothing_is_refused(fen: int) -> None:
    with pytest.raises(MovementMalformed):
        moved(POSTED, fen, MovementKind.SPENT)


def test_a_bill_due_before_it_is_billed_is_refused() -> None:
    with pytest.raises(DatesOutOfOrder):
        Statement(billed_on=DUE, due=DUE)


def test_shares_and_bounds_that_cannot_be_are_refused() -> None:
    for share in (-1, 1_000_001):
        with pytest.raises(RevolvingTermsImpossible):
            Charge(share_ppm=share)
        with pytest.raises(RevolvingTermsImpossible):
            MinimumRule(share_ppm=share, rounding=Rounding.HALF_UP)
    with pytest.raises(RevolvingTermsImpossible):
        Charge(share_ppm=0, least_fen=-1)
    with pytest.raises(RevolvingTermsImpossible):
        Charge(share_ppm=0, least_fen=2, most_fen=1)
    with pytest.raises(RevolvingTermsImpossible):
        MinimumRule(share_ppm=0, rounding=Rounding.HALF_UP, whole_up_to_fen=-1)
    with pytest.raises(RevolvingTermsImpossible):
        Bill(principal_fen=0, interest_fen=-1, fee_fen=2)


def test_paying_on_the_due_date_is_in_time_and_a_day_later_is_not() -> None:
    on_time, late = (moved(date(2026, 7, day), 1_000_000, MovementKind.REPAID) for day in (25, 26))
    assert interest(SPENT, on_time) == 0
    assert interest(SPENT, late) == 23_000  # 46 days of 10,000.00
    assert interest(SPENT, late, unpaid_bill=UnpaidBill.UNPAID_PART) == 500


def test_a_purchase_after_the_bill_day_is_not_of_this_bill() -> None:
    later = moved(date(2026, 7, 6), 9_999, MovementKind.SPENT)
    assert interest(SPENT, later) == interest(SPENT)
    assert interest(later) == 0


def test_a_refund_after_the_bill_day_pays_no_bill() -> None:
    refund = moved(date(2026, 7, 20), 100_000, MovementKind.REFUNDED)
    rest = moved(DUE, 900_000, MovementKind.REPAID)
    # 40 days of 10,000.00 and 5 of 9,000.00: the refund left nothing to pay, but the bill was not repaid whole.
    assert interest(SPENT, refund, rest) == 22_250
    assert interest(SPENT, refund, rest, unpaid_bill=UnpaidBill.UNPAID_PART) == 0


def test_nobody_knows_before_the_due_date_whether_a_bill_is_paid() -> None:
    with pytest.raises(DatesOutOfOrder):
        interest(SPENT, until=date(2026, 7, 24))
    assert interest(until=DUE) == 0


def test_a_balance_does_not_bear_backwards() -> None:
    with pytest.raises(DatesOutOfOrder):
        balance_interest(
            movements=[SPENT], rate=Rate.per_day(ppm=500), day_count=DayCount.ACT_365, start=DUE, end=BILLED
        )


def test_an_instalment_has_no_least_payment() -> None:
    rule = MinimumRule(share_ppm=100_000, rounding=Rounding.HALF_UP)
    assert minimum_payment(bill=Bill(principal_fen=100_000, instalment_fen=40_000), rule=rule) == 50_000


def test_a_charge_on_nothing_is_nothing() -> None:
    charge = Charge(share_ppm=10_000, least_fen=1_000, most_fen=20_000)
    assert [charge.of(fen, rounding=Rounding.HALF_UP) for fen in (0, 1, 500_000, 9_000_000)] == [
        0,
        1_000,
        5_000,
        20_000,
    ]
