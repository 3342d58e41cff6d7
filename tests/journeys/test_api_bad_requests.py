"""Whatever is sent, a problem answers that says what is wrong, and no table has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from mingqu.demo.people import XIA
from mingqu.web.site import BODY_BYTES_MAX
from tests.journeys.api import Site, open_site, sign_in
from tests.journeys.fingerprint import changed, fingerprint
from tests.world import OpenWorld

APPLY: Final = "/v1/applications"
OFFERS: Final = "/v1/offers"
ID: Final = "01992f6c-7a00-7000-8000-000000000100"


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as opened:
        yield opened


BODIES: Final = (
    (APPLY, b"", 400, "malformed"),
    (APPLY, b"{", 400, "malformed"),
    (APPLY, b"[]", 400, "malformed"),
    (APPLY, b"null", 400, "malformed"),
    (APPLY, b"\xff\xfe", 400, "malformed"),
    (APPLY, b"[" * 60_000, 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": 1, "monthly_income_fen": 1, "limit_fen": 9}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": 0, "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": -1, "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": 1.5, "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": 1e400, "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": 9007199254740992, "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": 1' + b"0" * 400 + b', "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": "1", "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": true, "monthly_income_fen": 1}', 400, "malformed"),
    (APPLY, b'{"requested_amount_fen": NaN, "monthly_income_fen": 1}', 400, "malformed"),
    (OFFERS, b'{"amount_fen": 100000, "instalments": 12, "method": "equal\\u0000instalment"}', 400, "malformed"),
    (OFFERS, b'{"amount_fen": 100000, "instalments": 12, "method": "\\ud800"}', 400, "malformed"),
    (OFFERS, b'{"amount_fen": 100000, "instalments": 12, "method": "never"}', 409, "no_limit"),
    ("/v1/consents", b'{"purpose": "everything"}', 400, "malformed"),
    ("/v1/consents", b'{"purpose": "bureau_query"}', 422, "consent_recipient_wrong"),
    ("/v1/consents", b'{"purpose": "automated_decision"}', 422, "consent_text_unread"),
    ("/v1/consents", b'{"purpose": "automated_decision", "text_hash": null}', 400, "malformed"),
    (
        "/v1/consents",
        b'{"purpose": "automated_decision", "text_hash": "' + b"0" * 64 + b'"}',
        409,
        "consent_text_changed",
    ),
    ("/v1/contracts", b'{"offer_id": "x", "instrument_id": "y"}', 400, "malformed"),
    (
        "/v1/contracts",
        f'{{"offer_id": "{ID}", "instrument_id": "{ID}", "payout_at": "2026-08-15T10:00:00"}}'.encode(),
        400,
        "malformed",
    ),
    (APPLY, b'{"requested_amount_fen": 1' + b" " * BODY_BYTES_MAX + b"}", 413, "body_too_large"),
)


def test_a_body_that_is_not_right_changes_nothing(site: Site) -> None:
    token = sign_in(site, XIA).token
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "k", "content-type": "application/json"}
    before = fingerprint(site.world.house.database)
    for path, content, status, code in BODIES:
        answer = site.http.post(path, content=content, headers=headers)
        where = f"{path} {content[:80]!r} → {answer.text[:200]}"
        assert (answer.status_code, answer.json()["code"]) == (status, code), where
        assert answer.headers["content-type"].startswith("application/problem+json"), where
        assert set(answer.json()) >= {"type", "title", "status", "code"}, where
        assert changed(before, fingerprint(site.world.house.database)) == set(), where


def test_a_body_that_is_not_json_is_not_taken(site: Site) -> None:
    token = sign_in(site, XIA).token
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None):
        headers = {"authorization": f"Bearer {token}", "idempotency-key": "k"}
        sent = headers | ({} if kind is None else {"content-type": kind})
        answer = site.http.post("/v1/consents", content=b'{"purpose": "automated_decision"}', headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unknown"), kind


ADDRESSES: Final = (
    ("/v1/loans/zero", 404, "not_found"),
    ("/v1/loans/00000000-0000-0000-0000-000000000000", 404, "not_found"),
    ("/v1/loans/ffffffff-ffff-ffff-ffff-ffffffffffff", 404, "not_found"),
    ("/v1/loans/%00", 404, "not_found"),
    ("/v1/loans/..%2f..%2fetc", 404, "not_found"),
    ("/v1/nothing", 404, "not_found"),
    ("/v1/consent-texts/everything", 400, "malformed"),
    ("/v1/consent-texts/bureau_query?recipient=%00", 400, "malformed"),
    ("/v1/consent-texts/bureau_query", 422, "consent_recipient_wrong"),
    (f"/v1/loans/{ID}?as_of=tomorrow", 400, "malformed"),
    (f"/v1/loans/{ID}?as_of=2026-02-30", 400, "malformed"),
    (f"/v1/loans/{ID}?as_of=9999-12-31", 404, "not_found"),
    (f"/v1/loans/{ID}/repayment-preview", 400, "malformed"),
    (f"/v1/loans/{ID}/repayment-preview?amount_fen=0", 400, "malformed"),
    (f"/v1/loans/{ID}/repayment-preview?amount_fen=99999999999999999999", 400, "malformed"),
    (f"/v1/loans/{ID}/repayment-preview?amount_fen=1&intent=all", 400, "malformed"),
)


def test_an_address_that_is_not_right_is_answered_as_such(site: Site) -> None:
    token = sign_in(site, XIA).token
    for path, status, code in ADDRESSES:
        answer = site.http.get(path, headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
        assert answer.json()["title"] not in ("Bad Request", "Not Found"), "a sentence says what to do"
    said = site.http.get(f"/v1/loans/{ID}/repayment-preview", headers={"authorization": f"Bearer {token}"}).json()
    assert said["fields"] == [{"field": "amount_fen", "message": "This query parameter is required."}]


def test_what_was_sent_does_not_come_back_in_the_problem(site: Site) -> None:
    token = sign_in(site, XIA).token
    answer = site.http.post(
        "/v1/identity-verifications",
        json={"name": "\x00secret-name", "id_number": "11010519491231002X" * 9, "phone": 13800138000},
        headers={"authorization": f"Bearer {token}", "idempotency-key": "k"},
    )
    assert answer.status_code == 400
    assert "secret-name" not in answer.text
    assert "13800138000" not in answer.text
    assert "11010519491231002X" not in answer.text


def test_another_method_names_those_that_are_taken(site: Site) -> None:
    answer = site.http.delete("/v1/loans")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
