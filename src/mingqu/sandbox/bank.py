"""A bank: pays out to cards, deducts by agreement, offers pages to pay on, tells what became of each order.

docs/reference/bank-gateway.md, "Bank". An order's end is decided when the bank takes it and can be seen
`processing_seconds` later.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from mingqu.sandbox import bank_agreement as agreements
from mingqu.sandbox.bank_number import digest, reference
from mingqu.sandbox.bank_statement import OUTGOING, account_statement, keep_return, read_day, returned_at
from mingqu.sandbox.batch import is_items, is_kind, require_item
from mingqu.sandbox.book import Row
from mingqu.sandbox.clearing import BASE as CLEARING
from mingqu.sandbox.gateway import amount, currency, number32, read_body, text
from mingqu.sandbox.notices import Notices
from mingqu.sandbox.party import NOT_FOUND, NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.sms import Inbox
from mingqu.sandbox.time import BEIJING, read, utc
from mingqu.sandbox.wire import Call, Reply, json_reply

BASE: Final = "/gateway/v1"
REFUSED_BY_BANK: Final = "refused_by_bank"


class Bank(Party):
    """Call names: payout.send, collection.deduct, hosted.create, bank.ask, bank.statement, agreement.*."""

    processing_seconds: int = 0
    inbox: Inbox
    notices: Notices | None = None
    address: str = ""

    clearing: Party | None = None  # its other face

    def handle(self, call: Call) -> Reply:
        """Return the answer to a request of either protocol."""
        if self.clearing is not None and call.path.startswith(CLEARING):
            return self.clearing.handle(call)
        return super().handle(call)

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (
            route("POST", f"{BASE}/payouts", "payout.send", self._pay_out, self._refuse_payout),
            route("POST", f"{BASE}/deductions", "collection.deduct", self._deduct, self._refuse_deduction),
            route("POST", f"{BASE}/pages", "hosted.create", self._make_page),
            route("POST", f"{BASE}/entrusted-payments", "payout.entrust", self._entrust, self._refuse_entrusted),
            route("POST", f"{BASE}/batches", "batch.send", self._take_batch, self._refuse_batch),
            route("GET", f"{BASE}/batches/{{number}}", "batch.ask", self._ask_batch),
            route("GET", f"{BASE}/account-statement", "bank.account_statement", self._account_statement),
            route("GET", f"{BASE}/orders/{{number}}", "bank.ask", self._ask),
            route("GET", f"{BASE}/statement", "bank.statement", self._statement),
            route("POST", f"{BASE}/agreements", "agreement.request", lambda call: agreements.request(self, call)),
            route("POST", f"{BASE}/agreements/cancel", "agreement.cancel", lambda call: agreements.cancel(self, call)),
            route("POST", f"{BASE}/agreements/{{number}}/confirm", "agreement.confirm", self._confirm),
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

    def return_payout(self, *, order_number: str) -> bool:
        """Send a payout back that was paid, as a bank does whose account was closed meanwhile; whether there was one.

        It is told as failed with "returned", and stands on the account's statement of the day.
        """
        with self.book.writing():
            row = self._row(order_number)
            if row is None or row["kind"] not in OUTGOING or self._state(row)["state"] != "paid":
                return False
            keep_return(self.book, order_number=order_number, at=self.time.now())
            self.book.write(
                "UPDATE card SET balance_fen = balance_fen - ? WHERE number = ?",
                (row["amount_fen"], row["card_number"]),
            )
            self._tell_end(order_number, again="returned")
        return True

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

    def _confirm(self, call: Call, *, number: str) -> Reply:
        return agreements.confirm(self, call, number=number)

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
        return self.pay_out(asked, refused=refused)

    def pay_out(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a payout, however it was asked for."""
        refused = refused or self._no_holder(asked["card_number"], asked["holder_name"])
        return self._take("payout", asked, asked["card_number"], refused)

    def _no_holder(self, number: str, name: str) -> str | None:
        """Return why an account is not this holder's, or None when it is."""
        card = self.book.row("SELECT holder_name, closed FROM card WHERE number = ?", (number,))
        if card is None or card["closed"]:
            return "card_unknown"
        return None if card["holder_name"] == name else "holder_mismatch"

    def _refuse_payout(self, call: Call) -> Reply:
        return self._pay_out(call, refused=REFUSED_BY_BANK)

    def _deduct(self, call: Call, *, refused: str | None = None) -> Reply:
        asked = read_body(
            call, {"order_number": number32, "amount_fen": amount, "currency": currency, "protocol_no": text}
        )
        return self.deduct(asked, refused=refused)

    def deduct(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a deduction, however it was asked for."""
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

    def _entrust(self, call: Call, *, refused: str | None = None) -> Reply:
        fields = {
            "order_number": number32, "amount_fen": amount, "currency": currency, "payee_account": text,
            "payee_name": text, "payee_bank": text, "contract_number": number32, "purpose": text,
        }  # fmt: skip
        return self.entrust(read_body(call, fields), refused=refused)

    def _refuse_entrusted(self, call: Call) -> Reply:
        return self._entrust(call, refused=REFUSED_BY_BANK)

    def entrust(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a payment to the payee of a contract, however it was asked for."""
        refused = refused or self._no_holder(asked["payee_account"], asked["payee_name"])
        return self._take("entrusted", asked, asked["payee_account"], refused)

    def _take_batch(self, call: Call, *, refused: str | None = None) -> Reply:
        asked = read_body(call, {"batch_number": number32, "kind": is_kind, "items": is_items})
        for item in asked["items"]:
            require_item(item, kind=asked["kind"])
        return self.take_batch(asked, refused=refused)

    def _refuse_batch(self, call: Call) -> Reply:
        return self._take_batch(call, refused=REFUSED_BY_BANK)

    def take_batch(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a batch item by item, or recognize it: each item has its own end, and its number is its own."""
        number, body = asked["batch_number"], digest("batch", asked)
        known = self.book.row("SELECT * FROM bank_batch WHERE batch_number = ?", (number,))
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        do = self.pay_out if asked["kind"] == "payout" else self.deduct
        said = []
        for item in asked["items"]:
            reply = do(item, refused=refused)
            taken = {"order_number": item["order_number"], "state": "number_taken"}
            said.append(taken if reply.status == NUMBER_TAKEN.status else json.loads(reply.body))
        if known is None:
            numbers = json.dumps([item["order_number"] for item in asked["items"]])
            self.book.write(
                "INSERT INTO bank_batch (batch_number, body, numbers) VALUES (?, ?, ?)", (number, body, numbers)
            )
        return json_reply({"batch_number": number, "items": said})

    def _ask_batch(self, _: Call, *, number: str) -> Reply:
        return self.ask_batch(number)

    def ask_batch(self, number: str) -> Reply:
        """Tell what became of the items of a batch."""
        known = self.book.row("SELECT numbers FROM bank_batch WHERE batch_number = ?", (number,))
        if known is None:
            return NOT_FOUND
        rows = [self._row(each) for each in json.loads(known["numbers"])]
        items = [self._state(row) for row in rows if row is not None]
        return json_reply({"batch_number": number, "items": items})

    def _row(self, number: str) -> Row | None:
        return self.book.row("SELECT * FROM bank_order WHERE order_number = ?", (number,))

    def _take(self, kind: str, asked: dict[str, Any], card_number: str, refused: str | None) -> Reply:
        """Take an order of a new number, or answer for one that is known."""
        number, body = asked["order_number"], digest(kind, asked)
        known = self.book.row("SELECT * FROM bank_order WHERE order_number = ?", (number,))
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        if known is None:
            ends_at = self.time.now() + timedelta(seconds=self.processing_seconds)
            self.book.write(
                """INSERT INTO bank_order (order_number, kind, body, card_number, amount_fen, currency, reference, code,
                   ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (number, kind, body, card_number, asked["amount_fen"], asked["currency"], reference(number), refused,
                 utc(ends_at)),
            )  # fmt: skip
            if refused is None:
                change = asked["amount_fen"] if kind in OUTGOING else -asked["amount_fen"]
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
        number, body = asked["order_number"], digest("page", asked)
        known = self.book.row("SELECT body FROM bank_order WHERE order_number = ?", (number,))
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        if known is None:
            self.book.write(
                """INSERT INTO bank_order (order_number, kind, body, card_number, amount_fen, currency, reference,
                   expires_at) VALUES (?, 'page', ?, '', ?, ?, ?, ?)""",
                (number, body, asked["amount_fen"], asked["currency"], reference(number), asked["expires_at"]),
            )
            self._tell_end(number, at=read(asked["expires_at"]))  # unless somebody pays before
        return json_reply({"state": "created", "address": f"{self.address}/pay/{number}"})

    def _ask(self, _: Call, *, number: str) -> Reply:
        return self.ask(number)

    def ask(self, number: str) -> Reply:
        """Tell what became of an order."""
        row = self._row(number)
        return NOT_FOUND if row is None else json_reply(self._state(row))

    def _statement(self, call: Call) -> Reply:
        on = read_day(call)
        return json_reply({"date": on.isoformat(), "lines": self.lines(on)})

    def _account_statement(self, call: Call) -> Reply:
        return json_reply(account_statement(self.book, on=read_day(call), now=self.time.now()))

    def lines(self, on: date) -> list[dict[str, Any]]:
        """Return the movements of a day by orders."""
        begins = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
        rows = self.book.rows(
            """SELECT order_number, kind, amount_fen, currency, ends_at, reference FROM bank_order
               WHERE code IS NULL AND ends_at >= ? AND ends_at < ? AND ends_at <= ? ORDER BY ends_at, order_number""",
            (utc(begins), utc(begins + timedelta(days=1)), utc(self.time.now())),
        )
        return [
            {
                "order_number": row["order_number"],
                "direction": "out" if row["kind"] in OUTGOING else "in",
                "amount_fen": row["amount_fen"],
                "currency": row["currency"],
                "succeeded_at": row["ends_at"],
                "reference": row["reference"],
            }
            for row in rows
        ]

    def _state(self, row: Row, *, now: datetime | None = None) -> dict[str, Any]:
        """Return what the bank says of an order it knows, now or at another moment."""
        said: dict[str, Any] = {"order_number": row["order_number"], "reference": row["reference"]}
        now = now or self.time.now()
        if row["ends_at"] is None:
            expired = now >= read(row["expires_at"])
            return {**said, "state": "failed", "code": "expired"} if expired else {**said, "state": "in_progress"}
        if now < read(row["ends_at"]):
            return {**said, "state": "in_progress"}
        if returned_at(self.book, row["order_number"]) is not None:
            return {**said, "state": "failed", "code": "returned"}
        if row["code"] is not None:
            return {**said, "state": "failed", "code": row["code"]}
        return {
            **said,
            "state": "paid",
            "succeeded_at": row["ends_at"],
            "amount_fen": row["amount_fen"],
            "currency": row["currency"],
        }

    def _tell_end(self, order_number: str, *, at: datetime | None = None, again: str = "") -> None:
        """Have the end of an order told to the account's holder, when it can be seen."""
        if self.notices is None:
            return
        row = self.book.row("SELECT * FROM bank_order WHERE order_number = ?", (order_number,))
        assert row is not None
        ends_at = at or self.time.now()
        notice_id = reference("notice" + again + order_number)
        said = {"notice_id": notice_id, **self._state(row, now=ends_at)}
        self.notices.add(party="bank", notice_id=notice_id, body=json.dumps(said), at=ends_at, anew=True)


def _moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and read(value).astimezone(UTC) is not None
    except ValueError:
        return False
