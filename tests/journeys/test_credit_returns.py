"""What is somebody's own on a revolving account is paid to their card: once, to nobody else, and never also spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import LiteralString
from uuid import UUID

import pytest
from litestar.testing import TestClient

from mingqu.api import make_router, openapi
from mingqu.channels.fake.faults import Fault
from mingqu.client import Problem
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.freeze import FreezeCause
from mingqu.domain.order import OrderState, VerdictImpossible
from mingqu.domain.personal import Personal
from mingqu.domain.spend import PaymentWish
from mingqu.domain.word import Failed
from mingqu.services.limits.cap_limit import cap_limit
from mingqu.services.limits.freeze_drawing import freeze_drawing
from mingqu.services.policies.keep_list import enter_on_list
from mingqu.services.privacy.copy_own_data import copy_own_data
from mingqu.services.privacy.erase_person import ErasureWaits, Open, ask_to_be_erased, erasure_standing
from mingqu.services.revolving.pay_merchant import authorize_purchase, capture_purchase
from mingqu.services.revolving.return_credit import return_credit
from mingqu.store import proof
from mingqu.web.site import make_site
from tests.journeys.api import ADDRESS, Borrower, Site, be_assessed, introduce
from tests.journeys.reading import arrive, assert_coherent, live_until, rows_of
from tests.journeys.test_bill_deductions import Account, bounce
from tests.journeys.test_checkout_races import at_once
from tests.journeys.test_disputed_orders import WHY, check, decide, hear, load
from tests.journeys.test_spend_funding import accounts_of
from tests.journeys.test_story_s1 import WALLET, buy, opened, pay
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    house = replace(world.house, settings=replace(world.house.settings, wallet_token=Personal(WALLET)))
    made = make_site(house, routers=[make_router(house)], openapi=openapi())
    with TestClient(made, base_url=ADDRESS, raise_server_exceptions=False) as http:
        yield Site(world, http)


def in_credit(site: Site) -> tuple[Borrower, UUID]:
    """Return somebody with 500.00 of their own on an account, of which nothing is owed."""
    xia = introduce(site, balance_fen=200_000)
    be_assessed(site, xia)
    account_id = opened(xia.client)["spend_line"]
    buy(site, xia.client, account_id, "books", 100_000)
    pay(site, xia, account_id, "all", 150_000)
    return xia, account_id


def with_card(site: Site, sql: LiteralString, card_id: UUID) -> None:
    """Change a card behind everybody's back."""
    with site.world.house.database.transaction() as tx:
        tx.execute(sql, (card_id,))
        tx.commit()


def said(world: OpenWorld) -> list[tuple[str, str]]:
    """Return what was told of credit: template and amount."""
    inbox = [one for one in world.sms.inbox(phone=XIA.phone) if one.template.startswith("spend.credit")]
    return sorted((one.template, one.values["amount"].reveal()) for one in inbox)


def refuse_what_is_not_theirs(site: Site, xia: Borrower, account_id: UUID) -> None:
    zhou, client = introduce(site, ZHOU), xia.client
    card: LiteralString = "UPDATE instrument SET {} WHERE instrument_id = %s"
    tries = [
        (client, account_id, xia.instrument_id, 50_001, "", "credit_exceeded"),
        (client, account_id, zhou.instrument_id, 100, "", "not_found"),
        (zhou.client, account_id, zhou.instrument_id, 100, "", "not_found"),
        (client, account_id, xia.instrument_id, 100, "state = 'added'", "instrument_not_verified"),
        (client, account_id, xia.instrument_id, 100, "kind = 'credit_card'", "card_not_supported"),
        (client, account_id, xia.instrument_id, 100, "kind = 'wallet'", "card_not_supported"),  # of no channel here
    ]
    for who, of, card_id, amount_fen, change, code in tries:
        if change:
            with_card(site, card.format(change), card_id)
        before = rows_of(site.world.house)
        with pytest.raises(Problem, match=code):
            who.return_credit(account_id=of, instrument_id=card_id, amount_fen=amount_fen)
        assert rows_of(site.world.house) == before, code
        with_card(site, card.format("state = 'verified', kind = 'debit_card'"), card_id)


