"""A card with a purpose in the pages, without scripts: what it is for, a paper by its number, a wallet, a "no"."""

from __future__ import annotations

from mingqu.demo.people import XIA
from mingqu.services.purpose.open_card import open_card, publish_contract
from mingqu.services.purpose.spend_card import AUTHORISE, Asked, Word, hear_card
from tests.console import signed_in
from tests.journeys.pages import CARD_BALANCE_FEN, Phone
from tests.journeys.reading import assert_coherent
from tests.journeys.test_pages_spend import person_of
from tests.world import OpenWorld


def test_a_card_says_what_it_is_for_and_takes_papers_and_wishes(world: OpenWorld) -> None:
    house, phone = world.house, Phone(world)
    world.meet(XIA, balance_fen=CARD_BALANCE_FEN)
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    assert "还没有专用卡" in phone.get("/cards").text
    assert "/cars" in phone.get("/").links, "who has no card yet is led to how to get one"
    made = publish_contract(house, document=house.pack.version(kind="funds_contract", name="auto-card", version=1))
    card_id = open_card(
        house, person_id=person_of(world), contract_id=made.id, version=1, agreed_hash=made.hash, limit_fen=9_000_000,
        key="card",
    )  # fmt: skip
    cash = Asked(merchant="ATM-1", category="6011", currency="CNY", channel="pos", device="D", place="CN")
    hear_card(house, word=Word(card_id=card_id, kind=AUTHORISE, reference="n", amount_fen=50_000, asked=cash))
    assert "/cards" in phone.get("/").links
    page = phone.get(f"/cards/{card_id.hex}")
    for said in ("DLR-MINGHE-001", "车险公司", "不能套取现金", "请直接付给车商", "购车发票"):
        assert said in page.text, said
    (form,) = [one for one in page.forms if one.action.endswith("/papers")]
    page = phone.send(form, kind="invoice", number="FP-1")
    assert "已交" in page.text
    page = phone.get(f"/cards/{card_id.hex}/wallets")
    (form,) = [one for one in page.forms if one.action.endswith("/wallets")]
    page = phone.send(form, wallet="wechat", use="spend")
    for said in ("不能绑定", "发卡行只允许在该钱包内还款", "由银行直接付款给车商"):
        assert said in page.text, said
    assert_coherent(house)


def test_an_operator_sees_what_the_monitor_found(world: OpenWorld) -> None:
    desk = signed_in(world.house, "risk")
    assert 'href="/console/cards"' in desk.get("/console").text, "who may let a card go on is led to it"
    page = desk.get("/console/cards")
    assert page.status_code == 200
    assert "没有未了预警" in page.text
    auditor = signed_in(world.house, "auditor")
    assert 'href="/console/cards"' in auditor.get("/console").text
    assert "没有未了预警" in auditor.get("/console/cards").text
