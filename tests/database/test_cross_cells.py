"""Money between cells: two legs through clearing, each once, whoever dies in between; `verify` sees all of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from mingqu.domain import identifier
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.money import Money
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.funding.fund_lender import fund_lender
from mingqu.services.house import House
from mingqu.services.ledger.cross_cells import (
    LEASE_SECONDS,
    Crossing,
    CrossingChanged,
    CrossingNotBetweenCells,
    clearing,
    cross_cells,
    finish_crossings,
)
from mingqu.store.ledgers import ledger
from mingqu.store.ledgers.ledger import TransferRefused
from mingqu.store.proof import crossings
from mingqu.store.server.database import Database, Transaction
from tests.world import OpenWorld

LENDER = UUID("0199a000-0000-7000-8000-000000000100")
CASH = Account(owner=LENDER, code=AccountCode.LENDER_CASH)
CELLS = 4
numbers = count(1)


def crossing(amount_fen: int = 700, **changes: Any) -> Crossing:
    made = Crossing(
        crossing_id=identifier.fresh(milliseconds=next(numbers), slot=0, entropy=0),
        owner=LENDER,
        code=AccountCode.LENDER_CASH,
        currency="CNY",
        amount_fen=amount_fen,
        from_cell=0,
        to_cell=2,
    )
    return replace(made, **changes)


@pytest.fixture
def house(world: OpenWorld) -> House:
    """A house in which a lender has 1,000 fen in cell 0."""
    reference = identifier.fresh(milliseconds=0, slot=0, entropy=9)
    fund_lender(world.house, lender_id=LENDER, amount=Money(1_000, "CNY"), reference=reference)
    return world.house


def cash(house: House) -> list[int]:
    with house.database.transaction() as tx:
        held = [ledger.balances(tx, cell=cell, owner=LENDER) for cell in range(CELLS)]
    return [of[CASH].posted_fen if CASH in of else 0 for of in held]


def in_clearing(house: House) -> list[int]:
    found = []
    with house.database.transaction() as tx:
        for cell in range(CELLS):
            account = clearing(cell, cells=CELLS, currency="CNY")
            found.append(sum(held.posted_fen for held in ledger.balances(tx, cell=cell, owner=account.owner).values()))
    return found


def proved(house: House) -> bool:
    report = verify_book(database=house.database, keyring=house.keyring)
    assert report.all_hold, report.findings
    return True


def test_money_leaves_one_cell_at_once_and_arrives_in_the_other_by_work(house: House) -> None:
    way = crossing()
    cross_cells(house, crossing=way)
    cross_cells(house, crossing=way)
    assert (cash(house), in_clearing(house), proved(house)) == ([300, 0, 0, 0], [700, 0, 0, 0], True)
    assert [finish_crossings(house, cell=0) for _ in range(2)] == [1, 0]
    assert (cash(house), in_clearing(house), proved(house)) == ([300, 0, 700, 0], [700, 0, -700, 0], True)
    cross_cells(house, crossing=way)
    assert finish_crossings(house, cell=0) == 0
    cross_cells(house, crossing=crossing(from_cell=2, to_cell=1))
    assert finish_crossings(house, cell=2) == 1
    assert (cash(house), proved(house)) == ([300, 700, 0, 0], True)


def test_what_cannot_go_changes_nothing(house: House) -> None:
    with pytest.raises(TransferRefused):
        cross_cells(house, crossing=crossing(1_001))
    for way in (crossing(to_cell=0), crossing(to_cell=4), crossing(to_cell=-1)):
        with pytest.raises(CrossingNotBetweenCells):
            cross_cells(house, crossing=way)
    known = crossing(100)
    cross_cells(house, crossing=known)
    for other in (replace(known, to_cell=3), replace(known, amount_fen=101), replace(known, currency="USD")):
        with pytest.raises(CrossingChanged):
            cross_cells(house, crossing=other)
    assert (cash(house), in_clearing(house), proved(house)) == ([900, 0, 0, 0], [100, 0, 0, 0], True)


class Killed(BaseException):
    """The process died here."""


class Dying(Database):
    """A database whose user dies right after committing a use case whose name ends so."""

    dies_after: str

    def run(self, work: Any) -> Any:
        answer = super().run(work)
        if work.__qualname__.endswith(self.dies_after):
            raise Killed
        return answer


@pytest.mark.parametrize("dies_after", ["leave", "arrive", "complete"])
def test_killed_between_the_legs_it_goes_on(house: House, world: OpenWorld, dies_after: str) -> None:
    way = crossing()
    with Dying(house.database.url) as dying:
        dying.dies_after = dies_after
        mortal = replace(house, database=dying)
        with suppress(Killed):
            cross_cells(mortal, crossing=way)
        assert (sum(cash(house)), sum(in_clearing(house))) == (300, 700)
        with suppress(Killed):
            finish_crossings(mortal, cell=0)
    assert proved(house)
    world.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    cross_cells(house, crossing=way)
    for _ in range(2):
        finish_crossings(house, cell=0)
    assert (cash(house), in_clearing(house), proved(house)) == ([300, 0, 700, 0], [700, 0, -700, 0], True)


TAMPERINGS = [
    "DELETE FROM transfer WHERE reason = 50 AND credit_code = 2101",
    "DELETE FROM transfer WHERE reason = 50 AND debit_code = 2101",
    "UPDATE transfer SET amount_fen = amount_fen + 1 WHERE reason = 50 AND debit_code = 2101",
    "UPDATE transfer SET reference = gen_random_uuid() WHERE reason = 50 AND debit_code = 2101",
    "UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = 2101",
    """INSERT INTO transfer SELECT cell, gen_random_uuid(), debit_owner, credit_owner, amount_fen, value_date,
       posted_on, debit_code, credit_code, kind, reason, currency, reference FROM transfer WHERE reason = 50""",
]


def test_the_proof_finds_a_leg_that_is_lost_doubled_or_changed(house: House) -> None:
    cross_cells(house, crossing=crossing())
    finish_crossings(house, cell=0)

    def found(tampering: str) -> list[str]:
        with house.database.transaction() as tx:
            tx.script("SET LOCAL session_replication_role = replica")
            tx.script(tampering)
            return crossings(tx)

    assert found("SELECT 1") == []
    for tampering in TAMPERINGS:
        assert found(tampering), tampering


def test_a_leg_under_way_needs_the_work_that_posts_the_other(house: House) -> None:
    cross_cells(house, crossing=crossing())

    def found(tx: Transaction) -> list[str]:
        tx.script("UPDATE work SET done_at = now() WHERE kind = 'crossing'")
        return crossings(tx)

    with house.database.transaction() as tx:
        assert found(tx)
