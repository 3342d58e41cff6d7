"""What a product says of a guarantor who pays bill by bill, and the terms that a loan of it has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mingqu.domain.loan.guarantee import BillGuarantee
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.product import Product, parse_product
from tests.world import the_pack

FILE = "products/yunling-instalment.toml"
DAYS, BILLS = "compensates_bill_after_days", "compensates_whole_after_bills"


def product_with(**said: object) -> Product:
    """Return the bank's guaranteed product with more said of its guarantor."""
    known: Document = next(one for one in the_pack().documents if one.file == FILE)
    fees = known.body["partner_fee"]
    assert isinstance(fees, list)
    return parse_product(document=replace(known, body={**known.body, "partner_fee": [{**fees[0], **said}]}))


@pytest.mark.parametrize(
    ("said", "agreed"),
    [
        ({}, None),
        ({DAYS: 10}, BillGuarantee(after_days=10)),
        ({DAYS: 10, BILLS: 3}, BillGuarantee(after_days=10, whole_after_bills=3)),
    ],
)
def test_a_loan_s_terms_say_how_its_guarantor_pays(said: dict[str, int], agreed: BillGuarantee | None) -> None:
    terms = terms_of_product(
        product=product_with(**said),
        rate_year_ppm=100_000,
        amount_fen=1_000_000,
        instalments=12,
        method="equal_instalment",
    )
    assert terms.bill_guarantee == agreed


@pytest.mark.parametrize(
    "said",
    [{BILLS: 3}, {DAYS: 0}, {DAYS: 361}, {DAYS: 10, BILLS: 0}, {DAYS: "10"}, {DAYS: 10, "role": "insurer"}],
)
def test_what_makes_no_sense_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(PolicyFault):
        product_with(**said)
