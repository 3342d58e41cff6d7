"""One person's way from the first code to a signed contract, through the use cases that every door calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.demo.world import Newcomer, World
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Intent
from mingqu.domain.one_time_code import CodePurpose
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.decisions.assess import Assessment, assess
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.offers.price_offer import Offered
from mingqu.services.orders.entrust_payment import Payee
from mingqu.services.people.read_person import person_view
from mingqu.services.people.sign_in import send_code, sign_in
from mingqu.services.people.verify_identity import verify_identity
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.repayment.repay import confirm_agreement, open_page, repay_by_hand, request_agreement
from mingqu.services.run_due_work import run_due_work

# Longer than the cost table must be read, and than one code waits for the next.
READING: Final = timedelta(seconds=61)
ROUNDS_MAX: Final = 200  # of a worker until nothing is due; an order takes a few


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A person who signed in, proved who they are and bound a card."""

    newcomer: Newcomer
    person_id: UUID
    instrument_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """A signed contract with its offer."""

    known: Known
    offered: Offered
    signed: Signed


def introduce(world: World, newcomer: Newcomer, *, balance_fen: int) -> Known:
    """Sign in, consent to the check, prove name and card with the code sent to the card's phone."""
    house = world.house
    world.meet(newcomer, balance_fen=balance_fen)
    send_code(house, phone=newcomer.phone, purpose=CodePurpose.SIGN_IN)
    person_id = sign_in(house, phone=newcomer.phone, digits=world.read_code(newcomer.phone))
    _consent(world, person_id, ConsentPurpose.REAL_NAME_VERIFICATION)
    send_code(house, phone=newcomer.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    proved = verify_identity(
        house,
        person_id=person_id,
        request_id=house.id_for(person_id),
        name=newcomer.name,
        id_number=newcomer.id_number,
        phone=newcomer.phone,
        card_number=newcomer.card_number,
        digits=world.read_code(newcomer.phone),
    )
    return Known(newcomer=newcomer, person_id=proved.person_id, instrument_id=proved.instrument_id)


def be_assessed(world: World, known: Known, *, amount_fen: int) -> Assessment:
    """Consent to the bureau's query and an automated decision, each on its own, and be assessed once."""
    _consent(world, known.person_id, ConsentPurpose.BUREAU_QUERY, recipient=world.house.settings.operator_name)
    _consent(world, known.person_id, ConsentPurpose.AUTOMATED_DECISION)
    return assess(
        world.house,
        person_id=known.person_id,
        application_id=world.house.id_for(known.person_id),
        requested_amount_fen=amount_fen,
        monthly_income_fen=known.newcomer.monthly_income_fen,
    )


def take_loan(
    world: World,
    known: Known,
    *,
    amount_fen: int,
    instalments: int,
    method: str,
    payout_at: datetime | None = None,
    choice: int = 0,
    payee: Payee | None = None,
) -> Borrowed:
    """Choose the cheapest offer, read its cost table, name the lender in a consent, sign, agree to deductions.

    `choice` is the place of another offer, by its cost. With a `payee` the money goes there, and to no card.
    """
    house, person_id = world.house, known.person_id
    offers = make_offers(house, person_id=person_id, amount_fen=amount_fen, instalments=instalments, method=method)
    offered = offers[choice]
    table = show_cost_table(house, person_id=person_id, offer_id=offered.offer.offer_id)
    world.go_to(house.clock.now() + READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    _consent(world, person_id, ConsentPurpose.PASS_TO_LENDER, recipient=offered.lender_name_zh)
    if all(card.agreement_id is None for card in person_view(house, person_id=person_id).cards):
        agree_to_deductions(world, known)
    send_signing_code(house, person_id=person_id, offer_id=offered.offer.offer_id)
    signed = sign_contract(
        house,
        person_id=person_id,
        offer_id=offered.offer.offer_id,
        code=world.read_code(known.newcomer.phone),
        instrument_id=known.instrument_id if payee is None else None,
        payee=payee,
        payout_at=payout_at or house.clock.now(),
        key=f"sign {offered.offer.offer_id.hex}",
    )
    return Borrowed(known=known, offered=offered, signed=signed)


def pay_by_hand(world: World, known: Known, *, loan_id: UUID, intent: Intent, amount_fen: int | None = None) -> int:
    """Pay on the bank's page; return the amount in fen."""
    house = world.house
    page = repay_by_hand(
        house,
        person_id=known.person_id,
        loan_id=loan_id,
        intent=intent,
        amount_fen=amount_fen,
        key=f"repay {house.clock.now().isoformat()}",
    )
    open_page(house, person_id=known.person_id, order_id=page.order_id)
    world.pay_page(known.newcomer, page.order_id)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    return page.amount_fen


def work_until_idle(world: World) -> None:
    """Let a worker do rounds until nothing is due."""
    for _ in range(ROUNDS_MAX):
        done = run_due_work(world.house)
        assert not done.aside, f"work fails: {done.aside}"
        if done.idle:
            return
    raise AssertionError("work does not end")


def agree_to_deductions(world: World, known: Known) -> None:
    """Consent to automatic repayment, and agree to it with the bank of the person's card."""
    _consent(world, known.person_id, ConsentPurpose.AUTO_REPAYMENT, recipient=world.house.settings.operator_name)
    agreement_id = request_agreement(
        world.house,
        person_id=known.person_id,
        instrument_id=known.instrument_id,
        key=f"agree {known.instrument_id.hex}",
    )
    code = world.read_code(known.newcomer.phone)
    confirm_agreement(world.house, person_id=known.person_id, agreement_id=agreement_id, code=code)


def _consent(world: World, person_id: UUID, purpose: ConsentPurpose, *, recipient: str | None = None) -> None:
    give_consent(
        world.house,
        person_id=person_id,
        purpose=purpose,
        recipient=recipient,
        key=f"consent {purpose.value} {recipient or ''}",
    )
