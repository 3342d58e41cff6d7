"""Another person's ids answer as if they did not exist, and change nothing: in every service that takes an id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import XIA, ZHOU, card_number, id_number
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Intent
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.decisions.assess import assess
from mingqu.services.house import House
from mingqu.services.loans.issue_certificate import issue_certificate
from mingqu.services.loans.read_loan import loan_ledger, loan_state
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.policies.replay_decision import replay_decision
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.services.repayment.repay import (
    NothingDue,
    confirm_agreement,
    open_page,
    quote_repayment,
    repay_by_hand,
    request_agreement,
)
from tests.journeys.reading import assert_coherent, borrow, cell_of, rows_of
from tests.world import OpenWorld

NOT_FOUND = 404
STRANGERS_MAX = 40  # of four cells each is met long before


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What a person has: the id of one of each kind."""

    person_id: UUID
    instrument_id: UUID
    application_id: UUID
    decision_id: UUID
    consent_id: UUID
    offer_id: UUID
    disclosure_id: UUID
    loan_id: UUID
    order_id: UUID
    agreement_id: UUID


def act(house: House, *, own: Things, their: Things) -> dict[str, Callable[[], object]]:
    """Return what a person may try with somebody else's ids, by name."""
    me = own.person_id

    def replay() -> object:
        with house.database.transaction() as tx:
            return replay_decision(tx, house, person_id=me, decision_id=their.decision_id)

    def sign(offer_id: UUID, instrument_id: UUID) -> object:
        return sign_contract(
            house,
            person_id=me,
            offer_id=offer_id,
            instrument_id=instrument_id,
            payout_at=house.clock.now(),
            code=Personal("123456"),
            key="theirs",
        )

    def pay() -> object:
        return repay_by_hand(
            house, person_id=me, loan_id=their.loan_id, intent=Intent.DUE, amount_fen=100, key="theirs"
        )

    return {
        "replay their decision": replay,
        "withdraw their consent": lambda: withdraw_consent(house, person_id=me, consent_id=their.consent_id),
        "see their cost table": lambda: show_cost_table(house, person_id=me, offer_id=their.offer_id),
        "confirm their cost table": lambda: confirm_cost_table(house, person_id=me, disclosure_id=their.disclosure_id),
        "sign their offer": lambda: sign(their.offer_id, own.instrument_id),
        "ask for the code of their offer": lambda: send_signing_code(house, person_id=me, offer_id=their.offer_id),
        "be paid out to their card": lambda: sign(own.offer_id, their.instrument_id),
        "see their loan": lambda: loan_state(house, person_id=me, loan_id=their.loan_id),
        "see their ledger": lambda: loan_ledger(house, person_id=me, loan_id=their.loan_id),
        "see what they owe": lambda: quote_repayment(house, person_id=me, loan_id=their.loan_id),
        "pay their loan": pay,
        "open their page": lambda: open_page(house, person_id=me, order_id=their.order_id),
        "agree to deductions from their card": lambda: request_agreement(
            house, person_id=me, instrument_id=their.instrument_id, key="theirs"
        ),
        "confirm their agreement": lambda: confirm_agreement(
            house, person_id=me, agreement_id=their.agreement_id, code=Personal("000000")
        ),
        "take their certificate": lambda: issue_certificate(house, person_id=me, loan_id=their.loan_id),
    }


@pytest.mark.parametrize("same_cell", [True, False])
def test_another_persons_ids_are_not_found_and_change_nothing(world: OpenWorld, same_cell: bool) -> None:
    house = world.house
    xia = settle_in(world, introduce(world, XIA, balance_fen=6_000_000))
    zhou = settle_in(world, neighbor(world, xia.person_id, same_cell=same_cell))
    calls = act(house, own=zhou, their=xia)
    before, messages = rows_of(house), len(world.sms.inbox(phone=XIA.phone))
    wrong = {name: answer for name, call in calls.items() if (answer := said(call)) != NOT_FOUND}
    assert wrong == {}
    assert [name for name, rows in rows_of(house).items() if rows != before[name]] == []
    assert len(world.sms.inbox(phone=XIA.phone)) == messages
    assert_coherent(house)


def test_ids_that_nobody_has_are_not_found_and_change_nothing(world: OpenWorld) -> None:
    house = world.house
    zhou = settle_in(world, introduce(world, ZHOU, balance_fen=6_000_000))
    nobody = Things(**{name: house.id_for(zhou.person_id) for name in Things.__slots__})
    calls = act(house, own=zhou, their=nobody)
    before = rows_of(house)
    wrong = {name: answer for name, call in calls.items() if (answer := said(call)) != NOT_FOUND}
    assert wrong == {}
    assert rows_of(house) == before


