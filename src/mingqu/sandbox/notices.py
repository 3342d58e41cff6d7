"""Notices: what a counterparty tells by itself, again and again until it is taken or the tries are used up.

A notice's content is fixed when it is made; its signature and moment are new with every try. 200 and 204 take it, or
what a party's own way of telling says takes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx

from mingqu.sandbox.book import Book
from mingqu.sandbox.time import Time, utc

# WeChat Pay's own schedule; the bank keeps to the same (docs/reference/bank-gateway.md, "Bank").
RETRY_SECONDS: Final = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
ANSWER_SECONDS_MAX: Final = 5.0
ROUND_MAX: Final = 100
_KEPT: Final = "notices.urls"

Dress = Callable[[str, str, bytes], Mapping[str, str]]  # (path, query, body) → headers, signed now
Probe = Callable[[str, str, bytes], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a party tells, where it does not do as WeChat Pay does."""

    retry_seconds: Sequence[int] = RETRY_SECONDS
    write: Callable[[str], bytes] = str.encode  # the bytes of one try, signed now if the signature stands in them
    is_taken: Callable[[httpx.Response], bool] = lambda answer: answer.status_code in (200, 204)


_COMMON_WAY: Final = Way()


class Notices:
    """The notices of all counterparties of a sandbox; `dress` of a party makes the headers of one try."""

    def __init__(self, *, book: Book, time: Time) -> None:
        self._book, self._time = book, time
        self._dress: dict[str, Dress] = {}
        self._probe: dict[str, Probe] = {}
        self._ways: dict[str, Way] = {}
        self._lock = threading.Lock()
        self._urls = dict(book.kept(_KEPT, {}))
        self.probes_taken = 0  # each is a fault of the receiver: it took what it should have refused
        self.held = False  # a knob: nothing goes out while it is set
        self.twice = False  # a knob: everything goes out twice

    def register(
        self, party: str, *, dress: Dress, url: str | None, probe: Probe | None = None, way: Way = _COMMON_WAY
    ) -> None:
        """Let a party tell things, by default to an address (None: to nobody, unless the notice names one)."""
        self._dress[party], self._ways[party] = dress, way
        if probe is not None:
            self._probe[party] = probe
        if url is not None:
            self._urls[party] = url

    def send_to(self, party: str, url: str) -> None:
        """Set where a party's notices go from now on, also after a restart."""
        self._urls[party] = url
        with self._book.writing():
            self._book.keep(_KEPT, self._urls)

    def add(
        self, *, party: str, notice_id: str, body: str, at: datetime, url: str | None = None, anew: bool = False
    ) -> None:
        """Have something told from a moment on; the same id again changes nothing, or with `anew` everything."""
        to = url or self._urls.get(party)
        if to is None:
            return
        if anew:
            self._book.write("DELETE FROM notice WHERE notice_id = ?", (notice_id,))
        self._book.write(
            "INSERT OR IGNORE INTO notice (notice_id, party, url, body, next_at) VALUES (?, ?, ?, ?, ?)",
            (notice_id, party, to, body, utc(at)),
        )

    def again(self) -> int:
        """Have every notice that was taken told once more: a repeat that a receiver must bear."""
        with self._book.writing():
            return self._book.write("UPDATE notice SET taken_at = NULL, next_at = ?", (utc(self._time.now()),))

    def open(self) -> int:
        """Return how many notices wait to be taken, not counting those whose time has not come yet."""
        row = self._book.row(
            """SELECT count(*) AS n FROM notice
               WHERE taken_at IS NULL AND next_at IS NOT NULL AND (tries > 0 OR next_at <= ?)""",
            (utc(self._time.now()),),
        )
        assert row is not None
        return int(row["n"])

    def deliver(self, client: httpx.Client) -> int:
        """Try every notice that is due, and return how many were taken. Two callers take turns."""
        with self._lock:
            return 0 if self.held else self._deliver(client)

    def _deliver(self, client: httpx.Client) -> int:
        due = self._book.rows(
            "SELECT * FROM notice WHERE taken_at IS NULL AND next_at <= ? ORDER BY next_at, notice_id LIMIT ?",
            (utc(self._time.now()), ROUND_MAX),
        )
        taken = 0
        for notice in due:
            said = [self._say(client, notice["party"], notice["url"], notice["body"])]
            if self.twice:
                said.append(self._say(client, notice["party"], notice["url"], notice["body"]))
            with self._book.writing():
                if all(said):
                    taken += 1
                    self._book.write(
                        "UPDATE notice SET taken_at = ?, tries = tries + 1 WHERE notice_id = ?",
                        (utc(self._time.now()), notice["notice_id"]),
                    )
                else:
                    self._later(notice["notice_id"], notice["tries"], self._ways[notice["party"]].retry_seconds)
        return taken

    def _later(self, notice_id: str, tries: int, waits: Sequence[int]) -> None:
        wait = waits[tries] if tries < len(waits) else None
        at = None if wait is None else utc(self._time.now() + timedelta(seconds=wait))
        self._book.write("UPDATE notice SET tries = ?, next_at = ? WHERE notice_id = ?", (tries + 1, at, notice_id))

    def _say(self, client: httpx.Client, party: str, url: str, content: str) -> bool:
        parts, way = urlsplit(url), self._ways[party]
        body = way.write(content)
        probe = self._probe[party](parts.path, parts.query, body) if party in self._probe else None
        if probe is not None and _taken(client, url, body, probe, way):
            self.probes_taken += 1
        return _taken(client, url, body, self._dress[party](parts.path, parts.query, body), way)


def _taken(client: httpx.Client, url: str, body: bytes, headers: Mapping[str, str], way: Way) -> bool:
    try:
        answer = client.post(url, content=body, headers=dict(headers), timeout=ANSWER_SECONDS_MAX)
    except httpx.HTTPError:
        return False
    return way.is_taken(answer)
