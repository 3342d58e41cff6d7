"""S2 over HTTP and the sandbox: cash out of a credit card is the bank's alone; we show the way and book nothing."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from rich.console import Console

import mingqu
from mingqu import api
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.demo.steps import Steps
from mingqu.demo.stories import s2
from mingqu.demo.tell import Teller
from mingqu.demo.visit import arrive, say_yes
from mingqu.domain.decision.switch import SwitchKind
from mingqu.services.policies.switch_off import switch_off
from mingqu.services.referrals.read_cash_advance import banks_for, referrals_view
from mingqu.store.server.database import Database
from mingqu.web.server import address_of, listen, serving
from mingqu.web.site import make_site
from mingqu.worlds.online import SandboxWorld as Online
from tests.conftest import OPENED_ON
from tests.journeys.pages import Phone
from tests.journeys.reading import assert_coherent
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world
from tests.journeys.two_people import seat_of

REFUSALS = {
    "institution_not_connected",
    "guidance_not_read",
    "consent_missing",
    "not_found",
    "cash_advance_above_day",
    "cash_advance_above_instalments",
    "cash_advance_too_long",
    "return_unsigned",
    "limit_exceeded",
}


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        yield opened


def ledger_of(world: SandboxWorld) -> tuple[object, ...] | None:
    """Return how many transfers and accounts there are, and what they sum up to."""
    with world.house.database.transaction() as tx:
        return tx.execute(
            """SELECT (SELECT count(*) FROM transfer), (SELECT count(*) FROM account),
                      (SELECT sum(debits_posted_fen + debits_pending_fen) FROM account)"""
        ).fetchone()


def test_the_story_ends_as_it_is_told_and_books_nothing(world: SandboxWorld) -> None:
    site = make_site(world.house, routers=[api.make_router(world.house)])
    steps = Steps(Teller(Console(file=io.StringIO())))
    before = ledger_of(world)
    with listen(port=0) as door, serving(site, door=door):
        online = Online(house=world.house, clock=world.clock, sandbox=world.sandbox, address=address_of(door))
        s2.tell_story(online, Teller(Console(file=io.StringIO())), steps)
    refused = {reason["code"] for step in steps.taken for reason in step.reasons}
    assert refused == REFUSALS
    assert all(reason["remedy"] for step in steps.taken for reason in step.reasons)
    outcomes = [step.outcome for step in steps.taken if not step.reasons]
    assert outcomes[3:] == ["agreed", "referred", "referred", "paid", "referred", "paid", "nothing"]
    # 5,000.00 at once and 10,000.00 by instalments; what she wanted beyond her limit the bank did not pay.
    assert world.balance_fen(XIA) == 10_000 + 500_000 + 1_000_000
    assert ledger_of(world) == before
    with world.house.database.transaction() as tx:
        leaves = tx.execute("SELECT count(*) FROM evidence_leaf WHERE kind = 'referral'").fetchone()
    assert leaves == (3,)
    assert_coherent(world.house)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_person_finds_the_bank_and_goes_there_and_back_on_the_pages(world: SandboxWorld, language: str) -> None:
    world.meet(XIA, balance_fen=0)
    phone = Phone(world, language=language)  # type: ignore[arg-type]  # it needs a house and codes
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    assert "/cash-advance" in phone.get("/").links
    page = phone.get("/cash-advance?search=Qinghe")
    assert [one for one in page.links if one.startswith("/cash-advance/banks/")] == ["/cash-advance/banks/qinghe"]
    page = phone.agree(phone.get("/cash-advance/banks/qinghe"))
    form = page.form("/cash-advance/banks/qinghe")
    refused = phone.send(form, amount="20000", months="1", card=form.fields["card"], read="yes")
    assert refused.status == 422
    assert "problem" in refused.ids
    unread = phone.send(refused.form("/cash-advance/banks/qinghe"), amount="3000", months="1")
    assert unread.status == 409
    form = unread.form("/cash-advance/banks/qinghe")
    page = phone.send(form, amount="3000", months="1", read="yes")
    way = next(one for one in page.links if one.startswith("http"))
    with httpx.Client() as browser:
        assert "手续费 Fee" in browser.get(way).text
        back = browser.post(way, data={"choice": "apply", "amount": "3000"}).headers["location"]
    place = urlsplit(back)
    page = phone.get(f"{place.path}?{place.query}")
    assert page.path.startswith("/cash-advance/referrals/")
    assert not [one for one in page.links if one.startswith("http")]
    assert world.balance_fen(XIA) == 300_000
    forged = phone.get("/cash-advance/back?result=abc.def")
    assert forged.status == 403


def test_a_bank_that_is_switched_off_or_drops_us_from_its_list_takes_nobody(world: SandboxWorld) -> None:
    house = world.house
    world.meet(XIA, balance_fen=0)
    phone = Phone(world)  # type: ignore[arg-type]
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    person_id = _person(world)
    assert {one.code: one.closed for one in banks_for(house, person_id=person_id)}["qinghe"] is None
    world.go_to(house.clock.now() + timedelta(days=2 * 366))  # the list of 2026 names us for two years
    closed = {one.code: one.closed for one in banks_for(house, person_id=person_id)}
    assert closed["qinghe"] == "partner_not_listed"


def test_the_kill_switch_of_a_bank_closes_it_at_once(world: SandboxWorld) -> None:
    house = world.house
    world.meet(XIA, balance_fen=0)
    phone = Phone(world)  # type: ignore[arg-type]
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    seat = seat_of(world.house, "risk")
    switch_off(house, seat=seat, kind=SwitchKind.LENDER, name="qinghe", cause="The bank asked us to", ends_on=None,
               key="off")  # fmt: skip
    closed = {one.code: one.closed for one in banks_for(house, person_id=_person(world))}
    assert closed["qinghe"] == "lending_switched_off"


def test_a_bank_that_falls_silent_loses_nothing_and_is_told_the_same_again(world: SandboxWorld) -> None:
    site = make_site(world.house, routers=[api.make_router(world.house)])
    with listen(port=0) as door, serving(site, door=door):
        online = Online(house=world.house, clock=world.clock, sandbox=world.sandbox, address=address_of(door))
        xia = arrive(online, XIA, balance_fen=0)
        arrive(online, ZHOU, balance_fen=0)
        say_yes(xia.client, purpose="refer_to_bank", recipient="清河银行")
        guidance = xia.client.cash_advance_banks().guidance.hash
        world.sandbox.control.plan("issuer", "issuer.refer", "lose_reply")
        left = xia.client.ask_for_referral(
            bank="qinghe", instrument_id=xia.instrument_id, amount_fen=100_000, repayment="single", months=1,
            guidance_hash=guidance, key="one-wish",
        )  # fmt: skip
        assert left.address is not None  # the client sent the same key again, and the bank knew the number
        assert len(xia.client.referrals()) == 1
        world.sandbox.control.plan("issuer", "issuer.ask", "wrong_signature", times=1)
        online.act_at_bank(left.address, amount_fen=100_000)
        world.go_to(world.house.clock.now() + timedelta(minutes=2))
        work_until_idle(world)
        assert xia.client.referral(referral_id=left.referral.referral_id).state == "referred"
        world.go_to(world.house.clock.now() + timedelta(minutes=5))
        work_until_idle(world)
        known = xia.client.referral(referral_id=left.referral.referral_id)
    assert (known.state, known.amount_paid_fen) == ("paid", 100_000)
    view = referrals_view(world.house, seat=seat_of(world.house, "operations"))
    assert view.counts == {("qinghe", "paid"): 1}
    assert_coherent(world.house)


# What a referral is made of. None of it may reach the ledger, so that there is nothing a fee could be booked with.
MODULES = (
    "domain/cash_advance",
    "domain/institution",
    "ports/cash_advance",
    "channels/gateway/cash_advance",
    "channels/fake/cash_advance",
    "store/lenders/referral",
    "store/lenders/institution",
    "services/referrals/follow_referrals",
    "services/referrals/read_cash_advance",
    "services/referrals/refer_cash_advance",
    "api/cash_advance",
    "borrower/cash_advance",
    "console/referral",
)
LEDGER = (
    *(
        "mingqu.domain.ledger",
        "mingqu.domain.order",
        "mingqu.store.ledgers.ledger",
        "mingqu.store.orders.order",
        "mingqu.store.ledgers.hold",
    ),
    *(
        f"mingqu.services.{one}"
        for one in ("funding.fund_lender", "loans.reserve_payout", "orders.settle_order", "ledger.post_together")
    ),
)


def test_what_must_not_be_known_is_there() -> None:
    assert [name for name in LEDGER if find_spec(name) is None] == []


@pytest.mark.parametrize("module", MODULES)
def test_no_module_of_a_referral_knows_the_ledger(module: str) -> None:
    assert booking_imports((Path(mingqu.__file__).parent / f"{module}.py").read_text()) == []


def booking_imports(source: str) -> list[str]:
    """Return every import of source by which something could be booked."""
    named = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            named += [f"{node.module}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
    return [name for name in named if f"{name}.".startswith(tuple(f"{one}." for one in LEDGER))]


def test_an_import_of_the_ledger_would_be_seen() -> None:
    assert booking_imports("from mingqu.store.ledgers import ledger") == ["mingqu.store.ledgers.ledger"]
    assert booking_imports("from mingqu.domain.ledger.chart import AccountCode") == [
        "mingqu.domain.ledger.chart.AccountCode"
    ]


def _person(world: SandboxWorld) -> UUID:
    with world.house.database.transaction() as tx:
        row = tx.execute("SELECT person_id FROM person").fetchone()
    assert row is not None
    return UUID(str(row[0]))
