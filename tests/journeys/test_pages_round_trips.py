"""What a page and an application ask of the book, and in how many round trips: counted, not timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from litestar.testing import TestClient

from bench.apply import session_of_applicant
from bench.people import places
from mingqu import api
from mingqu.borrower import make_router
from mingqu.domain.session import PAGE_IDLE_MAX, Door
from mingqu.services.access.keep_session import open_session
from mingqu.store.server import database as store
from mingqu.store.server import transaction
from mingqu.web.signed_in import COOKIE
from mingqu.web.site import make_site
from tests.world import OpenWorld

WHOSE: Final = UUID(int=0)
SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# In how many round trips each page asks the book, the session included: a number may fall; if one must rise, say here
# what for.
# Each asks once for the count of publications and switches, so that it shows what is in force; pages about a limit ask
# for the cap that a person set, what waits of a raise, until when the assessment holds, and what was late (loans,
# revolving accounts; of whoever was, balances as well). Help when late shows the band, and opens the decision for it.
STATEMENTS: Final = {
    # Session, cards, facilities, balances, loans, payouts, cards with a purpose; what stops drawing: a freeze, the
    # assessment, loans, revolving accounts.
    "/": 17,
    "/ (late)": 18,
    "/me": 6,  # session, person, names, cards, consents
    "/consents": 3,
    "/decision": 13,  # session, decision, its sealed part, what was asked about it, facilities, balances, orders
    "/decision (refused)": 5,
    "/draw": 12,  # session, facilities, balances, freezes, loans, revolving accounts
    "/draw (another amount)": 12,
    "/offers": 9,  # session, two offers, freezes, a death, loans, revolving accounts
    "/cost-tables/{id}": 3,
    "/offers/{id}/contract": 14,  # session, offer, freezes, a death, loans, table, consents, cards, wish, order
    "/agreement": 4,  # session, consents, cards
    "/loans": 4,  # session, loans, payouts
    "/loans/{id}": 5,  # session, loan, cards, a part that was bought back
    "/loans/{id} (late)": 5,
    "/loans/{id}/payout": 5,  # session, loan, payout, cards
    "/loans/{id}/repay": 3,
    "/loans/{id}/help": 11,
    "/loans/{id}/certificate": 3,
    "/contracts/{id}": 4,  # session, contract, cost table
    "/payments/{id}": 4,  # session, order, loan
    "/certificates/{id}": 7,  # session, certificate, loan, name, its leaf, the newest checkpoint
}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """What was said to the database: its own words for transactions, and everything else as one."""
    heard: Counter[bytes] = Counter()
    say: Callable[[Any, bytes], bytes | None] = store.say
    execute: Callable[..., Any] = psycopg.Cursor.execute

    def counted_word(connection: Any, word: bytes) -> bytes | None:
        heard[word] += 1
        return say(connection, word)

    def counted_statement(self: Any, *args: Any, **options: Any) -> Any:
        heard[b"statement"] += 1
        return execute(self, *args, **options)

    together: Callable[..., Any] = transaction.call_all

    def counted_round_trip(*args: Any) -> Any:
        heard[b"statement"] += 1  # several statements that go together are one
        return together(*args)

    monkeypatch.setattr(transaction, "call_all", counted_round_trip)
    monkeypatch.setattr(store, "call_all", counted_round_trip)
    monkeypatch.setattr(store, "say", counted_word)
    monkeypatch.setattr(transaction, "say", counted_word)
    monkeypatch.setattr(psycopg.Cursor, "execute", counted_statement)
    return heard


def browser(world: OpenWorld) -> TestClient[Any]:
    return TestClient(make_site(world.house, routers=[make_router(world.house, secure_cookies=False)]))


def test_a_page_is_one_moment_and_asks_no_more_than_it_shows(world: OpenWorld, said: Counter[bytes]) -> None:
    opened = places(world)
    assert {place.name for place in opened} == set(STATEMENTS)
    with browser(world) as client:
        for place in opened:
            token = open_session(world.house, person_id=place.person_id, door=Door.PAGE)
            said.clear()
            answer = client.get(place.at(1), headers={"cookie": f"{COOKIE}={token.reveal()}"}, follow_redirects=False)
            assert answer.status_code == 200, place.name
            statements = said.pop(b"statement")
            assert statements <= STATEMENTS[place.name], f"{place.name} asks {statements} times"
            assert said == {SNAPSHOT: 1, b"ROLLBACK": 1}, place.name


def test_a_session_lives_on_while_pages_are_opened(world: OpenWorld) -> None:
    person_id = places(world)[0].person_id
    token = open_session(world.house, person_id=person_id, door=Door.PAGE)
    with browser(world) as client:
        client.cookies[COOKIE] = token.reveal()
        for path in ("/loans", "/loans/none", "/payments/none", "/me"):  # a page that is not there counts as well
            world.go_to(world.house.clock.now() + PAGE_IDLE_MAX - timedelta(minutes=5))
            assert client.get(path, follow_redirects=False).status_code != 303, path


def test_an_application_over_the_api_is_eleven_round_trips_and_two_commits(
    world: OpenWorld, said: Counter[bytes]
) -> None:
    first, *tokens = [session_of_applicant(world, number=number) for number in (1, 2, 3)]
    body = {"requested_amount_fen": 1_000_000, "monthly_income_fen": 900_000}
    outcomes = []
    with TestClient(make_site(world.house, routers=[api.make_router(world.house)])) as client:
        # Connections are opened, and cells counted, by whoever comes first.
        client.post("/v1/applications", json=body, headers={"authorization": f"Bearer {first}", "idempotency-key": "1"})
        for token in tokens:
            said.clear()
            headers = {"authorization": f"Bearer {token}", "idempotency-key": world.house.id_for(WHOSE).hex}
            answer = client.post("/v1/applications", json=body, headers=headers)
            assert answer.status_code == 201
            outcomes.append(answer.json()["approved"])
            # The session; the person; who lives, the signal; the counts; what decides under the lock, what is written.
            assert said == {
                b"statement": 7,  # transactions begin along with their first ones
                b"COMMIT": 2,  # the intent before it is counted, and the decision with the answer to the key
            }
            said.clear()
            again = client.post("/v1/applications", json=body, headers=headers)
            assert (again.status_code, again.json()) == (201, answer.json())
            assert b"COMMIT" not in said
    assert outcomes == [False, True]  # both kinds were counted
