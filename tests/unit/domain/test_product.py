"""Products and lenders as data: what is shipped is as the demonstration promises, and faults are named."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.domain.product import Product, ProductNotOffered, TermsNotOffered, parse_product
from mingqu.domain.spend.product import LIMIT_FEN_MAX, parse_spend_product
from mingqu.store.decisions.policy import load_pack, read_documents

DAY = date(2026, 8, 15)


def shipped(name: str) -> dict[str, Any]:
    return next(dict(one.body) for one in read_documents() if one.body["id"] == name)


def parsed(**changes: Any) -> Product:
    return parse_product(document=Document(file="p.toml", body=shipped("chengchuan-instalment") | changes))


def test_the_shipped_products_belong_to_a_consumer_finance_company_and_a_microlender() -> None:
    pack = load_pack()
    offered = {product.id: product for product in pack.offered(business_date=DAY)}
    assert set(offered) == {"chengchuan-instalment", "tinglan-instalment"}
    licences = {name: pack.lender(lender_id=one.lender_id).licence.value for name, one in offered.items()}
    assert licences == {"chengchuan-instalment": "consumer_finance", "tinglan-instalment": "microlender"}
    product = offered["chengchuan-instalment"]
    assert product.methods == ("equal_instalment", "equal_principal", "interest_only")
    assert product.instalment_counts == (3, 6, 12)
    assert (product.amount_min_fen, product.amount_max_fen) == (50_000, 20_000_000)
    assert product.penalty_multiple_ppm == 1_500_000
    assert [f"{step.timing}.{step.component}" for step in product.allocation][:2] == [
        "past_due.fee",
        "past_due.penalty",
    ]


def test_a_product_is_not_offered_before_its_first_and_after_its_last_day() -> None:
    pack = load_pack()
    assert pack.product(product_id="tinglan-instalment", business_date=date(2027, 12, 30)).version == 1
    for day in (date(2026, 7, 31), date(2027, 12, 31)):
        with pytest.raises(ProductNotOffered):
            pack.product(product_id="tinglan-instalment", business_date=day)
    with pytest.raises(ProductNotOffered):
        pack.product(product_id="unknown", business_date=DAY)


@pytest.mark.parametrize(
    ("amount_fen", "instalments", "method"),
    [
        (49_999, 3, "equal_instalment"),
        (20_010_000, 3, "equal_instalment"),
        (55_000, 3, "equal_instalment"),
        (50_000, 4, "equal_instalment"),
        (50_000, 3, "flat"),
    ],
)
def test_terms_that_the_product_does_not_have_are_refused(amount_fen: int, instalments: int, method: str) -> None:
    product = load_pack().product(product_id="chengchuan-instalment", business_date=DAY)
    product.check_terms(amount_fen=50_000, instalments=12, method="interest_only")
    with pytest.raises(TermsNotOffered):
        product.check_terms(amount_fen=amount_fen, instalments=instalments, method=method)


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": ["equal"]},
        {"methods": []},
        {"instalment_counts": [6, 3]},
        {"instalment_counts": [0]},
        {"amount_max_fen": 49_999},
        {"amount_step_fen": 30_000},
        {"rounding": "half"},
        {"penalty_multiple_ppm": 999_999},
        {"allocation": ["due.fee"]},
        {"lender_id": "nobody"},
        {"auto_repay_allowed": 1},
        {"amount_min": 1},
    ],
)
def test_a_faulty_product_names_file_and_column(changes: dict[str, Any]) -> None:
    with pytest.raises(PolicyFault) as fault:
        parsed(**changes)
    assert fault.value.file == "p.toml"
    assert fault.value.column in changes


def test_an_order_of_allocation_with_a_double_is_refused() -> None:
    steps = shipped("chengchuan-instalment")["allocation"]
    with pytest.raises(PolicyFault, match=r"due\.principal"):
        parsed(allocation=[step for step in steps if step != "due.principal"] + ["due.fee"])


def test_a_revolving_product_has_a_limit_of_which_the_book_can_keep_what_it_bears() -> None:
    body = shipped("chengchuan-spend")
    most = parse_spend_product(document=Document(file="p.toml", body=body | {"limit_max_fen": LIMIT_FEN_MAX}))
    assert most.limit_max_fen == LIMIT_FEN_MAX
    with pytest.raises(PolicyFault) as refused:
        parse_spend_product(document=Document(file="p.toml", body=body | {"limit_max_fen": LIMIT_FEN_MAX + 1}))
    assert "limit_max_fen" in str(refused.value)
