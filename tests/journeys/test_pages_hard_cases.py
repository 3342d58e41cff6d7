"""What goes wrong on pages: sent twice, gone back, somebody else's, forged, expired, changed meanwhile, silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.personal import Personal
from mingqu.services.access.keep_session import recognize
from mingqu.services.repayment.read_loans import loans_of, orders_of
from mingqu.web.pace import CODES_BY_ADDRESS
from mingqu.web.signed_in import COOKIE
from tests.journeys.pages import Page, Phone
from tests.world import OpenWorld


@pytest.fixture
def phone(world: OpenWorld) -> Phone:
    """XIA's phone, signed in and verified, with a limit."""
    made = Phone(world)
    world.meet(XIA, balance_fen=6_000_000)
    made.sign_in(XIA)
    made.prove_identity(XIA)
    made.be_assessed(XIA, amount="10000")
    return made


def contract_page(phone: Phone) -> Page:
    page = phone.read_table(phone.choose_offer(amount="10000"))
    return phone.agree(page) if "/consents/ask" in page.path else page


def person_of(world: OpenWorld, phone: Phone) -> UUID:
    return recognize(world.house, token=Personal(phone.client.cookies[COOKIE])).person_id


def test_a_contract_sent_twice_is_one_loan_and_the_way_back_leads_to_it(world: OpenWorld, phone: Phone) -> None:
    page = contract_page(phone)
    fields = {**phone.ask_for_code(page).main_form.fields, "agree": "yes", "code": phone.code()}
    first = phone.post(page.main_form.action, fields)
    world.go_to(world.house.clock.now() + timedelta(seconds=3))
    second = phone.post(page.main_form.action, fields)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    assert len(loans_of(world.house, person_id=person_of(world, phone))) == 1
    back = phone.get(page.path)  # the back button, and then the page again
    assert back.path == first.headers["location"]
    again = phone.send(page.main_form, agree="yes", code="000000", key=world.house.id_for(person_of(world, phone)).hex)
    assert again.path == first.headers["location"]
    assert len(loans_of(world.house, person_id=person_of(world, phone))) == 1


def test_a_contract_is_signed_with_the_code_that_was_sent_for_it_and_what_was_filled_in_stays(
    world: OpenWorld, phone: Phone
) -> None:
    page = contract_page(phone)
    unsigned = phone.send(page.main_form, agree="yes")
    assert (unsigned.status, "problem" in unsigned.ids) == (422, True)
    day = page.main_form.choices["payout"][3]
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    filled = {**page.main_form.fields, "agree": "yes", "payout": day}
    sent = Page(phone.post(f"{page.main_form.action}/code", filled))
    assert "已发到 138" in sent.text
    assert sent.main_form.fields["agree"] == "yes"
    too_soon = Page(phone.post(f"{page.main_form.action}/code", filled))
    assert (too_soon.status, "一分钟内只能发一次" in too_soon.text) == (429, True)
    assert phone.get(f"{page.main_form.action}/code").path == page.path, "another language, or a sign-in, leads back"
    right = phone.code()
    wrong = phone.send(sent.main_form, code=f"{(int(right) + 1) % 1_000_000:06}")
    assert (wrong.status, "验证码不对" in wrong.text) == (422, True)
    assert loans_of(world.house, person_id=person_of(world, phone)) == []
    signed = phone.send(wrong.main_form, code=right)
    assert signed.path.endswith("/payout")


def test_a_repayment_sent_twice_is_one_order(world: OpenWorld, phone: Phone) -> None:
    payout = phone.sign(contract_page(phone))
    phone.receive()
    loan = payout.path.removesuffix("/payout")
    form = phone.get(f"{loan}/repay").main_form
    first = phone.send(form, how="part", amount="1000")
    second = phone.send(form, how="part", amount="1000")
    assert first.path == second.path
    person_id = person_of(world, phone)
    orders = orders_of(world.house, person_id=person_id, loan_id=UUID(loan.rsplit("/", 1)[1]))
    assert sorted(one.kind for one in orders) == ["collection", "payout"]
    other = phone.send(form, how="part", amount="2000")  # the same page with another amount is not the same wish
    assert other.status == 422
    assert "没有提交，没有扣款" in other.text


