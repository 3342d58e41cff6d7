"""A joint account over HTTP: two lenders, named before it is agreed to, each with its part of everything to the fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from litestar.testing import TestClient

from mingqu.api import make_router, openapi
from mingqu.client.spend_answers import JointLender
from mingqu.demo.journey import work_until_idle
from mingqu.domain.ledger import AccountCode
from mingqu.domain.lender_file import FileKind, read_rows
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed
from mingqu.services.close.close_day import close_through
from mingqu.services.funding.state_to_funder import state_to_funder
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.reconciliation.write_lender_files import write_lender_files
from mingqu.services.revolving.open_spend import TermsNotShown, open_spend, spend_offers
from mingqu.store import proof
from mingqu.web.site import make_site
from tests.console import signed_in
from tests.funding import joint_book, with_book
from tests.journeys.api import ADDRESS, Borrower, Site, be_assessed, introduce, sign_in_again
from tests.journeys.reading import assert_coherent, facts_of
from tests.journeys.test_disputed_orders import check, decide, hear
from tests.journeys.test_fund_centre import CHENGCHUAN, QINGHE, used
from tests.journeys.test_spend_funding import accounts_of
from tests.journeys.test_story_s1 import WALLET, buy, opened, pass_to, pay, wallet
from tests.world import OpenWorld

CODES = (
    AccountCode.SHARE_PRINCIPAL,
    AccountCode.SHARE_LENT,
    AccountCode.SHARE_RECEIVED,
    AccountCode.SHARE_INTEREST,
    AccountCode.SHARE_FEE,
    AccountCode.SHARE_PENALTY,
)


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    settings = replace(world.house.settings, wallet_token=Personal(WALLET))
    joint = with_book(world, joint_book())
    house = replace(joint.house, settings=settings)
    made = make_site(house, routers=[make_router(house)], openapi=openapi())
    with TestClient(made, base_url=ADDRESS, raise_server_exceptions=False) as http:
        yield Site(joint, http)


def owned(house: House, account_id: UUID) -> list[tuple[int, ...]]:
    """Return what each funder of an account, the partner first, has on its memorandum accounts, without signs."""
    with house.database.transaction() as tx:
        rows = tx.execute(
            """SELECT array_agg(abs(coalesce(a.debits_posted_fen - a.credits_posted_fen, 0)) ORDER BY c.place)
               FROM spend_funding f CROSS JOIN LATERAL unnest(f.slices) WITH ORDINALITY AS u (owner, place)
               CROSS JOIN LATERAL unnest(%s::smallint[]) WITH ORDINALITY AS c (code, place)
               LEFT JOIN account a ON a.cell = f.cell AND a.owner = u.owner AND a.code = c.code
               WHERE f.account_id = %s GROUP BY u.place ORDER BY u.place""",
            ([int(code) for code in CODES], account_id),
        ).fetchall()
    return [tuple(fens) for (fens,) in rows]


def named(lenders: Sequence[JointLender]) -> list[tuple[str, str, int]]:
    return [(one.name_zh, one.licence, one.share_ppm) for one in lenders]


def test_a_joint_account_is_its_two_lenders_to_the_fen(site: Site) -> None:
    house, xia = site.world.house, introduce(site)
    be_assessed(site, xia)
    client, person_id = xia.client, xia.client.me().person_id
    lenders = [("澄川消费金融有限公司", "consumer_finance", 300_000), ("清河银行", "bank", 700_000)]
    for one in client.spend_products():  # named before they are agreed to, by the hash that covers them
        assert [named(source.lenders) for source in one.joint] == [lenders]
    accounts = opened(client)
    spend_id, cash_id = accounts["spend_line"], accounts["cash_line"]

    # Of a purchase something comes back, before the bill and after it; cash is drawn from another account.
    assert client.spend_account(account_id=spend_id).joint == []
    books = buy(site, client, spend_id, "books", 100_001)
    assert named(client.spend_account(account_id=spend_id).joint) == lenders
    page = signed_in(house, "operations").get(f"/console/customers/{person_id.hex}").text
    assert "澄川消费金融有限公司 30.00% · 清河银行 70.00%" in page
    (routed,) = facts_of(house, person_id, "funding")
    assert (routed["source"], routed["shares"]) == ("joint-qinghe", [[CHENGCHUAN.hex, 300_000], [QINGHE.hex, 700_000]])
    assert owned(house, spend_id) == [(30_000, 30_000, 0, 0, 0, 0), (70_001, 70_001, 0, 0, 0, 0)]
    assert wallet(site, books, "refund", "back-1", amount_fen=1_002) == "captured"
    assert owned(house, spend_id) == [(29_700, 30_000, 300, 0, 0, 0), (69_299, 70_001, 702, 0, 0, 0)]
    draw = client.draw_from_line(account_id=cash_id, instrument_id=xia.instrument_id, amount_fen=1_000_000)
    work_until_idle(site.world)
    assert client.order(order_id=draw.order_id).state == "PAID"
    assert owned(house, cash_id)[1] == (700_000, 700_000, 0, 0, 0, 0)
    assert used(house, "line chengchuan-cash/joint-qinghe") == 1_000_000
    assert used(house, "concentration qinghe/chengchuan") == 700_000 + 70_001
    assert_coherent(house)

    # The bill charges interest and moves nothing between them; paying it does, and what waits as credit does later.
    pass_to(site, date(2026, 9, 5))
    sign_in_again(site, xia)
    before = owned(house, cash_id)
    assert before[0] == (300_000, 300_000, 0, 0, 0, 0)
    bill = client.spend_statements(account_id=cash_id)[0]
    assert (bill.interest_fen, bill.minimum_fen) == (6_800, 106_800)
    pay(site, xia, cash_id, "minimum")
    assert owned(house, cash_id) == [
        (270_000, 300_000, 30_000 + 2_040, 2_040, 0, 0),
        (630_000, 700_000, 70_000 + 4_760, 4_760, 0, 0),
    ]
    shown = client.instalment_offers(account_id=spend_id, amount_fen=60_000)
    three = next(one for one in shown.offers if one.count == 3)
    client.agree_to_instalments(account_id=spend_id, amount_fen=60_000, count=3, table_hash=three.table_hash)
    assert wallet(site, books, "refund", "back-2", amount_fen=20_000) == "captured"
    assert_coherent(house)
    assert [one[0] for one in owned(house, spend_id)] == [29_700, 69_299]  # a conversion and the waiting move nothing
    pass_to(site, date(2026, 10, 5))
    assert [one[0] for one in owned(house, spend_id)] == [23_700, 55_299]  # the refund paid in the bill's morning
    sign_in_again(site, xia)
    pay(site, xia, spend_id, "all")
    (partner, bank) = owned(house, spend_id)
    assert (partner[0], bank[0]) == (12_000, 28_000)  # two instalments are not billed yet
    assert partner[2] == 18_000 + sum(partner[3:])
    assert all(one == (one + other) * 3 // 10 > 0 for one, other in zip(partner[3:], bank[3:], strict=True))
    assert_coherent(house)
    see_what_each_is_told(house, cash_id)
    see_a_draw_come_back(site, xia, cash_id)
    see_the_files(house, spend_id, cash_id)
    see_that_proofs_find_a_fen(house, spend_id)


def test_who_was_told_of_no_joint_lender_gets_none(site: Site) -> None:
    house, xia = site.world.house, introduce(site)
    be_assessed(site, xia)
    person_id = xia.client.me().person_id
    (shown,) = (one for one in spend_offers(house, person_id=person_id) if one.product.id == "chengchuan-spend")
    plain = replace(house, funding=replace(house.funding, plans=()))
    with pytest.raises(TermsNotShown):  # what names two lenders is not agreed to by the terms alone, nor the reverse
        open_spend(plain, person_id=person_id, product_id=shown.product.id, terms_hash=shown.terms_hash, key="a")
    account_id = accounts_of(plain, person_id)["chengchuan-spend"]
    buy(site, xia.client, account_id, "books", 100_001)
    (routed,) = facts_of(house, person_id, "funding")
    assert (routed["source"], routed["skipped"]) == ("pool-2", [["joint-qinghe", "lender_not_named", ""]])
    assert owned(house, account_id) == []
    assert_coherent(house)


def see_what_each_is_told(house: House, cash_id: UUID) -> None:
    """Assert what the bank's statement says of its part, and that what came back makes room the morning after."""
    follow_funding(house)
    assert used(house, "line chengchuan-spend/joint-qinghe") == 40_000
    assert used(house, "concentration qinghe/chengchuan") == 630_000 + 28_000
    stated = state_to_funder(house, funder="qinghe", first=date(2026, 9, 1), last=date(2026, 9, 30))
    line = next(one for one in stated.lines if one.claim_id == cash_id)
    assert (line.revolving, line.opening_fen, line.repaid_fen, line.interest_fen, line.closing_fen) == (
        True, 700_000, 70_000, 4_760, 630_000,
    )  # fmt: skip


