"""How long a page takes, beside a bare template page of the same server: both over HTTP, one after the other.

The bare page renders the door's own layout with nothing in it: what Litestar, Jinja and uvicorn cost by themselves.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from litestar import Request, Response, Router, get

from bench.people import Place, places
from mingqu.borrower import make_router
from mingqu.domain.session import Door
from mingqu.main import Wiring
from mingqu.services.access.keep_session import open_session
from mingqu.web.pages import Pages
from mingqu.web.server import address_of, listen, serving
from mingqu.web.signed_in import COOKIE
from mingqu.web.site import make_site

# So often each page is opened, and so often before it is the turn of the next: when other programs take the machine
# for some seconds, they take them from all pages alike. The first rounds warm up and do not count.
ROUNDS: Final = 180
ROUNDS_AT_ONCE: Final = 20
WARM: Final = ROUNDS_AT_ONCE
BARE: Final = "/bench/bare"


def run() -> list[dict[str, Any]]:
    """Return one row a page: its median in microseconds, the bare page's, and their ratio."""
    with Wiring().demo_world(data=None, seed=1) as world:
        opened = places(world)
        pages = Pages(package="mingqu.borrower")

        @get(BARE, sync_to_thread=True, include_in_schema=False)
        def bare(request: Request[Any, Any, Any]) -> Response[str]:
            return pages.show(request, "malformed.html", status=200, csrf="", address="/")

        routers = [make_router(world.house, secure_cookies=False), Router("/", route_handlers=[bare])]
        people = {one.person_id for one in opened}
        tokens = {one: open_session(world.house, person_id=one, door=Door.PAGE).reveal() for one in people}
        with (
            listen(port=0) as door,
            serving(make_site(world.house, routers=routers), door=door),
            httpx.Client(base_url=address_of(door)) as client,
        ):
            taken = [(place, _Taken()) for place in opened]
            for first in range(0, ROUNDS, ROUNDS_AT_ONCE):
                for place, times in taken:
                    rounds = range(first, first + ROUNDS_AT_ONCE)
                    _open(client, place, times, token=tokens[place.person_id], rounds=rounds)
            return [_row(place, times) for place, times in taken]


@dataclass(frozen=True, slots=True)
class _Taken:
    """How long the answers took, in nanoseconds: a page's, and in turn with them the bare page's."""

    page: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)


def _open(client: httpx.Client, place: Place, taken: _Taken, *, token: str, rounds: range) -> None:
    for number in rounds:
        for times, path in ((taken.page, place.at(number)), (taken.bare, BARE)):
            began = time.perf_counter_ns()
            answer = client.get(path, headers={"cookie": f"{COOKIE}={token}"})
            times.append(time.perf_counter_ns() - began)
            assert answer.status_code == 200, f"{path}: {answer.status_code}"


def _row(place: Place, taken: _Taken) -> dict[str, Any]:
    page, bare = (round(statistics.median(times[WARM:]) / 1_000) for times in (taken.page, taken.bare))
    return {
        "name": f"page {place.name}",
        "value": page,
        "unit": "µs, median of an answer",
        "yardstick": "µs, bare template page of the same server",
        "yardstick_value": bare,
        "ratio": round(page / bare, 2),
    }


if __name__ == "__main__":
    for row in run():
        print(row)
