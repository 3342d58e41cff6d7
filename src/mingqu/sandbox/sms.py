"""A provider of short messages: everything ends in an inbox that anybody here can open.

docs/reference/bank-gateway.md, "Messages". The call's name for the fault knobs is "sms.send".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.gateway import number32, read_body, refusal, text
from mingqu.sandbox.party import NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.time import utc
from mingqu.sandbox.wire import Call, Reply, json_reply

VALUES_MAX: Final = 20
_TEMPLATES: Final = "sms.templates"


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

    def block(self, *, phone: str, blocked: bool = True) -> None:
        """Let a phone be unreachable, or reachable again."""
        with self.book.writing():
            self.book.keep(f"sms.blocked.{phone}", blocked)

    def know_templates(self, templates: Sequence[str] | None) -> None:
        """Know these templates and no other; None is every template."""
        with self.book.writing():
            self.book.keep(_TEMPLATES, None if templates is None else list(templates))

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        return (route("POST", "/sms/v1/messages", "sms.send", self._send, self._refuse),)

    def _send(self, call: Call, *, code: str | None = None) -> Reply:
        """Deliver a message, or recognize its number; a refusal is remembered like a delivery."""
        asked = read_body(
            call,
            {"message_number": number32, "kind": _kind, "phone": text, "template": text, "values": _values},
        )
        number = asked["message_number"]
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self.book.kept(f"sms.{number}", None)
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        if known is None:
            known = {"body": body, "code": code or self._refusal(asked)}
            self.book.keep(f"sms.{number}", known)
            if known["code"] is None:
                self.inbox.deliver(
                    number=number, kind=asked["kind"], phone=asked["phone"],
                    template=asked["template"], values=asked["values"], at=self.time.now(),
                )  # fmt: skip
        return json_reply({"state": "taken"}) if known["code"] is None else refusal(known["code"])

    def _refuse(self, call: Call) -> Reply:
        return self._send(call, code="number_unreachable")

    def _refusal(self, asked: dict[str, Any]) -> str | None:
        if self.book.kept(f"sms.blocked.{asked['phone']}", False):
            return "number_unreachable"
        templates = self.book.kept(_TEMPLATES, None)
        return None if templates is None or asked["template"] in templates else "template_unknown"


def _kind(value: Any) -> bool:
    return value in ("code", "notice")


def _values(value: Any) -> bool:
    return isinstance(value, dict) and len(value) <= VALUES_MAX and all(isinstance(one, str) for one in value.values())
