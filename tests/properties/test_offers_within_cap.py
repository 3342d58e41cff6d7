"""Every offer's whole cost, fees of partners included, lies within the cap of its lender's licence on its date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.decision.grid import parse_grid
from mingqu.domain.decision.pack import Pack, parse_pack
from mingqu.domain.decision.strategy import PriceAboveCap
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.policy_file import Document
from mingqu.domain.product import Product
from mingqu.domain.rule import ALL_IN_COST_MAX
from mingqu.services.offers.price_offer import reckon
from mingqu.store.decisions.policy import load_pack, read_documents
from tests.soak import examples

PACK = load_pack()
FIRST, LAST = date(2026, 8, 1), date(2028, 12, 31)


@given(data=st.data(), on=st.dates(FIRST, LAST))
@settings(max_examples=examples(120))
def test_no_shipped_product_can_be_offered_above_the_cap(data: st.DataObject, on: date) -> None:
    offered = PACK.offered(business_date=on)
    product = data.draw(st.sampled_from(offered))
    rate_year_ppm = data.draw(st.sampled_from(prices_of(PACK, product)))
    steps = (product.amount_max_fen - product.amount_min_fen) // product.amount_step_fen
    amount_fen = product.amount_min_fen + product.amount_step_fen * data.draw(st.integers(0, steps))
    terms = terms_of_product(
        product=product,
        rate_year_ppm=rate_year_ppm,
        amount_fen=amount_fen,
        instalments=data.draw(st.sampled_from(product.instalment_counts)),
        method=data.draw(st.sampled_from(product.methods)),
    )
    _, cost = reckon(terms=terms, start=on, lender="lender", partners=[rule.partner for rule in terms.fees])
    licence = PACK.lender(lender_id=product.lender_id).licence
    cap = PACK.rules.value(rule_id=ALL_IN_COST_MAX, lender_type=licence, product_kind=product.kind, business_date=on)
    assert cost.annual.simple_ppm <= cap
    assert cost.cost_fen == sum(item.amount_fen for item in cost.items)
    assert all(item.collector for item in cost.items)
    fees_ppm = sum(one.year_ppm for one in product.partner_fees)
    # Interest and fees are both of what is still owed, so their rates add up but for fen.
    assert abs(cost.annual.simple_ppm - rate_year_ppm - fees_ppm) <= 20_000_000_000 // amount_fen


def prices_of(pack: Pack, product: Product) -> list[int]:
    document = pack.document(kind="grid", name=product.price_grid)
    fields = pack.on(business_date=product.valid_from + timedelta(days=1), product_ids=(product.id,)).fields
    return [cell for cell in parse_grid(document=document, fields=fields).cells if cell is not None]


@pytest.mark.parametrize(("fee_ppm", "fits"), [(54_000, True), (54_012, False)])
def test_a_fee_that_lifts_a_price_above_the_cap_is_not_loaded(fee_ppm: int, *, fits: bool) -> None:
    """The dearest band pays 18.60 % of interest: a premium of 5.40 % makes 24.00 %, the cap; 0.0012 % more does not."""
    documents = [
        replace(one, body={**one.body, "partner_fee": [fee(one, fee_ppm)]}) if is_insured(one) else one
        for one in read_documents()
    ]
    if fits:
        parse_pack(documents=documents)
    else:
        with pytest.raises(PriceAboveCap):
            parse_pack(documents=documents)


def is_insured(one: Document) -> bool:
    return (one.kind, one.body["id"]) == ("product", "chengchuan-insured")


def fee(one: Document, fee_ppm: int) -> dict[str, str | int]:
    known = one.body["partner_fee"]
    assert isinstance(known, list)
    assert isinstance(known[0], dict)
    return {**known[0], "year_ppm": fee_ppm}  # type: ignore[dict-item]
