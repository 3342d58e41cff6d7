"""A loan for a business of one's own: offered only once the register bore it out, its use in the contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from mingqu.client import Problem
from mingqu.demo.journey import READING, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.services.offers.preview_offers import preview_offers
from mingqu.services.privacy.copy_own_data import copy_own_data
from mingqu.store.parties import party
from mingqu.store.people import business
from mingqu.store.server.database import Database
from tests.journeys.api import Borrower, Site, be_assessed, introduce, open_site, say_yes
from tests.journeys.pages import Phone
from tests.journeys.reading import assert_coherent, rows_of
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

OFFERED_FROM = date(2027, 6, 1)
AMOUNT = 2_000_000
CODE, OTHERS, SHOP = "92330106MA2ABCDE83", "91110000600037341L", "西湖区知夏面馆"
WISH = {"amount_fen": AMOUNT, "instalments": 12, "method": "equal_instalment"}


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OFFERED_FROM) as world:
        fund_lenders(world)
        own = {"name": XIA.name.reveal(), "id_number": XIA.id_number.reveal()}
        world.sandbox.control.identity.know_business(uscc=CODE, business_name=SHOP, **own)
        somebody = {"name": "王某", "id_number": "110105194912310011"}
        world.sandbox.control.identity.know_business(uscc=OTHERS, business_name="他人商行", **somebody)
        with open_site(world) as made:  # type: ignore[arg-type]  # it needs a house, a clock and codes
            yield made


def lent_by(who: Borrower) -> set[str]:
    """Return the products that are offered."""
    return {one.product_id for one in who.client.ask_for_offers(**WISH)}  # type: ignore[arg-type]


def test_a_business_loan_takes_a_business_that_the_register_bears_out(site: Site) -> None:
    world: SandboxWorld = site.world  # type: ignore[assignment]
    house, who = world.house, introduce(site)
    client = who.client
    be_assessed(site, who, amount_fen=AMOUNT)
    person_id = client.me().person_id
    assert "yunling-business" not in lent_by(who)
    previewed = preview_offers(house, person_id=person_id, amount_fen=AMOUNT, instalments=12, method=WISH["method"])  # type: ignore[arg-type]
    assert "yunling-business" not in {one.product.id for one in previewed}

    before = rows_of(house)
    with pytest.raises(Problem, match="consent_missing"):
        client.state_business(name=SHOP, uscc=CODE, use="stock")
    say_yes(client, purpose="business_verification")
    refused = (
        ({"name": SHOP, "uscc": CODE[:-1] + "4", "use": "stock"}, "uscc_check_character_wrong"),
        ({"name": SHOP, "uscc": "I" * 18, "use": "stock"}, "uscc_malformed"),
        ({"name": SHOP, "uscc": CODE, "use": "consumption"}, "use_of_money_unknown"),
        ({"name": "知夏<面馆>", "uscc": CODE, "use": "stock"}, "business_name_malformed"),
    )
    for said, code in refused:
        with pytest.raises(Problem, match=code):
            client.state_business(**said)
    assert rows_of(house)["business"] == before["business"], "what is malformed costs no try"

    # The register: a reply that was lost is asked again under its number; another's business is not one's own.
    billed = world.sandbox.control.identity.billed()
    world.sandbox.control.plan("identity", "identity.business", "lose_reply")  # the client asks again with its key
    own = client.state_business(name=SHOP, uscc=CODE, use="stock", key="first").business
    assert world.sandbox.control.identity.billed() == billed + 1
    assert own is not None
    assert (own.name, own.uscc, own.use) == (SHOP, "9233************83", "stock")
    assert own == client.state_business(name=SHOP, uscc=CODE, use="stock", key="first").business
    with pytest.raises(Problem, match="idempotency_key_reused"):
        client.state_business(name=SHOP, uscc=CODE, use="rent", key="first")
    with pytest.raises(Problem, match="not_legal_person"):
        client.state_business(name="他人商行", uscc=OTHERS, use="stock")
    with pytest.raises(Problem, match="business_unknown"):
        client.state_business(name="知冬面馆", uscc=CODE, use="stock")
    assert client.business().business == own
    state_on_the_page(site)
    with pytest.raises(Problem, match="business_tries_exhausted"):
        client.state_business(name=SHOP, uscc=CODE, use="rent")
    keeps_it_sealed(site, who)
    borrow(site, who)


def state_on_the_page(site: Site) -> None:
    """State another use on the phone; one wrong character is said before anybody is asked."""
    phone = Phone(site.world)  # type: ignore[arg-type]
    site.world.clock.advance(timedelta(minutes=2))
    phone.sign_in(XIA)
    assert "/business" in phone.get("/me").links
    page = phone.get("/business")
    assert (SHOP in page.text, "用于进货" in page.text) == (True, True)
    page = phone.send(page.main_form, name=SHOP, uscc=CODE[:-1] + "4", use="equipment")
    assert "校验位不对" in page.text
    page = phone.send(page.main_form, name=SHOP, uscc=CODE, use="equipment")
    assert "用于设备" in page.text


def keeps_it_sealed(site: Site, who: Borrower) -> None:
    """Name and code stand in no row and in the copy of one's data; an erasure takes the hashes."""
    house, person_id = site.world.house, who.client.me().person_id
    assert not any(said in repr(rows_of(house)) for said in (SHOP, CODE))
    copied = copy_own_data(house, person_id=person_id).document.reveal()
    assert SHOP in copied
    assert CODE in copied
    with house.database.transaction() as tx:
        party.erase(tx, person_id=person_id, at=house.clock.now())
        kept = business.standing(tx, person_id=person_id)
        assert kept is not None
        assert (kept.uscc_hash, kept.stated_hash) == (None, None)


