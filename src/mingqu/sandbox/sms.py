"""A provider of short messages: everything ends in an inbox that anybody here can open.

docs/reference/bank-gateway.md, "Messages". The call's name for the fault knobs is "sms.send".
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.gateway import number32, read_body, refusal, text
from mingqu.sandbox.party import Party, Route, route
from mingqu.sandbox.time import utc
from mingqu.sandbox.wire import Call, Reply, json_reply

VALUES_MAX: Final = 20


class Inbox:
    """What phones have received, from whomever."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def deliver(
        self, *, number: str, kind: str, phone: str, template: str, values: dict[str, str], at: datetime
    ) -> None:
        """Deliver a message once for its number."""
        self._book.write(
            """INSERT OR IGNORE INTO message (message_number, kind, phone, template, content, at)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (number, kind, phone, template, json.dumps(values, ensure_ascii=False), utc(at)),
        )

    def messages(self, *, phone: str | None = None, limit: int = 50) -> list[Row]:
        """Return messages, the newest first: of one phone or of all."""
        where, values = ("WHERE phone = ?", (phone,)) if phone else ("", ())
        rows = self._book.rows(
            f"SELECT * FROM message {where} ORDER BY at DESC, rowid DESC LIMIT {int(limit)}",  # noqa: S608
            values,
        )
        return [{**row, "content": json.loads(row["content"])} for row in rows]

    def latest_code(self, *, phone: str) -> str | None:
        """Return the code in the newest message to a phone that carries one."""
        row = self._book.row(
            "SELECT content FROM message WHERE phone = ? AND kind = 'code' ORDER BY at DESC, rowid DESC LIMIT 1",
            (phone,),
        )
        return None if row is None else str(json.loads(row["content"])["code"])


class Sms(Party):
    """Sends messages by the protocol."""

    inbox: Inbox

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (route("POST", "/sms/v1/messages", "sms.send", self._send, self._refuse),)

    def _send(self, call: Call) -> Reply:
        asked = read_body(
            call,
            {"message_number": number32, "kind": _kind, "phone": text, "template": text, "values": _values},
        )
        self.inbox.deliver(
            number=asked["message_number"], kind=asked["kind"], phone=asked["phone"],
            template=asked["template"], values=asked["values"], at=self.time.now(),
        )  # fmt: skip
        return json_reply({"state": "taken"})

    def _refuse(self, _: Call) -> Reply:
        return refusal("number_unreachable")


def _kind(value: Any) -> bool:
    return value in ("code", "notice")


def _values(value: Any) -> bool:
    return isinstance(value, dict) and len(value) <= VALUES_MAX and all(isinstance(one, str) for one in value.values())