@pytest.mark.parametrize("same_cell", [True, False])
def test_an_application_of_another_person_is_not_found_and_their_record_is_not_read(
    world: OpenWorld, same_cell: bool
) -> None:
    house = world.house
    xia = settle_in(world, introduce(world, XIA, balance_fen=6_000_000))
    zhou = neighbor(world, xia.person_id, same_cell=same_cell)
    for purpose, recipient in (
        (ConsentPurpose.BUREAU_QUERY, house.settings.operator_name),
        (ConsentPurpose.AUTOMATED_DECISION, None),
    ):
        give_consent(house, person_id=zhou.person_id, purpose=purpose, recipient=recipient, key=purpose.value)
    before = rows_of(house)

    def apply() -> object:
        return assess(
            house,
            person_id=zhou.person_id,
            application_id=xia.application_id,
            requested_amount_fen=1_000_000,
            monthly_income_fen=900_000,
        )

    assert said(apply) == NOT_FOUND
    assert rows_of(house) == before
    assert world.bureau.queries_of(id_number=zhou.newcomer.id_number) == []


def said(call: Callable[[], object]) -> object:
    """Return the status of the refusal that a call met, or what it answered."""
    try:
        return call()
    except Refusal as refusal:
        return refusal.status


def neighbor(world: OpenWorld, person_id: UUID, *, same_cell: bool) -> Known:
    """Return somebody new who lives in the same cell as a person, or in another."""
    cell = cell_of(world.house, person_id)
    for sequence in range(1, STRANGERS_MAX):
        newcomer = replace(
            ZHOU,
            id_number=id_number(born_on=date(1990, 1, 1), sequence=sequence),
            phone=Personal(f"1370000{sequence:04d}"),
            card_number=card_number(sequence=5_000 + sequence),
        )
        known = introduce(world, newcomer, balance_fen=6_000_000)
        if (cell_of(world.house, known.person_id) == cell) is same_cell:
            return known
    raise AssertionError("nobody moved in")


def settle_in(world: OpenWorld, known: Known) -> Things:
    """Let a person have a loan, an open repayment, and an offer ready to be signed."""
    house, person_id = world.house, known.person_id
    made = be_assessed(world, known, amount_fen=1_000_000)
    borrowed = borrow(world, known, amount_fen=500_000)
    (offered, *_) = make_offers(
        house, person_id=person_id, amount_fen=100_000, instalments=3, method="equal_instalment"
    )
    table = show_cost_table(house, person_id=person_id, offer_id=offered.offer.offer_id)
    world.go_to(house.clock.now() + timedelta(seconds=11))
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    page = repay_by_hand(
        house, person_id=person_id, loan_id=borrowed.signed.loan_id, intent=Intent.DUE, amount_fen=100, key="own"
    )
    agreed = request_agreement(house, person_id=person_id, instrument_id=known.instrument_id, key="own agreement")
    consented = give_consent(
        house, person_id=person_id, purpose=ConsentPurpose.REAL_NAME_VERIFICATION, key="own consent"
    )
    with house.database.transaction() as tx:
        row = tx.execute("SELECT application_id FROM decision WHERE decision_id = %s", (made.decision_id,)).fetchone()
    assert row is not None
    return Things(
        person_id=person_id,
        instrument_id=known.instrument_id,
        application_id=row[0],
        decision_id=made.decision_id,
        consent_id=consented,
        offer_id=offered.offer.offer_id,
        disclosure_id=table.disclosure_id,
        loan_id=borrowed.signed.loan_id,
        order_id=page.order_id,
        agreement_id=agreed,
    )


def test_only_a_payment_by_hand_that_is_open_has_a_page(world: OpenWorld) -> None:
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    tomorrow = world.clock.now() + timedelta(days=1)
    waiting = take_loan(
        world, known, amount_fen=500_000, instalments=3, method="equal_instalment", payout_at=tomorrow
    ).signed.payout_order_id
    with pytest.raises(NotFound):
        open_page(world.house, person_id=known.person_id, order_id=waiting)
    assert world.bank.moved() == {}
    world.clock.advance_to(tomorrow + timedelta(minutes=1))
    work_until_idle(world)
    assert world.bank.moved() == {waiting.hex: 500_000}, "the payout's number was never a page's"
    with pytest.raises(NotFound):
        open_page(world.house, person_id=known.person_id, order_id=waiting)


def test_a_payment_that_has_ended_has_no_page_any_more(world: OpenWorld) -> None:
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    loan_id = take_loan(world, known, amount_fen=500_000, instalments=3, method="equal_instalment").signed.loan_id
    work_until_idle(world)
    page = repay_by_hand(world.house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PAYOFF, key="all of it")
    open_page(world.house, person_id=known.person_id, order_id=page.order_id)
    world.pay_page(known.newcomer, page.order_id)
    world.clock.advance(timedelta(minutes=1))
    work_until_idle(world)
    with pytest.raises(NothingDue):
        open_page(world.house, person_id=known.person_id, order_id=page.order_id)
