"""`verify` sees each thing that somebody could change behind the house's back, and says which it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import LiteralString
from uuid import UUID

import pytest

from mingqu.demo.journey import take_loan
from mingqu.demo.people import ZHOU
from mingqu.demo.story import fund_lenders
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.evidence.verify_book import MEANING, verify_book
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.keyring import Keyring, fresh
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.journeys.reading import arrive, borrow, cell_of, live_until
from tests.world import OpenWorld, open_world

pytestmark = pytest.mark.xdist_group("verify")  # the true book is lived once in a run
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """What the tamperings aim at, by the names they have in SQL."""

    cell: int  # of the first loan
    person_id: UUID
    facility_id: UUID
    loan_id: UUID  # paid out, and brought up over two closed days
    order_id: UUID  # its payout
    group_id: UUID
    lender_id: UUID
    waiting_order_id: UUID  # a second person's payout, signed and not sent: its holds are open
    waiting_contract_id: UUID

    def names(self) -> dict[str, object]:
        """Return the values by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueBook:
    """A true book, closed and ready to be copied, with its keys and what to aim at in it."""

    name: str
    keyring: Keyring
    victim: Victim


@pytest.fixture(scope="module")
def true_book(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrueBook]:
    """A book with a loan of two closed days, a payout that waits, and two checkpoints."""
    name = "true_book"
    with database_named(server, name, copy_of=template) as address:
        with (
            Database(address) as database,
            open_world(database=database, folder=tmp_path_factory.mktemp("house"), opened_on=OPENED_ON) as world,
        ):
            fund_lenders(world)
            book = TrueBook(name=name, keyring=world.house.keyring, victim=_live(world))
        yield book


def _live(world: OpenWorld) -> Victim:
    house = world.house
    borrowed = borrow(world, arrive(world))
    publish_evidence(house)
    live_until(world, date(2026, 8, 17))
    waiting = take_loan(world, arrive(world, ZHOU), amount_fen=500_000, instalments=6, method="equal_instalment")
    publish_evidence(house)
    loan_id = borrowed.signed.loan_id
    with house.database.transaction() as tx:
        (group_id,) = tx.execute("SELECT group_id FROM loan WHERE loan_id = %s", (loan_id,)).fetchone() or (None,)
    assert isinstance(group_id, UUID)
    return Victim(
        cell=cell_of(house, loan_id),
        person_id=borrowed.known.person_id,
        facility_id=borrowed.offered.offer.facility_id,
        loan_id=loan_id,
        order_id=borrowed.signed.payout_order_id,
        group_id=group_id,
        lender_id=borrowed.offered.product.lender_id,
        waiting_order_id=waiting.signed.payout_order_id,
        waiting_contract_id=waiting.signed.contract_id,
    )


@pytest.fixture
def book(server: Server, true_book: TrueBook) -> Iterator[Database]:
    """A copy of the true book for one test."""
    with (
        database_named(server, f"tampered_{next(_numbers)}", copy_of=true_book.name) as address,
        Database(address) as database,
    ):
        yield database


@contextmanager
def behind_its_back(book: Database) -> Iterator[Transaction]:
    """Give the database as its owner has it: no trigger and no foreign key is in the way."""
    with book.transaction() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")
        yield tx
        tx.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """One change: what it is, the SQL, which invariants it breaks, and what the report must name."""

    what: str
    sql: LiteralString
    breaks: tuple[int, ...]  # the first is the one that names it
    named: str  # with the victim's names in braces


