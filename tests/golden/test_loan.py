"""Worked vectors of loans, to the fen: penalty, allocation, early repayment, and one loan's whole story."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from mingqu.domain.calendar import DayCount
from mingqu.domain.loan import Disbursed, Event, Intent, Repaid, Stage, fold, quote
from mingqu.domain.loan.quote import preview_repayment
from mingqu.domain.loan.state import penalty_exact
from mingqu.domain.money import Rounding, divide
from mingqu.domain.rate import Rate
from tests.models.loan_terms import monthly_terms
from tests.properties.test_loan import an_id

START = date(2026, 8, 15)
KITCHEN: list[Event] = [
    Disbursed(event_id=an_id(1), value_date=START, amount_fen=1_000_000),
    Repaid(event_id=an_id(2), value_date=date(2026, 9, 15), amount_fen=91_680),
    Repaid(event_id=an_id(3), value_date=date(2026, 10, 15), amount_fen=91_680),
    Repaid(event_id=an_id(4), value_date=date(2026, 11, 15), amount_fen=91_680),
]


def test_penalty_is_rounded_once_and_not_day_by_day() -> None:
    """833.34 overdue at 0.05 % a day × 1.5 for 17 days: 10.63; the sum of daily roundings would be 10.71."""
    terms = replace(monthly_terms(), rate=Rate.per_day(ppm=500), day_count=DayCount.ACT_360)
    due = date(2026, 9, 15)

    def penalty(start: date, end: date) -> int:
        ratio = penalty_exact(terms=terms, principal_fen=83_334, start=start, end=end)
        return divide(*ratio, Rounding.HALF_UP)

    days = [due + timedelta(days=offset) for offset in range(18)]
    assert penalty(due, days[17]) == 1_063
    assert sum(penalty(one, after) for one, after in pairwise(days)) == 1_071


def test_the_kitchen_loan_from_first_instalment_to_settlement() -> None:
    """10,000.00 at 18 % in twelve: quote on 2026-11-25, missed 2027-01-15, cured 2027-02-01, settled on schedule."""
    terms = monthly_terms()
    state, _ = fold(terms=terms, events=KITCHEN, as_of=date(2026, 11, 25))
    owed = quote(terms=terms, state=state, on=date(2026, 11, 25))
    assert (state.principal_outstanding_fen, owed.due_fen, owed.early_interest_fen) == (766_492, 0, 3_832)
    assert owed.payoff_fen == 770_324

    partial, _ = preview_repayment(
        terms=terms, state=state, on=date(2026, 11, 25), amount_fen=300_000, intent=Intent.PREPAY
    )
    assert partial.principal_outstanding_fen == 470_324

    events = [*KITCHEN, Repaid(event_id=an_id(5), value_date=date(2026, 12, 15), amount_fen=91_680)]
    state, _ = fold(terms=terms, events=events, as_of=date(2027, 2, 1))
    owed = quote(terms=terms, state=state, on=date(2027, 2, 1))
    assert (owed.due.principal_fen, owed.due.interest_fen, owed.due.penalty_fen) == (81_385, 10_295, 1_038)
    assert owed.due_fen == 92_718
    assert quote(terms=terms, state=state, on=date(2027, 2, 2)).due_fen - owed.due_fen == 61

    events.append(Repaid(event_id=an_id(6), value_date=date(2027, 2, 1), amount_fen=92_718))
    dues = [date(2027, month, 15) for month in range(2, 9)]
    amounts = [91_680] * 6 + [91_681]
    events += [
        Repaid(event_id=an_id(10 + place), value_date=due, amount_fen=amount)
        for place, (due, amount) in enumerate(zip(dues, amounts, strict=True))
    ]
    state, _ = fold(terms=terms, events=events, as_of=date(2027, 8, 15))
    assert (state.stage, state.settled_on) == (Stage.SETTLED, date(2027, 8, 15))
    assert sum(event.amount_fen for event in events if isinstance(event, Repaid)) == 1_101_199


@pytest.mark.parametrize(("day_count", "interest_fen"), [(DayCount.ACT_360, 3_832), (DayCount.ACT_365, 3_780)])
def test_early_interest_counts_days_on_the_base_of_the_product(day_count: DayCount, interest_fen: int) -> None:
    """7,664.92 for ten days at 18 %: 38.32 on a base of 360, 37.80 on 365."""
    terms = replace(monthly_terms(), day_count=day_count)
    state, _ = fold(terms=terms, events=KITCHEN, as_of=date(2026, 11, 25))
    assert quote(terms=terms, state=state, on=date(2026, 11, 25)).early_interest_fen == interest_fen
