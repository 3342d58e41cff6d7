"""One payment for what is due to two lenders: by the API, where one part fails, and by the pages, where none does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from litestar.testing import TestClient

from mingqu import api
from mingqu.borrower import make_router
from mingqu.demo.journey import Known, take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.loan import quote
from mingqu.domain.moment import start_of
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.session import Door
from mingqu.ports.clock import Clock
from mingqu.services.access.keep_session import open_session
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.house import BANK, COMBINED
from mingqu.services.reconciliation.reconcile import reconcile_day
from mingqu.store.loans import loan
from mingqu.store.server.database import Database
from mingqu.web.signed_in import COOKIE
from mingqu.web.site import make_site
from tests.conftest import OPENED_ON
from tests.journeys.pages import Page
from tests.journeys.reading import arrive, assert_coherent, orders_of, rows_of, touched
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

OPENID = "o-13800008801-of-nobody"
HERE = "http://mingqu.test"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        fund_lenders(opened)
        yield opened


@dataclass
class Ticking:
    """A clock by which each look takes a second, as a busy machine's may."""

    of: Clock
    looks: int = 0

    def now(self) -> datetime:
        self.looks += 1
        return self.of.now() + timedelta(seconds=self.looks)

    def business_date(self) -> date:
        return self.of.business_date()


def morning_of(world: SandboxWorld, day: date) -> dict[UUID, int]:
    """Let the day begin, before any deduction goes out; what is due on each loan, told by the domain alone."""
    world.go_to_date(day)
    close_through(world.house, to=day - timedelta(days=1))
    bring_up_today(world.house)
    return due_of(world)


def due_of(world: SandboxWorld) -> dict[UUID, int]:
    with world.house.database.transaction() as tx:
        people = [person_id for (person_id,) in tx.execute("SELECT DISTINCT person_id FROM loan").fetchall()]
        loans = [of for person_id in people for of in loan.of_person(tx, person_id=person_id)]
    today = world.house.clock.business_date()
    return {of.loan_id: quote(terms=of.terms, state=of.state, on=today).due_fen for of in loans}


def pay(world: SandboxWorld, address: str) -> None:
    """Pay on WeChat's page, bring its notice to our door, and let what it set off be done."""
    httpx.post(address, data={"choice": "pay", "openid": OPENID}).raise_for_status()
    wechat = world.sandbox.control.wechatpay
    *_, kept = wechat.book.rows("SELECT * FROM notice WHERE party = 'wechatpay' ORDER BY rowid")
    body = kept["body"].encode()
    with TestClient(make_site(world.house, routers=[api.make_notices_router(world.house)]), base_url=HERE) as door:
        told = door.post("/notices/wechatpay", content=body, headers=wechat.dress("", "", body))
        assert told.status_code == 204, told.text
        before = rows_of(world.house)
        forged = body.replace(b"resource", b"resoruce")
        assert door.post("/notices/wechatpay", content=forged, headers=wechat.dress("", "", body)).status_code == 401
        assert touched(world.house, before=before) == {"refused_word"}
    work_until_idle(world)


def parts(world: SandboxWorld, loan_id: UUID) -> list[Order]:
    return [one for one in orders_of(world.house, loan_id, OrderKind.COLLECTION) if one.channel == COMBINED]


def test_several_lenders_are_paid_at_once_and_a_part_that_fails_stays_due(world: SandboxWorld) -> None:
    house, known = world.house, arrive(world)
    first = take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment").signed.loan_id
    second = take_loan(
        world, known, amount_fen=700_000, instalments=6, method="equal_instalment", choice=1
    ).signed.loan_id
    work_until_idle(world)
    world.sandbox.control.wechat.know(openid=OPENID, nickname="林知夏")
    _by_the_api(world, known, first, second)
    _by_the_pages(world, known, first, second)
    assert_coherent(house)


