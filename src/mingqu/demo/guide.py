"""What somebody needs who opens the served book for the first time: addresses, a borrower, an operator."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from mingqu.demo.people import XIA
from mingqu.domain.personal import Personal, mask_card
from mingqu.services.house import House
from mingqu.services.keep_operator import add_operator, operators, set_password_at_once

GUIDE: Final = "guide"
_PASSWORD_BYTES: Final = 15


def make_operator(house: House) -> str:
    """Return a new password of the operator "guide", who is made if there is none: never the same one twice."""
    password = base64.b32encode(house.codes.secret().reveal()[:_PASSWORD_BYTES]).decode().lower()
    if GUIDE not in {one.name for one in operators(house)}:
        add_operator(house, name=GUIDE, role="admin")
    set_password_at_once(house, name=GUIDE, password=Personal(password))
    return password


def lines(*, address: str, sandbox: Mapping[str, str], password: str) -> list[str]:
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
        f"operator         name {GUIDE}, password {password}",
    ]
