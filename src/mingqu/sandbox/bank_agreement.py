"""Agreements of the sandbox's bank: a code by SMS, five tries, and a number under which money can be deducted."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final, Protocol

from mingqu.sandbox.bank_number import digest, reference
from mingqu.sandbox.book import Book
from mingqu.sandbox.gateway import number32, read_body, refusal, text
from mingqu.sandbox.party import NUMBER_TAKEN
from mingqu.sandbox.sms import Inbox
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wire import Call, Reply, json_reply

CODE_TRIES_MAX: Final = 5
CODE_LIFE: Final = timedelta(seconds=300)


class Keeping(Protocol):
    """What of a bank agreements need."""

    book: Book
    time: Time
    inbox: Inbox


def request(bank: Keeping, call: Call) -> Reply:
    """Begin an agreement: a code goes to the card's phone."""
    fields = {
        "agreement_number": number32,
        "card_number": text,
        "holder_name": text,
        "id_number": text,
        "phone": text,
    }
    asked = read_body(call, fields)
    number, body = asked["agreement_number"], digest("agreement", asked)
    known = bank.book.row("SELECT body FROM agreement WHERE agreement_number = ?", (number,))
    if known is not None and known["body"] != body:
        return NUMBER_TAKEN
    card = bank.book.row("SELECT * FROM card WHERE number = ?", (asked["card_number"],))
    if card is None or card["closed"]:
        return refusal("card_unknown")
    if any(card[name] != asked[name] for name in ("holder_name", "id_number", "phone")):
        return refusal("elements_mismatch")
    if known is None:
        code = f"{secrets.randbelow(1_000_000):06d}"
        bank.book.write(
            """INSERT INTO agreement (agreement_number, body, card_number, protocol_no, code, asked_at, state)
               VALUES (?, ?, ?, ?, ?, ?, 'asked')""",
            (number, body, asked["card_number"], secrets.token_hex(16), code, utc(bank.time.now())),
        )
        bank.inbox.deliver(
            number=reference("message" + number), kind="code", phone=asked["phone"],
            template="bank_agreement_code", values={"code": code}, at=bank.time.now(),
        )  # fmt: skip
    return json_reply({"state": "code_sent"})


def confirm(bank: Keeping, call: Call, *, number: str) -> Reply:
    """End the beginning of an agreement with its code."""
    code = read_body(call, {"code": text})["code"]
    known = bank.book.row("SELECT * FROM agreement WHERE agreement_number = ?", (number,))
    if known is None:
        return refusal("agreement_unknown")
    right = secrets.compare_digest(code.encode(), known["code"].encode())
    if known["state"] == "agreed" and right:
        return json_reply({"state": "agreed", "protocol_no": known["protocol_no"]})
    if known["state"] != "asked":
        return refusal("agreement_dead")
    if bank.time.now() - read(known["asked_at"]) > CODE_LIFE:
        return refusal("code_expired")
    tries = known["tries"] if right else known["tries"] + 1
    state = "agreed" if right else ("dead" if tries == CODE_TRIES_MAX else "asked")
    bank.book.write("UPDATE agreement SET state = ?, tries = ? WHERE agreement_number = ?", (state, tries, number))
    if right:
        return json_reply({"state": "agreed", "protocol_no": known["protocol_no"]})
    return json_reply({"state": "code_wrong", "tries_left": CODE_TRIES_MAX - tries})


def cancel(bank: Keeping, call: Call) -> Reply:
    """End an agreement."""
    protocol_no = read_body(call, {"protocol_no": text})["protocol_no"]
    known = bank.book.row("SELECT state FROM agreement WHERE protocol_no = ?", (protocol_no,))
    if known is None or known["state"] not in ("agreed", "canceled"):
        return refusal("agreement_unknown")
    bank.book.write("UPDATE agreement SET state = 'canceled' WHERE protocol_no = ?", (protocol_no,))
    return json_reply({"state": "accepted"})
