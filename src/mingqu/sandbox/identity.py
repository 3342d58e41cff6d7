"""Somebody who knows which name, ID number, card and phone belong together: the cards of the sandbox's bank.

docs/reference/bank-gateway.md, "Identity". The call's name for the fault knobs is "identity.check".
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mingqu.sandbox.gateway import number32, read_body, text
from mingqu.sandbox.party import NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.wire import Call, Reply, json_reply


class Identity(Party):
    """Checks the four elements (四要素)."""

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (route("POST", "/identity/v1/four-elements", "identity.check", self._check, self._refuse),)

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

    def _check(self, call: Call, *, answer: str | None = None) -> Reply:
        fields = {"request_number": number32, "name": text, "id_number": text, "card_number": text, "phone": text}
        asked = read_body(call, fields)
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self.book.row("SELECT * FROM identity_answer WHERE request_number = ?", (asked["request_number"],))
        if known is not None:
            return NUMBER_TAKEN if known["body"] != body else json_reply({"answer": known["answer"]})
        answer = answer or self._compare(asked)
        self.book.write(
            "INSERT INTO identity_answer (request_number, body, answer) VALUES (?, ?, ?)",
            (asked["request_number"], body, answer),
        )
        return json_reply({"answer": answer})

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
