"""An offer that a gate lets pass lies within the cap of its lender on its day, told by another library and by heart."""

from __future__ import annotations

from datetime import date

import pyxirr
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain import schedule
from mingqu.domain.cost import CostItem, all_in_cost
from mingqu.domain.gate import Case, at_offer
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.product import Product
from mingqu.domain.rule import ALL_IN_COST_MAX
from mingqu.services.policies.pass_rule_gates import price_of
from mingqu.store.decisions.policy import load_pack

PACK = load_pack()
LICENCES = {lender.id: lender.licence.value for lender in PACK.lenders}
NEAR_PPM = 2  # what a rate rounded to the ppm may differ by


def cap_by_heart(licence: str, day: date) -> int:
    """24 % for loans made with a platform; a microlender four times the prime rate of 3.00 % from the end of 2027."""
    return 120_000 if licence == "microlender" and day >= date(2027, 12, 31) else 240_000


@given(
    product=st.sampled_from(PACK.products),
    licence=st.sampled_from(("bank", "consumer_finance", "microlender")),
    ppm=st.one_of(st.integers(20_000, 360_000), st.sampled_from((120_000, 240_000))),
    steps=st.integers(10, 100),
    choice=st.integers(0, 10**6),
    fee_fen=st.one_of(st.just(0), st.integers(1, 3_000)),
    day=st.one_of(
        st.dates(date(2026, 1, 1), date(2029, 12, 31)), st.sampled_from((date(2027, 12, 30), date(2027, 12, 31)))
    ),
)
def test_no_offer_that_passes_costs_more_than_its_lender_may_ask_that_day(
    product: Product, licence: str, ppm: int, steps: int, choice: int, fee_fen: int, day: date
) -> None:
    counts, methods = product.instalment_counts, product.methods
    terms = terms_of_product(
        product=product,
        rate_year_ppm=ppm,
        amount_fen=steps * 10_000,
        instalments=counts[choice % len(counts)],
        method=methods[choice % len(methods)],
    )
    made = schedule.build(terms=terms.schedule_terms(start=day))
    fees = [
        CostItem(
            code="guarantee",
            collector="guarantor",
            standard="a month",
            charges=tuple((row.due, fee_fen) for row in made.rows),
        )
    ]
    cost = all_in_cost(schedule=made, lender="x", interest_standard="", fees=fees if fee_fen else [])
    price = price_of(terms=terms, schedule=made, start=day, all_in_cost_year_ppm=cost.annual.simple_ppm)
    case = Case(lender_type=licence, product_kind="instalment", on=day)
    found = at_offer(case=case, price=price, rules=PACK.rules)

    monthly = pyxirr.irr([float(made.principal_fen), *(-float(row.payment_fen + fee_fen) for row in made.rows)])
    assert monthly is not None
    yearly_ppm, cap = monthly * 12 * 1e6, cap_by_heart(licence, day)
    if found is None:
        assert yearly_ppm <= cap + NEAR_PPM
    elif found.rule.id.startswith("all_in_cost"):
        assert yearly_ppm > cap - NEAR_PPM
        assert found.allowed == cap
    if yearly_ppm > cap + NEAR_PPM:
        assert found is not None
        assert found.rule.id in (ALL_IN_COST_MAX, "all_in_cost_prime_rate_multiple_max")
