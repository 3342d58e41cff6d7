"""S1 over HTTP: spending and cash under one ceiling, from the first purchase to the link, to the fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from litestar.testing import TestClient

from mingqu.api import make_router, openapi
from mingqu.client import Client, Problem
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.personal import Personal
from mingqu.services.revolving.bill_spend import bill_spend
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction
from mingqu.web.site import make_site
from tests.journeys.api import ADDRESS, Borrower, Site, be_assessed, introduce, sign_in_again
from tests.journeys.reading import Limit, assert_coherent, facts_of, limit_of, live_until, rows_of
from tests.world import OpenWorld

WALLET = "the wallet's own secret"
GRANTED, SPEND, CASH = 3_000_000, 1_800_000, 2_400_000


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    settings = replace(world.house.settings, wallet_token=Personal(WALLET))
    house = replace(world.house, settings=settings)
    made = make_site(house, routers=[make_router(house)], openapi=openapi())
    with TestClient(made, base_url=ADDRESS, raise_server_exceptions=False) as http:
        yield Site(world, http)


def wallet(site: Site, purchase_id: UUID, deed: str, key: str, *, status: int = 200, **body: object) -> str:
    """Let the wallet say what became of a purchase; return its state, or the code of the refusal."""
    said = site.http.post(
        f"/v1/wallet/purchases/{purchase_id}/{deed}",
        headers={"Wallet-Token": WALLET, "Idempotency-Key": key},
        **({} if deed == "release" else {"json": body}),
    )
    assert said.status_code == status, said.text
    answered = said.json()
    return str(answered.get("code") or answered["state"])


def opened(client: Client) -> dict[str, UUID]:
    """Open what can be opened, by the terms shown."""
    return {
        one.kind: client.open_spend_account(product_id=one.product_id, terms_hash=one.terms_hash).account_id
        for one in client.spend_products()
    }


def buy(site: Site, client: Client, account_id: UUID, number: str, amount_fen: int) -> UUID:
    """Buy something: authorized by the person, captured by the wallet."""
    bought = client.authorize(
        account_id=account_id,
        merchant_id="m1",
        merchant_name="河畔书店",
        number=number,
        amount_fen=amount_fen,
        key=number,
    )
    assert wallet(site, bought.purchase_id, "capture", f"c-{number}") == "captured"
    return bought.purchase_id


def pass_to(site: Site, day: date) -> None:
    """Let days pass; the worker then makes the bills of all of them."""
    site.world.go_to_date(day)
    work_until_idle(site.world)


def pay(site: Site, who: Borrower, account_id: UUID, wish: str, amount_fen: int | None = None) -> int:
    """Pay on the bank's page; return how much."""
    order = who.client.pay_spend_account(account_id=account_id, wish=wish, amount_fen=amount_fen)
    who.client.open_payment_page(order_id=order.order_id)
    site.world.pay_page(who.newcomer, order.order_id)
    site.world.go_to(site.world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(site.world)
    return order.amount_fen


def spend_and_draw(site: Site, xia: Borrower, spend_id: UUID, cash_id: UUID) -> UUID:
    """Spend, and draw cash, from one ceiling; return a purchase of which something came back."""
    house, client = site.world.house, xia.client
    person_id = client.me().person_id
    assert [client.spend_account(account_id=one).limit_fen for one in (spend_id, cash_id)] == [SPEND, CASH]

    # Held, captured in part, released: what is not taken is free again, and whatever is sent twice is done once.
    sofa = client.authorize(
        account_id=spend_id, merchant_id="m1", merchant_name="河畔书店", number="sofa", amount_fen=500_000, key="sofa"
    ).purchase_id
    assert limit_of(house, person_id) == Limit(granted=GRANTED, available=2_500_000, drawn=0, held=500_000)
    assert wallet(site, sofa, "capture", "c1", amount_fen=500_001, status=409) == "capture_above_hold"
    for _ in range(2):
        assert wallet(site, sofa, "capture", "c1", amount_fen=400_000) == "captured"
    assert limit_of(house, spend_id) == Limit(granted=SPEND, available=SPEND - 400_000, drawn=400_000, held=0)
    lamp = client.authorize(
        account_id=spend_id, merchant_id="m1", merchant_name="河畔书店", number="lamp", amount_fen=90_000
    ).purchase_id
    assert wallet(site, lamp, "release", "r1") == wallet(site, lamp, "release", "r2") == "released"
    assert wallet(site, lamp, "capture", "c2", amount_fen=1, status=409) == "purchase_ended"
    books = buy(site, client, spend_id, "books", 100_000)

    # Cash from the same ceiling, to the person's own card.
    draw = client.draw_from_line(account_id=cash_id, instrument_id=xia.instrument_id, amount_fen=1_000_000)
    work_until_idle(site.world)
    assert client.order(order_id=draw.order_id).state == "PAID"
    assert limit_of(house, person_id) == Limit(granted=GRANTED, available=1_500_000, drawn=1_500_000, held=0)
    before = rows_of(house)
    with pytest.raises(Problem, match="limit_exceeded"):  # within the line's own limit, beyond the shared one
        client.authorize(
            account_id=spend_id, merchant_id="m1", merchant_name="河畔书店", number="car", amount_fen=1_500_001
        )
    with pytest.raises(Problem, match="not_for_cash"):
        client.draw_from_line(account_id=spend_id, instrument_id=xia.instrument_id, amount_fen=20_000)
    assert rows_of(house) == before
    assert wallet(site, books, "refund", "back-1", amount_fen=30_000) == "captured"
    assert wallet(site, books, "refund", "back-1", amount_fen=30_000) == "captured"
    assert wallet(site, books, "refund", "back-2", amount_fen=70_001, status=409) == "refund_above_purchase"
    assert client.spend_account(account_id=spend_id).used_fen == 470_000
    return books


def be_billed(site: Site, xia: Borrower, spend_id: UUID, cash_id: UUID, books: UUID) -> None:
    """Read the bills of two months, pay one in instalments and one at least; a refund waits for the next."""
    house, client = site.world.house, xia.client
    # The bill of 1 September: the least payment is a tenth, and beyond it the bill can be paid in instalments.
    live_until(site.world, date(2026, 8, 17))  # two days are closed and added up
    pass_to(site, date(2026, 9, 5))
    sign_in_again(site, xia)
    bill = client.spend_statements(account_id=spend_id)[0]
    assert (bill.billed_on, bill.due, bill.total_fen, bill.minimum_fen) == (
        date(2026, 9, 1), date(2026, 9, 10), 470_000, 47_000,
    )  # fmt: skip
    cash_bill = client.spend_statements(account_id=cash_id)[0]
    # 10,000.00 from 15 August to 1 September, 17 days of 0.04 %: 68.00.
    assert (cash_bill.principal_fen, cash_bill.interest_fen, cash_bill.minimum_fen) == (1_000_000, 6_800, 106_800)
    shown = client.instalment_offers(account_id=spend_id, amount_fen=300_000)
    assert shown.convertible_fen == 470_000 - 47_000
    six = next(one for one in shown.offers if one.count == 6)
    assert (six.fee_fen, six.parts[0].principal_fen, six.annual_simple_ppm) == (13_500, 50_000, 152_677)
    with pytest.raises(Problem, match="minimum_not_convertible"):
        client.agree_to_instalments(account_id=spend_id, amount_fen=423_001, count=6, table_hash=six.table_hash)
    with pytest.raises(Problem, match="terms_not_shown"):
        client.agree_to_instalments(account_id=spend_id, amount_fen=200_000, count=6, table_hash=six.table_hash)
    client.agree_to_instalments(account_id=spend_id, amount_fen=300_000, count=6, table_hash=six.table_hash)
    assert pay(site, xia, spend_id, "bill") == 170_000
    assert pay(site, xia, cash_id, "minimum") == 106_800
    # A refund after the bill waits for the next one.
    assert wallet(site, books, "refund", "back-3", amount_fen=20_000) == "captured"
    pass_to(site, date(2026, 10, 2))
    sign_in_again(site, xia)
    second = client.spend_statements(account_id=spend_id)[0]
    assert (second.instalment_fen, second.fee_fen, second.interest_fen) == (50_000, 2_250, 0)
    assert_coherent(house)


def be_late_and_cured(site: Site, xia: Borrower, spend_id: UUID, cash_id: UUID) -> None:
    """Be late on one account, be refused on both and by the link, pay, and be let in again."""
    house, client = site.world.house, xia.client
    # Nothing is paid by 10 October: overdue on one account stops spending on all, never paying; paying thaws.
    pass_to(site, date(2026, 10, 12))
    sign_in_again(site, xia)
    person_id = client.me().person_id
    late = client.spend_account(account_id=spend_id)
    assert (late.overdue_days, late.overdue_fen) == (2, 52_250)
    with pytest.raises(Problem, match="drawing_frozen"):
        client.draw_from_line(account_id=cash_id, instrument_id=xia.instrument_id, amount_fen=20_000)
    refused = client.ask_for_link(first_id=spend_id, second_id=cash_id, purpose="consumption")
    assert (refused.outcome, [one.code for one in refused.reasons]) == ("refused", ["overdue_now", "sources_pool"])
    assert all(one.remedy_zh and one.remedy_en for one in refused.reasons)
    for account_id in (spend_id, cash_id):
        pay(site, xia, account_id, "all")
    client.draw_from_line(account_id=cash_id, instrument_id=xia.instrument_id, amount_fen=20_000)
    work_until_idle(site.world)
    linked = client.ask_for_link(first_id=spend_id, second_id=cash_id, purpose="consumption")
    assert (linked.outcome, linked.limit_share_ppm) == ("limited", 500_000)
    assert [one.link_id for one in client.links()] == [linked.link_id, refused.link_id]
    # Half of the ceiling for the two together, as the ledger has them: not a fen more is drawn, whichever is asked.
    used = limit_of(house, spend_id), limit_of(house, cash_id)
    left_fen = GRANTED // 2 - sum(one.drawn + one.held for one in used)
    before = rows_of(house)
    with pytest.raises(Problem) as above:
        client.draw_from_line(account_id=cash_id, instrument_id=xia.instrument_id, amount_fen=left_fen + 1)
    assert (above.value.code, above.value.details["left_fen"]) == ("link_limited", left_fen)
    assert rows_of(house) == before
    kinds = [fact["event"] for fact in facts_of(house, person_id, "spend")]
    assert kinds.count("purchased") == 2
    assert kinds.count("refunded") == 2
    assert [fact["outcome"] for fact in facts_of(house, person_id, "link")] == ["refused", "limited"]
    assert_coherent(house)


def test_spending_and_cash_live_under_one_ceiling(site: Site) -> None:
    xia = introduce(site)
    be_assessed(site, xia)
    accounts = opened(xia.client)
    spend_id, cash_id = accounts["spend_line"], accounts["cash_line"]
    books = spend_and_draw(site, xia, spend_id, cash_id)
    be_billed(site, xia, spend_id, cash_id, books)
    be_late_and_cured(site, xia, spend_id, cash_id)


def test_what_is_somebody_elses_is_not_found_and_no_one_but_the_wallet_captures(site: Site) -> None:
    xia = introduce(site)
    be_assessed(site, xia)
    mine = opened(xia.client)
    purchase = xia.client.authorize(
        account_id=mine["spend_line"], merchant_id="m1", merchant_name="河畔书店", number="n", amount_fen=5_000
    )
    zhou = introduce(site, ZHOU)
    be_assessed(site, zhou)
    theirs = opened(zhou.client)
    before = rows_of(site.world.house)
    with pytest.raises(Problem, match="not_found"):
        zhou.client.ask_for_link(first_id=theirs["spend_line"], second_id=mine["cash_line"], purpose="consumption")
    with pytest.raises(Problem, match="not_found"):
        zhou.client.spend_account(account_id=mine["spend_line"])
    with pytest.raises(Problem, match="not_found"):
        zhou.client.authorize(
            account_id=mine["spend_line"], merchant_id="m1", merchant_name="河畔书店", number="x", amount_fen=5_000
        )
    with pytest.raises(Problem, match="link_same"):
        xia.client.ask_for_link(first_id=mine["spend_line"], second_id=mine["spend_line"], purpose="consumption")
    said = site.http.post(
        f"/v1/wallet/purchases/{purchase.purchase_id}/refund",
        headers={"Wallet-Token": "guessed", "Idempotency-Key": "k"},
        json={"amount_fen": 5_000},
    )
    assert (said.status_code, said.json()["code"]) == (403, "wallet_unknown")
    assert rows_of(site.world.house) == before
    assert xia.newcomer == XIA


class Died(BaseException):
    """A worker is gone in the middle of what it did."""


def test_a_bill_run_that_dies_in_a_chunk_leaves_nothing_and_one_that_comes_again_does_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, xia = site.world.house, introduce(site)
    be_assessed(site, xia)
    accounts = opened(xia.client)
    buy(site, xia.client, accounts["spend_line"], "books", 100_000)
    site.world.go_to_date(date(2026, 9, 2))
    before = rows_of(house)

    written = Transaction.together

    def dies(tx: Transaction, statements: Sequence[Statement]) -> None:
        written(tx, statements)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "together", dies)  # everything of the chunk is written by then
        with pytest.raises(Died):
            bill_spend(house)
    assert rows_of(house) == before
    assert bill_spend(house).accounts == 2
    billed = rows_of(house)
    assert bill_spend(house).accounts == 0
    assert rows_of(house) == billed
    assert_coherent(house)


