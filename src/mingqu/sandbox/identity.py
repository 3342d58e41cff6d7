"""Somebody who knows who a card is of, from the cards of the sandbox's bank, and who a business is of.

docs/reference/bank-gateway.md, "Identity". For the fault knobs its calls are "identity.check" and "identity.business".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from mingqu.sandbox.gateway import number32, read_body, text
from mingqu.sandbox.party import NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.wire import Call, Reply, json_reply


class Identity(Party):
    """Checks the four elements (四要素), and the legal person of a business."""

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (
            route("POST", "/identity/v1/four-elements", "identity.check", self._check, self._refuse),
            route("POST", "/identity/v1/business", "identity.business", self._check_business, self._deny_business),
        )

    def billed(self) -> int:
        """Return how many checks were done: as many as there were request numbers."""
        return len(self.book.rows("SELECT 1 FROM identity_answer"))

    def know(self, *, card_number: str, closed: bool = False, supported: bool = True) -> None:
        """Let a card be closed, or of a bank that does not take part. Errors: KeyError for a card that is not open."""
        with self.book.writing():
            changed = self.book.write(
                "UPDATE card SET closed = ?, supported = ? WHERE number = ?", (int(closed), int(supported), card_number)
            )
            if not changed:
                raise KeyError(card_number)

    def know_business(self, *, uscc: str, business_name: str, name: str, id_number: str) -> None:
        """Let a business be registered, with its legal person."""
        with self.book.writing():
            self.book.write(
                "INSERT OR REPLACE INTO business (uscc, business_name, name, id_number) VALUES (?, ?, ?, ?)",
                (uscc, business_name, name, id_number),
            )

    def _check(self, call: Call, *, answer: str | None = None) -> Reply:
        fields = {"request_number": number32, "name": text, "id_number": text, "card_number": text, "phone": text}
        return self._say(read_body(call, fields), answer, self._compare)

    def _check_business(self, call: Call, *, answer: str | None = None) -> Reply:
        fields = {"request_number": number32, "uscc": text, "business_name": text, "name": text, "id_number": text}
        return self._say(read_body(call, fields), answer, self._look_up)

    def _deny_business(self, call: Call) -> Reply:
        return self._check_business(call, answer="unknown")

    def _say(self, asked: dict[str, Any], answer: str | None, work_out: Callable[[dict[str, Any]], str]) -> Reply:
        """Answer a request number, and the same each time it is asked."""
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self.book.row("SELECT * FROM identity_answer WHERE request_number = ?", (asked["request_number"],))
        if known is not None:
            return NUMBER_TAKEN if known["body"] != body else json_reply({"answer": known["answer"]})
        answer = answer or work_out(asked)
        self.book.write(
            "INSERT INTO identity_answer (request_number, body, answer) VALUES (?, ?, ?)",
            (asked["request_number"], body, answer),
        )
        return json_reply({"answer": answer})

    def _look_up(self, asked: dict[str, Any]) -> str:
        known = self.book.row("SELECT * FROM business WHERE uscc = ?", (asked["uscc"],))
        if known is None or known["business_name"] != asked["business_name"]:
            return "unknown"
        own = (known["name"], known["id_number"]) == (asked["name"], asked["id_number"])
        return "match" if own else "not_legal_person"

    def _refuse(self, call: Call) -> Reply:
        return self._check(call, answer="not_supported")

    def _compare(self, asked: dict[str, Any]) -> str:
        card = self.book.row("SELECT * FROM card WHERE number = ?", (asked["card_number"],))
        if card is None:
            return "mismatch"
        if not card["supported"]:
            return "not_supported"
        if card["closed"]:
            return "card_closed"
        pairs = (("holder_name", "name"), ("id_number", "id_number"), ("phone", "phone"))
        return "match" if all(card[ours] == asked[theirs] for ours, theirs in pairs) else "mismatch"