def see_a_draw_come_back(site: Site, xia: Borrower, cash_id: UUID) -> None:
    """Assert that of a draw that came back, behind its bill, no lender has lent or claims anything."""
    house, line = site.world.house, "line chengchuan-cash/joint-qinghe"
    drawn = xia.client.draw_from_line(account_id=cash_id, instrument_id=xia.instrument_id, amount_fen=200_001)
    work_until_idle(site.world)
    assert ([one[1] for one in owned(house, cash_id)], used(house, line)) == ([360_000, 840_001], 1_100_001)
    pass_to(site, date(2026, 11, 5))
    sign_in_again(site, xia)
    hear(site.world, drawn.order_id, Failed(code="returned"))
    check(site.world, decide(site.world, drawn.order_id, "returned"))
    assert ([one[:2] for one in owned(house, cash_id)], used(house, line)) == (
        [(270_000, 300_000), (630_000, 700_000)],
        900_000,
    )
    assert used(house, "concentration qinghe/chengchuan") == 630_000 + 28_000
    bill = xia.client.spend_statements(account_id=cash_id)[0]
    assert (bill.principal_fen + bill.overdue_fen, bill.corrected_total_fen) == (1_100_001, bill.total_fen - 202_161)
    listed = [(one.amount_fen, one.returned_on) for one in xia.client.draws(account_id=cash_id)]
    assert listed == [(200_001, date(2026, 11, 5)), (1_000_000, None)]
    assert_coherent(house)


