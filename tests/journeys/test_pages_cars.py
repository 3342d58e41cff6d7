"""A car on the pages, without scripts: a quote with its reasons, what the money is for, and the dealer paid."""

from __future__ import annotations

from datetime import timedelta

from mingqu.demo.people import ZHOU
from tests.journeys.pages import Page, Phone
from tests.journeys.reading import assert_coherent, rows_of
from tests.journeys.test_story_s0 import Buyer, buyer

__all__ = ["buyer"]
WISH = {
    "product": "chengchuan-auto-dealer", "merchant": "DLR-MINGHE-001", "price": "75000", "down": "25000",
    "instalments": "24", "method": "equal_instalment",
}  # fmt: skip


def test_a_car_is_quoted_with_its_reasons_and_signed_for_its_purpose(buyer: Buyer) -> None:
    buyer.world.go_to(buyer.house.clock.now() + timedelta(hours=2))  # until the next code may be sent
    phone = Phone(buyer.world)
    phone.sign_in(ZHOU)
    assert "/cars" in phone.get("/cards").links
    form = phone.get("/cars").form("/cars")
    plain = phone.send(form, **WISH)
    before = rows_of(buyer.house)
    form = phone.get("/cars").form("/cars")
    refused = phone.send(form, **{**WISH, "down": "1000"})
    assert (refused.status, "首付至少 15,000.00 元" in refused.text) == (422, True)
    assert rows_of(buyer.house) == before
    proved = phone.send(phone.get("/cars").form("/cars"), **WISH, invoice="FP-1")
    assert own_rate(proved) < own_rate(plain), "what is proved beforehand costs less"
    for said in ("首付占 33.33%", "明河汽车销售有限公司", "银行直接付给车商", "购车发票（15 天内）", "首付 20.00% 起"):
        assert said in proved.text, said
    table = phone.send(proved.form("/offers/choose"))
    contract = phone.agree(phone.read_table(table))
    form = phone.ask_for_code(contract).main_form
    assert "card" not in form.choices, "no card is asked for"
    unread = phone.send(form, agree="yes", code=phone.code(), use="")
    assert "/contract" in unread.path
    payout = phone.send(unread.main_form, agree="yes", code=phone.code(), use=form.choices["use"][0])
    assert payout.path.endswith("/payout")
    phone.receive()
    assert "明河汽车销售有限公司" in phone.get(payout.path).text
    assert buyer.paid_fen("DLR-MINGHE-001") == 5_000_000
    assert phone.get(proved.path).path == payout.path, "a quote that was signed leads to its loan"
    assert_coherent(buyer.house)


def own_rate(page: Page) -> float:
    """Return the rate that a quote marks as one's own, in percent."""
    return float(page.text.split("您的 ", 1)[1].split("%")[0])