TAMPERINGS = [
    Tampering(
        what="a balance",
        sql="""UPDATE account SET credits_posted_fen = credits_posted_fen + 1
               WHERE cell = %(cell)s AND owner = %(lender_id)s AND code = 3001""",
        breaks=(1,),
        named="account {cell}/{lender_id}/3001/CNY",
    ),
    Tampering(
        what="both sides of the book alike, so that debits still equal credits",
        sql="""UPDATE account SET credits_posted_fen = credits_posted_fen + (code = 3001)::int,
                                  debits_posted_fen = debits_posted_fen + (code = 1001)::int
               WHERE cell = %(cell)s AND owner = %(lender_id)s AND code IN (1001, 3001)""",
        breaks=(1,),
        named="account {cell}/{lender_id}/1001/CNY",
    ),
    Tampering(
        what="a transfer's amount",
        sql="""UPDATE transfer SET amount_fen = amount_fen - 1
               WHERE cell = %(cell)s AND debit_owner = %(lender_id)s AND credit_code = 3001""",
        breaks=(1,),
        named="account {cell}/{lender_id}/3001/CNY",
    ),
    Tampering(
        what="the side an account may not pass",
        sql="UPDATE account SET strict_side = 0 WHERE cell = %(cell)s AND owner = %(loan_id)s AND code = 1101",
        breaks=(2,),
        named="account {cell}/{loan_id}/1101/CNY",
    ),
    Tampering(
        what="an open hold, removed",
        sql="""DELETE FROM hold USING transfer t WHERE t.cell = hold.cell AND t.id = hold.id
               AND t.reference = %(waiting_order_id)s AND t.debit_code = 1101""",
        breaks=(3, 1),
        named="order {waiting_order_id} and its holds",
    ),
    Tampering(
        what="a hold that was used, removed",
        sql="""DELETE FROM hold USING transfer t WHERE t.cell = hold.cell AND t.id = hold.id
               AND t.reference = %(order_id)s AND t.debit_code = 1101""",
        breaks=(3,),
        named="is not the hold of a pending transfer",
    ),
    Tampering(
        what="a loan's snapshot",
        sql="""UPDATE loan_snapshot SET state = jsonb_set(state::jsonb, '{disbursed_fen}', '999999')::json
               WHERE cell = %(cell)s AND loan_id = %(loan_id)s""",
        breaks=(4,),
        named="loan {loan_id} is not what its events make of it",
    ),
    Tampering(
        what="an instalment inside a loan's snapshot",
        sql="""UPDATE loan_snapshot SET state = jsonb_set(state::jsonb, '{instalments,11,interest_fen}', '1354')::json
               WHERE cell = %(cell)s AND loan_id = %(loan_id)s""",
        breaks=(4,),
        named="loan {loan_id} is not what its events make of it",
    ),
    Tampering(
        what="a column beside the snapshot",
        sql="UPDATE loan SET overdue_since = '2026-08-16' WHERE cell = %(cell)s AND loan_id = %(loan_id)s",
        breaks=(4,),
        named="loan {loan_id} is not what its events make of it",
    ),
    Tampering(
        what="the plan beside the snapshot, by a fen of a later bill",
        sql="""UPDATE loan_snapshot SET plan = set_byte(plan, 32, get_byte(plan, 32) # 1)
               WHERE cell = %(cell)s AND loan_id = %(loan_id)s""",
        breaks=(4,),
        named="loan {loan_id} is not what its events make of it",
    ),
    Tampering(
        what="how far a loan has come in its plan",
        sql="UPDATE loan SET passed = passed + 1 WHERE cell = %(cell)s AND loan_id = %(loan_id)s",
        breaks=(4,),
        named="loan {loan_id} is not what its events make of it",
    ),
    Tampering(
        what="a loan's page in the diary of its next event",
        sql="DELETE FROM loan_diary WHERE cell = %(cell)s AND loan_id = %(loan_id)s",
        breaks=(4,),
        named="loan {loan_id} has an event that is not in the diary of its day",
    ),
    Tampering(
        what="a day on which something is due, put behind the close",
        sql="UPDATE loan SET next_event = '2026-08-16' WHERE cell = %(cell)s AND loan_id = %(loan_id)s",
        breaks=(4,),
        named="loan {loan_id} has an event on a day that is closed",
    ),
    Tampering(
        what="the principal a loan's row shows, which its limit has drawn",
        sql="""UPDATE loan SET principal_unbilled_fen = principal_unbilled_fen - 1
               WHERE cell = %(cell)s AND loan_id = %(loan_id)s""",
        breaks=(4, 6),
        named="loan {loan_id} and its accounts do not agree",
    ),
    Tampering(
        what="the date of an event",
        sql="UPDATE loan_event SET value_date = '2026-08-14' WHERE cell = %(cell)s AND loan_id = %(loan_id)s",
        breaks=(4, 5),
        named="loan {loan_id} is not what its events make of it",
    ),
    Tampering(
        what="a group's slope",
        sql="""UPDATE accrual_group SET slope_micro = slope_micro + 1
               WHERE cell = %(cell)s AND group_id = %(group_id)s AND kind = 'interest'""",
        breaks=(4,),
        named="accrual group {group_id} of cell {cell} (interest)",
    ),
    Tampering(
        what="a group's carry",
        sql="""UPDATE accrual_group SET income_carry_micro = income_carry_micro - 1
               WHERE cell = %(cell)s AND group_id = %(group_id)s AND kind = 'interest'""",
        breaks=(4,),
        named="accrual group {group_id} of cell {cell} (interest)",
    ),
    Tampering(
        what="the amount of a paid order",
        sql="UPDATE channel_order SET amount_fen = amount_fen + 1 WHERE order_id = %(order_id)s",
        breaks=(5, 8),
        named="payout {order_id} and its postings do not agree",
    ),
    Tampering(
        what="a limit above the one that was granted",
        sql="UPDATE facility SET granted_fen = granted_fen + 1 WHERE facility_id = %(facility_id)s",
        breaks=(6,),
        named="facility {facility_id} is above its limit",
    ),
    Tampering(
        what="the card money was paid out to, for somebody else's",
        sql="""UPDATE channel_order SET instrument_id = %(person_id)s WHERE order_id = %(order_id)s""",
        breaks=(7, 5),
        named="payout {order_id} went to what is not the borrower's own debit card or account",
    ),
    Tampering(
        what="the kind of a card",
        sql="UPDATE instrument SET kind = 'credit_card' WHERE person_id = %(person_id)s",
        breaks=(7,),
        named="payout {order_id} went to what is not the borrower's own debit card or account",
    ),
    Tampering(
        what="a leaf's bytes",
        sql="""UPDATE evidence_leaf SET body = replace(convert_from(body, 'UTF8'), '"approved"', '"refused"')::bytea
               WHERE cell = %(cell)s AND person_id = %(person_id)s AND kind = 'decision'""",
        breaks=(8,),
        named="cell {cell}: leaf 3 does not hash to its hash",
    ),
    Tampering(
        what="a leaf's bytes together with its hash",
        sql="""UPDATE evidence_leaf SET body = changed, hash = sha256('\\x00'::bytea || changed)
               FROM (SELECT replace(convert_from(body, 'UTF8'), '"approved"', '"refused"')::bytea AS changed
                     FROM evidence_leaf WHERE cell = %(cell)s AND sequence = 3) AS forged
               WHERE cell = %(cell)s AND sequence = 3""",
        breaks=(8,),
        named="cell {cell}: the leaves do not give the root of checkpoint 1",
    ),
    Tampering(
        what="a leaf in the middle, dropped",
        sql="DELETE FROM evidence_leaf WHERE cell = %(cell)s AND sequence = 3",
        breaks=(8,),
        named="cell {cell}: leaf 3 is missing",
    ),
    Tampering(
        what="the leaf of a contract, given to another",
        sql="""UPDATE evidence_leaf SET subject_id = %(loan_id)s
               WHERE kind = 'contract' AND subject_id = %(waiting_contract_id)s""",
        breaks=(8,),
        named="contract {waiting_contract_id.hex} has no leaf",
    ),
    Tampering(
        what="the root of a checkpoint",
        sql="UPDATE checkpoint SET root = sha256(root) WHERE number = 1",
        breaks=(8,),
        named="checkpoint 1 has another root than its cells",
    ),
    Tampering(
        what="the signature of a checkpoint",
        sql="UPDATE checkpoint SET signature = sha512(signature) WHERE number = 1",
        breaks=(8,),
        named="checkpoint 1 is not signed by a key of this book",
    ),
    Tampering(
        what="a checkpoint, dropped",
        sql="DELETE FROM checkpoint WHERE number = 1",
        breaks=(8,),
        named="checkpoint",
    ),
]