def _by_the_api(world: SandboxWorld, known: Known, first: UUID, second: UUID) -> None:
    """The second part fails at WeChat: the first loan is paid to the fen, the second stays as it was."""
    house, due = world.house, morning_of(world, date(2026, 9, 15))
    assert sorted(due) == sorted((first, second))
    token = open_session(house, person_id=known.person_id, door=Door.API).reveal()
    ticking = replace(house, clock=Ticking(of=house.clock))
    site = make_site(ticking, routers=[api.make_router(ticking)])
    with TestClient(site, base_url=HERE) as program:
        program.headers["authorization"] = f"Bearer {token}"
        answers = [program.post("/v1/combined-payments", headers={"idempotency-key": "all"}) for _ in range(2)]
        made = answers[0].json()
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[1].json() == made, "the same key is the same payment"
        assert {UUID(part["loan_id"]): part["amount_fen"] for part in made["parts"]} == due
        path = f"/v1/combined-payments/{made['combined_id']}"
        asked_at = {one.run_at for loan_id in (first, second) for one in parts(world, loan_id)}
        assert len(asked_at) == 1, "one page ends at one moment, whichever part asks for it"
        page = program.post(f"{path}/page", headers={"idempotency-key": "page"}).json()
        (failing,) = (part for part in made["parts"] if UUID(part["loan_id"]) == second)
        world.sandbox.control.wechatpay.combined.fail(UUID(failing["order_id"]).hex)
        pay(world, page["address"])
        told = program.get(path).json()
        assert (told["open"], told["total_fen"], told["paid_fen"]) == (False, sum(due.values()), due[first])
        refused = program.post("/v1/combined-payments", headers={"idempotency-key": "again"})
        assert (refused.status_code, refused.json()["code"]) == (409, "not_several_due")
        assert program.get(f"/v1/combined-payments/{house.id_for(known.person_id)}").status_code == 404
    assert due_of(world) == {first: 0, second: due[second]}
    assert [one.state for one in parts(world, first)] == [OrderState.PAID]
    assert [one.state for one in parts(world, second)] == [OrderState.FAILED]
    assert world.sandbox.control.wechatpay.moved() == {parts(world, first)[0].number: due[first]}
    # The deduction of the loan that was paid asks for nothing any more; the other one still does.
    waiting = {
        loan_id: [one.open for one in orders_of(house, loan_id, OrderKind.COLLECTION) if one.channel == BANK]
        for loan_id in (first, second)
    }
    assert waiting == {first: [False], second: [True]}
    assert_coherent(house)
    on = house.clock.business_date()
    world.go_to(start_of(on + timedelta(days=1)) + timedelta(hours=11))
    work_until_idle(world)
    (bill,) = reconcile_day(house, on=on, sources=["wechatpay"])
    assert (bill.open, bill.settled.gross_fen) == (0, due[first])


def _by_the_pages(world: SandboxWorld, known: Known, first: UUID, second: UUID) -> None:
    """A month later both are due again: one form, one page of WeChat's, both loans in order."""
    house, due = world.house, morning_of(world, date(2026, 10, 15))
    token = open_session(house, person_id=known.person_id, door=Door.PAGE)
    client = TestClient(make_site(house, routers=[make_router(house, secure_cookies=False)]), base_url=HERE)
    client.cookies[COOKIE] = token.reveal()
    assert "/repay-together" in Page(client.get("/loans")).links
    asked = Page(client.get("/repay-together"))
    total = f"{sum(due.values()) / 100:,.2f}"
    assert (asked.problems, total in asked.text) == ([], True)
    form = asked.form("/repay-together")
    headers = {"origin": HERE, "sec-fetch-site": "same-origin"}
    sent = [client.post(form.action, data=form.fields, headers=headers, follow_redirects=False) for _ in range(2)]
    where = sent[0].headers["location"]
    assert sent[1].headers["location"] == where, "a form sent twice is one payment"
    shown = Page(client.get(where))
    assert shown.problems == []
    (address,) = (link for link in shown.links if "/repayment/pay?" in link)
    assert "等待付款结果" in shown.text
    pay(world, address)
    assert due_of(world) == {first: 0, second: 0}
    ended = Page(client.get(where))
    assert (ended.problems, ended.text.count("已还")) == ([], 2)
    assert (
        client.get(f"/payments/{parts(world, first)[-1].order_id.hex}", follow_redirects=False).headers["location"]
        == where
    )
    assert client.get("/repay-together", follow_redirects=False).headers["location"] == "/loans"
    assert XIA.name.reveal() not in ended.text
