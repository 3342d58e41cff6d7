"""What a car loan costs: by band, down payment and papers; and what its files may not say."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.decision.auto_loan import (
    CarNotServed,
    DownPaymentTooSmall,
    parse_auto_product,
    parse_payees,
    price_car,
)
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.store.decisions.policy import policy_folder, read_document

FOLDER = policy_folder()
CARD = read_document(FOLDER / "products" / "chengchuan-auto-card.toml", file="card.toml")
DIRECT = read_document(FOLDER / "products" / "chengchuan-auto-dealer.toml", file="dealer.toml")
PRODUCT = parse_auto_product(document=CARD)


def changed(document: Document, **change: Any) -> Document:
    return Document(file=document.file, body={**document.body, **change})


@given(
    band=st.sampled_from("ABCD"),
    price_fen=st.integers(1_000, 50_000_000),
    part=st.integers(200_000, 999_999),
    papers=st.integers(0, 2),
)
def test_more_paid_down_and_more_papers_never_cost_more(band: str, price_fen: int, part: int, papers: int) -> None:
    least_fen = -(-price_fen * part // 1_000_000)
    if least_fen >= price_fen:
        return

    def rate(down_fen: int, brought: int) -> int:
        try:
            made = price_car(of=PRODUCT, band=band, price_fen=price_fen, down_payment_fen=down_fen, papers=brought)
        except CarNotServed:
            return 10**9
        assert made.amount_fen == price_fen - down_fen
        assert made.down_payment_ppm * price_fen <= down_fen * 1_000_000 < (made.down_payment_ppm + 1) * price_fen
        return made.rate_year_ppm

    here = rate(least_fen, papers)
    assert rate(least_fen, papers + 1) <= here
    assert rate(min(price_fen - 1, least_fen + price_fen // 10), papers) <= here


def test_a_step_counts_once_it_is_reached_and_not_a_fen_before() -> None:
    def rate(down_fen: int) -> int:
        return price_car(of=PRODUCT, band="A", price_fen=10_000_000, down_payment_fen=down_fen, papers=0).rate_year_ppm

    assert (rate(2_999_999), rate(3_000_000), rate(4_999_999), rate(5_000_000)) == (62_000, 57_000, 57_000, 52_000)
    with pytest.raises(DownPaymentTooSmall) as refused:
        rate(1_999_999)
    assert refused.value.details == {"least_fen": 2_000_000}
    for down_fen in (-1, 10_000_000):
        with pytest.raises(DownPaymentTooSmall):
            rate(down_fen)


def test_who_is_served_by_the_dealer_only_is_told_so_by_the_price() -> None:
    wish = {"band": "D", "price_fen": 10_000_000, "down_payment_fen": 2_000_000, "papers": 3}
    with pytest.raises(CarNotServed):
        price_car(of=PRODUCT, **wish)  # type: ignore[arg-type]
    direct = price_car(of=parse_auto_product(document=DIRECT), **wish)  # type: ignore[arg-type]
    assert direct.rate_year_ppm == 120_000


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"way": "cash"}, "way"),
        ({"down_payment_ppm_min": 1_000_000}, "down_payment_ppm_min"),
        ({"payees_version": 0}, "payees_version"),
        ({"haste": True}, "haste"),
    ],
)
def test_a_product_that_is_not_understood_is_refused(change: dict[str, Any], column: str) -> None:
    with pytest.raises(PolicyFault, match=re.escape(column)):
        parse_auto_product(document=changed(CARD, **change))


def test_a_price_that_rises_with_the_down_payment_is_refused() -> None:
    body: Any = copy.deepcopy(CARD.body)
    body["price"]["cells"][0][2][0] = 60_000
    with pytest.raises(PolicyFault, match="not monotone along down_payment_ppm"):
        parse_auto_product(document=Document(file="card.toml", body=body))


def test_a_payee_has_an_account_and_stands_once() -> None:
    document = read_document(FOLDER / "purpose" / "payees-1.toml", file="payees.toml")
    found = parse_payees(document=document)
    assert found["DLR-MINGHE-001"].category == "5511"
    body: Any = copy.deepcopy(document.body)
    body["payee"].append(body["payee"][0])
    with pytest.raises(PolicyFault, match="there twice"):
        parse_payees(document=Document(file="payees.toml", body=body))
    body["payee"][-1] = {**body["payee"][0], "merchant": "X", "account": "12 34"}
    with pytest.raises(PolicyFault, match="not an account"):
        parse_payees(document=Document(file="payees.toml", body=body))
