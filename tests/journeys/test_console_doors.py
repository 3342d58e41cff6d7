"""Who comes in at the console, and what each finds there: every route is denied to whom it was not declared for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from litestar import get
from litestar.handlers import HTTPRouteHandler

from mingqu.console import make_router
from mingqu.console.route import UndeclaredRouteError, needs_of, require_declared
from mingqu.demo.journey import be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.operator import GRANTED, IDLE_MAX, LIFE_MAX, TRIES_OF_ADDRESS, Permission, Role
from mingqu.services.access.keep_operator import add_operator, end_operator
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.store.operators.operator import count_failure
from mingqu.store.server.database import Transaction
from tests.console import PASSWORD, ROLES, Visitor, employ, employ_at_full_cost, signed_in, visitor
from tests.world import OpenWorld

NOBODY = "0198f0b4c0007000800000000000aa00"


def handlers(world: OpenWorld) -> Iterator[tuple[str, str, Any]]:
    """Every route as (method, path with its holes filled, declaration)."""
    router = make_router(world.house, secure_cookies=True)
    for route in router.routes:
        for handler in getattr(route, "route_handlers", []):
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                path = re.sub(r"\{\w+:int\}", "0", re.sub(r"\{\w+(:str)?\}", NOBODY, route.path))
                yield method, path, needs_of(handler)


def ask(desk: Visitor, method: str, path: str, token: str) -> int:
    if method == "GET":
        return desk.get(path).status_code
    return desk.client.post(path, data={"csrf": token}, follow_redirects=False).status_code


def test_there_is_a_route_for_each_permission_and_each_is_declared(world: OpenWorld) -> None:
    found = list(handlers(world))
    assert len(found) >= 25
    needed = {needs for _, _, needs in found if isinstance(needs, Permission)}
    assert needed == set(Permission) - {Permission.DECISION_INPUTS}, (
        "its holder sees more of a page, no page of its own"
    )


def test_a_route_that_says_not_what_it_needs_cannot_be_registered() -> None:
    @get("/planted", sync_to_thread=False)
    def planted() -> str:
        return "open"

    with pytest.raises(UndeclaredRouteError, match="/planted"):
        require_declared([planted])
    assert isinstance(planted, HTTPRouteHandler)


def test_without_a_session_every_route_leads_to_the_sign_in_page(world: OpenWorld) -> None:
    desk = visitor(world.house)
    for method, path, needs in handlers(world):
        if isinstance(needs, Permission):
            status = ask(desk, method, path, "")
            assert status == (303 if method == "GET" else 401), f"{method} {path} answered {status}"
            if method == "GET":
                assert desk.get(path).headers["location"] == "/console/sign-in"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_finds_just_the_routes_declared_for_it(world: OpenWorld, role: str) -> None:
    desk = signed_in(world.house, role)
    granted = GRANTED[Role(role.partition(":")[0])]
    token = desk.token("/console/account")
    for method, path, needs in handlers(world):
        if not isinstance(needs, Permission) or path == "/console/sign-out":
            continue
        status = ask(desk, method, path, token)
        if needs in granted:
            assert status in (200, 303, 404, 401, 422), f"{role} may {needs.value}, but {method} {path} says {status}"
        else:
            assert status == 403, f"{role} may not {needs.value}, but {method} {path} says {status}"


def test_nobody_may_both_make_operators_and_see_customers() -> None:
    assert not GRANTED[Role.ADMIN] & {Permission.CUSTOMER, Permission.UNMASK, Permission.LOAN, Permission.FIND}
    assert not GRANTED[Role.AUDITOR] & {Permission.UNMASK, Permission.ASK_AGAIN}, "an auditor changes nothing"


def test_a_lender_sees_its_own_loans_and_nobody_elses(world: OpenWorld) -> None:
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    taken = take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    work_until_idle(world)
    publish_evidence(world.house)
    owner = next(lender for lender in world.house.pack.lenders if lender.name_zh == taken.offered.lender_name_zh)
    other = next(lender for lender in world.house.pack.lenders if lender.id != owner.id)
    pages = (f"/console/loans/{taken.signed.loan_id.hex}", f"/console/customers/{known.person_id.hex}")
    insider, stranger = signed_in(world.house, f"lender:{owner.code}"), signed_in(world.house, f"lender:{other.code}")
    for page in pages:
        assert insider.get(page).status_code == 200
        assert stranger.get(page).status_code == 404
    assert "10,000.00" in insider.get("/console").text
    assert "10,000.00" not in stranger.get("/console").text
    for text in (XIA.phone.reveal(), taken.signed.loan_id.hex, known.person_id.hex):
        assert insider.post("/console/search", seen_on="/console", q=text).status_code == 303
        assert stranger.post("/console/search", seen_on="/console", q=text).status_code == 404
    for listed in ("/console/loans", "/console/customers"):
        assert known.person_id.hex in insider.get(listed).text
        assert known.person_id.hex not in stranger.get(listed).text


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_in_the_same_time(world: OpenWorld) -> None:
    employ_at_full_cost(world.house, "risk", name="shenyue")
    desk, took, said = visitor(world.house), {}, {}
    for name in ("shenyue", "nobody"):
        began = time.process_time()
        answer = desk.sign_in(name, "not the right one")
        took[name] = time.process_time() - began
        assert answer.status_code == 401
        said[name] = re.sub(r'value="[^"]*"', "", answer.text)
    assert said["shenyue"] == said["nobody"]
    assert min(took.values()) > max(took.values()) / 3, "both pay for a hash, so neither answers at once"


def test_guessing_is_slowed_down_for_a_name_and_stays_so_with_the_right_password(world: OpenWorld) -> None:
    employ(world.house, "risk", name="shenyue")
    desk = visitor(world.house)
    assert [desk.sign_in("shenyue", "wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    assert desk.sign_in("shenyue").status_code == 429
    world.clock.advance(timedelta(seconds=31))
    assert desk.sign_in("shenyue").status_code == 303


def test_an_address_that_tries_many_names_is_slowed_down_too(world: OpenWorld) -> None:
    employ(world.house, "risk", name="shenyue")
    desk = visitor(world.house)
    assert desk.sign_in("guess", "wrong").status_code == 401

    def guess(tx: Transaction) -> None:
        for _ in range(TRIES_OF_ADDRESS - 1):
            count_failure(
                tx, keyring=world.house.keyring, kind="address", subject="testclient", at=world.house.clock.now()
            )

    world.house.database.run(guess)
    assert desk.sign_in("shenyue").status_code == 429
    world.clock.advance(timedelta(seconds=31))
    assert desk.sign_in("shenyue").status_code == 303


def test_a_session_ends_when_idle_when_old_and_when_signed_out(world: OpenWorld) -> None:
    desk = signed_in(world.house, "auditor")
    world.clock.advance(IDLE_MAX - timedelta(seconds=1))
    assert desk.get("/console").status_code == 200
    world.clock.advance(IDLE_MAX)
    assert desk.get("/console").status_code == 303
    assert desk.sign_in("auditor").status_code == 303
    for _ in range(int(LIFE_MAX / (IDLE_MAX / 2))):
        world.clock.advance(IDLE_MAX / 2)
        desk.get("/console")
    assert desk.get("/console").status_code == 303
    assert desk.sign_in("auditor").status_code == 303
    kept = desk.client.cookies["mingqu_console"]
    assert desk.post("/console/sign-out", seen_on="/console/account").status_code == 303
    again = visitor(world.house)
    again.client.cookies.set("mingqu_console", kept)
    assert again.get("/console").status_code == 303, "a token that was signed out is worth nothing"


def test_signing_in_makes_a_new_session_and_ends_the_one_that_was_there(world: OpenWorld) -> None:
    desk = signed_in(world.house, "auditor")
    planted = desk.client.cookies["mingqu_console"]
    desk.client.get("/console/sign-in")
    assert desk.post("/console/sign-out", seen_on="/console/account").status_code == 303
    desk.sign_in("auditor")
    assert desk.client.cookies["mingqu_console"] != planted


def test_a_new_password_ends_the_other_sessions_and_the_old_one_is_worth_nothing(world: OpenWorld) -> None:
    here, there = signed_in(world.house, "auditor"), visitor(world.house)
    there.sign_in("auditor")
    new = "another long sentence"
    page = "/console/account"
    wrong = here.post("/console/account/password", seen_on=page, old="wrong", new=new)
    assert wrong.status_code == 401
    assert here.post("/console/account/password", seen_on=page, old=PASSWORD, new="short").status_code == 422
    assert here.post("/console/account/password", seen_on=page, old=PASSWORD, new=new).status_code == 200
    assert (here.get("/console").status_code, there.get("/console").status_code) == (200, 303)
    assert there.sign_in("auditor").status_code == 401
    assert there.sign_in("auditor", new).status_code == 303


def test_the_first_password_is_set_by_its_holder_with_a_code_that_works_once(world: OpenWorld) -> None:
    code = add_operator(world.house, name="chenlan", role="operations").code
    desk, page = visitor(world.house), "/console/first-password"
    assert desk.sign_in("chenlan", "").status_code == 401, "there is no default password"
    fields = {"name": "chenlan", "password": PASSWORD}
    assert desk.post(page, seen_on=page, **fields, code="0000-0000").status_code == 401
    assert desk.post(page, seen_on=page, **fields, code=f" {code.reveal().upper()} ").status_code == 303
    assert desk.get("/console").status_code == 200
    later = visitor(world.house)
    assert later.post(page, seen_on=page, **fields, code=code.reveal()).status_code == 401
    world.clock.advance(timedelta(hours=25))
    late = add_operator(world.house, name="late", role="risk").code
    world.clock.advance(timedelta(hours=25))
    assert later.post(page, seen_on=page, name="late", password=PASSWORD, code=late.reveal()).status_code == 401


def test_who_has_left_is_out_at_once(world: OpenWorld) -> None:
    desk = signed_in(world.house, "auditor")
    end_operator(world.house, name="auditor")
    assert desk.get("/console").status_code == 303
    assert desk.sign_in("auditor").status_code == 401


def test_a_form_that_another_site_sends_changes_nothing(world: OpenWorld) -> None:
    desk = signed_in(world.house, "auditor")
    token = desk.token("/console/account")
    for headers, sent in (
        ({"origin": "https://elsewhere.example"}, token),
        ({"sec-fetch-site": "cross-site"}, token),
        ({}, ""),
        ({}, "0" * 64),
        ({}, signed_in(world.house, "risk").token("/console/account")),
    ):
        answer = desk.client.post("/console/sign-out", data={"csrf": sent}, headers=headers, follow_redirects=False)
        assert answer.status_code == 403
    assert desk.get("/console").status_code == 200, "still signed in"
    sign_in = visitor(world.house).post("/console/sign-in", name="auditor", password=PASSWORD)
    assert sign_in.status_code == 403, "nobody is signed in by a form of another site either"


def test_the_cookie_stays_at_this_door_and_no_page_can_be_framed_or_kept(world: OpenWorld) -> None:
    desk = visitor(world.house)
    employ(world.house, "auditor")
    cookie = desk.sign_in("auditor").headers["set-cookie"]
    for part in ("Path=/console", "HttpOnly", "SameSite=strict"):
        assert part in cookie
    headers = desk.get("/console").headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    page = desk.get("/console").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page), "nothing is written inline"


def test_after_signing_in_one_is_where_one_wanted_to_go_and_nowhere_else(world: OpenWorld) -> None:
    employ(world.house, "auditor")
    desk = visitor(world.house)
    desk.get("/console/evidence")
    assert desk.sign_in("auditor").headers["location"] == "/console/evidence"
    for planted in ("//elsewhere.example", "/console//elsewhere.example", "https://elsewhere.example", "/"):
        other = visitor(world.house)
        other.client.cookies.set("mingqu_console_next", planted)
        assert other.sign_in("auditor").headers["location"] == "/console"