def test_the_untouched_book_is_true(book: Database, true_book: TrueBook) -> None:
    report = verify_book(database=book, keyring=true_book.keyring)
    assert report.findings == {number: [] for number in MEANING}
    assert report.all_hold
    assert report.proofs == {"ledger": True, "loans": True, "channels": True, "evidence": True}
    assert (report.counts["people"], report.counts["loans"]) == (2, 2)
    assert verify_book(database=book, keyring=true_book.keyring) == report


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=[tampering.what for tampering in TAMPERINGS])
def test_verify_finds(book: Database, true_book: TrueBook, tampering: Tampering) -> None:
    victim = true_book.victim
    with behind_its_back(book) as tx:
        assert tx.execute(tampering.sql, victim.names()).rowcount > 0
    report = verify_book(database=book, keyring=true_book.keyring)
    assert {number for number, holds in report.holds.items() if not holds} == set(tampering.breaks)
    named = tampering.named.format(**victim.names())
    assert any(named in sentence for sentence in report.findings[tampering.breaks[0]]), report.findings


def test_verify_finds_evidence_that_was_cut_off_neatly_at_its_end(book: Database, true_book: TrueBook) -> None:
    """Whoever owns the database can take the newest leaf away, count and all; the checkpoint above it stays."""
    contract_id = true_book.victim.waiting_contract_id
    with behind_its_back(book) as tx:
        cell = tx.cell_of(contract_id)
        tx.execute("DELETE FROM evidence_leaf WHERE cell = %s AND subject_id = %s", (cell, contract_id))
        tx.execute("UPDATE cell SET leaf_count = leaf_count - 1 WHERE cell = %s", (cell,))
    report = verify_book(database=book, keyring=true_book.keyring)
    assert [number for number, holds in report.holds.items() if not holds] == [8]
    assert f"cell {cell}: contract {contract_id.hex} has no leaf" in report.findings[8]
    assert f"cell {cell}: checkpoint 2 covers leaves that are not there" in report.findings[8]


def test_verify_finds_a_book_signed_with_another_key(book: Database) -> None:
    report = verify_book(database=book, keyring=fresh())
    # Limits are read from sealed decisions, which do not open either.
    assert [number for number, holds in report.holds.items() if not holds] == [6, 8]
