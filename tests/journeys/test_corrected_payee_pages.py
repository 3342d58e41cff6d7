"""A payee's account corrected on the console, read and answered on the page and over the API."""

from __future__ import annotations

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import ZHOU
from tests.console import Visitor, employ, visitor
from tests.journeys.api import open_site, sign_in
from tests.journeys.correcting import MERCHANT, NAME, PRICE_FEN, WHY, corrected, open_account, publish_list, returned
from tests.journeys.pages import Phone
from tests.journeys.reading import assert_coherent, rows_of
from tests.journeys.test_corrected_payee import RIGHT, balance
from tests.journeys.test_story_s0 import Buyer, buyer

__all__ = ["buyer"]


def desk(buyer: Buyer, name: str) -> Visitor:
    came = visitor(buyer.house)
    assert came.sign_in(name).status_code == 303
    return came


def test_two_operators_publish_a_version_on_the_console_and_its_borrower_agrees_on_the_page(buyer: Buyer) -> None:
    house, world, signed = buyer.house, buyer.world, returned(buyer)
    open_account(world)
    phone = Phone(world)
    phone.sign_in(ZHOU)
    page = phone.get(f"/loans/{signed.loan_id.hex}/payout")
    assert "再付 50,000.00 元给收款方" in page.text
    assert "现在没有等您答复的版本" in phone.get(f"/loans/{signed.loan_id.hex}/version").text
    one, other = (desk(buyer, employ(house, "operations", name=name)) for name in ("one", "other"))
    place = f"/console/loans/{signed.loan_id.hex}/payee"
    assert place in one.get(f"/console/loans/{signed.loan_id.hex}").text
    assert "请先发布更正后的名单" in one.get(place).text
    token = one.token("/console/cards" if "csrf" not in one.get(place).text else place)
    refused = one.post(place, csrf=token, key="k-0", reason=WHY)
    assert (refused.status_code, "payee_not_corrected" in refused.text) == (409, True)
    publish_list(house)
    shown = one.get(place).text
    assert (NAME in shown, "…0994" in shown, RIGHT in shown) == (True, True, False)
    made = one.post(place, seen_on=place, key="k-1", reason=WHY)
    proposal = made.headers["location"]
    assert "auto-payees 2" in other.get(proposal).text
    assert other.post(f"{proposal}/approve", seen_on=proposal).status_code == 303
    assert "等借款人答复" in one.get(place).text

    page = phone.get(page.path)
    assert "收款账户已更正" in page.text
    assert page.path not in [form.action for form in page.forms], "the wrong account is not paid again meanwhile"
    page = phone.get(f"/loans/{signed.loan_id.hex}/version")
    assert ("0029" in page.text, "0994" in page.text) == (True, True)
    before = rows_of(house)
    (form,) = (one for one in page.forms if one.action == page.path)
    unread = phone.send(form, hash="")
    assert (unread.status, "请先核对并勾选同意" in unread.text) == (409, True)
    assert rows_of(house) == before
    payout = phone.send(form, hash=form.choices["hash"][0])
    assert payout.path.endswith("/payout")
    work_until_idle(world)
    assert (balance(buyer, RIGHT), buyer.paid_fen(MERCHANT)) == (PRICE_FEN, 0)
    assert "您已同意" in phone.get(f"/loans/{signed.loan_id.hex}/version").text
    assert "0994" in phone.get(payout.path).text
    assert f"/loans/{signed.loan_id.hex}/version" in phone.get(f"/contracts/{signed.contract_id.hex}").links
    assert_coherent(house)


def test_a_version_is_read_declined_and_agreed_to_over_the_api(buyer: Buyer) -> None:
    house, world, signed = buyer.house, buyer.world, returned(buyer)
    publish_list(house)
    open_account(world)
    first = corrected(buyer, signed.loan_id)
    with open_site(world) as site:
        client = sign_in(site, ZHOU)
        seen = client.contract_versions(loan_id=signed.loan_id)
        assert (seen.signed.tail, [(one.number, one.state, one.hash) for one in seen.versions]) == (
            "0029", [(2, "open", first.hash)],
        )  # fmt: skip
        address, headers = f"/v1/loans/{signed.loan_id}", {"authorization": f"Bearer {client.token}"}
        refused = site.http.post(f"{address}/payout", json={}, headers={**headers, "idempotency-key": "again"})
        assert (refused.status_code, refused.json()["code"]) == (409, "contract_version_waits")
        client.decline_contract_version(loan_id=signed.loan_id, version_id=first.version_id, key="no")
        second = corrected(buyer, signed.loan_id, key="second")
        wrong = site.http.post(
            f"{address}/contract-versions/{second.version_id}/agreement", json={"hash": first.hash},
            headers={**headers, "idempotency-key": "wrong"},
        )  # fmt: skip
        assert (wrong.status_code, wrong.json()["code"]) == (409, "contract_version_differs")
        order_id = client.agree_contract_version(
            loan_id=signed.loan_id, version_id=second.version_id, agreed_hash=second.hash, key="yes"
        )
        told = client.contract_versions(loan_id=signed.loan_id)
    assert [(one.state, one.order_id) for one in told.versions] == [("agreed", order_id), ("declined", None)]
    work_until_idle(world)
    assert balance(buyer, RIGHT) == PRICE_FEN
    assert_coherent(house)