def test_an_amount_that_is_none_is_said_beside_the_form_and_kept(phone: Phone) -> None:
    payout = phone.sign(contract_page(phone))
    phone.receive()
    loan = payout.path.removesuffix("/payout")
    for wrong in ("", "abc", "-5", "0", "1.234"):
        page = phone.send(phone.get(f"{loan}/repay").main_form, how="part", amount=wrong)
        assert page.status == 422, wrong
        assert "problem" in page.ids
        assert page.main_form.fields["amount"] == wrong


def test_what_belongs_to_somebody_else_is_the_same_page_as_what_never_was(world: OpenWorld, phone: Phone) -> None:
    table = phone.choose_offer(amount="10000")
    contract = phone.read_table(table)
    contract = phone.agree(contract)
    assert "消费金融公司" in contract.text  # the lender's licence, before anybody signs
    payout = phone.sign(contract)
    phone.receive()
    loan = payout.path.removesuffix("/payout")
    payment = phone.send(phone.get(f"{loan}/repay").main_form, how="all")
    consent = next(one for one in phone.get("/consents").links if one.endswith("/withdraw"))
    signed = next(one for one in phone.get(loan).links if one.startswith("/contracts/"))
    assert "消费金融公司" in phone.get(signed).text  # the lender's licence
    stranger = Phone(world)
    world.meet(CHUAN, balance_fen=0)
    stranger.sign_in(CHUAN)
    never = world.house.id_for(person_of(world, stranger)).hex
    texts = {stranger.get(f"/loans/{never}").text}
    paths = [
        loan,
        payout.path,
        f"{loan}/repay",
        f"{loan}/help",
        f"{loan}/certificate",
        payment.path,
        table.path,
        signed,
    ]
    paths += [f"{signed}/pdf", contract.path, consent, f"/proofs/{signed.rsplit('/', 1)[1]}", "/loans/not-an-id"]
    for path in paths:
        page = stranger.get(path)
        assert page.status == 404, path
        texts.add(page.text)
    assert len(texts) == 1
    token = stranger.get("/me").form("/sign-out").fields["csrf"]
    key = world.house.id_for(person_of(world, stranger)).hex
    before = phone.get(loan).text
    for path in (f"{loan}/repay", table.path, consent, f"{loan}/certificate", f"{loan}/help"):
        fields = {"csrf": token, "key": key, "how": "all", "wish": "talk"}
        assert stranger.post(path, fields).status_code == 404, path
    assert phone.get(loan).text == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields, headers: fields.pop("csrf"),
        lambda fields, headers: fields.update(csrf="0" * 64),
        lambda fields, headers: headers.update({"origin": "https://elsewhere.test"}),
        lambda fields, headers: headers.update({"sec-fetch-site": "cross-site"}),
    ],
)
def test_a_form_that_another_site_sends_does_nothing(
    world: OpenWorld, phone: Phone, spoil: Callable[[dict[str, str], dict[str, str]], None]
) -> None:
    page = contract_page(phone)
    fields = {**page.main_form.fields, "agree": "yes"}
    headers = {"origin": "http://mingqu.test", "sec-fetch-site": "same-origin"}
    spoil(fields, headers)
    answer = phone.client.post(page.main_form.action, data=fields, headers=headers, follow_redirects=False)
    assert answer.status_code == 403
    assert "没有提交，没有扣款" in answer.text
    assert loans_of(world.house, person_id=person_of(world, phone)) == []


def test_every_form_of_a_signed_in_person_needs_its_token(phone: Phone) -> None:
    for path in ("/apply", "/offers", "/offers/choose", "/agreement", "/identity/code", "/sign-out", "/language"):
        assert phone.post(path, {"amount": "1"}).status_code == 403, path


