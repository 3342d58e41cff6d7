"""What a person does in the story, step by step, over HTTP: each step is one or two calls of the typed client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.client import Client
from mingqu.client.answers import Decision, Offer, SignedContract
from mingqu.client.loan_answers import Certificate, Owed
from mingqu.demo.journey import work_until_idle
from mingqu.demo.world import Newcomer, OnlineWorld

# Longer than the cost table must be read, and than one code waits for the next.
READING: Final = timedelta(seconds=61)
# A person comes back some weeks later and signs in anew: a session does not last so long.
_PASSES: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A person with a client of their own, signed in, known by their real name, with a card."""

    newcomer: Newcomer
    client: Client
    instrument_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A contract that a visitor signed, with the offer it rests on."""

    visitor: Visitor
    offer: Offer
    signed: SignedContract


def say_yes(client: Client, *, purpose: str, recipient: str | None = None, key: str | None = None) -> UUID:
    """Read the text of a purpose, agree to just that by its hash, and return the consent's id."""
    text = client.consent_text(purpose=purpose, recipient=recipient)
    return client.give_consent(purpose=purpose, recipient=recipient, text_hash=text.text_hash, key=key)


def arrive(world: OnlineWorld, newcomer: Newcomer, *, balance_fen: int) -> Visitor:
    """Sign in, consent to the check, prove name and card with the code sent to the card's phone."""
    world.meet(newcomer, balance_fen=balance_fen)
    client = world.client()
    _sign_in(world, client, newcomer)
    say_yes(client, purpose="real_name_verification")
    client.send_code(phone=newcomer.phone.reveal(), purpose="verify_identity")
    proved = client.prove_identity(
        name=newcomer.name.reveal(),
        id_number=newcomer.id_number.reveal(),
        phone=newcomer.phone.reveal(),
        card_number=newcomer.card_number.reveal(),
        code=world.read_code(newcomer.phone).reveal(),
    )
    return Visitor(newcomer=newcomer, client=client, instrument_id=proved.instrument_id)


def apply(world: OnlineWorld, visitor: Visitor, *, amount_fen: int) -> Decision:
    """Consent to the bureau's query and an automated decision, each on its own, and be assessed once."""
    say_yes(visitor.client, purpose="bureau_query", recipient=world.house.settings.operator_name)
    say_yes(visitor.client, purpose="automated_decision")
    return visitor.client.apply(requested_amount_fen=amount_fen, monthly_income_fen=visitor.newcomer.monthly_income_fen)


def borrow(world: OnlineWorld, visitor: Visitor, *, amount_fen: int, instalments: int, method: str) -> Taken:
    """Choose the cheapest offer, read its cost table, name the lender in a consent, agree to deductions, sign."""
    client = visitor.client
    offer = client.ask_for_offers(amount_fen=amount_fen, instalments=instalments, method=method)[0]
    table = client.show_costs(offer_id=offer.offer_id)
    world.go_to(world.house.clock.now() + READING)
    client.confirm_costs(disclosure_id=table.disclosure_id)
    say_yes(client, purpose="pass_to_lender", recipient=offer.lender_zh)
    say_yes(client, purpose="auto_repayment", recipient=world.house.settings.operator_name)
    agreement_id = client.request_agreement(instrument_id=visitor.instrument_id)
    client.confirm_agreement(agreement_id=agreement_id, code=world.read_code(visitor.newcomer.phone).reveal())
    client.send_signing_code(offer_id=offer.offer_id)
    code = world.read_code(visitor.newcomer.phone).reveal()
    signed = client.sign_contract(offer_id=offer.offer_id, instrument_id=visitor.instrument_id, code=code)
    return Taken(visitor=visitor, offer=offer, signed=signed)


def payout_states(taken: Taken) -> list[str]:
    """Return the states that the payout went through."""
    order = taken.visitor.client.order(order_id=taken.signed.payout_order_id)
    return [step.state for step in order.steps]


def owed(taken: Taken) -> Owed:
    """Return what is owed today."""
    return taken.visitor.client.quote(loan_id=taken.signed.loan_id)


def pay_by_hand(world: OnlineWorld, taken: Taken, *, intent: str) -> int:
    """Pay on the channel's page; return the amount in fen."""
    client = taken.visitor.client
    payment = client.make_payment(loan_id=taken.signed.loan_id, intent=intent)
    client.open_payment_page(order_id=payment.order_id)
    world.pay_page(taken.visitor.newcomer, payment.order_id)
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    return payment.amount_fen


def certify(taken: Taken) -> Certificate:
    """Ask for the certificate of a settled loan."""
    return taken.visitor.client.certify(loan_id=taken.signed.loan_id)


def come_back(world: OnlineWorld, taken: Taken) -> None:
    """Sign in anew, weeks later."""
    sign_in_anew(world, taken.visitor)


def sign_in_anew(world: OnlineWorld, visitor: Visitor) -> None:
    """Sign a visitor in anew, when their session has ended."""
    world.go_to(world.house.clock.now() + _PASSES)
    _sign_in(world, visitor.client, visitor.newcomer)


def _sign_in(world: OnlineWorld, client: Client, newcomer: Newcomer) -> None:
    phone = newcomer.phone.reveal()
    client.send_code(phone=phone, purpose="sign_in")
    client.sign_in(phone=phone, code=world.read_code(newcomer.phone).reveal())