def close_drawing(site: Site, xia: Borrower) -> None:
    """Let everything stand in the way of somebody's borrowing: a freeze, the black list, their own cap."""
    house, person_id = site.world.house, xia.client.me().person_id
    seat = seat_of(house, "risk")
    freeze_drawing(house, seat=seat, person_id=person_id, cause=FreezeCause.FRAUD.value, reason=WHY, key="f")
    enter_on_list(
        house, seat=seat, list_name="black", kind="phone", value=XIA.phone, cause=WHY, expires_on=date(2027, 1, 1),
        key="l",
    )  # fmt: skip
    cap_limit(house, person_id=person_id, amount_fen=0, key="cap")


def test_credit_is_paid_to_its_owners_card_once_and_is_credit_again_where_it_did_not_get_there(site: Site) -> None:
    world, house = site.world, site.world.house
    xia, account_id = in_credit(site)
    client, person_id, card_id = xia.client, xia.client.me().person_id, xia.instrument_id
    refuse_what_is_not_theirs(site, xia, account_id)
    close_drawing(site, xia)
    had_fen = world.balance_fen(XIA)

    # Ordered, it is no credit any more; sent twice it is one order, and another body under its key is none.
    asked = client.return_credit(account_id=account_id, instrument_id=card_id, amount_fen=20_000, key="a")
    assert client.return_credit(account_id=account_id, instrument_id=card_id, amount_fen=20_000, key="a") == asked
    with pytest.raises(Problem, match="idempotency_key_reused"):
        client.return_credit(account_id=account_id, instrument_id=card_id, amount_fen=20_001, key="a")
    seen = client.spend_account(account_id=account_id)
    assert (seen.credit_fen, seen.returnable_fen, seen.returning_fen, seen.used_fen) == (30_000, 30_000, 20_000, 0)
    with pytest.raises(Problem, match="credit_exceeded"):
        client.return_credit(account_id=account_id, instrument_id=card_id, amount_fen=30_001)
    assert erasure_standing(house, person_id=person_id).open is Open.ORDER
    assert_coherent(house)
    work_until_idle(world)
    assert client.order(order_id=asked.order_id).state == "PAID"
    assert world.balance_fen(XIA) == had_fen + 20_000

    # Refused for good, it is credit again; silent, it is asked about under its number and paid once.
    world.bank.faults.plan("payout.send", Fault.REFUSE)
    client.return_credit(account_id=account_id, instrument_id=card_id, amount_fen=10_000)
    work_until_idle(world)
    seen = client.spend_account(account_id=account_id)
    assert (seen.credit_fen, seen.returning_fen) == (30_000, 0)
    world.silence_next_payout()
    silent = client.return_credit(account_id=account_id, instrument_id=card_id, amount_fen=25_000)
    work_until_idle(world)
    assert client.order(order_id=silent.order_id).state == "UNKNOWN"
    assert client.spend_account(account_id=account_id).returning_fen == 25_000
    assert_coherent(house)
    world.go_to(house.clock.now() + timedelta(minutes=10))
    work_until_idle(world)
    assert client.order(order_id=silent.order_id).state == "PAID"
    assert world.balance_fen(XIA) == had_fen + 45_000

    let_it_come_back(site, silent.order_id)
    seen = client.spend_account(account_id=account_id)
    assert (seen.credit_fen, seen.returning_fen) == (30_000, 0)
    told = client.credit_returns(account_id=account_id)
    assert sorted((one.amount_fen, one.state, one.came_back) for one in told) == [
        (10_000, "FAILED", False), (20_000, "PAID", False), (25_000, "PAID", True),
    ]  # fmt: skip
    work_until_idle(world)
    assert said(world) == [
        ("spend.credit_came_back", "250.00"), ("spend.credit_not_returned", "100.00"),
        ("spend.credit_returned", "200.00"), ("spend.credit_returned", "250.00"),
    ]  # fmt: skip
    assert_coherent(house)
    go_with_nothing_left(site, xia, account_id)


def let_it_come_back(site: Site, order_id: UUID) -> None:
    """What was paid and came back is credit again when two people say so, once."""
    world = site.world
    with pytest.raises(VerdictImpossible):
        decide(world, order_id, "returned")
    assert hear(world, order_id, Failed(code="returned")).disputed
    check(world, decide(world, order_id, "returned"))
    hear(world, order_id, Failed(code="again"))
    with pytest.raises(VerdictImpossible):
        decide(world, order_id, "returned")
    check(world, decide(world, order_id, "as_booked"))
    assert load(world, order_id).state is OrderState.PAID, "so it was"


