"""A contract and a certificate as PDF: the same bytes each time, every glyph there, nothing that was not agreed."""

from __future__ import annotations

import pytest

from mingqu.demo.journey import Borrowed, be_assessed, introduce, pay_by_hand, take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.stories.s3 import BEGINS_ON
from mingqu.domain.loan import Intent
from mingqu.domain.personal import Personal
from mingqu.services.customers.read_papers import Party, certificate_view, contract_view, party_of
from mingqu.services.loans.issue_certificate import issue_certificate
from mingqu.web.print_paper import PaperBroken, certificate_pdf, contract_pdf
from tests.journeys.pdf_text import text_of
from tests.world import OpenWorld


@pytest.fixture
def borrowed(world: OpenWorld) -> Borrowed:
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    taken = take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    work_until_idle(world)
    return taken


def test_the_same_contract_gives_the_same_bytes(world: OpenWorld, borrowed: Borrowed) -> None:
    person_id, contract_id = borrowed.known.person_id, borrowed.signed.contract_id
    first, second = (
        contract_pdf(
            contract_view(world.house, person_id=person_id, contract_id=contract_id),
            party=party_of(world.house, person_id=person_id),
        )
        for _ in range(2)
    )
    assert first.startswith(b"%PDF-")
    assert first == second


def test_a_contract_on_paper_says_what_was_agreed(world: OpenWorld) -> None:
    world.go_to_date(BEGINS_ON)
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    taken = take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    view = contract_view(world.house, person_id=known.person_id, contract_id=taken.signed.contract_id)
    said = text_of(contract_pdf(view, party=party_of(world.house, person_id=known.person_id)))
    cost = taken.offered.cost
    for words in (
        "云岭银行股份有限公司（银行bank）", "担保方", "恒稳融资担保有限公司（融资担保公司",
        "10,000.00", "12.00%", "527.59", "131.91", "659.50",
        "收款卡", "购房", view.contract.body_hash.hex(), view.cost_table.body_hash.hex(),
        str(view.contract.body["contract_id"]),
        *(row.due.isoformat() for row in taken.offered.payments),
    ):  # fmt: skip
        assert words in said, words
    assert cost.cost_fen == 65_950


def test_a_glyph_that_no_font_has_is_an_error_and_not_a_box(world: OpenWorld, borrowed: Borrowed) -> None:
    view = contract_view(world.house, person_id=borrowed.known.person_id, contract_id=borrowed.signed.contract_id)
    with pytest.raises(PaperBroken):
        contract_pdf(view, party=Party(name=Personal("\U00013000"), id_number="1****************X"))


def test_a_settled_loan_has_a_certificate_on_paper(world: OpenWorld, borrowed: Borrowed) -> None:
    house, person_id, loan_id = world.house, borrowed.known.person_id, borrowed.signed.loan_id
    pay_by_hand(world, borrowed.known, loan_id=loan_id, intent=Intent.PAYOFF)
    issued = issue_certificate(house, person_id=person_id, loan_id=loan_id)
    paper = certificate_view(house, person_id=person_id, certificate_id=issued.certificate_id)
    assert paper.body_hash == issued.body_hash
    party = party_of(house, person_id=person_id)
    made = [certificate_pdf(paper, party=party, lender=borrowed.offered.lender_name_zh) for _ in range(2)]
    assert made[0].startswith(b"%PDF-")
    assert made[0] == made[1]
