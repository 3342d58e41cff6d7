"""A counterparty of the gateway protocol: routes, and what happens around each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mingqu.sandbox.book import Book
from mingqu.sandbox.faults import Faults
from mingqu.sandbox.gateway import Malformed, Unsigned
from mingqu.sandbox.time import Time
from mingqu.sandbox.wire import Call, Reply, json_reply

Do = Callable[..., Reply]


class Keeper(Protocol):
    """Verifies what comes in and signs what goes out, in the manner of one protocol."""

    def require_signed(self, call: Call) -> str:
        """Return what binds the answer to a request that is signed as it must be. Errors: Unsigned."""
        ...

    def sign(self, reply: Reply, *, nonce: str) -> Reply:
        """Return an answer, signed."""
        ...

    def missign(self, reply: Reply, *, nonce: str) -> Reply:
        """Return an answer, signed by a stranger."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path of a counterparty. `name` is the call's for the fault knobs; `refuse` is its answer to that fault."""

    method: str
    pattern: re.Pattern[str]
    name: str
    do: Do
    refuse: Do | None = None


class Party:
    """A counterparty. Subclasses give `routes`; `handle` is its face."""

    def __init__(self, *, book: Book, time: Time, door: Keeper, faults: Faults) -> None:
        self.book, self.time, self.door, self.faults = book, time, door, faults

    def routes(self) -> tuple[Route, ...]:
        """Return what can be asked of it."""
        raise AssertionError("a counterparty has routes")

    def handle(self, call: Call) -> Reply:
        """Return the answer to a request: verified, met by a fault or not, done, signed."""
        try:
            nonce = self.door.require_signed(call)
        except Unsigned as unsigned:
            return self.door.sign(json_reply({"code": unsigned.code}, status=401), nonce=unsigned.nonce)
        for each in self.routes():
            found = each.pattern.fullmatch(call.path)
            if found and each.method == call.method:
                return self._met(each, call, found, nonce)
        return self.door.sign(json_reply({"code": "not_found"}, status=404), nonce=nonce)

    def _met(self, met: Route, call: Call, found: re.Match[str], nonce: str) -> Reply:
        refuse = met.refuse
        return self.faults.carry(
            met.name,
            do=lambda: self._done(met.do, call, found),
            refuse=None if refuse is None else lambda: self._done(refuse, call, found),
            sign=lambda reply: self.door.sign(reply, nonce=nonce),
            missign=lambda reply: self.door.missign(reply, nonce=nonce),
        )

    def _done(self, do: Do, call: Call, found: re.Match[str]) -> Reply:
        try:
            with self.book.writing():
                return do(call, **found.groupdict())
        except Malformed as malformed:
            return json_reply({"code": "malformed", "detail": str(malformed)}, status=400)


def route(method: str, path: str, name: str, do: Do, refuse: Do | None = None) -> Route:
    """Return a route; `{name}` in the path is a part without slashes."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
    return Route(method=method, pattern=pattern, name=name, do=do, refuse=refuse)


NUMBER_TAKEN = json_reply({"code": "number_taken"}, status=409)
NOT_FOUND = json_reply({"code": "not_found"}, status=404)