def test_a_session_that_was_planted_before_is_worth_nothing_afterwards(world: OpenWorld) -> None:
    attacker, victim = Phone(world), Phone(world)
    world.meet(ZHOU, balance_fen=0)
    world.meet(XIA, balance_fen=0)
    attacker.sign_in(ZHOU)
    planted = attacker.client.cookies[COOKIE]
    victim.client.cookies.set(COOKIE, planted)
    page = victim.get("/sign-in?next=/me")
    assert page.path == "/me"  # the planted session is somebody; the victim signs out of it and in as themselves
    victim.send(page.form("/sign-out"))
    victim.client.cookies.set(COOKIE, planted)  # planted again while the form of the code is open
    attacker.sign_in(ZHOU)
    victim.client.cookies.delete(COOKIE)
    victim.sign_in(XIA)
    assert victim.client.cookies[COOKIE] != planted
    thief = Phone(world)
    thief.client.cookies.set(COOKIE, planted)
    assert thief.get("/me").path.startswith("/sign-in")


def test_a_token_of_before_signing_in_is_worth_nothing_afterwards(world: OpenWorld) -> None:
    phone = Phone(world)
    world.meet(XIA, balance_fen=0)
    before = phone.get("/sign-in").form("/language").fields["csrf"]
    phone.sign_in(XIA)
    assert phone.post("/language", {"csrf": before, "language": "en", "next": "/"}).status_code == 403


def test_an_expired_session_leads_to_sign_in_and_back_to_where_one_was(world: OpenWorld, phone: Phone) -> None:
    page = phone.get("/draw?amount=3000")
    world.go_to(world.house.clock.now() + timedelta(minutes=31))
    sent = phone.client.post(
        "/offers",
        data={**page.form("/offers").fields},
        headers={"referer": "http://mingqu.test/draw?amount=3000"},
        follow_redirects=True,
    )
    there = Page(sent)
    assert "登录已过期" in there.text
    assert "没有提交，没有扣款" in there.text
    there = phone.send(there.form("/sign-in/code"), phone=XIA.phone.reveal())
    there = phone.send(there.form("/sign-in"), code=world.read_code(XIA.phone).reveal())
    assert there.path == "/draw?amount=3000"


@pytest.mark.parametrize("wish", ["https://elsewhere.test", "//elsewhere.test", "/\\elsewhere.test", "javascript:x"])
def test_the_way_back_leads_nowhere_else(world: OpenWorld, wish: str) -> None:
    phone = Phone(world)
    world.meet(XIA, balance_fen=0)
    page = phone.get("/sign-in")
    page = phone.send(page.form("/sign-in/code"), phone=XIA.phone.reveal(), next=wish)
    assert phone.send(page.form("/sign-in"), code=world.read_code(XIA.phone).reveal(), next=wish).path == "/"


def test_the_cost_table_cannot_be_confirmed_before_it_could_be_read(world: OpenWorld, phone: Phone) -> None:
    table = phone.choose_offer(amount="10000")
    world.go_to(world.house.clock.now() + timedelta(seconds=4))
    early = phone.send(table.main_form)
    assert early.status == 409
    assert "还没读够时间，请再读" in early.text
    assert early.main_form.action == table.main_form.action  # the same table goes on being read
    world.go_to(world.house.clock.now() + timedelta(seconds=6))
    assert "/consents/ask/pass_to_lender" in phone.send(early.main_form).path


def test_an_offer_that_ran_out_while_it_was_read_is_shown_anew(world: OpenWorld, phone: Phone) -> None:
    page = contract_page(phone)
    world.go_to(world.house.clock.now() + timedelta(days=8))
    phone.sign_in(XIA)
    stale = phone.get(page.path)
    assert stale.status == 409
    assert "没有签约，没有扣款" in stale.text
    form = {**page.main_form.fields, "agree": "yes", "code": "123456", "csrf": stale.main_form.fields["csrf"]}
    new = Page(phone.post(page.main_form.action, form, follow=True))
    assert new.path.startswith("/cost-tables/")
    assert "报价变了，这是新的" in new.text
    assert loans_of(world.house, person_id=person_of(world, phone)) == []
    signed = phone.sign(phone.read_table(new))
    assert signed.path.endswith("/payout")