def go_with_nothing_left(site: Site, xia: Borrower, account_id: UUID) -> None:
    """Whoever wants to be erased is told of the way out, takes it, and a day later all sums hold."""
    world, house = site.world, site.world.house
    person_id = xia.client.me().person_id
    with pytest.raises(ErasureWaits, match="paid to your card"):
        ask_to_be_erased(house, person_id=person_id, key="early")
    xia.client.return_credit(account_id=account_id, instrument_id=xia.instrument_id, amount_fen=30_000)
    work_until_idle(world)
    copied = copy_own_data(house, person_id=person_id).document.reveal()
    assert '"kind": "came_back"' in copied
    see_that_proofs_find_it(site, account_id)
    live_until(world, house.clock.business_date() + timedelta(days=1))
    ask_to_be_erased(house, person_id=person_id, key="now")
    assert_coherent(house)


def see_that_proofs_find_it(site: Site, account_id: UUID) -> None:
    """Whatever of a return is not what the others say is found."""
    mistakes: list[tuple[LiteralString, str]] = [
        ("UPDATE spend_event SET amount_fen = amount_fen - 1 WHERE kind = 'sent_back'", "its events do not agree"),
        ("UPDATE spend_event SET kind = 'came_back' WHERE kind = 'not_sent_back'", "its events do not agree"),
        ("DELETE FROM channel_word WHERE word = 'decide'", "its events do not agree"),
        (
            """UPDATE channel_order SET state = 'SENT', paid_at = NULL, value_date = NULL, reference = NULL
               WHERE kind = 'return' AND state = 'PAID'""",
            "on its way from revolving account",
        ),
        ("UPDATE account SET credits_posted_fen = credits_posted_fen + 1 WHERE code = 2302", f"account {account_id}"),
    ]
    for sql, sentence in mistakes:
        with site.world.house.database.transaction() as tx:
            tx.execute("SET LOCAL session_replication_role = replica")  # what stays, stays no more
            tx.execute(sql)
            assert any(sentence in one for one in proof.spend_accounts(tx)), sql


def test_what_is_spent_is_not_returned_and_what_bounced_is_not_paid_out(world: OpenWorld) -> None:
    house, known = world.house, arrive(world, balance_fen=500_000)
    it = Account(world, known, accounts_of(house, known.person_id)["chengchuan-spend"])

    def give_back(amount_fen: int, key: str) -> UUID:
        return return_credit(
            house, person_id=known.person_id, account_id=it.account_id, instrument_id=known.instrument_id,
            amount_fen=amount_fen, key=key,
        )  # fmt: skip

    # At the same moment a purchase and returns want the same money: each fen goes one way.
    for number in range(3):
        it.buy(f"first {number}", it.view().credit_fen + 10_000)
        it.pay(PaymentWish.ALL, f"too much {number}", amount_fen=it.view().whole_fen + 30_000)
        assert it.view().credit_fen == 30_000
        bought = authorize_purchase(
            house, person_id=known.person_id, account_id=it.account_id, merchant_id="m1", merchant_name="河畔书店",
            number=f"race {number}", amount_fen=20_000, key=f"race {number}",
        )  # fmt: skip
        heard = at_once(
            [
                lambda: capture_purchase(house, purchase_id=bought),  # noqa: B023
                lambda: give_back(20_000, f"phone {number}"),  # noqa: B023
                lambda: give_back(20_000, f"laptop {number}"),  # noqa: B023
            ]
        )
        sent = [one for one in heard if isinstance(one, UUID)]
        after = it.view()
        assert len(sent) <= 1, heard
        assert after.used_fen == (10_000 if sent and after.credit_fen == 0 else 0), heard
        assert after.credit_fen + after.returning_fen + 20_000 - after.used_fen == 30_000
        work_until_idle(world)
    assert_coherent(house)

    # Credit that a payment brought which bounced is not sent; what was said to the bank already is owed.
    it.buy("last", it.view().credit_fen + 20_000)
    owed_fen = it.view().whole_fen
    paid = it.pay(PaymentWish.ALL, "bounces", amount_fen=owed_fen + 30_000)
    waiting = give_back(30_000, "waits")
    bounce(it, paid)
    assert load(world, waiting).refusal_code == "payment_reversed"
    assert (it.view().credit_fen, it.view().returning_fen, it.view().used_fen) == (0, 0, owed_fen)
    assert_coherent(house)
