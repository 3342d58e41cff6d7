"""What every request goes through: an id, headers, one log line without an address, and errors that are problems."""

from __future__ import annotations

import json
import logging
from typing import ClassVar

import pytest
from litestar import Router, get, post
from litestar.params import FromPath, JSONBody
from litestar.testing import TestClient

from mingqu import api, borrower, console
from mingqu.domain.refusal import Refusal
from mingqu.web.record import JsonLines
from mingqu.web.signed_in import COOKIE
from mingqu.web.site import BODY_BYTES_MAX, make_site
from tests.world import OpenWorld


class TooDeep(Refusal):
    """The water is too deep."""

    code: ClassVar[str] = "too_deep"
    status: ClassVar[int] = 409


@get("/refuse", sync_to_thread=False)
def refuse() -> None:
    raise TooDeep("The water is too deep.", metres=3, retry_after_seconds=60)


@get("/break/{what:str}", sync_to_thread=False)
def break_down(what: FromPath[str]) -> None:
    raise RuntimeError(what)


@post("/take", sync_to_thread=False)
def take(data: JSONBody[dict[str, int]]) -> dict[str, int]:
    return data


@pytest.fixture
def client(world: OpenWorld) -> TestClient:
    site = make_site(world.house, routers=[Router("/", route_handlers=[refuse, break_down, take])])
    return TestClient(site, raise_server_exceptions=False)


def test_a_refusal_is_a_problem_with_its_code_and_details(client: TestClient) -> None:
    answer = client.get("/refuse")
    assert answer.status_code == 409
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["retry-after"] == "60"
    assert answer.json() == {
        "type": "https://mingqu.dev/errors#too_deep",
        "title": "The water is too deep.",
        "status": 409,
        "code": "too_deep",
        "metres": 3,
        "retry_after_seconds": 60,
    }


def test_a_bug_says_nothing_but_the_id_of_the_request(client: TestClient) -> None:
    answer = client.get("/break/secret-word", headers={"x-request-id": "abcdefgh-1"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert answer.json()["request_id"] == "abcdefgh-1"
    assert "secret-word" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("GET", "/nothing-here", None, 404, "not_found"),
        ("DELETE", "/take", None, 405, "method_not_allowed"),
        ("POST", "/take", b"{", 400, "malformed"),
        ("POST", "/take", b'{"a": "b"}', 400, "malformed"),
        ("POST", "/take", b'{"a": 1' + b" " * BODY_BYTES_MAX + b"}", 413, "body_too_large"),
    ],
)
def test_what_the_framework_refuses_is_a_problem_as_well(
    client: TestClient,
    method: str,
    path: str,
    content: bytes | None,
    status: int,
    code: str,
) -> None:
    answer = client.request(method, path, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["type"] == f"https://mingqu.dev/errors#{code}"


def test_every_answer_carries_the_headers_that_keep_a_page_safe(client: TestClient) -> None:
    for path in ("/health", "/refuse", "/nothing-here", "/break/x"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["x-request-id"]


def test_an_id_that_could_break_the_log_is_replaced(client: TestClient) -> None:
    assert client.get("/health", headers={"x-request-id": "short"}).headers["x-request-id"] != "short"


def test_the_log_names_the_route_and_never_the_address(
    client: TestClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="mingqu.http"):
        client.get("/break/13800138000?phone=13800138000")
    lines = [
        json.loads(JsonLines().format(record)) for record in caplog.records if record.getMessage() == "http.request"
    ]
    assert [line["route"] for line in lines] == ["/break/{what}"]
    assert all("13800138000" not in json.dumps(line) for line in lines)


def test_prometheus_reads_counts_by_route(client: TestClient) -> None:
    client.get("/refuse")
    client.get("/refuse")
    assert 'mingqu_http_requests_total{method="GET",route="/refuse",status="409"} 2.0' in client.get("/metrics").text


def test_invented_methods_are_counted_as_one(client: TestClient) -> None:
    for word in ("ZZ0", "ZZ1", "ZZ2"):
        client.request(word, "/refuse")
    figures = client.get("/metrics").text
    assert "ZZ" not in figures
    assert 'method="(other)"' in figures


def _nobody_is_asked(*_: object) -> None:
    raise AssertionError("a lost page is shown in the thread that serves everybody: it asks nothing of the book")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/nowhere", "明渠"),
        ("/loans/1/nowhere", "明渠"),
        ("/console/nowhere", "明渠"),
        ("/consolenowhere", "明渠"),
    ],
)
def test_a_browser_that_is_lost_sees_a_page_and_a_program_a_problem(
    world: OpenWorld, path: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = world.house
    doors = [
        api.make_router(house),
        borrower.make_router(house, secure_cookies=False),
        console.make_router(house, secure_cookies=False),
    ]
    client = TestClient(make_site(house, routers=doors), raise_server_exceptions=False)
    monkeypatch.setattr("mingqu.borrower.door.caller_by_cookie", _nobody_is_asked)
    client.cookies.set(COOKIE, "a" * 64)
    page = client.get(path, headers={"accept": "text/html,application/xhtml+xml"})
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (404, "text/html")
    assert says in page.text
    assert "content-security-policy" in page.headers
    program = client.get(path)
    assert (program.status_code, program.json()["code"]) == (404, "not_found")
    assert client.get(f"/v1{path}", headers={"accept": "text/html"}).json()["code"] == "not_found"
