"""A credit bureau that knows the people it was told about.

docs/reference/bank-gateway.md, "Bureau". The call's name for the fault knobs is "bureau.features".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from mingqu.sandbox.gateway import number32, read_body, refusal, text
from mingqu.sandbox.party import NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.time import BEIJING
from mingqu.sandbox.wire import Call, Reply, json_reply

PURPOSES: Final = ("loan_approval", "post_loan")


class Bureau(Party):
    """Answers consented queries."""

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (route("POST", "/bureau/v1/queries", "bureau.features", self._query, self._refuse),)

    def know(self, *, id_number: str, features: Mapping[str, int]) -> None:
        """Learn the features of a person, in place of what was known before."""
        with self.book.writing():
            self.book.write(
                "INSERT OR REPLACE INTO bureau_person (id_number, features) VALUES (?, ?)",
                (id_number, json.dumps(dict(features))),
            )

    def change(self, *, id_number: str, changes: Mapping[str, int]) -> None:
        """Learn what has changed about a person: a loan settled elsewhere. Errors: KeyError, ValueError."""
        with self.book.writing():
            known = self.book.row("SELECT features FROM bureau_person WHERE id_number = ?", (id_number,))
            if known is None:
                raise KeyError("id_number")
            if not all(isinstance(value, int) for value in changes.values()):
                raise ValueError("what the bureau knows are whole numbers")
            features = json.loads(known["features"]) | changes
            self.book.write(
                "UPDATE bureau_person SET features = ? WHERE id_number = ?", (json.dumps(features), id_number)
            )

    def _query(self, call: Call) -> Reply:
        fields = {"query_number": number32, "consent_id": _words, "purpose": text, "name": text, "id_number": text}
        asked = read_body(call, fields)
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self.book.row("SELECT * FROM bureau_answer WHERE query_number = ?", (asked["query_number"],))
        if known is not None:
            return NUMBER_TAKEN if known["body"] != body else json_reply(json.loads(known["answer"]))
        if asked["purpose"] not in PURPOSES:
            return refusal("purpose_unknown")
        if not asked["consent_id"]:
            return refusal("consent_missing")
        answer = self._answer(asked)
        self.book.write(
            "INSERT INTO bureau_answer (query_number, body, answer) VALUES (?, ?, ?)",
            (asked["query_number"], body, json.dumps(answer)),
        )
        return json_reply(answer)

    def _refuse(self, _: Call) -> Reply:
        return refusal("purpose_unknown")

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        person = self.book.row("SELECT features FROM bureau_person WHERE id_number = ?", (asked["id_number"],))
        if person is None:
            return {"state": "not_covered"}
        return {
            "state": "report",
            "features": json.loads(person["features"]),
            "as_of": self.time.now().astimezone(BEIJING).date().isoformat(),
            "reference": f"R{asked['query_number'][:12]}",
        }


def _words(value: Any) -> bool:
    return value == "" or text(value)
