"""Terms of loans on their course, drawn at random."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from mingqu.domain.calendar import DayCount, Period, PeriodUnit
from mingqu.domain.loan import Component, LoanTerms
from mingqu.domain.loan.terms import (
    ALLOCATION_IN_ADVANCE,
    PRINCIPAL_AT_ONCE,
    ChargeOffRule,
    Direction,
    Recalculation,
    Rest,
    Surplus,
)
from mingqu.domain.money import Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method, Smoothing

START: Final = date(2026, 1, 15)  # the day on which loans of the model tests are paid out


@st.composite
def _conventions(draw: st.DrawFn, *, plan: bool) -> dict[str, Any]:
    """Return conventions of others, which a product may name."""
    return {
        "whole_plan_each": plan and draw(st.booleans()),
        "periods_alike": draw(st.booleans()),
        "rounded_at_changes": draw(st.booleans()),
        "rate_digits": draw(st.sampled_from([None, None, 6, 19])),
    }


@st.composite
def _shapes(
    draw: st.DrawFn, method: Method, plan: bool, disbursements: int, instalments: int, period: Period
) -> dict[str, Any]:
    """Return graces, a start of its own, a length in days, a full term for each disbursement."""
    room = (instalments + 1) * (28 if period.unit is PeriodUnit.MONTH else period.every)
    lengths = st.sampled_from([None, None, *(days for days in (25, 80, 140) if days < room)])
    full_term_each = disbursements > 1 and method is not Method.SINGLE_PAYMENT and draw(st.booleans())
    graces = st.sampled_from([0, 0, 1, 2])
    return {
        "full_term_each": full_term_each,
        "principal_grace": min(draw(graces), instalments - 1),
        "interest_grace": min(draw(graces), instalments - 1) if plan and method is not Method.FLAT else 0,
        "start": draw(st.sampled_from([None, None, START, START - timedelta(days=20)])),
        "length_days": None if full_term_each else draw(lengths),
    }


@st.composite
def terms_on_course(draw: st.DrawFn, *, recalculation: Recalculation | None = None) -> LoanTerms:
    """Return terms that keep a course: interest follows the debt, or several disbursements, or a surplus stays."""
    method = draw(st.sampled_from([Method.EQUAL_INSTALMENT, *Method]))
    if recalculation is None:
        choices = [Recalculation.PLAN] if method is Method.FLAT else list(Recalculation)
        recalculation = draw(st.sampled_from(choices))
    elif method is Method.FLAT and recalculation is not Recalculation.PLAN:
        method = Method.EQUAL_INSTALMENT
    plan = recalculation is Recalculation.PLAN
    disbursements = draw(st.integers(2 if plan else 1, 3))
    instalments = draw(st.integers(1, 5))
    period = draw(
        st.sampled_from([Period(every=1, unit=PeriodUnit.MONTH)] * 3 + [Period(every=15, unit=PeriodUnit.DAY)])
    )
    rest = draw(st.sampled_from(list(Rest)))
    return LoanTerms(
        principal_fen=draw(st.integers(2_000, 2_000_000)),
        currency="CNY",
        method=method,
        rate=Rate.per_year(ppm=draw(st.sampled_from([0, 72_000, 180_000, 240_000, 360_000]))),
        instalments=instalments,
        period=period,
        interest_basis=draw(st.sampled_from(list(InterestBasis))),
        day_count=draw(st.sampled_from([DayCount.ACT_360, DayCount.ACT_365, DayCount.THIRTY_360])),
        rounding=draw(st.sampled_from([Rounding.HALF_UP, Rounding.HALF_EVEN])),
        penalty_multiple_ppm=draw(st.sampled_from([0, 500_000, 1_500_000])),
        grace_days=draw(st.sampled_from([0, 0, 3])),
        allocation=ALLOCATION_IN_ADVANCE,
        surplus=draw(st.sampled_from([kind for kind in Surplus if not (plan and kind in PRINCIPAL_AT_ONCE)])),
        direction=draw(st.sampled_from(list(Direction))),
        recalculation=recalculation,
        rest=rest,
        payoff_rest=draw(st.sampled_from(list(Rest))) if rest is Rest.DAY else rest,
        chargeback_order=draw(
            st.sampled_from(
                [(), (Component.PRINCIPAL, Component.INTEREST, Component.FEE, Component.PENALTY), tuple(Component)]
            )
        ),
        charge_off=draw(st.sampled_from(list(ChargeOffRule))),
        disbursements_max=disbursements,
        down_payment_ppm=draw(st.sampled_from([0, 0, 250_000])),
        multiple_fen=draw(st.sampled_from([1, 1, 100])),
        smoothing=draw(st.sampled_from(list(Smoothing))),
        suspends_income=draw(st.booleans()),
        **draw(
            _conventions(plan=plan)
            if draw(st.booleans())
            else _shapes(method, plan, disbursements, instalments, period)
        ),
    )


def terms_daily(**changes: object) -> LoanTerms:
    """Return plain terms of a loan whose interest follows its debt day by day: 1,000.00 at 12 % over four months."""
    return replace(
        LoanTerms(
            principal_fen=100_000,
            currency="CNY",
            method=Method.EQUAL_INSTALMENT,
            rate=Rate.per_year(ppm=120_000),
            instalments=4,
            period=Period(),
            interest_basis=InterestBasis.DAILY,
            day_count=DayCount.ACT_365,
            rounding=Rounding.HALF_UP,
            penalty_multiple_ppm=0,
            allocation=ALLOCATION_IN_ADVANCE,
            surplus=Surplus.NEXT_INSTALMENT,
            recalculation=Recalculation.DAILY,
        ),
        **changes,  # type: ignore[arg-type]  # names of fields, checked by the dataclass itself
    )
