"""How long a page takes, beside a bare template page of the same server: both over HTTP, one after the other.

The bare page renders the door's own layout with nothing in it: what Litestar, Jinja and uvicorn cost by themselves.
"""

from __future__ import annotations

import statistics
import time
from typing import Any, Final

import httpx
from litestar import Request, Response, Router, get

from bench.people import Place, places
from mingqu.borrower import make_router
from mingqu.domain.session import Door
from mingqu.main import Wiring
from mingqu.services.keep_session import open_session
from mingqu.web.pages import Pages
from mingqu.web.server import address_of, listen, serving
from mingqu.web.signed_in import COOKIE
from mingqu.web.site import make_site

ROUNDS: Final = 150
WARM: Final = 20
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
            return [_row(client, place, token=tokens[place.person_id]) for place in opened]


def _row(client: httpx.Client, place: Place, *, token: str) -> dict[str, Any]:
    taken: dict[str, list[int]] = {place.name: [], BARE: []}
    headers = {"cookie": f"{COOKIE}={token}"}
    for number in range(WARM + ROUNDS):
        for name, path in ((place.name, place.at(number)), (BARE, BARE)):
            began = time.perf_counter_ns()
            answer = client.get(path, headers=headers)
            seconds = time.perf_counter_ns() - began
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
            if number >= WARM:
                taken[name].append(seconds)
    page, bare = (round(statistics.median(taken[name]) / 1_000) for name in (place.name, BARE))
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
