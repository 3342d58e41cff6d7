"""`apply_api`: a whole application over HTTP, beside an endpoint of the same server that inserts one row.

An application reads the person and their consents, asks the bureau in this process (a counterparty in memory), decides,
and commits application, decision, sealed record, limits in the ledger, webhooks' work and a leaf of evidence; then its
answer is made again from the record, with what would change it. The bare endpoint takes the same JSON and inserts it.
"""

from __future__ import annotations

import statistics
import time
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import msgspec
from litestar import Router, post
from litestar.params import JSONBody

from mingqu.api import make_router
from mingqu.api.application import NewApplication
from mingqu.demo.journey import introduce
from mingqu.demo.people import XIA, applicant
from mingqu.demo.world import World
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.session import Door
from mingqu.main import Wiring
from mingqu.services.access.keep_session import open_session
from mingqu.services.house import House
from mingqu.services.privacy.give_consent import give_consent
from mingqu.web.server import address_of, listen, serving
from mingqu.web.site import make_site

PEOPLE: Final = 60  # each applies once; half of them are refused, as not everybody is approved
WARM: Final = 10
BARE: Final = "/bench/insert"
BORN: Final = date(2026, 8, 15)


def row() -> dict[str, Any]:
    """Return the row `apply_api`: applications a second by one client, and the ratio to the bare endpoint's."""
    with Wiring().demo_world(data=None, seed=1) as world:
        people = [session_of_applicant(world, number=number) for number in range(PEOPLE)]
        routers = [make_router(world.house), _bare(world.house)]
        with (
            listen(port=0) as door,
            serving(make_site(world.house, routers=routers), door=door),
            httpx.Client(base_url=address_of(door)) as client,
        ):
            applied, bare = [], []
            for token in people:
                applied.append(_timed(client, "/v1/applications", token))
                bare.append(_timed(client, BARE, token))
    took, floor = (statistics.median(times[WARM:]) for times in (applied, bare))
    return {
        "name": "apply_api",
        "value": round(1e9 / took, 1),
        "unit": "applications/s, one client",
        "yardstick": "inserts/s, a bare endpoint of the same server that inserts one row",
        "yardstick_value": round(1e9 / floor, 1),
        "ratio": round(floor / took, 4),
    }


def session_of_applicant(world: World, *, number: int) -> str:
    """Let a person be known and consent; return the token of a session."""
    features = dict(XIA.features) | {"lenders_count": 2 if number % 2 else 6}
    newcomer = applicant(number=number, age_years=30, on=BORN, features=features, monthly_income_fen=900_000)
    person_id = introduce(world, newcomer, balance_fen=0).person_id
    for purpose, recipient in (
        (ConsentPurpose.BUREAU_QUERY, world.house.settings.operator_name),
        (ConsentPurpose.AUTOMATED_DECISION, None),
    ):
        give_consent(
            world.house, person_id=person_id, purpose=purpose, recipient=recipient, key=f"give {purpose.value}"
        )
    return open_session(world.house, person_id=person_id, door=Door.API).reveal()


def _bare(house: House) -> Router:
    with house.database.transaction() as tx:
        tx.execute("CREATE TABLE bench_insert (id uuid PRIMARY KEY, asked bigint NOT NULL, earned bigint NOT NULL)")
        tx.commit()

    @post(BARE, sync_to_thread=True, include_in_schema=False)
    def insert(data: JSONBody[NewApplication]) -> dict[str, str]:
        made: UUID = uuid4()
        with house.database.transaction() as tx:
            tx.execute(
                "INSERT INTO bench_insert (id, asked, earned) VALUES (%s, %s, %s)",
                (made, data.requested_amount_fen, data.monthly_income_fen),
            )
            tx.commit()
        return {"id": made.hex}

    return Router("/", route_handlers=[insert])


def _timed(client: httpx.Client, path: str, token: str) -> int:
    body = msgspec.json.encode({"requested_amount_fen": 1_000_000, "monthly_income_fen": 900_000})
    headers = {"authorization": f"Bearer {token}", "idempotency-key": uuid4().hex, "content-type": "application/json"}
    began = time.perf_counter_ns()
    answer = client.post(path, content=body, headers=headers)
    took = time.perf_counter_ns() - began
    assert answer.status_code == 201, f"{path}: {answer.status_code} {answer.text}"
    return took
