"""S4 over HTTP and on the pages: five steps to a loan, late, lower and frozen on everything, cured, thawed, rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from rich.console import Console

from mingqu.client import Client, Problem
from mingqu.client.answers import Band
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.steps import Steps
from mingqu.demo.stories import s4
from mingqu.demo.tell import Teller
from mingqu.demo.world import OnlineWorld
from tests.journeys.api import Borrower, Site, be_assessed, introduce, open_site, pay, sign_in_again, take_loan
from tests.journeys.pages import Phone
from tests.journeys.reading import assert_coherent, do_morning, rows_of
from tests.world import OpenWorld

LOAN, GRANTED = 600_000, 3_000_000


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as made:
        yield made


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """Somebody with a loan and two revolving accounts."""

    site: Site
    who: Borrower
    loan_id: UUID
    accounts: dict[str, UUID]

    def go_to(self, day: date) -> None:
        """Let days pass, with the bills of loans and accounts that fall meanwhile, and sign in anew."""
        world = self.site.world
        today = world.house.clock.business_date()
        for passed in range(1, (day - today).days + 1):
            on = today + timedelta(days=passed)
            if on == day or on.day in (15, 16):  # the mornings on which something falls for this loan
                world.go_to_date(on)
                do_morning(world)
        sign_in_again(self.site, self.who)

    def band(self) -> Band:
        """Return how they stand."""
        return self.who.client.band()

    def draw_all_ways(self, amount_fen: int) -> dict[str, str]:
        """Try a loan, cash and a purchase; return what each came to: a code, or nothing."""
        client = self.who.client
        ways = {
            "loan": lambda: client.ask_for_offers(amount_fen=amount_fen, instalments=6, method="equal_instalment"),
            "cash": lambda: client.draw_from_line(
                account_id=self.accounts["cash_line"], instrument_id=self.who.instrument_id, amount_fen=amount_fen
            ),
            "purchase": lambda: client.authorize(
                account_id=self.accounts["spend_line"],
                merchant_id="m1",
                merchant_name="河畔书店",
                number=self.site.world.house.id_for(self.loan_id).hex,
                amount_fen=amount_fen,
            ),
        }
        found = {}
        for name, way in ways.items():
            try:
                way()  # type: ignore[no-untyped-call]
            except Problem as problem:
                found[name] = problem.code
        return found


def arrive(site: Site) -> Debtor:
    """Apply, prove who one is, be assessed, sign, be paid to the own card; open both revolving accounts."""
    who = introduce(site)
    be_assessed(site, who)
    taken = take_loan(site, who, amount_fen=LOAN)
    work_until_idle(site.world)
    accounts = {
        one.kind: who.client.open_spend_account(product_id=one.product_id, terms_hash=one.terms_hash).account_id
        for one in who.client.spend_products()
    }
    return Debtor(site=site, who=who, loan_id=taken.signed.loan_id, accounts=accounts)


def explained_cost(debtor: Debtor) -> float:
    """Return what the loan costs in all, in yuan, by its own plan."""
    rows = debtor.who.client.schedule(loan_id=debtor.loan_id).rows
    return sum(row.interest_fen for row in rows) / 100


def turns(band: Band) -> list[tuple[date, str, int]]:
    """Return when which band comes back, and what is of use then."""
    return [(one.on, one.band, one.usable_fen) for one in band.rises]


def read_pages(debtor: Debtor) -> None:
    """Read on the pages, in both languages, how one stands, what helps, and what the loan costs."""
    world = debtor.site.world
    for language, words in (("zh", "新的借款已暂停"), ("en", "Drawing is stopped")):
        phone = Phone(world, language=language)
        world.go_to(world.house.clock.now() + timedelta(minutes=2))
        phone.sign_in(debtor.who.newcomer)
        page = phone.get("/rebuild")
        assert words in page.text
        assert "/loans" in page.links
        for place in ("/", "/limit", "/spend", f"/spend/{debtor.accounts['spend_line'].hex}"):
            shown = phone.get(place)
            assert words in shown.text, place
            assert place == "/spend" or "/rebuild" in shown.links, place
            assert "¥0.00" in shown.text.replace(" ", ""), place
        assert "/rebuild" in phone.get(f"/loans/{debtor.loan_id.hex}/help").links
        explained = phone.get(f"/learn/cost?loan={debtor.loan_id.hex}")
        assert f"{explained_cost(debtor):,.2f}" in explained.text.replace(" ", "")
        assert "/learn/cost" in phone.get("/learn").links
        assert phone.get(f"/learn/cost?loan={debtor.accounts['cash_line'].hex}").status == 404


def test_late_lowers_and_freezes_paying_thaws_and_the_days_shown_give_the_band_back(site: Site) -> None:
    debtor = arrive(site)
    client, world = debtor.who.client, site.world
    fine = debtor.band()
    assert (fine.assessed, fine.band, fine.usable_fen, fine.frozen, fine.rises) == ("B", "B", GRANTED, False, [])

    # Nothing is paid on 15 September. Ten days late: one band lower, and frozen on everything, never for repaying.
    debtor.go_to(date(2026, 9, 25))
    late = debtor.band()
    assert (late.band, late.late_days, late.frozen, late.usable_fen) == ("C", 10, True, GRANTED // 2)
    assert turns(late) == [(date(2026, 10, 25), "B", GRANTED)]
    assert [(one.on, one.band) for one in late.falls] == [
        (date(2026, 10, 15), "D"), (date(2026, 11, 14), "E"), (date(2026, 12, 14), "E"),
    ]  # fmt: skip
    before = rows_of(world.house)
    assert debtor.draw_all_ways(50_000) == dict.fromkeys(("loan", "cash", "purchase"), "drawing_frozen")
    assert rows_of(world.house) == before

    read_pages(debtor)

    # Paying thaws at once; half of the limit is of use until the day that was shown, and then all of it.
    pay(site, debtor.who, loan_id=debtor.loan_id, intent="due")
    cured = debtor.band()
    assert (cured.band, cured.frozen, cured.in_order_since) == ("C", False, date(2026, 9, 25))
    assert turns(cured) == turns(late)
    owed_fen = client.limit().drawn_fen
    assert client.limit().available_fen == GRANTED // 2 - owed_fen
    account = client.spend_account(account_id=debtor.accounts["spend_line"])
    assert account.available_fen == GRANTED // 2 - owed_fen, "an account shows no more than can be used of it"
    before = rows_of(world.house)
    beyond = GRANTED // 2 - owed_fen + 1
    assert debtor.draw_all_ways(beyond // 5_000 * 5_000 + 5_000) == {
        "loan": "no_limit", "cash": "band_lowered", "purchase": "band_lowered",
    }  # fmt: skip
    assert rows_of(world.house) == before
    assert client.ask_for_offers(amount_fen=100_000, instalments=6, method="equal_instalment")

    debtor.go_to(date(2026, 10, 15))
    pay(site, debtor.who, loan_id=debtor.loan_id, intent="due")
    debtor.go_to(date(2026, 10, 24))
    assert (debtor.band().band, debtor.band().usable_fen) == ("C", GRANTED // 2)
    debtor.go_to(date(2026, 10, 25))
    rebuilt = debtor.band()
    assert (rebuilt.band, rebuilt.usable_fen, rebuilt.rises) == ("B", GRANTED, [])
    assert debtor.draw_all_ways(beyond // 5_000 * 5_000 + 5_000) == {}
    assert_coherent(world.house)


class Online:
    """A world of tests whose house is reached over the site, as a story wants it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def client(self) -> Client:
        """Return a client for one person."""
        return self._site.client()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site.world, name)


def test_the_story_that_is_told_ends_rebuilt(site: Site) -> None:
    tell = Teller(Console(quiet=True))
    steps = Steps(tell)
    s4.tell_story(cast("OnlineWorld", Online(site)), tell, steps)
    assert [one.outcome for one in steps.taken] == [
        "verified", "approved", "paid", "paid",
        "frozen", "refused", "refused", "refused",
        "cured", "thawed", "lowered", "refused",
        "lowered", "whole", "rebuilt",
    ]  # fmt: skip
    assert [one.reasons[0]["code"] for one in steps.taken if one.reasons] == [*["drawing_frozen"] * 3, "band_lowered"]
    assert all(one.reasons[0]["remedy"] for one in steps.taken if one.reasons)
    told = [message.template for message in site.world.sms.inbox(phone=XIA.phone)]
    assert {"loan.due", "loan.overdue"} <= set(told), "reminded before, told when late"
