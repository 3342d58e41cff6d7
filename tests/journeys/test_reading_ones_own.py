"""What a person reads of themselves agrees with the ledger, and nobody reads what is another's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Borrowed, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Stage
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.customers.read_papers import contract_view, offer_view, proof_of
from mingqu.services.decisions.read_limit import decision_view, limit_view
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.people.read_person import consents_of, person_view
from mingqu.services.repayment.read_loans import loan_view, loans_of, order_view, orders_of
from tests.world import OpenWorld

AMOUNT_FEN = 1_000_000


@pytest.fixture
def borrowed(world: OpenWorld) -> Borrowed:
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=AMOUNT_FEN)
    taken = take_loan(world, known, amount_fen=AMOUNT_FEN, instalments=12, method="equal_instalment")
    work_until_idle(world)
    return taken


def test_a_person_sees_themselves_masked(world: OpenWorld, borrowed: Borrowed) -> None:
    seen = person_view(world.house, person_id=borrowed.known.person_id)
    assert seen.verified
    assert seen.name == XIA.alias
    assert seen.phone == f"{XIA.phone.reveal()[:3]}****{XIA.phone.reveal()[-4:]}"
    (card,) = seen.cards
    assert (card.tail, card.verified) == (XIA.card_number.reveal()[-4:], True)
    assert card.agreement_id is not None
    for secret in (XIA.name, XIA.id_number, XIA.phone, XIA.card_number):
        assert secret.reveal() not in repr(seen)


def test_consents_are_shown_with_the_words_they_were_given_to(world: OpenWorld, borrowed: Borrowed) -> None:
    seen = consents_of(world.house, person_id=borrowed.known.person_id)
    # Nobody asked, so nobody gave them.
    optional = {
        ConsentPurpose.FRAUD_PREVENTION,
        ConsentPurpose.BEHAVIOR_DATA,
        ConsentPurpose.REFER_TO_BANK,
        ConsentPurpose.BUSINESS_VERIFICATION,
        ConsentPurpose.BILL_REPAYMENT,
    }
    assert {one.purpose for one in seen} == set(ConsentPurpose) - optional, "each on its own (PIPL art. 14, 23)"
    assert all(one.title_zh and one.title_en and one.withdrawn_at is None for one in seen)


def test_the_limit_is_what_is_available_drawn_and_held(world: OpenWorld, borrowed: Borrowed) -> None:
    seen = limit_view(world.house, person_id=borrowed.known.person_id)
    assert seen is not None
    assert seen.granted_fen == seen.available_fen + seen.drawn_fen + seen.held_fen
    assert (seen.drawn_fen, seen.held_fen) == (AMOUNT_FEN, 0)
    drawn_from = borrowed.offered.product.id
    for line in seen.products:
        drawn = AMOUNT_FEN if line.product_id == drawn_from else 0
        assert line.available_fen == min(line.granted_fen - drawn, seen.available_fen)


def test_a_loan_is_shown_as_it_stands_today(world: OpenWorld, borrowed: Borrowed) -> None:
    person_id, loan_id = borrowed.known.person_id, borrowed.signed.loan_id
    seen = loan_view(world.house, person_id=person_id, loan_id=loan_id)
    assert loans_of(world.house, person_id=person_id) == [seen]
    assert (seen.stage, seen.outstanding_fen, seen.overdue_days) == (Stage.ACTIVE, AMOUNT_FEN, 0)
    assert [row.state for row in seen.rows] == ["coming"] * 12
    assert sum(row.principal_fen for row in seen.rows) == AMOUNT_FEN
    assert (seen.next_due, seen.next_due_fen) == (date(2026, 9, 15), seen.rows[0].unpaid_fen)
    assert seen.quote is not None
    assert seen.quote.payoff_fen == AMOUNT_FEN
    assert seen.payout is not None
    assert [step.state for step in seen.payout.steps] == ["RESERVED", "SENT", "PAID"]
    assert not seen.payout.open
    assert orders_of(world.house, person_id=person_id, loan_id=loan_id)[0] == seen.payout


def test_papers_hold_together_by_their_hashes_and_have_a_proof(world: OpenWorld, borrowed: Borrowed) -> None:
    person_id, contract_id = borrowed.known.person_id, borrowed.signed.contract_id
    seen = contract_view(world.house, person_id=person_id, contract_id=contract_id)
    assert seen.contract.body["cost_table_hash"] == seen.cost_table.body_hash.hex()
    assert seen.loan_id == borrowed.signed.loan_id
    publish_evidence(world.house)
    proof = proof_of(world.house, person_id=person_id, subject_id=contract_id)
    assert seen.contract.body_hash.hex() in str(proof["leaf"])


def test_a_refused_person_reads_why_and_when_to_come_again(world: OpenWorld) -> None:
    known = introduce(world, CHUAN, balance_fen=10_000)
    made = be_assessed(world, known, amount_fen=800_000).decision
    seen = decision_view(world.house, person_id=known.person_id)
    assert not seen.approved
    assert [reason.code for reason in seen.reasons] == [reason.code for reason in made.reasons]
    assert seen.retry_on is not None
    assert seen.retry_on > seen.business_date
    assert limit_view(world.house, person_id=known.person_id) is None


def test_what_is_anothers_is_not_found(world: OpenWorld, borrowed: Borrowed) -> None:
    stranger = introduce(world, ZHOU, balance_fen=0).person_id
    house, signed = world.house, borrowed.signed
    world.clock.advance(timedelta(minutes=1))

    def refused(read: Callable[[], object]) -> str:
        with pytest.raises(Refusal) as said:
            read()
        assert said.value.status == NotFound.status
        return said.value.message

    def paper(subject_id: UUID) -> Callable[[], object]:
        return lambda: proof_of(house, person_id=stranger, subject_id=subject_id)

    words = {
        refused(lambda: loan_view(house, person_id=stranger, loan_id=signed.loan_id)),
        refused(lambda: orders_of(house, person_id=stranger, loan_id=signed.loan_id)),
        refused(lambda: order_view(house, person_id=stranger, order_id=signed.payout_order_id)),
        refused(lambda: contract_view(house, person_id=stranger, contract_id=signed.contract_id)),
        refused(lambda: offer_view(house, person_id=stranger, offer_id=borrowed.offered.offer.offer_id)),
        refused(paper(signed.contract_id)),
    }
    assert len(words) == 1, "the answer does not tell an unknown id from another's"
