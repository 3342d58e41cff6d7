"""A pool buys loans of the book by rule: only whose they are changes, and each day's money goes down to the fen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from importlib.resources import files
from typing import Final, LiteralString
from uuid import UUID

import pytest

from mingqu.demo.journey import pay_by_hand
from mingqu.demo.people import XIA
from mingqu.domain.abs_pool import PoolTerms
from mingqu.domain.abs_pool.terms import PoolUnknown
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import Intent
from mingqu.jobs.worker import Resting, work_once
from mingqu.services.close.close_day import close_through
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.pools.draw_pool import PoolOpenAlready, draw_pools, open_pool
from mingqu.services.pools.read_pools import read_pool
from mingqu.store import evidence, proof
from mingqu.store.funders import pool_book
from mingqu.store.server.database import Transaction
from tests.console import signed_in
from tests.funding import with_funding
from tests.journeys.reading import arrive, assert_coherent, books_of, borrow, do_morning, live_until, rows_of
from tests.journeys.test_fund_centre import another, used
from tests.models.pool import terms
from tests.simulation.mortal import MortalDatabase, Reaper
from tests.world import OpenWorld

POOL = "yuanqu-consumer"
OPENED_ON, BOUGHT_ON = date(2026, 8, 15), date(2026, 8, 16)
SENIOR_FEN, SUBORDINATE_FEN = 1_000_000, 200_000


def small_pool() -> PoolTerms:
    """Return the published pool with notes that one loan uses up; a loan is in default from its sixth day late."""
    pool = terms(borrower=1_000_000)
    return replace(
        pool,
        senior_fen=SENIOR_FEN,
        subordinate_fen=SUBORDINATE_FEN,
        eligibility=replace(pool.eligibility, paid_instalments_min=0),
        triggers=replace(pool.triggers, delinquent_after_days=1, default_after_days=5),
    )


@pytest.fixture
def pooling(world: OpenWorld) -> OpenWorld:
    """The world with a house that routes what it lends and knows a small pool."""
    return with_funding(world, pools=(small_pool(),))


def test_a_pool_buys_receives_distributes_and_ends_early(pooling: OpenWorld) -> None:
    house = pooling.house
    known, other = arrive(pooling), arrive(pooling, another())
    sold = borrow(pooling, known, amount_fen=700_000).signed.loan_id
    borrow(pooling, other, amount_fen=1_000_000)  # joint
    open_pool(house, pool_id=POOL)
    with pytest.raises(PoolOpenAlready):
        open_pool(house, pool_id=POOL)
    assert draw_pools(house) == 0  # no day of it is closed
    before = untouched_rows(house)

    # Its first day: nothing came, senior interest is paid, and the loan is bought that is its lender's alone.
    pooling.go_to_date(BOUGHT_ON)
    close_through(house, to=OPENED_ON)
    own_before = books_of(house, sold)
    assert draw_pools(house) == 1
    view = read_pool(house, pool_id=POOL)
    assert view.day is not None
    assert (view.loans, view.principal_fen, view.day.spent_fen, view.day.phase) == (1, 700_000, 700_000, "buying")
    assert view.day.senior_interest_paid_fen == 99  # 1,000,000 × 3.6 % ÷ 365 = 98.6
    assert view.day.cash_fen == 1_200_000 - 99 - 700_000
    assert holders(house) == [(sold, POOL, BOUGHT_ON, 700_000)]
    assert {code: fen for code, fen in view.trust.items() if fen} == {
        Code.TRUST_CASH: view.day.cash_fen,
        Code.TRUST_LOANS: 700_000,
        Code.TRUST_SENIOR: SENIOR_FEN,
        Code.TRUST_SUBORDINATE: SUBORDINATE_FEN,
        Code.TRUST_INTEREST: 99,
    }
    assert books_of(house, sold) == own_before
    assert untouched_rows(house)["loan"] == before["loan"]
    assert draw_pools(house) == 0  # drawn again, nothing is: a day is drawn once
    assert_coherent(house)
    assert used(house, "line chengchuan-instalment/own") == 700_000
    follow_funding(house)
    assert used(house, "line chengchuan-instalment/own") == 0  # its lender may lend that money again

    # A bill is paid on 15 September and more the morning after; what is drawn then is what was posted on each day.
    live_until(pooling, date(2026, 9, 15))
    pooling.go_to_date(date(2026, 9, 16))
    close_through(house, to=date(2026, 9, 15))
    do_morning(pooling)
    pay_by_hand(pooling, known, loan_id=sold, intent=Intent.PREPAY, amount_fen=100_000)
    see_a_day_that_dies_leave_nothing(house)
    assert draw_pools(house) == 30
    view = read_pool(house, pool_id=POOL)
    assert view.day is not None
    came = posted_on(house, sold, date(2026, 9, 15))
    assert came["principal"] > 0 < came["interest"]
    assert (view.day.repaid_fen, view.day.interest_fen) == (came["principal"], came["interest"])
    assert view.principal_fen == 700_000 - came["principal"]
    assert_coherent(house)
    page = signed_in(house, "risk").get("/console/funds").text
    assert "源渠消费贷款资产支持证券一期" in page
    assert "累计支付优先级利息" in page
    assert "源渠消费贷款资产支持证券一期" not in signed_in(house, "lender:tinglan").get("/console/funds").text

    see_the_proof_look(house, sold)
    see_older_days_booked(house)
    see_it_end_early(pooling)


def test_a_pool_without_terms_keeps_nothing_else_of_the_morning_from_being_done(pooling: OpenWorld) -> None:
    open_pool(pooling.house, pool_id=POOL)
    borrow(pooling, arrive(pooling), amount_fen=700_000)
    house = replace(pooling.house, pools=())
    pooling.go_to_date(BOUGHT_ON)
    said: list[str] = []
    work_once(house, report=said.append, resting=Resting())
    assert [line for line in said if "pool" in line] == [
        f"worker: pool_unknown: There is no pool '{POOL}' on {BOUGHT_ON}. Known: none."
    ]
    with house.database.transaction() as tx:
        assert evidence.last_checkpoint(tx) is not None
    assert draw_pools(pooling.house) == 1


def see_it_end_early(pooling: OpenWorld) -> None:
    """Let the borrower pay no more, and assert what becomes of the pool."""
    house = pooling.house
    # She pays no more. Two days late the pool ends early and pays its notes back, six days late the loan is in default.
    pooling.deposit(XIA, -pooling.balance_fen(XIA))
    live_until(pooling, date(2026, 10, 21))
    draw_pools(house)
    view = read_pool(house, pool_id=POOL)
    assert view.day is not None
    assert (view.day.phase, view.day.amortizing_since) == ("amortizing_early", date(2026, 10, 17))
    assert view.day.causes == ["cumulative_default", "senior_interest_unpaid", "earlier"]
    assert view.day.defaulted_fen == view.principal_fen > 0 == view.day.performing_fen
    assert view.day.senior_fen < SENIOR_FEN
    assert (view.day.subordinate_fen, view.day.cash_fen) == (SUBORDINATE_FEN, 0)
    assert [one.unrecovered_fen for one in view.vintages] == [view.principal_fen]
    assert_coherent(house)


def see_the_proof_look(house: House, loan_id: UUID) -> None:
    """Assert that the proof names a loan of which a pool holds a fen too much, and a day that loses one."""
    with house.database.transaction() as tx:
        assert proof.pools(tx) == []
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE pool_loan SET bought_fen = bought_fen + 1 WHERE loan_id = %s", (loan_id,))
        found = proof.pools(tx)
        assert any(f"loan {loan_id} was bought" in sentence for sentence in found)
        assert any(f"of loan {loan_id} another principal" in sentence for sentence in found)
    with house.database.transaction() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE pool_receipt SET other_fen = other_fen + 1")
        found = proof.pools(tx)
        assert any(f"what loan {loan_id} brought" in sentence for sentence in found)
        assert any(sentence.endswith("does not add up") for sentence in found)
    with house.database.transaction() as tx:
        assert proof.trusts(tx) == []
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = %s", (Code.TRUST_CASH,))
        assert proof.trusts(tx) == [f"the accounts of pool {POOL} do not hold what it has"]
        tx.execute("UPDATE pool_day SET interest_fen = interest_fen + 1 WHERE on_date = %s", (BOUGHT_ON,))
        assert f"day {BOUGHT_ON} of pool {POOL} is not what its accounts moved" in proof.trusts(tx)


class Killed(BaseException):
    """The process is gone; nothing that hears of it goes on."""


class Killing(Reaper):
    """Ends the process, as far as a test can tell, when a point is passed for the `nth` time."""

    def __init__(self, *, nth: int) -> None:
        self.left = nth

    def at(self, point: str, *, tx: Transaction | None = None) -> None:
        """Pass a point."""
        self.left -= 1
        if self.left == 0:
            raise Killed(point)


def see_a_day_that_dies_leave_nothing(house: House) -> None:
    """Draw the next day, killed at each point in turn: all of it is there once it is committed, or nothing is."""
    before = pool_rows(house)
    passed: list[str] = []
    while pool_rows(house) == before:
        reaper = Killing(nth=len(passed) + 1)
        mortal = MortalDatabase(house.database.url, ensure=lambda: None, reaper=reaper)
        try:
            with pytest.raises(Killed) as killed:
                draw_pools(replace(house, database=mortal))
        finally:
            mortal.close()
        passed.append(str(killed.value))
    assert passed[-2:] == ["_draw_next: before commit", "_draw_next: committed"]
    assert "_draw_next: after post_batch" in passed
    assert len(pool_rows(house)["pool_day"]) == len(before["pool_day"]) + 1
    assert_coherent(house)


def pool_rows(house: House) -> dict[str, list[str]]:
    """Return what drawing a day writes."""
    names: tuple[LiteralString, ...] = ("pool_day", "pool_receipt", "pool_loan", "transfer", "account", "evidence_leaf")
    with house.database.transaction() as tx:
        return {name: sorted(text for (text,) in tx.execute(f"SELECT t::text FROM {name} t")) for name in names}


TRUST_MOVES: Final[LiteralString] = """
    SELECT id, debit_owner, credit_owner, amount_fen, value_date, debit_code, credit_code, kind, reason, reference
    FROM transfer WHERE reason BETWEEN 150 AND 154 ORDER BY id"""
TRUST_ACCOUNTS: Final[LiteralString] = "SELECT * FROM account WHERE code BETWEEN 9401 AND 9409 ORDER BY code"


def see_older_days_booked(house: House) -> None:
    """Assert that days which an older version drew are booked by the migration just as they are when they are drawn."""
    script = (files("mingqu.store") / "migrations" / "0128_trust_accounts.sql").read_text()
    with house.database.transaction() as tx:
        asked = (TRUST_MOVES, TRUST_ACCOUNTS)
        booked = [tx.execute(sql).fetchall() for sql in asked]
        assert len(booked[0]) > 30
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("DELETE FROM transfer WHERE reason BETWEEN 150 AND 154")
        tx.execute("DELETE FROM account WHERE code BETWEEN 9401 AND 9409")
        assert len(proof.trusts(tx)) == 21  # every day, as far as they are told, and what the trust has
        tx.script(script)
        assert [tx.execute(sql).fetchall() for sql in asked] == booked
        assert proof.trusts(tx) == []


def untouched_rows(house: House) -> dict[str, object]:
    """Return what no pool may touch: loans, their accounts, their transfers."""
    rows = rows_of(house)
    return {name: rows[name] for name in ("loan", "loan_snapshot", "account", "transfer", "loan_event")}


def holders(house: House) -> list[tuple[UUID, str, date, int]]:
    """Return every loan that a pool bought."""
    with house.database.transaction() as tx:
        return tx.execute("SELECT loan_id, pool_id, bought_on, bought_fen FROM pool_loan").fetchall()


def posted_on(house: House, loan_id: UUID, on: date) -> dict[str, int]:
    """Return what was posted as paid of a loan on a day, by the reasons of its transfers."""
    with house.database.transaction() as tx:
        rows = dict(
            tx.execute(
                """SELECT reason, sum(amount_fen)::bigint FROM transfer WHERE credit_owner = %s AND posted_on = %s
                   AND reason IN (20, 21) GROUP BY 1""",
                (loan_id, on),
            ).fetchall()
        )
    return {"principal": rows.get(20, 0), "interest": rows.get(21, 0)}


def test_a_pool_that_cannot_be_drawn_keeps_no_other_waiting(world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def draw(_: object, pool: pool_book.Pool) -> int:
        tried.append(pool.pool_id)
        if pool.pool_id == "over":
            raise PoolUnknown("Its terms are over.")
        return 1

    at = world.house.clock.now()
    pools = [pool_book.Pool(pool_id=name, opened_on=at.date(), opened_at=at) for name in ("over", "yuanqu-consumer")]
    monkeypatch.setattr(pool_book, "pools", lambda _tx: pools)
    monkeypatch.setattr("mingqu.services.pools.draw_pool._draw_days", draw)
    with pytest.raises(PoolUnknown):
        draw_pools(world.house)
    assert tried == ["over", "yuanqu-consumer"]
