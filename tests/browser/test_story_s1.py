"""S1 on a phone: open a spend account by its terms, read its bill, pay in instalments and at once, ask for a link."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.services.revolving.open_spend import open_spend, spend_offers
from mingqu.services.revolving.read_spend import spend_draws
from tests.browser.visitor import Visitor, open_window
from tests.journeys.reading import arrive
from tests.journeys.test_pages_spend import buy_two
from tests.journeys.test_returned_draws import come_back
from tests.world import OpenWorld

pytestmark = pytest.mark.xdist_group("browser")
BILL, NEXT_BILL = date(2026, 9, 5), date(2026, 10, 5)


def opened(world: OpenWorld, person_id: UUID) -> dict[str, UUID]:
    """Open the accounts that are offered; return their ids by kind."""
    offers = spend_offers(world.house, person_id=person_id)
    return {
        one.product.kind: open_spend(
            world.house, person_id=person_id, product_id=one.product.id, terms_hash=one.terms_hash, key=one.product.id
        )
        for one in offers
    }


def send(visitor: Visitor, action: str) -> None:
    """Press the button of a form that stands in the page."""
    visitor.page.locator(f'form[action="{action}"] button.weui-btn_primary').click()
    visitor.page.wait_for_load_state()


def pay_the_bill(visitor: Visitor, home: str) -> None:
    """Turn a part of the bill into instalments, and pay the rest on the bank's page."""
    page, world = visitor.page, visitor.world
    visitor.go(home)
    visitor.look("account-billed")
    visitor.go(f"{home}/bills/1")
    visitor.look("bill")
    visitor.go(f"{home}/instalments")
    assert page.locator("input[name=count]:checked").count() == 0
    page.locator("label.pick:has(input[name=count])").nth(1).click()
    visitor.look("instalments")
    visitor.agree()
    visitor.look("account-in-parts")
    page.locator("label.pick:has(input[name=wish][value=bill])").click()
    send(visitor, f"{home}/pay")
    visitor.look("payment")
    order = page.url.split("/payments/")[1].partition("?")[0]
    world.pay_page(XIA, UUID(order))
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    page.reload()
    visitor.look("payment-paid")


def see_it_come_back(visitor: Visitor, person_id: UUID, account_id: UUID) -> None:
    """Let the bank send a draw back behind its bill, and look at the account and at the bill without it."""
    world, cash = visitor.world, f"/spend/{account_id.hex}"
    assert isinstance(world, OpenWorld)
    work_until_idle(world)
    (drawn,) = spend_draws(world.house, person_id=person_id, account_id=account_id)
    world.go_to_date(NEXT_BILL)
    work_until_idle(world)
    come_back(world, drawn.order_id)
    visitor.sign_in(XIA)
    visitor.go(cash)
    visitor.look("draw-came-back")
    visitor.go(f"{cash}/bills/1")
    visitor.look("bill-corrected")


def test_a_bill_is_read_put_in_parts_and_paid_and_a_link_is_answered(world: OpenWorld) -> None:
    known = arrive(world)
    with open_window(world, language="zh", width=375, height=812, name="s1-zh") as visitor:
        page = visitor.page
        world.clock.advance_to(world.clock.now().replace(hour=20))  # until the next code may be sent
        visitor.sign_in(XIA)
        visitor.go("/spend")
        assert page.locator("input[name=agree]:checked").count() == 0
        visitor.look("terms")
        accounts = opened(world, known.person_id)
        home = f"/spend/{accounts['spend_line'].hex}"
        buy_two(world, known.person_id, accounts["spend_line"])
        visitor.go(home)
        visitor.look("account")
        world.go_to_date(BILL)
        work_until_idle(world)
        visitor.sign_in(XIA)
        pay_the_bill(visitor, home)
        cash = f"/spend/{accounts['cash_line'].hex}"
        visitor.go(cash)
        visitor.fill(amount="1000")
        page.locator("label.pick:has(input[name=card])").first.click()
        visitor.look("cash")
        send(visitor, f"{cash}/draw")
        visitor.look("cash-drawn")
        see_it_come_back(visitor, known.person_id, accounts["cash_line"])
        visitor.go("/links")
        page.locator("#first").select_option(accounts["spend_line"].hex)
        page.locator("#second").select_option(accounts["cash_line"].hex)
        page.locator("#purpose").select_option("consumption")
        send(visitor, "/links")
        visitor.look("link-answer")
        assert "50.00%" in page.inner_text("main")
        visitor.go("/spend")
        visitor.look("accounts")
        assert visitor.faults == []