def borrow(site: Site, who: Borrower) -> None:
    """Sign: 20,000.00 at 7.20 % a year in 12 instalments of 1,732.38, the last 1,732.36; it costs 788.54."""
    client, house = who.client, site.world.house
    offer = next(one for one in client.ask_for_offers(**WISH) if one.product_id == "yunling-business")  # type: ignore[arg-type]
    table = client.show_costs(offer_id=offer.offer_id)
    site.world.clock.advance(READING)
    client.confirm_costs(disclosure_id=table.disclosure_id)
    say_yes(client, purpose="pass_to_lender", recipient=offer.lender_zh)
    phone = Phone(site.world)  # type: ignore[arg-type]
    site.world.clock.advance(timedelta(minutes=2))
    phone.sign_in(XIA)
    assert f"{SHOP} 设备" in phone.get(f"/offers/{offer.offer_id.hex}/contract").text
    client.send_signing_code(offer_id=offer.offer_id)
    code = site.world.read_code(XIA.phone).reveal()
    signed = client.sign_contract(offer_id=offer.offer_id, instrument_id=who.instrument_id, code=code)
    work_until_idle(site.world)
    use = client.contract(contract_id=signed.contract_id).body["business"]
    assert (use["use"], CODE in repr(use)) == ("equipment", False)
    assert "设备" in phone.get(f"/contracts/{signed.contract_id.hex}").text
    assert client.contract_pdf(contract_id=signed.contract_id).startswith(b"%PDF")
    assert client.loan(loan_id=signed.loan_id).payout.state == "PAID"
    told = client.schedule(loan_id=signed.loan_id).rows
    assert [(one.principal_fen, one.interest_fen) for one in told] == worked_out()
    assert [one.unpaid_fen for one in told] == [173_238] * 11 + [173_236]
    assert table.body["cost_fen"] == sum(one.interest_fen for one in told) == 78_854
    assert_coherent(house)


def worked_out() -> list[tuple[int, int]]:
    """Return principal and interest month by month, as with pencil and paper: 0.6 % of what is left, half up."""
    left_fen, found = AMOUNT, []
    for number in range(1, 13):
        interest_fen = (left_fen * 6 + 500) // 1_000  # half up
        principal_fen = left_fen if number == 12 else 173_238 - interest_fen
        found.append((principal_fen, interest_fen))
        left_fen -= principal_fen
    return found
