"""S4 on a phone: a loan that is late, what that costs and stops, the band that falls, and the days of the way back."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.demo.people import XIA
from tests.browser.test_story_s1 import opened
from tests.browser.visitor import Visitor, open_window
from tests.journeys.reading import arrive, borrow, do_morning
from tests.world import OpenWorld

pytestmark = pytest.mark.xdist_group("browser")
DUE, LATE = date(2026, 9, 15), date(2026, 9, 25)


def be_late(world: OpenWorld) -> tuple[str, str]:
    """Borrow, and let the first due day go by with an empty card; return the loan's page and an account's."""
    known = arrive(world, balance_fen=0)
    loan_id = borrow(world, known).signed.loan_id
    accounts = opened(world, known.person_id)
    world.deposit(XIA, -world.balance_fen(XIA))
    for day in (DUE, LATE):
        world.go_to_date(day)
        do_morning(world)
    return f"/loans/{loan_id.hex}", f"/spend/{accounts['spend_line'].hex}"


STOPPED = {"home": "#stopped", "limit": "#stopped", "draw": "#problem", "account": "#stopped"}


def read(visitor: Visitor, **pages: str) -> None:
    """Look at pages, each by its name."""
    for name, path in pages.items():
        visitor.go(path)
        visitor.look(name)
        assert visitor.page.locator(STOPPED.get(name, "main")).count() == 1, f"{name} does not say that it is stopped"


def test_a_late_loan_shows_what_it_stops_and_the_way_back(world: OpenWorld) -> None:
    loan, account = be_late(world)
    with open_window(world, language="zh", width=375, height=812, name="s4-zh") as visitor:
        page = visitor.page
        visitor.sign_in(XIA)
        read(visitor, home="/", loan=loan, help=f"{loan}/help")
        page.locator('a[href="/rebuild"]').click()
        page.wait_for_load_state()
        visitor.look("rebuild")
        assert page.locator("#band").get_attribute("data-frozen") == "1"
        assert page.locator("#path [data-on]").evaluate_all("all => all.map(one => one.dataset.on)") == ["2026-10-25"]
        read(
            visitor,
            limit="/limit",
            draw="/draw",
            account=account,
            learn="/learn",
            cost="/learn/cost",
            repay=f"{loan}/repay",
        )
        assert visitor.faults == []
