"""A write that is sent again is done once and answers the same; another request under its key is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import httpx
import pytest

from mingqu.client import Client, Problem
from mingqu.client.connection import TRIES_MAX
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.services.people.sign_in_once import AGAIN_WITHIN
from tests.journeys.api import (
    Site,
    agree_to_deductions,
    be_assessed,
    introduce,
    open_site,
    pay,
    say_yes,
    sign_in,
    take_loan,
)
from tests.journeys.reading import rows_of
from tests.world import OpenWorld

# Where not every word will do.
OTHERWISE: Final = {
    "purpose": {"auto_repayment": "bureau_query", "sign_in": "sign_contract", "verify_identity": "sign_contract"},
    "wish": {"explain": "review", "talk": "defer"},
    "intent": {"payoff": "due"},
}


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as opened:
        yield opened


class Remembering(httpx.BaseTransport):
    """Passes requests on and keeps every write that was answered well, with its answer."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.writes: list[tuple[httpx.Request, httpx.Response]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        answer = self._inner.handle_request(request)
        answer.read()
        if request.method != "GET" and answer.is_success:
            self.writes.append((request, answer))
        return answer


class Losing(httpx.BaseTransport):
    """Loses the answer to every write once, after it was carried out."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner, self._lost = inner, set[str]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        key = request.headers.get("idempotency-key")
        if key is not None and key not in self._lost:
            self._lost.add(key)
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return answer


def live(site: Site) -> None:
    """Do one of every write."""
    xia = introduce(site)
    client = xia.client
    be_assessed(site, xia)
    client.ask_for_review(decision_id=client.decision().decision_id, wish="explain")
    agreement_id = agree_to_deductions(site, xia)
    taken = take_loan(site, xia, amount_fen=200_000)
    work_until_idle(site.world)
    client.ask_about_loan(loan_id=taken.signed.loan_id, wish="talk")
    pay(site, xia, loan_id=taken.signed.loan_id, intent="payoff")
    client.certify(loan_id=taken.signed.loan_id)
    client.end_agreement(agreement_id=agreement_id)
    client.withdraw_consent(consent_id=say_yes(client, purpose="automated_decision"))


def test_every_write_that_is_sent_again_is_answered_the_same_and_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = Remembering(site.http._transport)
    monkeypatch.setattr(site.http, "_transport", remembered)
    live(site)
    writes = list(remembered.writes)
    assert len({request.url.path.rsplit("/", 2)[0] for request, _ in writes}) >= 8
    before = rows_of(site.world.house)
    for request, first in writes:
        if request.url.path == "/v1/sessions":
            continue  # minutes have gone by since; see below
        again = remembered.handle_request(request)
        assert (again.status_code, again.content) == (first.status_code, first.content), request.url.path
        assert rows_of(site.world.house) == before, request.url.path


def test_another_body_under_the_same_key_is_refused_on_every_write(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = Remembering(site.http._transport)
    monkeypatch.setattr(site.http, "_transport", remembered)
    live(site)
    changed = 0
    for request, _ in list(remembered.writes):
        body = json.loads(request.content or b"null")
        if body is None or request.url.path in ("/v1/sessions", "/v1/offers/preview"):
            continue
        name, value = next((name, value) for name, value in body.items() if name != "phone")
        sent = {**body, name: OTHERWISE.get(name, {}).get(value, value + 1 if isinstance(value, int) else f"{value}0")}
        if name == "purpose" and sent[name] not in OTHERWISE["purpose"].values():
            sent[name] = "auto_repayment"
        if name.endswith("_id"):
            sent[name] = "01992f6c-7a00-7000-8000-000000000100"
        headers = {
            name: request.headers[name] for name in ("authorization", "idempotency-key") if name in request.headers
        }
        answer = site.http.request(request.method, str(request.url), json=sent, headers=headers)
        assert answer.json()["code"] == "idempotency_key_reused", (request.url.path, sent, answer.text)
        changed += 1
    assert changed >= 15


def test_a_client_whose_every_answer_is_lost_once_still_gets_one_of_everything(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.http, "_transport", Losing(site.http._transport))
    xia = introduce(site)
    be_assessed(site, xia)
    taken = take_loan(site, xia, amount_fen=200_000)
    assert [loan.loan_id for loan in xia.client.loans()] == [taken.signed.loan_id]
    assert len(xia.client.consents()) == 4
    with site.world.house.database.transaction() as tx:
        counts = {name: tx.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("session", "decision")}
    assert counts == {"session": (1,), "decision": (1,)}


def test_a_sign_in_that_is_sent_again_at_once_is_the_same_session_and_later_is_refused(site: Site) -> None:
    client, phone = site.client(), XIA.phone.reveal()
    client.send_code(phone=phone, purpose="sign_in")
    code = site.world.read_code(XIA.phone).reveal()
    first = client.sign_in(phone=phone, code=code, key="the-same")
    assert site.client().sign_in(phone=phone, code=code, key="the-same") == first
    with pytest.raises(Problem, match="idempotency_key_reused"):
        site.client().sign_in(phone=phone, code="000000" if code != "000000" else "1", key="the-same")
    with pytest.raises(Problem, match="code_used"):
        site.client().sign_in(phone=phone, code=code, key="another")
    site.world.clock.advance(AGAIN_WITHIN + timedelta(seconds=1))
    with pytest.raises(Problem, match="sign_in_too_old"):
        site.client().sign_in(phone=phone, code=code, key="the-same")


def test_a_write_without_a_key_is_refused_before_anything_else(site: Site) -> None:
    token = sign_in(site, XIA).token
    description = site.http.get("/v1/openapi.json").json()
    before, tried = rows_of(site.world.house), 0
    for path, methods in description["paths"].items():
        for method in methods:
            if method == "get":
                continue
            address = re.sub(r"{[a-z_]+}", "01992f6c-7a00-7000-8000-000000000100", path)
            for headers, code in (
                ({}, "idempotency_key_missing"),
                ({"idempotency-key": "with blanks"}, "idempotency_key_malformed"),
                ({"idempotency-key": "k" * 256}, "idempotency_key_malformed"),
            ):
                answer = site.http.request(
                    method, address, json={}, headers={**headers, "authorization": f"Bearer {token}"}
                )
                assert answer.json()["code"] == code, (path, answer.text)
                tried += 1
    assert tried >= 45
    assert rows_of(site.world.house) == before


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [
        (503, "channel_unavailable", TRIES_MAX),
        (429, "too_many_requests", TRIES_MAX),
        (409, "idempotency_key_busy", TRIES_MAX),
        (409, "no_limit", 1),
        (422, "idempotency_key_reused", 1),
        (500, "internal", 1),
    ],
)
def test_a_client_sends_again_what_may_pass_and_nothing_else(status: int, code: str, tries: int) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["idempotency-key"])
        return httpx.Response(status, json={"type": "x", "title": "No.", "status": status, "code": code, "wait": 3})

    waits: list[float] = []
    with (
        Client("http://nowhere", transport=httpx.MockTransport(answer), sleep=waits.append) as client,
        pytest.raises(Problem) as refused,
    ):
        client.give_consent(purpose="bureau_query", text_hash="0" * 64)
    assert (refused.value.code, refused.value.status, refused.value.details) == (code, status, {"wait": 3})
    assert len(seen) == tries
    assert len(set(seen)) == 1
    assert waits == sorted(waits)


def test_a_client_that_is_told_to_wait_for_long_hears_the_problem_at_once() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"code": "too_many_requests", "title": "Wait."}, headers={"retry-after": "600"})

    with (
        Client(
            "http://nowhere", transport=httpx.MockTransport(answer), sleep=lambda _: pytest.fail("waited")
        ) as client,
        pytest.raises(Problem, match="too_many_requests"),
    ):
        client.loans()


def test_a_page_of_some_proxy_is_a_problem_as_well() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(418, text="<html>")

    with (
        Client("http://nowhere", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(Problem, match="unreadable"),
    ):
        client.loans()
