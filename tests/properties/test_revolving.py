"""A balance bears what its days say, one by one; a bill paid whole bears nothing; the least payment is the least."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount
from mingqu.domain.money import Rounding, divide
from mingqu.domain.rate import Rate
from mingqu.domain.revolving import (
    Bill,
    Charge,
    MinimumRule,
    Movement,
    MovementKind,
    Statement,
    UnpaidBill,
    balance_interest,
    card_interest,
    cash_advance_cost,
    late_fee,
    minimum_payment,
)
from tests.soak import examples

OPENED = date(2026, 1, 1)
STATEMENT = Statement(billed_on=OPENED + timedelta(days=30), due=OPENED + timedelta(days=50))
UNTIL = OPENED + timedelta(days=61)
ROUNDING = st.sampled_from(Rounding)
RATES = st.integers(0, 1_000).map(lambda ppm: Rate.per_day(ppm=ppm))


@st.composite
def movements(draw: st.DrawFn) -> list[Movement]:
    one = st.builds(
        Movement,
        posted_on=st.integers(0, 70).map(lambda days: OPENED + timedelta(days=days)),
        amount_fen=st.integers(1, 10**7),
        kind=st.sampled_from(MovementKind),
    )
    return draw(st.lists(one, max_size=12))


def _borne(
    moved: list[Movement], rate: Rate, start: date, end: date, day_count: DayCount = DayCount.ACT_365
) -> Fraction:
    return Fraction(*balance_interest(movements=moved, rate=rate, day_count=day_count, start=start, end=end))


def _charged(moved: list[Movement], unpaid_bill: UnpaidBill, *, until: date = UNTIL) -> int:
    return card_interest(
        movements=moved,
        statement=STATEMENT,
        until=until,
        unpaid_bill=unpaid_bill,
        rate=Rate.per_day(ppm=500),
        day_count=DayCount.ACT_365,
        rounding=Rounding.HALF_UP,
    )


@settings(max_examples=examples(100), deadline=None)
@given(moved=movements(), rate=RATES, first=st.integers(0, 70), days=st.integers(0, 40))
def test_a_balance_bears_the_sum_of_its_days(moved: list[Movement], rate: Rate, first: int, days: int) -> None:
    start = OPENED + timedelta(days=first)
    by_the_day = Fraction(0)
    for offset in range(days):
        day = start + timedelta(days=offset)
        # The model of one day: what stands after everything posted up to and including it, if it is a debt.
        balance = sum(
            each.amount_fen if each.kind is MovementKind.SPENT else -each.amount_fen
            for each in moved
            if each.posted_on <= day
        )
        by_the_day += Fraction(max(balance, 0) * rate.numerator, rate.denominator)
    assert _borne(moved, rate, start, start + timedelta(days=days)) == by_the_day


@settings(max_examples=examples(60), deadline=None)
@given(moved=movements(), cut=st.integers(0, 61), day_count=st.sampled_from((DayCount.ACT_360, DayCount.ACT_365)))
def test_a_span_cut_in_two_bears_the_same(moved: list[Movement], cut: int, day_count: DayCount) -> None:
    rate, middle = Rate.per_year(ppm=180_000), OPENED + timedelta(days=cut)
    parts = _borne(moved, rate, OPENED, middle, day_count) + _borne(moved, rate, middle, UNTIL, day_count)
    assert parts == _borne(moved, rate, OPENED, UNTIL, day_count)


@settings(max_examples=examples(100), deadline=None)
@given(moved=movements())
def test_the_unpaid_part_never_bears_more_than_all_of_the_bill(moved: list[Movement]) -> None:
    unpaid_part, all_of_it = _charged(moved, UnpaidBill.UNPAID_PART), _charged(moved, UnpaidBill.ALL_OF_IT)
    assert 0 <= unpaid_part <= all_of_it


@settings(max_examples=examples(60), deadline=None)
@given(moved=movements(), unpaid_bill=st.sampled_from(UnpaidBill), days=st.integers(1, 20))
def test_a_bill_repaid_whole_by_its_due_date_bears_nothing(
    moved: list[Movement], unpaid_bill: UnpaidBill, days: int
) -> None:
    billed = [each for each in moved if each.posted_on <= STATEMENT.billed_on]
    asked = max(1, sum(each.change_fen for each in billed))
    paid_on = STATEMENT.billed_on + timedelta(days=days)
    paid = Movement(posted_on=paid_on, amount_fen=asked, kind=MovementKind.REPAID)
    assert _charged([*moved, paid], unpaid_bill) == 0
    # The same money as a refund lowers what bears and pays nothing; a fen less than the bill pays it in part.
    if asked > 1 and sum(each.change_fen for each in billed) > 1:
        refunds = [replace(each, kind=MovementKind.REFUNDED) for each in [paid]]
        whole_until_paid = _charged([*billed, *refunds], UnpaidBill.ALL_OF_IT)
        short = _charged([*billed, replace(paid, amount_fen=asked - 1)], UnpaidBill.ALL_OF_IT)
        borne = balance_interest(
            movements=billed,
            rate=Rate.per_day(ppm=500),
            day_count=DayCount.ACT_365,
            start=OPENED,
            end=paid_on,
        )
        assert whole_until_paid == divide(*borne, Rounding.HALF_UP) <= short


@settings(max_examples=examples(60), deadline=None)
@given(
    parts=st.lists(st.integers(0, 10**9), min_size=6, max_size=6),
    share_ppm=st.integers(0, 1_000_000),
    whole_up_to=st.integers(0, 10**6),
    rounding=ROUNDING,
)
def test_a_least_payment_lies_between_what_is_asked_in_full_and_the_bill(
    parts: list[int], share_ppm: int, whole_up_to: int, rounding: Rounding
) -> None:
    principal, interest, fee, instalment, overdue, over = parts
    bill = Bill(
        principal_fen=principal,
        interest_fen=interest,
        fee_fen=fee,
        instalment_fen=instalment,
        overdue_fen=overdue,
        over_limit_fen=over,
    )
    rule = MinimumRule(share_ppm=share_ppm, rounding=rounding, whole_up_to_fen=whole_up_to)
    least = minimum_payment(bill=bill, rule=rule)
    assert sum(parts[1:]) <= least <= sum(parts)
    if principal <= whole_up_to:
        assert least == sum(parts)
    else:
        assert abs(least - sum(parts[1:]) - Fraction(principal * share_ppm, 10**6)) < 1


@settings(max_examples=examples(60), deadline=None)
@given(
    minimum=st.integers(0, 10**7),
    paid=st.integers(0, 10**7),
    least=st.integers(0, 5_000),
    more=st.integers(0, 10**6),
)
def test_a_late_fee_is_charged_on_what_lacks_within_its_bounds(minimum: int, paid: int, least: int, more: int) -> None:
    charge = Charge(share_ppm=50_000, least_fen=least, most_fen=least + more)
    fee = late_fee(minimum_fen=minimum, paid_fen=paid, charge=charge, rounding=Rounding.HALF_UP)
    if paid >= minimum:
        assert fee == 0
    else:
        assert fee == sorted([least, divide((minimum - paid) * 5, 100, Rounding.HALF_UP), least + more])[1]


@settings(max_examples=examples(40), deadline=None)
@given(amount=st.integers(1, 10**8), days=st.integers(0, 400), ppm=st.integers(0, 1_000))
def test_cash_bears_interest_for_each_day_from_the_first(amount: int, days: int, ppm: int) -> None:
    cost = cash_advance_cost(
        amount_fen=amount,
        drawn_on=OPENED,
        days=days,
        fee=Charge(share_ppm=10_000, least_fen=1_000),
        rate=Rate.per_day(ppm=ppm),
        day_count=DayCount.ACT_365,
        rounding=Rounding.FLOOR,
    )
    assert cost.interest_fen == amount * ppm * days // 1_000_000
    assert cost.cost_fen - cost.interest_fen == max(1_000, amount // 100)
