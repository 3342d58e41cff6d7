"""The whole story on the pages, without scripts, in both languages: borrow, be late, cure, settle, prove."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from html import unescape
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.personal import Personal
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.appeals.read_review import list_reviews
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.run_due_work import run_due_work
from tests.journeys.pages import Page, Phone, live_until
from tests.journeys.two_people import seat_of
from tests.soak import SOAK
from tests.world import OpenWorld


def link(page: Page, pattern: str) -> str:
    found = [one for one in page.links if re.search(pattern, one)]
    assert found, f"{page.path} has no link like {pattern}: {page.links}"
    return found[0]


# In Chinese it is told in a browser, by tests/browser/test_borrower_story.py.
@pytest.mark.parametrize("language", ["zh", "en"] if SOAK else ["en"])
def test_a_loan_is_borrowed_late_cured_settled_and_proven(world: OpenWorld, language: str) -> None:
    phone = Phone(world, language=language)
    world.meet(XIA, balance_fen=6_000_000)
    contract = _from_the_door_to_the_contract(phone)
    loan = _sign_and_receive(phone, contract)
    live_until(world, date(2026, 11, 25))
    phone.sign_in(XIA)
    _see_what_paying_would_do(phone, loan)
    live_until(world, date(2027, 1, 14))
    world.deposit(XIA, -world.balance_fen(XIA))
    live_until(world, date(2027, 2, 1))
    phone.sign_in(XIA)
    _be_late_and_cure(phone, loan)
    live_until(world, date(2027, 5, 25))
    phone.sign_in(XIA)
    _pay(phone, loan, how="all")
    _be_certified(phone, loan)


def _from_the_door_to_the_contract(phone: Phone) -> Page:
    assert "/sign-in" in phone.get("/").links
    home = phone.sign_in(XIA)
    assert home.path == "/"
    assert "/identity" in home.links
    phone.prove_identity(XIA)
    decision = phone.be_assessed(XIA, amount="10,000")
    assert decision.path == "/decision"
    assert "30,000 .00" in decision.text
    table = phone.choose_offer(amount="10000")
    for figure in ("18 .00%", "1,001 .61", "11,001 .61"):
        assert figure in table.text
    lender_consent = phone.read_table(table)
    assert "pass_to_lender" in lender_consent.path
    contract = phone.agree(lender_consent)
    assert contract.path.endswith("/contract")
    assert "916 .80" in contract.text
    return contract


def _sign_and_receive(phone: Phone, contract: Page) -> str:
    assert phone.agree_to_deductions(XIA).path == "/me"
    payout = phone.sign(phone.get(contract.path))
    assert payout.path.endswith("/payout")
    phone.receive()
    arrived = phone.get(payout.path)
    assert "hx-get" not in arrived.answer.text
    schedule = phone.get(link(arrived, r"^/loans/[0-9a-f]{32}$"))
    assert "10,000 .00" in schedule.text
    assert schedule.text.count("916 .80") == 11
    assert "20,000 .00" in phone.get("/").text
    return schedule.path


def _see_what_paying_would_do(phone: Phone, loan: str) -> None:
    repay = phone.get(f"{loan}/repay")
    assert "7,703 .24" in repay.text
    assert "547.97" in repay.text
    split = phone.get(f"{loan}/repay?how=part&amount=3000")
    for amount in ("38.32", "2,961.68", "4,703.24"):
        assert amount in split.text


def _be_late_and_cure(phone: Phone, loan: str) -> None:
    late = phone.get(loan)
    for figure in ("927 .18", "10.38", "27.00%"):
        assert figure in late.text
    assert f"{loan}/help" in phone.get("/").links
    help_page = phone.get(f"{loan}/help")
    assert "0.61" in help_page.text
    assert phone.send(help_page.main_form, wish="talk").path.startswith("/received/")
    phone.world.deposit(XIA, 9_000_000)
    assert phone.get(f"{loan}/repay").main_form.fields["how"] == "due"
    _pay(phone, loan, how="due")
    assert 'class="late"' not in phone.get(loan).answer.text


def _pay(phone: Phone, loan: str, *, how: str) -> None:
    payment = phone.send(phone.get(f"{loan}/repay").main_form, how=how)
    assert payment.path.startswith("/payments/")
    assert any(one.startswith("fake-bank:pay/") for one in payment.links)
    confirming = phone.get(f"{payment.path}?back=1").answer.text
    assert 'data-state="open"' in confirming
    assert 'hx-trigger="every 4s"' in confirming
    phone.world.pay_page(XIA, UUID(payment.path.split("/")[2]))
    phone.world.go_to(phone.world.house.clock.now() + timedelta(minutes=1))
    phone.receive()
    assert 'data-state="paid"' in phone.get(payment.path).answer.text


def _be_certified(phone: Phone, loan: str) -> None:
    certificate = phone.send(phone.get(f"{loan}/certificate").main_form)
    assert certificate.path.startswith("/certificates/")
    proof_path = "/proofs/" + certificate.path.rsplit("/", 1)[1]
    assert phone.client.get(proof_path).status_code == 409  # no checkpoint covers it yet
    publish_evidence(phone.world.house)
    proven = phone.get(certificate.path)
    assert "proof-root" in proven.ids
    fingerprint = re.search(r'id="proof-hash">([0-9a-f]{64})<', proven.answer.text)
    text = re.search(r'id="proof-text">(.*?)</p>', proven.answer.text)
    assert fingerprint is not None
    assert text is not None
    assert fingerprint[1] in phone.client.get(proof_path).json()["leaf"]
    assert hashlib.sha256(unescape(text[1]).encode()).hexdigest() == fingerprint[1]
    for path in (f"{certificate.path}/pdf", link(phone.get(loan), "^/contracts/") + "/pdf"):
        assert phone.client.get(path).content.startswith(b"%PDF")


WORDS = "最近两个月的逾期记录仍在，我们看过了。"


def answer_the_last(world: OpenWorld, *, outcome: str) -> None:
    """Let somebody at the console take the one request that waits and answer it."""
    seat = seat_of(world.house, "risk")
    (waiting,), _ = list_reviews(world.house, seat=seat)
    request_id = waiting.request.request_id
    take_review(world.house, seat=seat, request_id=request_id)
    answer_review(world.house, seat=seat, request_id=request_id, outcome=outcome, answer=Personal(WORDS))


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
    waits, told, anew = {
        "zh": ("正在由人来看", "人工复核后，结果不变", "情况改变后随时可以"),
        "en": ("a person is looking", "A person looked, and the answer stands", "as soon as this has changed"),
    }[language]
    assert waits in phone.get("/decision").text
    answer_the_last(world, outcome="upheld")
    for path in ("/decision", received.path):
        assert told in phone.get(path).text
        assert WORDS in phone.get(path).text
    phone.send(phone.get("/decision").main_form)
    answer_the_last(world, outcome="reassess")
    assert anew in phone.get("/decision").text
    assert phone.get("/apply").path == "/apply"


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