def see_the_files(house: House, spend_id: UUID, cash_id: UUID) -> None:
    """Assert that both lenders' files of a closed day have their parts, and that these sum to the accounts.

    The day before all of the account is paid is told as it was then, whatever was booked since.
    """
    on = date(2026, 10, 4)
    close_through(house, to=on)

    def rows(lender: str, kind: FileKind, day: date = on) -> dict[str, dict[str, str]]:
        files = {one.flag.kind: one for one in write_lender_files(house, lender=lender, on=day)}
        assert files[kind].flag.rows == len(read_rows(files[kind].content, kind=kind))
        return {next(iter(row.values())): row for row in read_rows(files[kind].content, kind=kind)}

    accounts = rows("chengchuan", FileKind.ACCOUNTS)
    parts = [rows(lender, FileKind.SHARES) for lender in ("chengchuan", "qinghe")]
    assert set(accounts) == set(parts[0]) == set(parts[1]) == {spend_id.hex, cash_id.hex}
    assert [int(part[spend_id.hex]["closing_fen"]) for part in parts] == [29_700, 69_299]
    for account_id, row in accounts.items():
        assert int(row["principal_fen"]) == sum(int(part[account_id]["closing_fen"]) for part in parts)
        assert {part[account_id]["claim"] for part in parts} == {"account"}
        assert {part[account_id]["bought_fen"] for part in parts} == {"0"}
    assert (accounts[spend_id.hex]["credit_fen"], accounts[cash_id.hex]["credit_fen"]) == ("20000", "0")
    assert rows("qinghe", FileKind.ACCOUNTS) == {}, "they stand whole with the lender who signed"
    drawn = rows("qinghe", FileKind.SHARES, date(2026, 8, 15))[cash_id.hex]
    assert (drawn["opening_fen"], drawn["lent_fen"], drawn["closing_fen"]) == ("0", "700000", "700000")
    with house.database.transaction() as tx:
        (booked,) = tx.execute(
            """SELECT sum(debits_fen - credits_fen) FROM day_balance
               WHERE code = %s AND on_date <= %s AND lender_id = %s""",
            (int(AccountCode.SPEND_PRINCIPAL), on, CHENGCHUAN),
        ).fetchall()
    assert booked[0] == sum(int(row["principal_fen"]) for row in accounts.values())


def see_that_proofs_find_a_fen(house: House, spend_id: UUID) -> None:
    """Assert that a fen on the wrong side, and lenders whom nobody named, are found."""
    with house.database.transaction() as tx:
        assert proof.fundings(tx) == []
        tx.execute("UPDATE spend_account SET named = NULL WHERE account_id = %s", (spend_id,))
        tx.execute(
            """UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = 9303 AND owner = (
                   SELECT slices[2] FROM spend_funding WHERE account_id = %s)""",
            (spend_id,),
        )
        assert proof.fundings(tx) == [
            f"the parts of joint account {spend_id} do not sum to it",
            f"account {spend_id} has joint lenders that were not named when it was opened",
        ]
