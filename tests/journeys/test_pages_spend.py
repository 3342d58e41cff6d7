"""Revolving accounts in the pages, without scripts: open, spend, be billed, pay in instalments, ask for a link."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.services.revolving.pay_merchant import authorize_purchase, capture_purchase, refund_purchase
from mingqu.services.revolving.read_spend import spend_purchases, spend_views
from tests.funding import joint_book, with_book
from tests.journeys.pages import CARD_BALANCE_FEN, Page, Phone
from tests.journeys.reading import assert_coherent
from tests.world import OpenWorld


def person_of(world: OpenWorld) -> UUID:
    """Return the one person of the book."""
    with world.house.database.transaction() as tx:
        (found,) = tx.execute("SELECT person_id FROM person").fetchall()
    assert isinstance(found[0], UUID)
    return found[0]


def opened(phone: Phone) -> Page:
    """Come in, be assessed, and open what there is; the list of accounts comes back."""
    phone.world.meet(XIA, balance_fen=CARD_BALANCE_FEN)
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    phone.be_assessed(XIA, amount="10000")
    for _ in range(2):
        page = phone.get("/spend")
        form = next(one for one in page.forms if one.action == "/spend")
        assert "agree" not in form.fields, "the terms are agreed to beforehand"
        assert "可能由以下机构按比例共同出借" in page.text, "who may lend is told first"
        assert "出借70.00%" in flat(page)
        phone.send(form, agree="yes")
    return phone.get("/spend")


def buy_two(world: OpenWorld, person_id: UUID, spend_id: UUID) -> UUID:
    """Pay two sellers, who take it all, and return the second purchase."""
    for number, amount_fen in (("sofa", 470_000), ("lamp", 120_000)):
        purchase_id = authorize_purchase(
            world.house,
            person_id=person_id,
            account_id=spend_id,
            merchant_id="m1",
            merchant_name="河畔书店",
            number=number,
            amount_fen=amount_fen,
            key=number,
        )
        capture_purchase(world.house, purchase_id=purchase_id)
    return purchase_id


def flat(page: Page) -> str:
    """Return a page's text without blanks: an amount's fen stand in an element of their own."""
    return page.text.replace(" ", "")


def let_bills_be_deducted(phone: Phone, home: str) -> None:
    """Choose it: the text on bills is asked for first, then a card, each alone; then switch it off again."""

    def chosen(part: str) -> Page:
        return phone.send(phone.get(home).form(f"{home}/deduction"), part=part)

    page = chosen("bill")
    assert page.path.startswith("/consents/ask/bill_repayment")
    phone.agree(page)
    page = chosen("bill")
    assert page.path.startswith("/consents/ask/auto_repayment")
    phone.agree_to_deductions(XIA)
    page = chosen("bill")
    assert (page.path, "每期还款日扣账单全额" in flat(page)) == (home, True)
    page = chosen("minimum")
    assert "每期还款日扣最低还款额" in flat(page)
    assert phone.get(home).form(f"{home}/deduction").choices["part"] == ["bill", "off"]
    form = phone.get(home).form(f"{home}/deduction")
    assert phone.post(form.action, {**form.fields, "part": "all"}).status_code == 422
    assert "没有开通" in flat(chosen("off"))


def have_it_back(phone: Phone, home: str, spend_id: UUID) -> None:
    """Something paid for comes back: it is paid to the card from the page, which shows it, and so does its bill."""
    world, person_id = phone.world, person_of(phone.world)
    shown = phone.get(home)
    assert "give-back" not in shown.ids
    (sofa,) = [one for one in spend_purchases(world.house, person_id=person_id, account_id=spend_id)
               if one.number == "sofa"]  # fmt: skip
    refund_purchase(world.house, purchase_id=sofa.purchase_id, number="too small", amount_fen=470_000)
    shown = phone.get(home)
    form = shown.form(f"{home}/credit")
    most = form.fields["amount"]
    assert "card" not in form.fields, "no card is chosen beforehand"
    refused = phone.post(form.action, {**form.fields, "amount": f"{most}9", "card": form.choices["card"][0]})
    assert refused.status_code in (409, 422)
    shown = phone.send(form, card=form.choices["card"][0])
    assert {"returning", "returns"} <= set(shown.ids)
    assert "give-back" not in shown.ids
    work_until_idle(world)
    assert "已退到卡" in phone.get(home).text


def test_an_account_is_opened_spent_from_billed_and_paid_in_the_pages(world: OpenWorld) -> None:
    world = with_book(world, joint_book())
    phone = Phone(world)
    assert "18,000.00" in flat(opened(phone))
    person_id = person_of(world)
    accounts = {one.kind: one.account_id for one in spend_views(world.house, person_id=person_id)}
    spend_id = accounts["spend_line"]
    lamp_id = buy_two(world, person_id, spend_id)
    home = f"/spend/{spend_id.hex}"
    shown = flat(phone.get(home))
    assert all(said in shown for said in ("5,900.00", "清河银行", "出借30.00%", "出借70.00%", "您只向澄川消费金融"))
    lamp = phone.get(next(link for link in phone.get(home).links if link.endswith(f"?purchase={lamp_id.hex}")))
    form = lamp.main_form
    phone.send(form, agree="yes", count=form.choices["count"][0])

    world.go_to_date(date(2026, 9, 5))
    work_until_idle(world)
    phone.sign_in(XIA)
    page = phone.get(home)
    # 4,700.00 and the first of three instalments of 1,200.00 with its fee of 10.00.
    assert "5,110.00" in flat(page)
    assert "5,110.00" in flat(phone.get(f"{home}/bills/1"))
    form = phone.get(f"{home}/instalments").main_form
    assert phone.post(form.action, {**form.fields, "count": form.choices["count"][1]}).status_code == 422
    phone.send(form, agree="yes", count=form.choices["count"][1])
    form = phone.get(home).form(f"{home}/pay")
    page = phone.send(form, wish="bill")
    order_id = UUID(page.path.rpartition("/")[2])
    world.pay_page(XIA, order_id)
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    assert phone.get(page.path).ids["payment"] == "div"
    assert "880.00" not in flat(phone.get(home))

    form = phone.get(f"/spend/{accounts['cash_line'].hex}").form(f"/spend/{accounts['cash_line'].hex}/draw")
    phone.send(form, amount="1000", card=form.choices["card"][0])
    form = phone.get("/links").form("/links")
    first, second = (one for one in form.choices["first"] if one and UUID(one) in accounts.values())
    page = phone.send(form, first=first, second=second, purpose="consumption")
    assert "50.00%" in flat(page)
    form = phone.get("/links").form("/links")
    refused = phone.post(form.action, {**form.fields, "first": first, "second": first, "purpose": "consumption"})
    assert refused.status_code == 422
    work_until_idle(world)
    let_bills_be_deducted(phone, home)
    have_it_back(phone, home, spend_id)
    abroad = Phone(world, language="en")
    abroad.sign_in(XIA)
    for path in ("/", "/spend", home, f"{home}/bills/1", f"{home}/instalments", "/links"):
        assert abroad.get(path).status == 200
    assert "Left of this bill" in abroad.get(home).text
    assert_coherent(world.house)