def test_silence_of_whoever_checks_decides_nothing_and_the_same_form_goes_again(world: OpenWorld) -> None:
    phone = Phone(world)
    world.meet(XIA, balance_fen=6_000_000)
    phone.sign_in(XIA)
    page = phone.agree(phone.get("/identity"))
    page = phone.send(page.form("/identity/code"), phone=XIA.phone.reveal())
    world.identity.faults.plan("identity.check", Fault.LOSE_REQUEST)
    values = {
        "name": XIA.name.reveal(),
        "id_number": XIA.id_number.reveal(),
        "card_number": XIA.card_number.reveal(),
        "code": world.read_code(XIA.phone).reveal(),
    }
    silent = phone.send(page.form("/identity/card"), **values)
    assert silent.status == 503
    assert "什么都没有决定" in silent.text
    assert silent.form("/identity/card").fields["key"] == page.form("/identity/card").fields["key"]
    assert "/consents/ask/bureau_query" in phone.send(silent.form("/identity/card"), **values).path


def test_a_payment_page_that_does_not_open_charges_nothing_and_is_the_same_payment(
    world: OpenWorld, phone: Phone
) -> None:
    payout = phone.sign(contract_page(phone))
    phone.receive()
    loan = payout.path.removesuffix("/payout")
    for _ in range(2):  # once while the order is said, once while its page is opened
        world.bank.faults.plan("hosted.create", Fault.LOSE_REQUEST)
    silent = phone.send(phone.get(f"{loan}/repay").main_form, how="all")
    assert "付款页没有打开" in silent.text
    assert "没有扣款" in silent.text
    opened = phone.get(silent.path)
    assert any(one.startswith("fake-bank:pay/") for one in opened.links)


def test_deductions_are_off_until_the_bank_has_its_code(world: OpenWorld, phone: Phone) -> None:
    page = phone.agree(phone.get("/agreement?next=%2Fme"))
    page = phone.send(page.form("/agreement"), card=page.form("/agreement").choices["card"][0])
    wrong = phone.send(page.main_form, code="000000")
    assert wrong.status == 422
    assert "自动还款没有开通" in wrong.text
    assert "自动还款已开" not in phone.get("/me").text
    on = phone.send(wrong.main_form, code=world.read_code(XIA.phone).reveal())
    assert "自动还款已开" in on.text
    off = next(one for one in on.links if one.endswith("/withdraw"))
    phone.send(phone.get(off).main_form)
    assert "自动还款已开" not in phone.get("/me").text


def test_a_consent_is_asked_for_again_after_it_was_withdrawn_and_nothing_is_ticked(phone: Phone) -> None:
    for link in [one for one in phone.get("/consents").links if one.endswith("/withdraw")]:
        phone.send(phone.get(link).main_form)
    page = phone.get("/apply")
    assert "/consents/ask/bureau_query" in page.path
    assert "agree" not in page.main_form.fields
    unticked = phone.send(page.main_form)
    assert unticked.status == 422
    assert "先勾选" in unticked.text


def test_the_first_page_weighs_little_on_the_wire(world: OpenWorld) -> None:
    phone = Phone(world)
    seen = 0
    page = phone.client.get("/", headers={"accept-encoding": "gzip"})
    links = [part.split('"')[0] for part in page.text.replace('src="', 'href="').split('href="')[1:]]
    for path in {one for one in links if one.startswith("/assets/")}:
        answer = phone.client.get(path, headers={"accept-encoding": "gzip"})
        seen += int(answer.headers.get("content-length", len(answer.content)))
    assert 0 < seen + len(page.content) <= 250_000


def test_one_address_cannot_have_codes_sent_to_the_whole_town(world: OpenWorld) -> None:
    made = Phone(world)
    for number in range(CODES_BY_ADDRESS.count):
        page = made.get("/sign-in")
        page = made.send(page.form("/sign-in/code"), phone=f"1390000{number:04d}")
        assert page.path.startswith("/sign-in/code")
    page = made.get("/sign-in")
    page = made.send(page.form("/sign-in/code"), phone="13900009999")
    assert "操作太频繁了" in page.text
    assert world.sms.latest_code(phone=Personal("13900009999")) is None
    world.clock.advance(CODES_BY_ADDRESS.stretch)
    page = made.get("/sign-in")
    made.send(page.form("/sign-in/code"), phone="13900009999")
    assert world.sms.latest_code(phone=Personal("13900009999")) is not None
