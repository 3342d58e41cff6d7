"""The whole story on the pages, without scripts, in both languages: borrow, be late, cure, settle, prove."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.moment import start_of
from mingqu.services.close_day import bring_up_today, close_through
from mingqu.services.publish_evidence import publish_evidence
from mingqu.services.run_due_work import run_due_work
from tests.journeys.pages import Page, Phone
from tests.world import OpenWorld

NOON = timedelta(hours=12)


def live_until(world: OpenWorld, day: date) -> None:
    """Let days pass: mornings, deductions, closes; stop at noon of the day."""
    house = world.house
    today = house.clock.business_date()
    while today < day:
        bring_up_today(house)
        world.go_to(max(house.clock.now(), start_of(today) + timedelta(hours=9, minutes=5)))
        work_until_idle(world)
        world.go_to_date(today + timedelta(days=1))
        close_through(house, to=today)
        today += timedelta(days=1)
    bring_up_today(house)
    world.go_to(max(house.clock.now(), start_of(day) + NOON))
    work_until_idle(world)


def link(page: Page, pattern: str) -> str:
    found = [one for one in page.links if re.search(pattern, one)]
    assert found, f"{page.path} has no link like {pattern}: {page.links}"
    return found[0]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_loan_is_borrowed_late_cured_settled_and_proven(world: OpenWorld, language: str) -> None:
    phone = Phone(world, language=language)
    world.meet(XIA, balance_fen=6_000_000)
    welcome = phone.get("/")
    assert "/sign-in" in welcome.links
    home = phone.sign_in(XIA)
    assert home.path == "/"
    assert "/identity" in home.links
    phone.prove_identity(XIA)
    decision = phone.be_assessed(XIA, amount="10,000")
    assert decision.path == "/decision"
    assert "30,000 .00" in decision.text

    table = phone.choose_offer(amount="10000")
    assert "18 .00%" in table.text
    assert "1,001 .61" in table.text
    assert "11,001 .61" in table.text
    lender_consent = phone.read_table(table)
    assert "pass_to_lender" in lender_consent.path
    contract = phone.agree(lender_consent)
    assert contract.path.endswith("/contract")
    assert "916 .80" in contract.text
    back = phone.agree_to_deductions(XIA)
    assert back.path == "/me"
    contract = phone.get(contract.path)
    payout = phone.sign(contract)
    assert payout.path.endswith("/payout")

    phone.receive()
    arrived = phone.get(payout.path)
    assert "hx-get" not in arrived.answer.text
    schedule = phone.get(link(arrived, r"^/loans/[0-9a-f]{32}$"))
    assert "10,000 .00" in schedule.text
    assert schedule.text.count("916 .80") == 11
    home = phone.get("/")
    assert "20,000 .00" in home.text

    live_until(world, date(2026, 11, 25))
    phone.sign_in(XIA)
    repay = phone.get(f"{schedule.path}/repay")
    assert "7,703 .24" in repay.text
    assert "547.97" in repay.text
    split = phone.get(f"{schedule.path}/repay?how=part&amount=3000")
    for amount in ("38.32", "2,961.68", "4,703.24"):
        assert amount in split.text
    live_until(world, date(2027, 1, 14))
    world.deposit(XIA, -world.balance_fen(XIA))
    live_until(world, date(2027, 2, 1))
    phone.sign_in(XIA)
    late = phone.get(schedule.path)
    assert "927 .18" in late.text
    assert "10.38" in late.text
    assert "27.00%" in late.text
    assert f"{schedule.path}/help" in phone.get("/").links
    help_page = phone.get(f"{schedule.path}/help")
    assert "0.61" in help_page.text
    received = phone.send(help_page.main_form, wish="talk")
    assert received.path.startswith("/received/")

    world.deposit(XIA, 9_000_000)
    form = phone.get(f"{schedule.path}/repay").main_form
    assert form.fields["how"] == "due"
    payment = phone.send(form)
    assert payment.path.startswith("/payments/")
    assert any(one.startswith("fake-bank:pay/") for one in payment.links)
    confirming = phone.get(f"{payment.path}?back=1")
    assert "/certificate" not in confirming.text
    world.pay_page(XIA, _order(payment))
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    assert "payment" in phone.get(payment.path).ids
    assert 'class="late"' not in phone.get(schedule.path).answer.text

    live_until(world, date(2027, 5, 25))
    phone.sign_in(XIA)
    payment = phone.send(phone.get(f"{schedule.path}/repay").main_form, how="all")
    world.pay_page(XIA, _order(payment))
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    offer = phone.get(f"{schedule.path}/certificate")
    certificate = phone.send(offer.main_form)
    assert certificate.path.startswith("/certificates/")
    assert "proof" in certificate.ids
    assert phone.client.get(_proof_path(certificate)).status_code == 409  # no checkpoint covers it yet
    publish_evidence(world.house)
    proven = phone.get(certificate.path)
    assert "proof-root" in proven.ids
    proof = phone.client.get(_proof_path(proven)).json()
    fingerprint = re.search(r'id="proof-hash">([0-9a-f]{64})<', proven.answer.text)
    assert fingerprint is not None
    assert fingerprint[1] in proof["leaf"]
    text = re.search(r'id="proof-text">(.*?)</p>', proven.answer.text)
    assert text is not None
    written = text[1].replace("&#34;", '"')
    assert hashlib.sha256(written.encode()).hexdigest() == fingerprint[1]


def _order(payment: Page) -> UUID:
    return UUID(payment.path.split("/")[2].split("?")[0])


def _proof_path(page: Page) -> str:
    return "/proofs/" + page.path.rsplit("/", 1)[1]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_refusal_gives_each_reason_its_remedy_and_a_person_to_ask(world: OpenWorld, language: str) -> None:
    phone = Phone(world, language=language)
    world.meet(CHUAN, balance_fen=10_000)
    phone.sign_in(CHUAN)
    phone.prove_identity(CHUAN)
    page = phone.be_assessed(CHUAN, amount="8000")
    assert page.path == "/decision"
    assert page.answer.text.count('class="fix"') >= 2
    assert "2026-11-13" in page.text
    assert "/decision" in phone.get("/").links
    received = phone.send(page.main_form)
    assert received.path.startswith("/received/")
    assert phone.send(page.main_form).path == received.path  # the same form again is the same request


def test_a_silent_bank_is_unknown_on_the_page_and_never_failed(world: OpenWorld) -> None:
    phone = Phone(world)
    payout = phone.borrow(ZHOU, amount="6000", instalments=3, method="equal_principal")
    world.silence_next_payout()
    run_due_work(world.house)
    page = phone.get(payout.path)
    assert 'data-state="unknown"' in page.answer.text
    assert "不会重复打款" in page.text
    assert "失败" not in page.text.replace("确认失败", "")
    assert 'hx-trigger="every 4s"' in page.answer.text
    assert f"{payout.path}" in phone.get("/").links
    world.go_to(world.house.clock.now() + timedelta(seconds=30))
    work_until_idle(world)
    assert 'data-state="arrived"' in phone.get(payout.path).answer.text
    assert len(world.paid_out_by_bank()) == 1
