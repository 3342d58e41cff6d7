"""A bank: pays out to cards, deducts by agreement, offers pages to pay on, tells what became of each order.

docs/reference/bank-gateway.md, "Bank". An order's end is decided when the bank takes it and can be seen
`processing_seconds` later.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from mingqu.sandbox.book import Row
from mingqu.sandbox.gateway import Malformed, amount, currency, number32, read_body, refusal, text
from mingqu.sandbox.notices import Notices
from mingqu.sandbox.party import NOT_FOUND, NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.sms import Inbox
from mingqu.sandbox.time import BEIJING, read, utc
from mingqu.sandbox.wire import Call, Reply, json_reply

CODE_TRIES_MAX: Final = 5
CODE_LIFE: Final = timedelta(seconds=300)
BASE: Final = "/gateway/v1"
REFUSED_BY_BANK: Final = "refused_by_bank"


class Bank(Party):
    """Call names: payout.send, collection.deduct, hosted.create, bank.ask, bank.statement, agreement.*."""

    processing_seconds: int = 0
    inbox: Inbox
    notices: Notices | None = None
    address: str = ""

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (
            route("POST", f"{BASE}/payouts", "payout.send", self._pay_out, self._refuse_payout),
            route("POST", f"{BASE}/deductions", "collection.deduct", self._deduct, self._refuse_deduction),
            route("POST", f"{BASE}/pages", "hosted.create", self._make_page),
            route("GET", f"{BASE}/orders/{{number}}", "bank.ask", self._ask),
            route("GET", f"{BASE}/statement", "bank.statement", self._statement),
            route("POST", f"{BASE}/agreements", "agreement.request", self._request_agreement),
            route("POST", f"{BASE}/agreements/cancel", "agreement.cancel", self._cancel_agreement),
            route("POST", f"{BASE}/agreements/{{number}}/confirm", "agreement.confirm", self._confirm_agreement),
        )

    # What the world does with the bank.

    def open_card(self, *, number: str, holder_name: str, id_number: str, phone: str, balance_fen: int = 0) -> None:
        """Give a person a debit card with some money on it; a card that is open already stays as it is."""
        with self.book.writing():
            self.book.write(
                """INSERT OR IGNORE INTO card (number, holder_name, id_number, phone, balance_fen)
                   VALUES (?, ?, ?, ?, ?)""",
                (number, holder_name, id_number, phone, balance_fen),
            )

    def deposit(self, *, number: str, amount_fen: int) -> None:
        """Put money on a card (wages), or take some off it with a negative amount (rent)."""
        with self.book.writing():
            self.book.write("UPDATE card SET balance_fen = balance_fen + ? WHERE number = ?", (amount_fen, number))

    def balance_fen(self, *, number: str) -> int:
        """Return what is on a card; 0 for one that was never opened."""
        row = self.book.row("SELECT balance_fen FROM card WHERE number = ?", (number,))
        return 0 if row is None else int(row["balance_fen"])

    def cards(self) -> list[Row]:
        """Return every card that is open."""
        return self.book.rows("SELECT number, holder_name, balance_fen FROM card WHERE NOT closed ORDER BY rowid")

    def moved(self) -> dict[str, int]:
        """Return the amount in fen, by order number, of every order that moves money: the truth to compare with."""
        rows = self.book.rows(
            "SELECT order_number, amount_fen FROM bank_order WHERE code IS NULL AND ends_at IS NOT NULL"
        )
        return {row["order_number"]: row["amount_fen"] for row in rows}

    def page(self, order_number: str) -> Row | None:
        """Return the order of a page, with its state, or None."""
        row = self.book.row("SELECT * FROM bank_order WHERE order_number = ? AND kind = 'page'", (order_number,))
        return None if row is None else {**row, "state": self._state(row)["state"]}

    def pay_by_hand(self, *, order_number: str, card_number: str) -> str:
        """Let a person pay on a page; "paid", or the reason why not. Paying twice is paying once."""
        with self.book.writing():
            row = self.book.row("SELECT * FROM bank_order WHERE order_number = ? AND kind = 'page'", (order_number,))
            if row is None:
                return "not_found"
            if row["ends_at"] is not None:
                return "paid"
            if self.time.now() >= read(row["expires_at"]):
                return "expired"
            card = self.book.row("SELECT balance_fen FROM card WHERE number = ?", (card_number,))
            if card is None:
                return "card_unknown"
            if card["balance_fen"] < row["amount_fen"]:
                return "insufficient_funds"
            self.book.write(
                "UPDATE card SET balance_fen = balance_fen - ? WHERE number = ?", (row["amount_fen"], card_number)
            )
            self.book.write(
                "UPDATE bank_order SET ends_at = ?, card_number = ? WHERE order_number = ?",
                (utc(self.time.now()), card_number, order_number),
            )
            self._tell_end(order_number)
        return "paid"

    # Orders.

    def _pay_out(self, call: Call, *, refused: str | None = None) -> Reply:
        asked = read_body(
            call,
            {
                "order_number": number32,
                "amount_fen": amount,
                "currency": currency,
                "card_number": text,
                "holder_name": text,
            },
        )
        card = self.book.row("SELECT holder_name, closed FROM card WHERE number = ?", (asked["card_number"],))
        if card is None or card["closed"]:
            refused = refused or "card_unknown"
        elif card["holder_name"] != asked["holder_name"]:
            refused = refused or "holder_mismatch"
        return self._take("payout", asked, asked["card_number"], refused)

    def _refuse_payout(self, call: Call) -> Reply:
        return self._pay_out(call, refused=REFUSED_BY_BANK)

    def _deduct(self, call: Call, *, refused: str | None = None) -> Reply:
        asked = read_body(
            call, {"order_number": number32, "amount_fen": amount, "currency": currency, "protocol_no": text}
        )
        agreed = self.book.row(
            "SELECT card_number, state FROM agreement WHERE protocol_no = ?", (asked["protocol_no"],)
        )
        number = ""
        if agreed is None or agreed["state"] != "agreed":
            refused = refused or "agreement_unknown"
        else:
            number = agreed["card_number"]
            if refused is None and self.balance_fen(number=number) < asked["amount_fen"]:
                refused = "insufficient_funds"
        return self._take("deduction", asked, number, refused)

    def _refuse_deduction(self, call: Call) -> Reply:
        return self._deduct(call, refused=REFUSED_BY_BANK)

    def _take(self, kind: str, asked: dict[str, Any], card_number: str, refused: str | None) -> Reply:
        """Take an order of a new number, or answer for one that is known."""
        number, body = asked["order_number"], _digest(kind, asked)
        known = self.book.row("SELECT * FROM bank_order WHERE order_number = ?", (number,))
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        if known is None:
            ends_at = self.time.now() + timedelta(seconds=self.processing_seconds)
            self.book.write(
                """INSERT INTO bank_order (order_number, kind, body, card_number, amount_fen, currency, reference, code,
                   ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (number, kind, body, card_number, asked["amount_fen"], asked["currency"], _reference(number), refused,
                 utc(ends_at)),
            )  # fmt: skip
            if refused is None:
                change = asked["amount_fen"] if kind == "payout" else -asked["amount_fen"]
                self.book.write("UPDATE card SET balance_fen = balance_fen + ? WHERE number = ?", (change, card_number))
            if refused is None or self.processing_seconds:
                self._tell_end(number, at=ends_at)  # a refusal at once was the answer itself
            known = self.book.row("SELECT * FROM bank_order WHERE order_number = ?", (number,))
        assert known is not None
        state = self._state(known)
        if state["state"] == "in_progress":
            state["state"] = "accepted"
        if state["state"] == "failed":
            state["state"] = "refused"
        return json_reply(state)

    def _make_page(self, call: Call) -> Reply:
        asked = read_body(
            call, {"order_number": number32, "amount_fen": amount, "currency": currency, "expires_at": _moment}
        )
        number, body = asked["order_number"], _digest("page", asked)
        known = self.book.row("SELECT body FROM bank_order WHERE order_number = ?", (number,))
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        if known is None:
            self.book.write(
                """INSERT INTO bank_order (order_number, kind, body, card_number, amount_fen, currency, reference,
                   expires_at) VALUES (?, 'page', ?, '', ?, ?, ?, ?)""",
                (number, body, asked["amount_fen"], asked["currency"], _reference(number), asked["expires_at"]),
            )
            self._tell_end(number, at=read(asked["expires_at"]))  # unless somebody pays before
        return json_reply({"state": "created", "address": f"{self.address}/pay/{number}"})

    def _ask(self, _: Call, *, number: str) -> Reply:
        row = self.book.row("SELECT * FROM bank_order WHERE order_number = ?", (number,))
        return NOT_FOUND if row is None else json_reply(self._state(row))

    def _statement(self, call: Call) -> Reply:
        try:
            on = date.fromisoformat(call.parameters.get("date", ""))
        except ValueError:
            raise Malformed("date is not a date") from None
        begins = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
        rows = self.book.rows(
            """SELECT order_number, kind, amount_fen, currency, ends_at, reference FROM bank_order
               WHERE code IS NULL AND ends_at >= ? AND ends_at < ? AND ends_at <= ? ORDER BY ends_at, order_number""",
            (utc(begins), utc(begins + timedelta(days=1)), utc(self.time.now())),
        )
        lines = [
            {
                "order_number": row["order_number"],
                "direction": "out" if row["kind"] == "payout" else "in",
                "amount_fen": row["amount_fen"],
                "currency": row["currency"],
                "succeeded_at": row["ends_at"],
                "reference": row["reference"],
            }
            for row in rows
        ]
        return json_reply({"date": on.isoformat(), "lines": lines})

    def _state(self, row: Row, *, now: datetime | None = None) -> dict[str, Any]:
        """Return what the bank says of an order it knows, now or at another moment."""
        said: dict[str, Any] = {"order_number": row["order_number"], "reference": row["reference"]}
        now = now or self.time.now()
        if row["ends_at"] is None:
            expired = now >= read(row["expires_at"])
            return {**said, "state": "failed", "code": "expired"} if expired else {**said, "state": "in_progress"}
        if now < read(row["ends_at"]):
            return {**said, "state": "in_progress"}
        if row["code"] is not None:
            return {**said, "state": "failed", "code": row["code"]}
        return {
            **said,
            "state": "paid",
            "succeeded_at": row["ends_at"],
            "amount_fen": row["amount_fen"],
            "currency": row["currency"],
        }

    def _tell_end(self, order_number: str, *, at: datetime | None = None) -> None:
        """Have the end of an order told to the account's holder, when it can be seen."""
        if self.notices is None:
            return
        row = self.book.row("SELECT * FROM bank_order WHERE order_number = ?", (order_number,))
        assert row is not None
        ends_at = at or self.time.now()
        notice_id = _reference("notice" + order_number)
        said = {"notice_id": notice_id, **self._state(row, now=ends_at)}
        self.notices.add(party="bank", notice_id=notice_id, body=json.dumps(said), at=ends_at, anew=True)

    # Agreements.

    def _request_agreement(self, call: Call) -> Reply:
        fields = {
            "agreement_number": number32,
            "card_number": text,
            "holder_name": text,
            "id_number": text,
            "phone": text,
        }
        asked = read_body(call, fields)
        number, body = asked["agreement_number"], _digest("agreement", asked)
        known = self.book.row("SELECT body FROM agreement WHERE agreement_number = ?", (number,))
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        card = self.book.row("SELECT * FROM card WHERE number = ?", (asked["card_number"],))
        if card is None or card["closed"]:
            return refusal("card_unknown")
        if any(card[name] != asked[name] for name in ("holder_name", "id_number", "phone")):
            return refusal("elements_mismatch")
        if known is None:
            code = f"{secrets.randbelow(1_000_000):06d}"
            self.book.write(
                """INSERT INTO agreement (agreement_number, body, card_number, protocol_no, code, asked_at, state)
                   VALUES (?, ?, ?, ?, ?, ?, 'asked')""",
                (number, body, asked["card_number"], secrets.token_hex(16), code, utc(self.time.now())),
            )
            self.inbox.deliver(
                number=_reference("message" + number), kind="code", phone=asked["phone"],
                template="bank_agreement_code", values={"code": code}, at=self.time.now(),
            )  # fmt: skip
        return json_reply({"state": "code_sent"})

    def _confirm_agreement(self, call: Call, *, number: str) -> Reply:
        code = read_body(call, {"code": text})["code"]
        known = self.book.row("SELECT * FROM agreement WHERE agreement_number = ?", (number,))
        if known is None:
            return refusal("agreement_unknown")
        right = secrets.compare_digest(code.encode(), known["code"].encode())
        if known["state"] == "agreed" and right:
            return json_reply({"state": "agreed", "protocol_no": known["protocol_no"]})
        if known["state"] != "asked":
            return refusal("agreement_dead")
        if self.time.now() - read(known["asked_at"]) > CODE_LIFE:
            return refusal("code_expired")
        tries = known["tries"] if right else known["tries"] + 1
        state = "agreed" if right else ("dead" if tries == CODE_TRIES_MAX else "asked")
        self.book.write("UPDATE agreement SET state = ?, tries = ? WHERE agreement_number = ?", (state, tries, number))
        if right:
            return json_reply({"state": "agreed", "protocol_no": known["protocol_no"]})
        return json_reply({"state": "code_wrong", "tries_left": CODE_TRIES_MAX - tries})

    def _cancel_agreement(self, call: Call) -> Reply:
        protocol_no = read_body(call, {"protocol_no": text})["protocol_no"]
        known = self.book.row("SELECT state FROM agreement WHERE protocol_no = ?", (protocol_no,))
        if known is None or known["state"] not in ("agreed", "canceled"):
            return refusal("agreement_unknown")
        self.book.write("UPDATE agreement SET state = 'canceled' WHERE protocol_no = ?", (protocol_no,))
        return json_reply({"state": "accepted"})


def _digest(kind: str, asked: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([kind, asked], sort_keys=True).encode()).hexdigest()


def _reference(number: str) -> str:
    return "B" + hashlib.sha256(number.encode()).hexdigest()[:23].upper()


def _moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and read(value).astimezone(UTC) is not None
    except ValueError:
        return False