def test_a_worker_bills_on_the_very_morning_and_releases_on_the_very_day_what_nobody_captured(site: Site) -> None:
    house, xia = site.world.house, introduce(site)
    be_assessed(site, xia)
    account_id = opened(xia.client)["spend_line"]
    buy(site, xia.client, account_id, "books", 100_000)
    held = xia.client.authorize(
        account_id=account_id, merchant_id="m1", merchant_name="河畔书店", number="lamp", amount_fen=20_000
    )

    def standing() -> tuple[date, date, str]:
        with house.database.transaction() as tx:
            ((morning, lapses_on, state),) = tx.execute(
                """SELECT a.next_morning, p.lapses_on, p.state FROM spend_account a
                   JOIN spend_purchase p USING (cell, account_id) WHERE p.purchase_id = %s""",
                (held.purchase_id,),
            )
        return morning, lapses_on, state

    morning, lapses_on, _ = standing()
    for day in sorted({morning, lapses_on}):
        pass_to(site, day - timedelta(days=1))
        before = standing()
        assert (before[0] > morning, before[2]) == (morning < day, "held" if day <= lapses_on else "released")
        pass_to(site, day)
        after = standing()
        assert (after[0] > morning, after[2]) == (morning <= day, "held" if day < lapses_on else "released")
    assert_coherent(house)
