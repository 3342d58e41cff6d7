"""What somebody needs who opens the served book for the first time: addresses, a borrower, an operator."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

from mingqu.demo.people import XIA
from mingqu.demo.story import FUNDING
from mingqu.domain.identifier import fresh
from mingqu.domain.personal import Personal, mask_card
from mingqu.services.access.keep_operator import add_operator, operators, set_password_at_once
from mingqu.services.funding.fund_lender import fund_lender
from mingqu.services.house import House
from mingqu.services.loans.read_loan import first_slots

# Two of each role that proposes: what one proposes the other checks.
OPERATORS: Final = (
    ("guide-operations", "operations"),
    ("guide-checker", "operations"),
    ("guide-risk", "risk"),
    ("guide-risk-two", "risk"),
    ("guide-auditor", "auditor"),
)
_PASSWORD_BYTES: Final = 15


def make_operators(house: House) -> dict[str, str]:
    """Return new passwords of the guide's operators, who are made if they are not there: never the same ones twice."""
    there = {one.name for one in operators(house)}
    passwords = {}
    for name, role in OPERATORS:
        password = base64.b32encode(house.codes.secret().reveal()[:_PASSWORD_BYTES]).decode().lower()
        if name not in there:
            add_operator(house, name=name, role=role)
        set_password_at_once(house, name=name, password=Personal(password))
        passwords[name] = password
    return passwords


def fund_lenders(house: House) -> None:
    """Let every lender put money into every cell, so that somebody can be paid; done again it is done once."""
    for lender in house.pack.lenders:
        for slot in first_slots(house):
            said = hashlib.blake2b(f"guide {lender.id.hex}".encode(), digest_size=8).digest()
            reference = fresh(milliseconds=0, slot=slot, entropy=int.from_bytes(said, "big"))
            fund_lender(house, lender_id=lender.id, amount=FUNDING, reference=reference)


def lines(*, address: str, sandbox: Mapping[str, str], passwords: Mapping[str, str]) -> list[str]:
    """Return what to open and whom to be, a line each."""
    codes = sandbox.get("sms", "")
    return [
        f"borrower pages   {address}/",
        f"operator console {address}/console",
        f"open API         {address}/v1/docs",
        f"metrics, health  {address}/metrics · {address}/health · {address}/ready",
        *(f"sandbox          {party:<10} {where}" for party, where in sandbox.items()),
        f"borrower         phone {XIA.phone.reveal()}; codes arrive at {codes}",
        f"                 name {XIA.name.reveal()}, ID number {XIA.id_number.reveal()}",
        f"                 card {XIA.card_number.reveal()} ({mask_card(XIA.card_number)})",
        *(f"operator         {name:<17} password {password}" for name, password in passwords.items()),
    ]
