"""Lenders that decide by themselves on the borrower's pages: who is asked, how each stands, and what can be done."""

from __future__ import annotations

import re
from collections import deque
from datetime import timedelta
from typing import Final

import pytest

from mingqu.channels.fake.lender import FakeLender
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.lender_answer import OPEN_FOR
from mingqu.ports.lender import Declined, Later
from mingqu.services.checkout.open_checkout import CHECKOUT_LASTS
from tests.journeys.pages import Page, PageForm, Phone
from tests.journeys.reading import arrive
from tests.journeys.test_checkout_lenders import Buyer, buyer
from tests.journeys.test_lenders import REASON, agreed, price, with_lender
from tests.world import OpenWorld

AMOUNT: Final = "10000"


def phone_of(world: OpenWorld) -> Phone:
    """Return the phone of somebody who was here before, signed in."""
    world.go_to(world.house.clock.now() + timedelta(minutes=2))  # until the next code may be sent
    phone = Phone(world)
    phone.sign_in(XIA)
    return phone


def states(page: Page) -> list[str]:
    """Return how lenders stand that are named beside the offers."""
    return re.findall(r'data-lender-state="([a-z_]+)"', page.answer.text)


def again_of(page: Page) -> list[PageForm]:
    """Return the form that asks for offers again, where there is one."""
    return [form for form in page.forms if form.action == "/offers"]


def wish(phone: Phone) -> Page:
    """Ask for offers of an amount."""
    page = phone.get("/draw")
    return phone.send(page.form("/offers"), amount=AMOUNT, instalments="12", method="equal_instalment")


def asked_at(world: OpenWorld, *lenders: FakeLender) -> tuple[OpenWorld, Phone, Page]:
    world = with_lender(world, *lenders)
    agreed(world)
    phone = phone_of(world)
    return world, phone, wish(phone)


def test_who_answers_late_is_named_while_asked_and_then_shown_with_the_others(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([Later(), price(world, 91_000)]))
    world, phone, page = asked_at(world, lender)
    assert states(page) == ["asked"]
    assert 'hx-trigger="every 5s"' in page.answer.text
    chosen = page.form("/offers/choose")
    assert ("offer" in chosen.fields, len(chosen.choices["offer"])) == (False, 1)
    kept = phone.send(chosen)  # nothing was chosen: the page says so, and still says who is asked
    assert states(kept) == ["asked"]
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    page = phone.get(page.path)
    assert states(page) == ["answered"]
    assert "hx-trigger" not in page.answer.text.partition('id="asked"')[2].partition("</section>")[0]
    page = phone.send(again_of(page)[0])
    chosen = page.form("/offers/choose")
    assert (states(page), len(chosen.choices["offer"]), "offer" in chosen.fields) == ([], 2, False)
    compared = phone.get(next(link for link in page.links if link.startswith("/offers/compare")))
    assert "&amount=10000.00&n=12" in compared.path


@pytest.mark.parametrize(
    ("word", "state", "then"),
    [("refused", "refused", "refused"), ("unreadable", "parked", "expired"), ("timeout", "asked", "expired")],
)
def test_a_refusal_and_a_question_without_an_answer_are_said_with_what_can_be_done(
    world: OpenWorld, word: str, state: str, then: str
) -> None:
    answers = deque([Declined(reasons=(REASON,)) if word == "refused" else price(world, 91_000)])
    silences = deque[str]() if word == "refused" else deque([word] * 60)
    lender = FakeLender(answers=answers, silences=silences)
    world, phone, page = asked_at(world, lender)
    assert states(page) == [state]
    assert (REASON.text_zh in page.text and REASON.remedy_zh in page.text) == (word == "refused")
    world.go_to(world.house.clock.now() + OPEN_FOR)
    phone = phone_of(world)
    page = phone.get(page.path)
    assert states(page) == [then], "over by the clock, before a worker looked"
    work_until_idle(world)
    assert states(phone.get(page.path)) == [then]
    again = again_of(page)
    assert len(again) == (then == "expired")
    lender.silences.clear()
    if again:
        assert states(phone.send(again[0])) == [], "asked again, it answered: its offer is shown"


def test_a_lender_without_a_consent_is_not_asked_and_can_be_after_it(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    world = with_lender(world, lender, FakeLender(answers=deque([Later()])))
    arrive(world)
    phone = phone_of(world)
    page = wish(phone)
    assert states(page) == ["unasked", "unasked"]
    assert [form.action for form in page.forms if "offers" in form.action] == [], "nobody offers yet, nobody is asked"
    there = next(
        link for link in page.links if link.startswith("/consents/ask/pass_to_lender") and "chengchuan" in link
    )
    page = phone.agree(phone.get(there))
    assert (states(page), lender.applications) == (["agreed", "unasked"], {})
    page = phone.send(page.form("/offers"))
    assert (states(page), len(page.form("/offers/choose").choices["offer"])) == (["unasked"], 1)


def at_the_shop(world: OpenWorld, lender: FakeLender, *others: FakeLender) -> tuple[Buyer, Phone, Page]:
    """Open the page of an order that was taken, and ask for offers of six payments."""
    at_shop = buyer(world, lender, *others)
    phone = phone_of(at_shop.world)
    page = phone.get(f"/checkout/{at_shop.checkout_id.hex}")
    return at_shop, phone, phone.send(page.form("/checkout"), instalments="6")


def test_an_order_shows_who_is_still_asked_and_leads_to_the_late_offer_with_nothing_chosen(world: OpenWorld) -> None:
    at_shop, phone, page = at_the_shop(world, FakeLender(answers=deque([Later(), price(world, 91_000)])))
    assert (states(page), len(page.form("/offers/choose").choices["offer"])) == (["asked"], 1)
    at_shop.world.go_to(at_shop.world.house.clock.now() + timedelta(seconds=15))
    work_until_idle(at_shop.world)
    page = phone.get(page.path)
    assert states(page) == ["answered"]
    page = phone.send(page.form("/checkout"))
    chosen = page.form("/offers/choose")
    assert (states(page), len(chosen.choices["offer"]), "offer" in chosen.fields) == ([], 2, False)
    assert page.answer.text.index("澄川") < page.answer.text.index("听澜"), "the cheaper one first"


def test_an_order_that_only_undecided_lenders_could_pay_says_so_and_ends_in_time(world: OpenWorld) -> None:
    silent = FakeLender(answers=deque([price(world, 91_000)]), silences=deque(["timeout"] * 90))
    at_shop, phone, page = at_the_shop(world, silent, FakeLender(answers=deque([Later()])))
    assert (page.status, sorted(states(page))) == (200, ["asked", "unasked"])
    assert page.path.startswith("/offers?amount=5999.50&n=6")
    stranger = Phone(at_shop.world)
    stranger.sign_in(ZHOU)
    assert stranger.get(page.path).status == 404, "an order that somebody else took"
    at_shop.world.go_to(at_shop.world.house.clock.now() + CHECKOUT_LASTS)
    phone = phone_of(at_shop.world)
    page = phone.get(page.path)
    assert sorted(states(page)) == ["closed", "closed"]
    assert [form.action for form in page.forms if form.action.startswith("/checkout")] == []
    assert f"/checkout/{at_shop.checkout_id.hex}" in page.links
