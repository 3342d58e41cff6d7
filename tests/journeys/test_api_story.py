"""The whole story of a loan over HTTP, through the client: from the first code to the certificate and its proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from mingqu.client import Problem
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import CHUAN, XIA
from mingqu.domain.personal import Personal
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.evidence.publish_evidence import publish_evidence
from tests.journeys.api import (
    Site,
    agree_to_deductions,
    be_assessed,
    introduce,
    open_site,
    pay,
    say_yes,
    sign_in,
    sign_in_again,
    take_loan,
)
from tests.journeys.reading import assert_coherent, live_until
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as opened:
        yield opened


def test_a_loan_lives_and_is_settled_over_the_api(site: Site) -> None:
    xia = introduce(site)
    client = xia.client
    me = client.me()
    assert (me.verified, me.cards[0].tail) == (True, XIA.card_number.reveal()[-4:])
    assert XIA.phone.reveal() not in repr(me)
    be_assessed(site, xia)
    assert client.decision().approved
    limit = client.limit()
    tried = client.try_offers(amount_fen=1_000_000, instalments=12, method="equal_instalment")
    taken = take_loan(site, xia)
    assert tried[0].annual_effective_ppm == taken.offer.annual_effective_ppm
    agreement_id = agree_to_deductions(site, xia)
    assert client.me().cards[0].agreement_id == agreement_id
    work_until_idle(site.world)
    loan_id = taken.signed.loan_id
    loan = client.loan(loan_id=loan_id)
    assert (loan.stage, loan.principal_fen, loan.payout and loan.payout.state) == ("active", 1_000_000, "PAID")
    assert client.limit().available_fen == limit.available_fen - 1_000_000
    assert client.order(order_id=taken.signed.payout_order_id).steps[0].state == "RESERVED"

    live_until(site.world, date(2026, 11, 25))
    with pytest.raises(Problem, match="not_signed_in"):
        client.me()
    sign_in_again(site, xia)
    rows = client.schedule(loan_id=loan_id).rows
    assert [row.state for row in rows[:4]] == ["paid", "paid", "paid", "coming"]
    assert [row.state for row in client.schedule(loan_id=loan_id, as_of=date(2026, 9, 16)).rows[:2]] == [
        "paid",
        "coming",
    ]
    owed = client.quote(loan_id=loan_id)
    seen = client.try_repayment(loan_id=loan_id, amount_fen=owed.payoff_fen, intent="payoff")
    assert (seen.principal_left_fen, seen.too_much_fen) == (0, 0)
    assert pay(site, xia, loan_id=loan_id, intent="payoff") == owed.payoff_fen
    assert client.loan(loan_id=loan_id).stage == "settled"
    assert client.loan(loan_id=loan_id, as_of=date(2026, 11, 24)).stage == "active"
    assert {entry.reason for entry in client.ledger(loan_id=loan_id)} >= {"disburse", "repay_principal"}
    assert [one.kind for one in client.orders(loan_id=loan_id)].count("collection") == 4

    certificate = client.certify(loan_id=loan_id)
    assert client.certificate(certificate_id=certificate.certificate_id) == certificate
    publish_evidence(site.world.house)
    for subject_id in (taken.signed.contract_id, taken.disclosure_id, certificate.certificate_id):
        assert client.proof(subject_id=subject_id).proof
    contract = client.contract(contract_id=taken.signed.contract_id)
    assert contract.body["cost_table_hash"] == contract.cost_table_hash
    client.end_agreement(agreement_id=agreement_id)
    assert client.me().cards[0].agreement_id is None
    client.sign_out()
    with pytest.raises(Problem, match="not_signed_in"):
        client.me()
    assert_coherent(site.world.house)


def test_papers_are_pdf_and_the_same_each_time(site: Site) -> None:
    xia = introduce(site)
    be_assessed(site, xia)
    taken = take_loan(site, xia)
    printed = xia.client.contract_pdf(contract_id=taken.signed.contract_id)
    assert printed.startswith(b"%PDF-")
    assert printed == xia.client.contract_pdf(contract_id=taken.signed.contract_id)


def test_whoever_is_refused_reads_why_and_may_ask_for_a_person(site: Site) -> None:
    chuan = introduce(site, CHUAN, balance_fen=10_000)
    be_assessed(site, chuan, amount_fen=800_000)
    decision = chuan.client.decision()
    assert not decision.approved
    assert all(reason.text_zh and reason.text_en for reason in decision.reasons)
    (remedy,) = decision.remedies
    assert [(change.action, change.field, change.by) for change in remedy.changes] == [
        ("settle_loans", "lenders_count", 2),
        ("wait", "", None),
    ]
    assert (remedy.on, remedy.changes[1].needed) == (decision.retry_on, str(decision.retry_on))
    assert remedy.limit_fen > 0
    assert chuan.client.limit().products == []
    assert chuan.client.ask_for_review(decision_id=decision.decision_id, wish="review").wish == "review"
    asked = chuan.client.decision().review
    assert asked is not None
    assert (asked.wish, asked.answered_at, asked.outcome, asked.answer) == ("review", None, None, None)
    seat = seat_of(site.world.house, "risk")
    take_review(site.world.house, seat=seat, request_id=asked.request_id)
    words = "我们看过您的信用报告，结果不变。"
    answer_review(site.world.house, seat=seat, request_id=asked.request_id, outcome="upheld", answer=Personal(words))
    answered = chuan.client.decision(decision_id=decision.decision_id).review
    assert answered is not None
    assert (answered.outcome, answered.answer, answered.request_id) == ("upheld", words, asked.request_id)
    with pytest.raises(Problem) as refused:
        chuan.client.ask_for_offers(amount_fen=100_000, instalments=12, method="equal_instalment")
    assert (refused.value.code, refused.value.status) == ("no_limit", 409)


def test_the_market_is_open_to_everybody(site: Site) -> None:
    client = site.client()
    lenders = {one.lender_id for one in client.lenders()}
    assert {one.lender_id for one in client.products()} <= lenders
    assert "明渠" in client.consent_text(purpose="bureau_query", recipient="明渠平台").body_zh


def test_a_consent_that_was_withdrawn_shows_when(site: Site) -> None:
    client = sign_in(site, XIA)
    asked = site.http.get("/v1/openapi.json").json()["components"]["schemas"]["NewConsent"]
    assert asked["required"] == ["purpose", "text_hash"]
    with pytest.raises(Problem, match="consent_text_unread") as unread:
        client.give_consent(purpose="bureau_query", recipient="明渠 平台", text_hash="")
    assert client.consents() == []
    shown = site.http.get(unread.value.details["read_at"]).json()
    assert "明渠 平台" in shown["body_zh"]
    first = client.give_consent(purpose="bureau_query", recipient="明渠 平台", text_hash=shown["text_hash"])
    client.withdraw_consent(consent_id=first)
    consent_id = say_yes(client, purpose="automated_decision")
    client.withdraw_consent(consent_id=consent_id)
    _, seen = client.consents()
    assert seen.withdrawn_at is not None
    with pytest.raises(Problem, match="consent_already_withdrawn"):
        client.withdraw_consent(consent_id=consent_id)
