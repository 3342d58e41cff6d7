"""The fake bank's own book: cards, agreements and orders, as the fold of a journal of entries.

Given a path, each entry is one JSON line appended to a file *before* the bank answers, so the bank remembers
what it did when the process around it is killed; several processes can share the file. The line is written by
one system call and not synced: it survives the death of the process, which is what is played here, not of the
machine. The book shares no code with the house's ledger. It keeps digests of personal data, never the data.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(slots=True, kw_only=True)
class BookOrder:
    """One order as the bank knows it. `ends_at` is None while a hosted page waits for the person."""

    number: str
    way: str  # "out" or "in"
    body: str
    card: str
    amount_fen: int
    currency: str
    reference: str
    ends_at: datetime | None
    code: str | None
    expires_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class BookAgreement:
    """One agreement as the bank knows it."""

    number: str
    body: str
    card: str
    token: str
    asked_at: datetime
    tries: int = 0
    state: str = "asked"  # asked, agreed, dead, canceled


def digest(*texts: str) -> str:
    """Return a short digest of texts, under which the bank keeps what it must recognize again."""
    return hashlib.blake2b("\x1f".join(texts).encode(), digest_size=16, person=b"fake bank").hexdigest()


class BankBook:
    """The state of the bank. Write with `write` inside `opened()`; read inside it as well."""

    def __init__(self, *, path: Path | None) -> None:
        self.cards: dict[str, int] = {}
        self.holders: dict[str, dict[str, str]] = {}
        self.agreements: dict[str, BookAgreement] = {}
        self.tokens: dict[str, BookAgreement] = {}
        self.orders: dict[str, BookOrder] = {}
        self._file = None if path is None else os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._read_to = 0
        self._lock = threading.Lock()  # the file's lock keeps out other processes, not other threads of this one

    @contextmanager
    def opened(self) -> Iterator[BankBook]:
        """Hold the book alone, with everything read that other processes wrote."""
        with self._lock:
            if self._file is None:
                yield self
                return
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                self._catch_up(self._file)
                yield self
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def write(self, **entry: Any) -> None:
        """Append one entry to the journal, then let it take effect."""
        if self._file is not None:
            line = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
            written = os.write(self._file, line)
            assert written == len(line)
            self._read_to += written
        self._take(entry)

    def close(self) -> None:
        """Close the journal file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _catch_up(self, file: int) -> None:
        size = os.fstat(file).st_size
        if size == self._read_to:
            return
        tail = os.pread(file, size - self._read_to, self._read_to)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            # The writer was killed inside its write; the bank never answered, so it never happened.
            os.ftruncate(file, self._read_to + whole)
        for line in tail[:whole].splitlines():
            self._take(json.loads(line))
        self._read_to += whole

    def _take(self, entry: dict[str, Any]) -> None:
        match entry["what"]:
            case "card":
                self.cards[entry["card"]] = entry["balance_fen"]
                self.holders[entry["card"]] = entry["holder"]
            case "money":
                self.cards[entry["card"]] += entry["amount_fen"]
            case "agreement":
                agreement = BookAgreement(
                    number=entry["number"],
                    body=entry["body"],
                    card=entry["card"],
                    token=entry["token"],
                    asked_at=datetime.fromisoformat(entry["asked_at"]),
                )
                self.agreements[agreement.number] = self.tokens[agreement.token] = agreement
            case "agreement_state":
                agreement = self.agreements[entry["number"]]
                agreement.state, agreement.tries = entry["state"], entry["tries"]
            case "order":
                self._take_order(entry)
            case "paid_by_hand":
                self.orders[entry["number"]].ends_at = datetime.fromisoformat(entry["ends_at"])
                self.cards[entry["card"]] -= self.orders[entry["number"]].amount_fen
            case "returned":
                order = self.orders[entry["number"]]
                order.code = "returned"
                self.cards[order.card] -= order.amount_fen
            case other:
                raise AssertionError(f"an entry of the bank's journal is of an unknown kind: {other}")

    def _take_order(self, entry: dict[str, Any]) -> None:
        order = BookOrder(
            number=entry["number"],
            way=entry["way"],
            body=entry["body"],
            card=entry["card"],
            amount_fen=entry["amount_fen"],
            currency=entry["currency"],
            reference=entry["reference"],
            ends_at=_moment(entry["ends_at"]),
            code=entry["code"],
            expires_at=_moment(entry["expires_at"]),
        )
        self.orders[order.number] = order
        if order.code is None and order.expires_at is None:
            self.cards[entry["card"]] += order.amount_fen if order.way == "out" else -order.amount_fen


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def no_holder(book: BankBook, card: str, name: str) -> str | None:
    """Return why an account is not this holder's, or None when it is."""
    if card not in book.cards:
        return "card_unknown"
    return None if book.holders[card]["name"] == name else "holder_mismatch"
