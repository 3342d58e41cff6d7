"""Instalments at a merchant's checkout: offers of several lenders for an order, the merchant paid, and money back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.client import Problem
from mingqu.demo.journey import READING, work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.loan import Stage
from mingqu.services.checkout.open_checkout import CHECKOUT_LASTS
from mingqu.services.customers.read_papers import contract_view
from mingqu.services.privacy.copy_own_data import copy_own_data
from mingqu.services.privacy.erase_person import ask_to_be_erased
from mingqu.store.loans import loan
from tests.journeys.api import Borrower, Site, be_assessed, introduce, open_site, pay, say_yes, sign_in, sign_in_again
from tests.journeys.merchant import LAKESIDE, PRICE_FEN, TABLE, Seller, key_of
from tests.journeys.pages import Phone
from tests.journeys.pdf_text import text_of
from tests.journeys.reading import arrive, assert_coherent, do_morning, limit_of, rows_of
from tests.world import OpenWorld

SHOP = "https://shop.example/orders/R-1"
ORDER = json.dumps({"number": "R-1", "items": list(TABLE), "amount_fen": PRICE_FEN, "currency": "CNY"}).encode()


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as made:
        yield made


@pytest.fixture
def seller(site: Site) -> Seller:
    return Seller(site)


def buy(site: Site, who: Borrower, checkout_id: UUID) -> UUID:
    """Take an order, choose the cheapest offer, read its costs, sign by the order's hash; return the loan's id."""
    client = who.client
    taken = client.take_checkout(checkout_id=checkout_id)
    assert (taken.amount_fen, taken.merchant_zh, len(taken.items)) == (PRICE_FEN, "河畔家具有限公司", 2)
    offers = client.ask_for_order_offers(checkout_id=checkout_id, instalments=6, method="equal_instalment")
    assert len({one.lender_zh for one in offers}) == 2
    offer = offers[0]
    table = client.show_costs(offer_id=offer.offer_id)
    site.world.go_to(site.world.house.clock.now() + READING)
    client.confirm_costs(disclosure_id=table.disclosure_id)
    say_yes(client, purpose="pass_to_lender", recipient=offer.lender_zh)
    client.send_signing_code(offer_id=offer.offer_id)
    code = site.world.read_code(who.newcomer.phone).reveal()
    before = rows_of(site.world.house)
    for wrong in (None, "0" * 64):
        with pytest.raises(Problem, match="order_not_agreed"):
            client.sign_contract(offer_id=offer.offer_id, code=code, funds_contract_hash=wrong)
    assert rows_of(site.world.house) == before
    signed = client.sign_contract(offer_id=offer.offer_id, code=code, funds_contract_hash=taken.order_hash)
    assert client.contract(contract_id=signed.contract_id).body["order"] == taken.order_hash
    with pytest.raises(Problem, match="checkout_used"):
        client.ask_for_order_offers(checkout_id=checkout_id, instalments=6, method="equal_instalment")
    return signed.loan_id


def opened(seller: Seller, number: str = "R-1") -> UUID:
    """Open an order; return its id."""
    answer = seller.open(number)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["checkout_id"])


def stage_of(site: Site, loan_id: UUID) -> tuple[Stage, int]:
    """Return where a loan stands, and the principal that is owed."""
    with site.world.house.database.transaction() as tx:
        state = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id).state
    return state.stage, state.principal_outstanding_fen


def test_an_order_is_paid_to_the_merchant_and_returned_before_the_first_bill_it_costs_nothing(
    site: Site, seller: Seller
) -> None:
    world, xia = site.world, introduce(site)
    be_assessed(site, xia)
    checkout_id = opened(seller)
    assert opened(seller) == checkout_id, "sent twice it is one"
    loan_id = buy(site, xia, checkout_id)
    assert seller.read(checkout_id)["state"] == "signed"
    assert seller.pay_back(checkout_id, 1, number="early").json()["code"] == "checkout_not_paid"
    work_until_idle(world)
    assert (seller.read(checkout_id)["state"], seller.has_fen) == ("paid", PRICE_FEN)
    assert (world.balance_fen(XIA), stage_of(site, loan_id)) == (6_000_000, (Stage.ACTIVE, PRICE_FEN))
    person_id = xia.client.me().person_id
    assert limit_of(world.house, person_id).drawn == PRICE_FEN
    read_the_paper(site, xia, loan_id)

    # A chair goes back after a week, then everything else: nothing is owed, and the limit is whole again.
    world.go_to_date(world.house.clock.business_date() + timedelta(days=7))
    before = rows_of(world.house)
    assert seller.pay_back(checkout_id, PRICE_FEN + 1, number="all").json()["code"] == "refund_above_order"
    assert rows_of(world.house) == before
    assert seller.pay_back(checkout_id, 150_000, number="chair").status_code == 201
    again = seller.send(f"/{checkout_id}/refunds", {"amount_fen": 150_000}, key="chair").json()
    assert seller.send(f"/{checkout_id}/refunds", {"amount_fen": 150_001}, key="chair").status_code == 422
    settle(site)
    assert again["amount_fen"] == 150_000
    assert seller.read(checkout_id)["refunded_fen"] == 150_000
    # The chair's money pays the 21.00 that 5,999.50 bore in seven days, and then principal.
    assert stage_of(site, loan_id)[1] == PRICE_FEN - 150_000 + 2_100
    over = seller.pay_back(checkout_id, PRICE_FEN - 150_000 + 1, number="rest")
    assert over.json()["code"] == "refund_above_order"
    assert seller.pay_back(checkout_id, PRICE_FEN - 150_000, number="rest").status_code == 201
    settle(site)
    assert seller.read(checkout_id)["refunded_fen"] == PRICE_FEN
    assert stage_of(site, loan_id) == (Stage.SETTLED, 0)
    assert limit_of(world.house, person_id).drawn == 0
    assert (world.balance_fen(XIA), seller.has_fen) == (6_000_000, 0)
    assert_coherent(world.house)


def read_the_paper(site: Site, who: Borrower, loan_id: UUID) -> None:
    """Its contract names the merchant as who is paid, what for, and the order by its hash; it can be set."""
    house, person_id = site.world.house, who.client.me().person_id
    contract_id = who.client.loan(loan_id=loan_id).contract_id
    order_hash = str(contract_view(house, person_id=person_id, contract_id=contract_id).contract.body["order"])
    said = text_of(who.client.contract_pdf(contract_id=contract_id))
    assert "收款方（受托支付）" in said
    assert "河畔家具有限公司·0102" in said
    assert "借款用于支付商户订单" in said
    assert order_hash in said
    assert "收款卡" not in said


def settle(site: Site) -> None:
    """Let what was paid on a page be heard."""
    site.world.go_to(site.world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(site.world)


def test_what_comes_back_after_a_bill_settles_the_loan_and_the_rest_is_the_buyers(site: Site, seller: Seller) -> None:
    world, xia = site.world, introduce(site)
    be_assessed(site, xia)
    checkout_id = opened(seller)
    loan_id = buy(site, xia, checkout_id)
    work_until_idle(world)
    world.go_to_date(date(2026, 9, 15))
    do_morning(world)
    sign_in_again(site, xia)
    paid_fen = pay(site, xia, loan_id=loan_id, intent="due")
    owed_fen = stage_of(site, loan_id)[1]
    assert PRICE_FEN - paid_fen < owed_fen < PRICE_FEN
    world.go_to_date(date(2026, 9, 20))
    assert seller.pay_back(checkout_id, PRICE_FEN, number="all").status_code == 201
    settle(site)
    work_until_idle(world)
    assert stage_of(site, loan_id) == (Stage.SETTLED, 0)
    # What she had paid of the principal is hers again; the interest of the first month was borne.
    assert world.balance_fen(XIA) == 6_000_000 - paid_fen + (PRICE_FEN - owed_fen)
    assert_coherent(world.house)


def test_what_is_not_the_merchants_own_or_not_as_it_was_signed_changes_nothing(site: Site, seller: Seller) -> None:
    house, lakeside = site.world.house, Seller(site, LAKESIDE)
    checkout_id = opened(seller)
    now = house.clock.now()
    xia, zhou = introduce(site), introduce(site, ZHOU)
    xia.client.take_checkout(checkout_id=checkout_id)
    before = rows_of(house)
    headers = seller.signed("POST", "/v1/merchant/checkouts", ORDER)
    refused = {
        "checkout_exists_with_different_body": seller.open(amount_fen=299_950, items=[TABLE[0]]),
        "checkout_malformed": seller.open("R-2", amount_fen=PRICE_FEN + 1),
        "malformed": seller.open("R-2", items=[]),
        "merchant_stale": seller.open("R-2", signing={"at": now - timedelta(minutes=6)}),
        "merchant_unsigned": seller.open("R-2", signing={"tampered": ORDER.replace(b"299950", b"299951")}),
        "checkout_taken": seller.send(f"/{checkout_id}/cancel"),
        "checkout_not_paid": seller.send(f"/{checkout_id}/refunds", {"amount_fen": 1}),
    }
    found = {code: answer.json().get("code", answer.text) for code, answer in refused.items()}
    assert found == {code: code for code in refused}
    assert seller.open("R-2", currency="USD").json()["code"] == "checkout_malformed"
    for strange in ({"key_id": "nobody"}, {"key_id": LAKESIDE}, {"own": key_of(LAKESIDE)}):
        assert seller.open("R-2", signing=strange).json()["code"] == "merchant_unsigned"
    answers = [seller.open(signing={"headers": headers, "tampered": ORDER}) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 403], "the same order, and a signature that came before"
    assert answers[1].json()["code"] == "merchant_replayed"
    assert lakeside.read(checkout_id)["code"] == "not_found"
    for ask in (zhou.client.checkout, zhou.client.take_checkout):
        with pytest.raises(Problem, match="not_found" if ask == zhou.client.checkout else "checkout_taken"):
            ask(checkout_id=checkout_id)
    with pytest.raises(Problem, match="not_found"):
        zhou.client.ask_for_order_offers(checkout_id=checkout_id, instalments=6, method="equal_instalment")
    assert rows_of(house) == before


def test_an_order_that_ran_out_or_was_cancelled_is_paid_by_nobody(site: Site, seller: Seller) -> None:
    world, xia = site.world, introduce(site)
    be_assessed(site, xia)
    late, dropped = opened(seller, "late"), opened(seller, "dropped")
    assert seller.send(f"/{dropped}/cancel").json()["state"] == "cancelled"
    taken = xia.client.take_checkout(checkout_id=late)
    (offer, *_) = xia.client.ask_for_order_offers(checkout_id=late, instalments=6, method="equal_instalment")
    assert offer.expires_at == taken.expires_at, "an offer for an order stands no longer than the order"
    table = xia.client.show_costs(offer_id=offer.offer_id)
    world.go_to(world.house.clock.now() + READING)
    xia.client.confirm_costs(disclosure_id=table.disclosure_id)
    say_yes(xia.client, purpose="pass_to_lender", recipient=offer.lender_zh)
    xia.client.send_signing_code(offer_id=offer.offer_id)
    code = world.read_code(XIA.phone).reveal()
    world.go_to(taken.expires_at)
    sign_in_again(site, xia)
    before = rows_of(world.house)
    for refusal, refused in (
        (
            "offer_stale",
            lambda: xia.client.sign_contract(offer_id=offer.offer_id, code=code, funds_contract_hash=taken.order_hash),
        ),
        ("checkout_over", lambda: xia.client.take_checkout(checkout_id=late)),
        ("checkout_over", lambda: xia.client.take_checkout(checkout_id=dropped)),
        (
            "checkout_over",
            lambda: xia.client.ask_for_order_offers(checkout_id=late, instalments=6, method="equal_instalment"),
        ),
    ):
        with pytest.raises(Problem, match=refusal):
            refused()
    assert rows_of(world.house) == before
    assert [seller.read(one)["state"] for one in (late, dropped)] == ["expired", "cancelled"]
    for change in ("amount_fen = 1", "order_hash = sha256('other')", "taken_at = now()", "body = 'other'"):
        with world.house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
            tx.script(f"UPDATE checkout SET {change} WHERE person_id IS NOT NULL")
    with world.house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
        tx.script("UPDATE checkout SET body = NULL WHERE person_id IS NULL")


def test_what_somebody_bought_is_in_their_copy_and_goes_with_them(site: Site, seller: Seller) -> None:
    house = site.world.house
    checkout_id = opened(seller)
    client = sign_in(site, XIA)
    order_hash = client.take_checkout(checkout_id=checkout_id).order_hash
    person_id = client.me().person_id
    copied = json.loads(copy_own_data(house, person_id=person_id).document.reveal())
    assert [one["content"]["items"][0]["name"] for one in copied["orders"]] == ["橡木餐桌"]
    assert ask_to_be_erased(house, person_id=person_id, key="forget me").erased
    with house.database.transaction() as tx:
        kept = tx.execute("SELECT body, order_hash FROM checkout").fetchall()
    assert kept == [(None, bytes.fromhex(order_hash))]
    assert opened(seller) == checkout_id, "the merchant's number is still that of this order"
    assert seller.open(items=[TABLE[0]], amount_fen=299_950).json()["code"] == "checkout_exists_with_different_body"


def test_an_order_is_signed_on_the_pages(site: Site, seller: Seller) -> None:
    world = site.world
    arrive(world)
    world.go_to(world.house.clock.now() + timedelta(hours=2))  # until the next code may be sent
    phone = Phone(world)
    phone.sign_in(XIA)
    for address in ("http://shop.example/1", "javascript:alert(1)", "https://10.0.0.7/"):
        assert seller.open("R-9", return_url=address).json()["code"] == "checkout_malformed"
    checkout_id = UUID(seller.open(return_url=SHOP).json()["checkout_id"])
    page = phone.get(f"/checkout/{checkout_id.hex}")
    assert "橡木餐桌" in page.text
    assert "instalments" not in page.main_form.fields, "nothing is chosen beforehand"
    page = phone.send(page.main_form, instalments="6")
    form = page.form("/offers/choose")
    page = phone.read_table(phone.send(form, offer=form.choices["offer"][0]))
    page = phone.agree(page) if "/consents/ask" in page.path else page
    assert "河畔家具有限公司" in page.text
    assert "card" not in page.main_form.fields
    page = phone.ask_for_code(page)
    before = rows_of(world.house)
    refused = phone.send(page.main_form, agree="yes", code=phone.code(), use="0" * 64)
    assert (refused.status, rows_of(world.house)) == (409, before)
    page = phone.send(page.main_form, agree="yes", code=phone.code())
    assert page.path == f"/checkout/{checkout_id.hex}", "the order, and the way back to its merchant"
    assert SHOP in page.links
    work_until_idle(world)
    assert seller.has_fen == PRICE_FEN
    assert "已付给商家" in phone.get(f"/checkout/{checkout_id.hex}").text


def test_whoever_was_never_assessed_applies_and_comes_back_to_the_order(site: Site, seller: Seller) -> None:
    world = site.world
    world.meet(XIA, balance_fen=0)
    checkout_id = opened(seller)
    phone = Phone(world)
    phone.sign_in(XIA)
    page = phone.get(f"/checkout/{checkout_id.hex}")
    page = phone.send(page.main_form, instalments="6")
    assert (page.status, "/apply" in page.links, "请借少一些" in page.text) == (409, True, False)
    world.go_to(world.house.clock.now() + timedelta(minutes=2))  # until the next code may be sent
    page = phone.prove_identity(XIA)
    page = phone.be_assessed(XIA, amount="10000")
    assert f"/checkout/{checkout_id.hex}" in phone.get("/decision").links
    world.go_to(world.house.clock.now() + CHECKOUT_LASTS)
    phone.sign_in(XIA)
    assert f"/checkout/{checkout_id.hex}" not in phone.get("/decision").links
