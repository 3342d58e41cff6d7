"""What the cost table says of being late is what the loan charges whoever is late."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain import identifier
from mingqu.domain.cost import DelayTerms, cost_of_delay
from mingqu.domain.loan import Disbursed, fold, quote
from mingqu.domain.schedule import Method, build
from tests.models.loan_terms import monthly_terms
from tests.soak import examples

START = date(2026, 8, 31)


@settings(max_examples=examples(40), deadline=None)
@given(
    principal=st.integers(100_000, 10**7),
    ppm=st.integers(0, 360_000),
    months=st.integers(1, 12),
    days=st.integers(0, 400),
    grace_days=st.integers(0, 5),
    method=st.sampled_from((Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY)),
)
def test_whoever_never_pays_owes_the_penalty_that_was_shown(
    principal: int, ppm: int, months: int, days: int, grace_days: int, method: Method
) -> None:
    terms = monthly_terms(principal_fen=principal, months=months, ppm=ppm, method=method, grace_days=grace_days)
    paid_out = Disbursed(
        event_id=identifier.fresh(milliseconds=1, slot=0, entropy=0), value_date=START, amount_fen=principal
    )
    schedule = build(terms=terms.schedule_terms(start=START))
    on = schedule.rows[0].due + timedelta(days=days)
    state, _ = fold(terms=terms, events=[paid_out], as_of=on)
    shown = cost_of_delay(
        schedule=schedule,
        first_missed=1,
        days=days,
        terms=DelayTerms(
            collector="bank",
            standard="one and a half times the rate",
            rate=terms.rate,
            multiple_ppm=terms.penalty_multiple_ppm,
            day_count=terms.day_count,
            rounding=terms.rounding,
            grace_days=grace_days,
        ),
    )
    assert shown.cost_fen == quote(terms=terms, state=state, on=on).due.penalty_fen
