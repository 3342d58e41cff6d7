"""A provider of behavior data that knows the phones it was told about, and answers what is asked for and no more.

docs/reference/bank-gateway.md, "Data". The call's name for the fault knobs is "data.features".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from mingqu.sandbox.gateway import number32, read_body, refusal, text
from mingqu.sandbox.party import NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.time import BEIJING
from mingqu.sandbox.wire import Call, Reply, json_reply

FEATURES_MAX: Final = 50
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class DataProvider(Party):
    """Answers consented queries."""

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (route("POST", "/data/v1/queries", "data.features", self._query, self._refuse),)

    def know(self, *, phone: str, features: Mapping[str, int]) -> None:
        """Learn the features of a phone, in place of what was known before."""
        with self.book.writing():
            self.book.write(
                "INSERT OR REPLACE INTO data_phone (phone, features) VALUES (?, ?)", (phone, json.dumps(dict(features)))
            )

    def _query(self, call: Call) -> Reply:
        fields = {"query_number": number32, "consent_id": _words, "phone": text, "features": _names}
        asked = read_body(call, fields)
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self.book.row("SELECT * FROM data_answer WHERE query_number = ?", (asked["query_number"],))
        if known is not None:
            return NUMBER_TAKEN if known["body"] != body else json_reply(json.loads(known["answer"]))
        if not asked["consent_id"]:
            return refusal("consent_missing")
        if not asked["features"]:
            return refusal("features_missing")
        answer = self._answer(asked)
        self.book.write(
            "INSERT INTO data_answer (query_number, body, answer) VALUES (?, ?, ?)",
            (asked["query_number"], body, json.dumps(answer)),
        )
        return json_reply(answer)

    def _refuse(self, _: Call) -> Reply:
        return refusal("refused_by_provider")

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        phone = self.book.row("SELECT features FROM data_phone WHERE phone = ?", (asked["phone"],))
        if phone is None:
            return {"state": "not_covered"}
        known = json.loads(phone["features"])
        return {
            "state": "report",
            "features": {name: known[name] for name in asked["features"] if name in known},
            "as_of": self.time.now().astimezone(BEIJING).date().isoformat(),
            "reference": f"D{asked['query_number'][:12]}",
        }


def _words(value: Any) -> bool:
    return value == "" or text(value)


def _names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= FEATURES_MAX
        and all(isinstance(one, str) and _NAME.fullmatch(one) for one in value)
    )
