"""`notify_committed` of `mingqu bench notify`: notices a second that are taken, booked and durable.

Each is read with its signature, heard by its order, and books a repayment of a loan: order, word, event, transfers,
snapshot, evidence, deliveries. Requests go through the application itself, without a socket, as many at once as a
server has threads; those of one cell share a transaction (`take_turns`). The yardstick is an endpoint beside it that
takes the same bytes, inserts one row and commits. Same process, server and minute; larger is better.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from litestar import Litestar, Response, Router
from litestar import post as litestar_post
from litestar.params import RawBody
from litestar.status_codes import HTTP_204_NO_CONTENT

from bench import book as bench_book
from bench.repay import Due, _deductions
from mingqu.api import make_notices_router
from mingqu.domain.word import Paid
from mingqu.main import Wiring
from mingqu.ports.notice import Notice
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.house import BANK, House, NoticeSource
from mingqu.simulation.signed_notices import Post, SignedNotices, post
from mingqu.store.server.database import Transaction
from mingqu.web.site import make_site

LOANS: Final = 6_000  # a third of them owe a bill after the days
DAYS: Final = 10
CALLERS: Final = 64
ROUNDS: Final = 3  # taken in turn; the best of each counts, for a busy machine only ever slows


def run(loans: int = LOANS) -> list[dict[str, Any]]:
    """Return the row."""
    with Wiring().demo_world(data=None, seed=1) as world:
        opens_on = world.house.clock.business_date()
        bench_book.fill(world.house, loans=loans)
        world.go_to_date(opens_on + timedelta(days=DAYS))
        close_through(world.house, to=opens_on + timedelta(days=DAYS - 1))
        bring_up_today(world.house)
        world.go_to(world.house.clock.now() + timedelta(hours=12))
        waiting = _deductions(world.house)
        source = NoticeSource(reader=SignedNotices(clock=world.house.clock), channels=frozenset({BANK}))
        house = replace(world.house, notices={BANK: source})
        with house.database.transaction() as tx:
            tx.script("CREATE TABLE bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)")
            tx.commit()
        site = make_site(house, routers=[make_notices_router(house), _bare(house)])
        taken, inserted = 0.0, 0.0
        for part in range(ROUNDS):
            some = [_posted(house, due) for due in waiting[part::ROUNDS]]
            taken = max(taken, asyncio.run(_rate(site, f"/notices/{BANK}", some)))
            inserted = max(inserted, asyncio.run(_rate(site, "/bare", some)))
    return [
        {
            "name": "notify_committed",
            "value": round(taken, 1),
            "unit": f"notices/s, {CALLERS} at once, booked and durable",
            "yardstick": "an endpoint that inserts one row and commits",
            "yardstick_value": round(inserted, 1),
            "ratio": round(taken / inserted, 4),
        }
    ]


def _posted(house: House, due: Due) -> Post:
    now, of = house.clock.now(), due.order
    word = Paid(at=now, amount_fen=of.amount_fen, currency=of.currency, reference=of.number)
    return post(Notice(notice_id=of.number, order_number=of.number, word=word), at=now)


def _bare(house: House) -> Router:
    """Return POST /bare: the least that a durable endpoint does."""

    @litestar_post("/bare", include_in_schema=False, sync_to_thread=True)
    def insert(body: RawBody) -> Response[None]:
        def work(tx: Transaction) -> None:
            tx.execute("INSERT INTO bench_row (body) VALUES (%s)", (body.decode(),))

        house.database.run(work)
        return Response(None, status_code=HTTP_204_NO_CONTENT)

    return Router("/", route_handlers=[insert])


async def _rate(site: Litestar, path: str, posts: Sequence[Post]) -> float:
    """Return how many requests a second are answered, CALLERS of them under way at any time."""
    gate = asyncio.Semaphore(CALLERS)

    async def one(sent: Post) -> None:
        async with gate:
            assert await _status(site, path, sent) == HTTP_204_NO_CONTENT

    start = time.monotonic()
    await asyncio.gather(*(one(sent) for sent in posts))
    return len(posts) / (time.monotonic() - start)


async def _status(site: Litestar, path: str, sent: Post) -> int:
    """Return the status that the application answers a request with."""
    statuses: list[int] = []
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.headers.items()]
        + [(b"content-length", str(len(sent.body)).encode()), (b"host", b"127.0.0.1")],
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": sent.body, "more_body": False}]

    async def receive() -> Any:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await site(scope, receive, send)  # type: ignore[arg-type]  # the framework's own names for these shapes
    return statuses[0]
