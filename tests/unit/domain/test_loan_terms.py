"""Terms that no loan can have are refused when they are written down, before anything is lent on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from mingqu.domain.batch.snapshot import borne_alike
from mingqu.domain.batch.standing import KIND_VERSION, canonical, kind_of, kind_version
from mingqu.domain.calendar import DayCount, Period, PeriodMalformed, PeriodUnit
from mingqu.domain.loan import Disbursed, LoanTerms, LoanTermsImpossible, Stage, Timing, fold, preview
from mingqu.domain.loan.event import Receipt
from mingqu.domain.loan.terms import (
    ALLOCATION_USUAL,
    AllocationRule,
    Component,
    Recalculation,
    Surplus,
)
from mingqu.domain.money import Rounding
from mingqu.domain.rate import Rate, RateOutOfRange
from mingqu.domain.schedule import InterestBasis, Method, MultipleAboveInstalment

START = date(2026, 8, 15)
TERMS = LoanTerms(
    principal_fen=1_000_000,
    currency="CNY",
    method=Method.EQUAL_INSTALMENT,
    rate=Rate.per_year(ppm=180_000),
    instalments=12,
    period=Period(every=1, unit=PeriodUnit.MONTH),
    interest_basis=InterestBasis.PERIOD,
    day_count=DayCount.ACT_360,
    rounding=Rounding.HALF_UP,
    penalty_multiple_ppm=1_500_000,
)
NUMBER = -183235590839499031
HOLE = tuple(step for step in ALLOCATION_USUAL if step != (Timing.DUE, Component.INTEREST))
HALF_AHEAD = (*ALLOCATION_USUAL, (Timing.IN_ADVANCE, Component.PRINCIPAL))
TWICE = (*ALLOCATION_USUAL, ALLOCATION_USUAL[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"rate_max": Rate.per_year(ppm=179_999)},
        {"rate_min": Rate.per_day(ppm=500)},
        {"principal_fen": 0},
        {"principal_fen": -1},
        {"instalments": 0},
        {"instalments": 1_201},
        {"multiple_fen": 0},
        {"penalty_multiple_ppm": -1},
        {"grace_days": -1},
        {"grace_days": 31},
        {"principal_grace": 12},
        {"interest_grace": -1},
        {"down_payment_ppm": 1_000_000},
        {"down_payment_ppm": -1},
        {"disbursements_max": 0},
        {"length_days": 0},
        {"start": START, "first_due": START},
        {"allocation": HOLE},
        {"allocation": HALF_AHEAD},
        {"allocation": TWICE},
        {"allocation_non_accrual": HOLE},
        {"allocation_of": ((Receipt.GOODWILL, AllocationRule(order=HOLE)),)},
        {"allocation_of": ((Receipt.GOODWILL, AllocationRule(order=ALLOCATION_USUAL)),) * 2},
        {"surplus": Surplus.NEXT_INSTALMENT},  # and the order names nothing in advance
        {"chargeback_order": (Component.FEE, Component.FEE)},
        {"method": Method.FLAT, "recalculation": Recalculation.DAILY},
    ],
    ids=repr,
)
def test_impossible_terms_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(LoanTermsImpossible) as refused:
        replace(TERMS, **changes)  # type: ignore[arg-type]  # names of fields, checked by the dataclass itself
    assert refused.value.code == "loan_terms_impossible"


def test_parts_of_terms_refuse_what_they_cannot_be() -> None:
    with pytest.raises(RateOutOfRange):
        Rate.per_year(ppm=-1)
    with pytest.raises(PeriodMalformed):
        Period(every=0, unit=PeriodUnit.MONTH)


@pytest.mark.parametrize("recalculation", list(Recalculation))
def test_a_multiple_above_the_instalment_is_refused_when_the_money_arrives(recalculation: Recalculation) -> None:
    terms = replace(TERMS, multiple_fen=100_000, recalculation=recalculation)
    with pytest.raises(MultipleAboveInstalment):
        fold(terms=terms, events=[paid_out()], as_of=None)


def test_a_multiple_may_give_way_where_that_is_agreed() -> None:
    terms = replace(TERMS, multiple_fen=1_000_000, multiple_gives_way=True, recalculation=Recalculation.DAILY)
    state, _ = fold(terms=terms, events=[paid_out()], as_of=None)
    assert {line.due_fen for line in state.instalments[:-1]} == {91_680}  # as with a multiple of one fen


def test_the_first_due_date_is_the_one_agreed_and_its_odd_period_bears_by_its_days() -> None:
    terms = replace(TERMS, first_due=date(2026, 10, 1))
    state, _ = fold(terms=terms, events=[paid_out()], as_of=None)
    assert [line.due for line in state.instalments[:3]] == [date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)]
    assert state.instalments[0].interest_fen == 23_500  # 10,000.00 × 18 % × 47 days / 360


def paid_out() -> Disbursed:
    return Disbursed(event_id=UUID(int=1), value_date=START, amount_fen=1_000_000)


def test_nothing_but_the_payout_happens_first() -> None:
    state, change = preview(terms=TERMS, state=fold(terms=TERMS, events=[], as_of=None)[0], event=paid_out())
    assert state.stage is Stage.ACTIVE
    assert change.postings


def test_terms_have_the_same_number_for_ever_and_another_where_a_morning_goes_otherwise() -> None:
    alike = borne_alike(TERMS)
    assert canonical(alike) == (
        "(Rate(numerator=9,denominator=50,unit=RateUnit.year),Period(every=1,unit=PeriodUnit.month),"
        "InterestBasis.period,DayCount.act/360,Rounding.half_up,1500000,0,False,True)"
    )
    number = kind_of(TERMS)
    assert (number, kind_version(number)) == (NUMBER, KIND_VERSION)
    assert kind_of(replace(TERMS, principal_fen=5, instalments=3)) == number
    others = {kind_of(replace(TERMS, grace_days=days)) for days in range(1, 4)}
    assert len(others | {number, kind_of(replace(TERMS, suspends_income=True))}) == 5
    assert all(kind_version(other) == KIND_VERSION for other in others)
    assert kind_version(0) == kind_version(2**63 - 1) == 0
