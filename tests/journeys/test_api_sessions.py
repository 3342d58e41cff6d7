"""A session is whoever's has its token, for so long; codes and tries are counted by phone and by address."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Final

import pytest

from mingqu.client import Client, Problem
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.session import API_IDLE_MAX, API_LIFE_MAX
from mingqu.services.access import keep_session
from tests.journeys.api import Site, open_site, sign_in
from tests.world import OpenWorld

PHONE = XIA.phone.reveal()


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as opened:
        yield opened


def fails(client: Client, code: str = "not_signed_in") -> None:
    """Expect that whoever holds a client's token is told to sign in."""
    with pytest.raises(Problem) as refused:
        client.me()
    assert (refused.value.code, refused.value.status) == (code, 401)


SCHEMES: Final = ("", "Basic x", "Bearer", "Bearer ", "Token abc", "Bearer é", "Bearer " + "A" * 9000)


def test_every_path_that_is_not_open_asks_for_a_bearer(site: Site) -> None:
    description = site.http.get("/v1/openapi.json").json()
    tried = 0
    for path, methods in description["paths"].items():
        for scheme, (method, operation) in product(SCHEMES, methods.items()):
            if not operation.get("security"):
                continue
            address = path
            for name in ("{" + one["name"] + "}" for one in operation.get("parameters", ()) if one["in"] == "path"):
                address = address.replace(name, "01992f6c-7a00-7000-8000-000000000100")
            headers = {"idempotency-key": "k"} | ({"authorization": scheme} if scheme else {})
            answer = site.http.request(
                method, address, headers={name: value.encode() for name, value in headers.items()}, json={}
            )
            if operation["operationId"] == "sign_out" and scheme.startswith("Bearer"):
                continue  # ends what is there; of a token that is none, nothing
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), (method, path)
            tried += 1
    assert tried >= 30 * len(SCHEMES)


def test_a_token_with_another_id_or_another_secret_is_nobodys(site: Site) -> None:
    xia, zhou = sign_in(site, XIA), sign_in(site, ZHOU)
    assert xia.token is not None
    assert zhou.token is not None
    mine, theirs = base64.urlsafe_b64decode(xia.token), base64.urlsafe_b64decode(zhou.token)
    for stolen in (theirs[:16] + mine[16:], mine[:16] + theirs[16:], mine[:-1] + bytes([mine[-1] ^ 1])):
        fails(site.client(token=base64.urlsafe_b64encode(stolen).decode()))
    assert xia.me().person_id != zhou.me().person_id


def test_a_session_that_was_planted_ends_when_its_victim_signs_in(site: Site) -> None:
    planted = sign_in(site, ZHOU).token
    victim = site.client(token=planted)
    victim.send_code(phone=PHONE, purpose="sign_in")
    victim.sign_in(phone=PHONE, code=site.world.read_code(XIA.phone).reveal())
    assert victim.token != planted
    fails(site.client(token=planted))


def test_a_session_that_ended_is_over_for_whoever_copied_its_token(site: Site) -> None:
    client = sign_in(site, XIA)
    copied = client.token
    client.sign_out()
    fails(site.client(token=copied))


@pytest.mark.parametrize("stays_busy", [False, True])
def test_a_session_ends_idle_or_old(site: Site, stays_busy: bool) -> None:
    client = sign_in(site, XIA)
    if stays_busy:
        step = timedelta(hours=8)
        for _ in range(API_LIFE_MAX // step - 1):
            site.world.clock.advance(step)
            client.me()
        site.world.clock.advance(step * 2)
    else:
        site.world.clock.advance(API_IDLE_MAX)
    fails(client)


def test_secrets_are_compared_in_constant_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    compare_digest = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return compare_digest(one, other)

    client = sign_in(site, XIA)
    monkeypatch.setattr(keep_session.hmac, "compare_digest", compare)
    client.me()
    assert compared == [32]


def test_the_token_is_in_no_table(site: Site) -> None:
    client = sign_in(site, XIA)
    assert client.token is not None
    secret = base64.urlsafe_b64decode(client.token)[16:]
    with site.world.house.database.transaction() as tx:
        for table in ("session", "idempotency"):
            rows = tx.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert rows
            assert all(client.token not in text and secret.hex() not in text for (text,) in rows)


def test_one_phone_is_sent_few_codes_and_told_how_long_to_wait(site: Site) -> None:
    client = site.client()
    client.send_code(phone=PHONE, purpose="sign_in")
    with pytest.raises(Problem) as refused:
        client.send_code(phone=PHONE, purpose="sign_in")
    assert refused.value.code == "code_too_soon"
    assert refused.value.status == 429


def test_guessing_codes_of_one_phone_is_stopped_by_the_code_and_by_the_pace(site: Site) -> None:
    client = site.client()
    client.send_code(phone=PHONE, purpose="sign_in")
    codes = []
    for guess in range(12):
        with pytest.raises(Problem) as refused:
            client.sign_in(phone=PHONE, code=f"{guess:06d}")
        codes.append(refused.value.code)
    assert codes.count("code_wrong") <= 5
    assert codes[-1] == "too_many_requests"
    answer = site.http.post(
        "/v1/sessions", json={"phone": PHONE, "code": "000000"}, headers={"idempotency-key": "another-guess"}
    )
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 600


def test_one_address_asks_for_codes_of_so_many_phones_and_no_more(site: Site) -> None:
    client = site.client()
    for number in range(60):
        client.send_code(phone=f"138{number:08d}", purpose="sign_in")
    with pytest.raises(Problem, match="too_many_requests"):
        client.send_code(phone="13900000000", purpose="sign_in")
    site.world.clock.advance(timedelta(minutes=11))
    client.send_code(phone="13900000000", purpose="sign_in")
