"""A loan by stages in the pages, without scripts: sign it for a payee, see its stages, hand in a paper, be paid on."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.services.proposals.propose import approve, propose
from tests.console import signed_in
from tests.journeys.pages import CARD_BALANCE_FEN, Page, Phone
from tests.journeys.reading import arrive, assert_coherent, rows_of
from tests.journeys.test_pages_spend import flat
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

OFFERED_FROM = date(2027, 6, 1)
BUILDER = {
    "payee_name": "河畔建筑有限公司",
    "payee_account": "6200 0000 0000 9990 002",
    "payee_bank": "QPBK",
    "payee_purpose": "workshop",
}
ACCOUNT = Personal("6200000000009990002")


@pytest.fixture
def phone(world: OpenWorld) -> Phone:
    world.go_to_date(OFFERED_FROM)
    known = arrive(world, XIA, balance_fen=CARD_BALANCE_FEN)
    assert known.person_id
    world.bank.open_card(
        card_number=ACCOUNT,
        holder_name=Personal(BUILDER["payee_name"]),
        id_number=Personal("company"),
        phone=Personal("0210001"),
    )
    world.go_to(world.house.clock.now() + timedelta(hours=2))  # until the next code may be sent
    phone = Phone(world)
    phone.sign_in(XIA)
    return phone


def at_the_contract(phone: Phone) -> Page:
    """Choose the offer by stages, read its cost table, and open the contract."""
    page = phone.get("/draw?amount=20000&instalments=18&method=equal_instalment")
    page = phone.send(page.form("/offers"), amount="20000", instalments="18", method="equal_instalment")
    assert "分阶段直接付给" in page.text
    form = page.form("/offers/choose")
    page = phone.read_table(phone.send(form, offer=form.choices["offer"][0]))
    return phone.agree(page) if "/consents/ask" in page.path else page


def release(world: OpenWorld, loan_id: UUID, stage: str) -> None:
    """Let two people release a stage, and the worker pay it."""
    maker, checker = (seat_of(world.house, "operations", name=name) for name in ("maker", "checker"))
    proposal_id = propose(
        world.house, seat=maker, deed=Deed.RELEASE_STAGE, subject_id=loan_id, asked={"stage": stage},
        reason="凭证齐全,现场已核对", key=stage,
    )  # fmt: skip
    approve(world.house, seat=checker, proposal_id=proposal_id)
    work_until_idle(world)


def test_a_contract_by_stages_is_signed_for_a_payee_and_paid_on_papers(phone: Phone) -> None:
    world, house = phone.world, phone.world.house
    page = at_the_contract(phone)
    assert "6,000.00" in flat(page)
    assert "card" not in page.main_form.fields, "there is no card to choose"
    page = phone.ask_for_code(page)
    before = rows_of(house)
    for wrong in ({"payee_account": ""}, {"payee_account": "12"}, {"payee_purpose": ""}, {"to": "card"}):
        refused = phone.send(page.main_form, **{**BUILDER, **wrong}, agree="yes", code=phone.code())
        assert refused.status in (404, 409, 422), (wrong, refused.status)
    assert rows_of(house) == before
    filled = phone.send(page.main_form, **BUILDER, code=phone.code())
    assert filled.status == 422, "nothing is agreed to yet"
    assert {name: filled.main_form.fields[name] for name in BUILDER} == BUILDER, "what was filled in stays"
    page = phone.send(filled.main_form, agree="yes", code=phone.code())
    assert "付给合同的收款方" in page.text
    loan_id = UUID(page.path.split("/")[2])
    work_until_idle(world)
    assert world.bank.balance_fen(card_number=ACCOUNT) == 600_000
    assert world.balance_fen(XIA) == CARD_BALANCE_FEN

    stages = phone.get(f"/loans/{loan_id.hex}/stages")
    assert BUILDER["payee_name"] in stages.text
    for kind, left in (("invoice", "progress_report"), ("progress_report", "")):
        assert "凭证已齐" not in stages.text
        stages = phone.send(stages.main_form, kind=kind, number=f"No. {kind}")
        assert left in stages.answer.text
    desk = signed_in(house, "operations")
    ready = desk.get("/console/stages").text
    assert f"/console/loans/{loan_id.hex}/stages" in ready
    assert f"/console/loans/{loan_id.hex}/stages" in desk.get(f"/console/loans/{loan_id.hex}").text
    release(world, loan_id, "half")
    assert world.bank.balance_fen(card_number=ACCOUNT) == 1_400_000
    assert f"/console/loans/{loan_id.hex}/stages" not in desk.get("/console/stages").text
    assert phone.get(f"/loans/{loan_id.hex}/stages").main_form.choices["kind"] == ["acceptance_report"]
    assert_coherent(house)
