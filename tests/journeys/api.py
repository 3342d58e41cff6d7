"""What tests of the API share: a site in this process, a client on it, and a borrower's way through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import httpx
from litestar.testing import TestClient

from mingqu.api import make_router, openapi
from mingqu.client import Client
from mingqu.client.answers import Offer, SignedContract
from mingqu.demo.journey import READING, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.world import Newcomer
from mingqu.web.site import make_site
from tests.world import OpenWorld

ADDRESS: Final = "http://testserver.local"


class Site:
    """A site of a world, over which clients speak without a network."""

    def __init__(self, world: OpenWorld, http: httpx.Client) -> None:
        self.world, self.http = world, http

    def client(self, *, token: str | None = None, transport: httpx.BaseTransport | None = None) -> Client:
        """Return a client of the site."""
        return Client(ADDRESS, transport=transport or self.http._transport, token=token, sleep=lambda _: None)


@contextmanager
def open_site(world: OpenWorld) -> Iterator[Site]:
    """Serve the API of a world in this process."""
    site = make_site(world.house, routers=[make_router(world.house)], openapi=openapi())
    with TestClient(site, base_url=ADDRESS, raise_server_exceptions=False) as http:
        yield Site(world, http)


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrower:
    """A person on the API, with what they have got there so far."""

    newcomer: Newcomer
    client: Client
    instrument_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A loan that was signed over the API."""

    offer: Offer
    signed: SignedContract
    disclosure_id: UUID


def sign_in(site: Site, newcomer: Newcomer) -> Client:
    """Sign in with a code."""
    client, phone = site.client(), newcomer.phone.reveal()
    client.send_code(phone=phone, purpose="sign_in")
    client.sign_in(phone=phone, code=site.world.read_code(newcomer.phone).reveal())
    return client


def sign_in_again(site: Site, borrower: Borrower) -> None:
    """Sign in with the same client, when days have gone by and its session has ended."""
    phone = borrower.newcomer.phone
    borrower.client.send_code(phone=phone.reveal(), purpose="sign_in")
    borrower.client.sign_in(phone=phone.reveal(), code=site.world.read_code(phone).reveal())


def say_yes(client: Client, *, purpose: str, recipient: str | None = None, key: str | None = None) -> UUID:
    """Read the text of a purpose, agree to just that by its hash, and return the consent's id."""
    text = client.consent_text(purpose=purpose, recipient=recipient)
    return client.give_consent(purpose=purpose, recipient=recipient, text_hash=text.text_hash, key=key)


def introduce(site: Site, newcomer: Newcomer = XIA, *, balance_fen: int = 6_000_000) -> Borrower:
    """Sign in, consent to the check, prove who it is."""
    site.world.meet(newcomer, balance_fen=balance_fen)
    client, phone = sign_in(site, newcomer), newcomer.phone.reveal()
    say_yes(client, purpose="real_name_verification")
    client.send_code(phone=phone, purpose="verify_identity")
    proved = client.prove_identity(
        name=newcomer.name.reveal(),
        id_number=newcomer.id_number.reveal(),
        phone=phone,
        card_number=newcomer.card_number.reveal(),
        code=site.world.read_code(newcomer.phone).reveal(),
    )
    return Borrower(newcomer=newcomer, client=client, instrument_id=proved.instrument_id)


def be_assessed(site: Site, borrower: Borrower, *, amount_fen: int = 1_000_000) -> None:
    """Consent to query and decision, and apply."""
    client = borrower.client
    say_yes(client, purpose="bureau_query", recipient=site.world.house.settings.operator_name)
    say_yes(client, purpose="automated_decision")
    client.apply(requested_amount_fen=amount_fen, monthly_income_fen=borrower.newcomer.monthly_income_fen)


def take_loan(site: Site, borrower: Borrower, *, amount_fen: int = 1_000_000, instalments: int = 12) -> Taken:
    """Choose the cheapest offer, read its cost table, sign."""
    client, clock = borrower.client, site.world.clock
    offer = client.ask_for_offers(amount_fen=amount_fen, instalments=instalments, method="equal_instalment")[0]
    table = client.show_costs(offer_id=offer.offer_id)
    clock.advance(READING)
    client.confirm_costs(disclosure_id=table.disclosure_id)
    say_yes(client, purpose="pass_to_lender", recipient=offer.lender_zh)
    client.send_signing_code(offer_id=offer.offer_id)
    code = site.world.read_code(borrower.newcomer.phone).reveal()
    signed = client.sign_contract(offer_id=offer.offer_id, instrument_id=borrower.instrument_id, code=code)
    return Taken(offer=offer, signed=signed, disclosure_id=table.disclosure_id)


def agree_to_deductions(site: Site, borrower: Borrower) -> UUID:
    """Agree that what is due is deducted; return the agreement's id."""
    client = borrower.client
    say_yes(client, purpose="auto_repayment", recipient=site.world.house.settings.operator_name)
    agreement_id = client.request_agreement(instrument_id=borrower.instrument_id)
    code = site.world.read_code(borrower.newcomer.phone).reveal()
    client.confirm_agreement(agreement_id=agreement_id, code=code)
    return agreement_id


def pay(site: Site, borrower: Borrower, *, loan_id: UUID, intent: str) -> int:
    """Pay by hand on the bank's page; return the amount."""
    made = borrower.client.make_payment(loan_id=loan_id, intent=intent)
    assert borrower.client.open_payment_page(order_id=made.order_id)
    site.world.pay_page(borrower.newcomer, made.order_id)
    site.world.clock.advance(timedelta(minutes=1))
    work_until_idle(site.world)
    return made.amount_fen
