"""A lived-in book is cut into other numbers of cells, goes on living, and proves itself; its old proofs stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import numpy as np
import psycopg
import pytest

from bench import book as bench_book
from mingqu.demo.journey import Borrowed, take_loan, work_until_idle
from mingqu.demo.people import XIA, ZHOU, neighbor
from mingqu.demo.story import fund_lenders
from mingqu.domain.evidence import (
    Checkpoint,
    Leaf,
    LeafKind,
    cell_leaf,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from mingqu.domain.identifier import cell_of_slot, fresh, slot_of_reference
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.services.books.recut_book import recut_book
from mingqu.services.close.close_day import close_through
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.revolving.pay_merchant import refund_purchase
from mingqu.store import evidence, proof
from mingqu.store.books import recut
from mingqu.store.books.book import CellsOutOfRange
from mingqu.store.books.recut import RecutRefused
from mingqu.store.ledgers import ledger_proof
from mingqu.store.messages import notice_round
from mingqu.store.revolving import bill_round
from mingqu.store.server import catalogue, column, lease
from mingqu.store.server.database import Database, DatabaseUnavailable, Transaction
from tests.conftest import OPENED_ON
from tests.funding import joint_book, spend, with_book
from tests.journeys.reading import arrive, assert_coherent, borrow, live_until, rows_of
from tests.journeys.test_spend_funding import accounts_of
from tests.soak import SOAK
from tests.world import OpenWorld, open_world

_numbers = count(1)
# Accruals under way; in the soak a bill and a deduction as well, which the book of the bench has in any case.
LIVED = 33 if SOAK else 4


@contextmanager
def alone(world: OpenWorld) -> Iterator[Database]:
    """Cut off everybody who is connected to a book, and give the one connection that is left."""
    with Database(world.house.database.url, connections_max=1) as database:
        with psycopg.connect(world.house.database.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        yield database


def recut_id() -> UUID:
    return fresh(milliseconds=next(_numbers), slot=0, entropy=7)


def cut(world: OpenWorld, cells: int) -> None:
    house = world.house
    with alone(world) as database:
        done = recut_book(
            database=database, keyring=house.keyring, cells=cells, recut_id=recut_id(), at=house.clock.now()
        )
    assert done.to_cells == cells
    hear_of_it(world)
    with house.database.transaction() as tx:  # on a new connection, which asks anew
        assert tx.cells == cells


def hear_of_it(world: OpenWorld) -> None:
    """Let a house whose connections are from before say something: it might name cells that are others now."""
    with pytest.raises(DatabaseUnavailable), world.house.database.transaction() as tx:
        tx.execute("SELECT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Evidence as it was before a recut."""

    leaf: Leaf
    checkpoint: Checkpoint


def witness(world: OpenWorld, of: Borrowed) -> Witness:
    house = world.house
    checkpoint = publish_evidence(house)
    with house.database.transaction() as tx:
        (leaf,) = evidence.leaves_of(tx, person_id=of.known.person_id, subject_id=of.signed.contract_id)
    return Witness(leaf=leaf, checkpoint=checkpoint)


def assert_stands(world: OpenWorld, before: Witness) -> None:
    """What was proved before a recut is proved under the old checkpoint and the new one, whose trees begin with it."""
    house = world.house
    newest = publish_evidence(house)
    with house.database.transaction() as tx:
        subject_id, person_id = before.leaf.subject_id, before.leaf.person_id
        assert before.leaf in evidence.leaves_of(tx, person_id=person_id, subject_id=subject_id)
        assert evidence.leaf_about(tx, subject_id=subject_id) is not None
        for checkpoint in (before.checkpoint, newest):
            found = evidence.inclusion_proof(tx, keyring=house.keyring, leaf=before.leaf, checkpoint=checkpoint)
            assert found.cell_root == checkpoint.cells[before.leaf.cell]
            assert verify_inclusion(
                leaf=leaf_hash(before.leaf.body),
                index=before.leaf.sequence,
                size=found.cell_root.size,
                path=found.path,
                root=found.cell_root.root,
            )
            assert verify_inclusion(
                leaf=leaf_hash(cell_leaf(found.cell_root)),
                index=before.leaf.cell,
                size=len(checkpoint.cells),
                path=found.cell_path,
                root=checkpoint.root,
            )
        assert len(newest.cells) >= len(before.checkpoint.cells)
        assert evidence.load_checkpoint(tx, number=before.checkpoint.number) == before.checkpoint
        for old in before.checkpoint.cells:
            path = evidence.consistency_proof(tx, cell=old.cell, older=before.checkpoint, newer=newest)
            new = newest.cells[old.cell]
            assert verify_consistency(older=old.size, older_root=old.root, size=new.size, root=new.root, path=path)


def test_a_lived_in_book_is_cut_goes_on_living_and_proves_itself(database: Database, tmp_path: Path) -> None:
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        world = with_book(opened, joint_book())
        fund_lenders(world)
        first = [borrow(world, arrive(world, one)) for one in (XIA, neighbor(number=1, months_late=-1, lenders=1))]
        buyer_id = first[0].known.person_id
        account_id = accounts_of(world.house, buyer_id)["chengchuan-spend"]
        sofa = spend(world.house, person_id=buyer_id, account_id=account_id, number="sofa", amount_fen=100_001)
        live_until(world, OPENED_ON + timedelta(days=LIVED))
        waiting = take_loan(world, arrive(world, ZHOU), amount_fen=500_000, instalments=6, method="equal_instalment")
        seen = [witness(world, one) for one in first]

        cut(world, 2)
        refund_purchase(world.house, purchase_id=sofa, number="back", amount_fen=1_002)  # a joint account lives on
        assert_coherent(world.house)
        work_until_idle(world)  # the payout that was held when the book was cut
        live_until(world, OPENED_ON + timedelta(days=LIVED + 2))
        seen += [witness(world, waiting)]
        for one in first:
            plan_round(world, one.signed.loan_id)
        cut(world, 8)
        assert rounds_and_notices(world) == (0, 4)
        _assert_private_values_open(world, [*first, waiting])
        borrow(world, arrive(world, neighbor(number=10, months_late=0, lenders=2)))
        live_until(world, OPENED_ON + timedelta(days=LIVED + 4))
        assert_coherent(world.house)
        for before in seen:
            assert_stands(world, before)


def plan_round(world: OpenWorld, loan_id: UUID) -> None:
    """Write a round of notices and one of bills, as mornings of many loans and of many accounts do."""
    with world.house.database.transaction() as tx:
        notice_round.insert(
            tx, cell=tx.cell_of(loan_id), round_id=loan_id, template="loan.due", on=world.clock.business_date(),
            run_at=world.clock.now() + timedelta(hours=9),
            loan_ids=np.frombuffer(loan_id.bytes, dtype=np.uint8).reshape(1, 16),
            marks=np.array([7]), amounts_fen=np.array([100]),
        )  # fmt: skip
        bills = bill_round.inserted(
            cell=tx.cell_of(loan_id), round_id=loan_id, template="spend.billed", billed_on=world.clock.business_date(),
            due=world.clock.business_date(), run_at=world.clock.now() + timedelta(days=900),
            account_ids=column.of_uuids([loan_id]), numbers=column.of_bigints([1]),
        )  # fmt: skip
        tx.together([bills])
        tx.commit()


def rounds_and_notices(world: OpenWorld) -> tuple[int, int]:
    """Return how many rounds there are, and how many notices wait in the cells of their loans."""
    with world.house.database.transaction() as tx:
        rounds = sum(tx.execute(f"SELECT FROM {one}").rowcount for one in ("notice_round", "bill_round"))
        waiting = tx.execute(
            """SELECT FROM work w JOIN loan l ON l.cell = w.cell AND l.loan_id = w.subject_id
               WHERE w.done_at IS NULL AND (w.kind = 'bill_notice' OR w.payload ->> 'amount_fen' = '100')"""
        ).rowcount
        return rounds, waiting


def _assert_private_values_open(world: OpenWorld, people: list[Borrowed]) -> None:
    """Leaves of one person in two logs may have one number; each opens as what was sealed with it."""
    house = world.house
    met = 0
    for one in people:
        person_id = one.known.person_id
        with house.database.transaction() as tx:
            rows = tx.execute(
                "SELECT cell, sequence FROM evidence_leaf WHERE person_id = %s AND kind = 'decision'", (person_id,)
            ).fetchall()
            before = {
                (log, sequence): evidence.open_private(
                    tx, keyring=house.keyring, person_id=person_id, cell=log, sequence=sequence
                )
                for log, sequence in rows
            }
            cell = tx.cell_of(person_id)
            tx.lock_cell(cell)
            for number in range(40):  # rolled back
                leaf = evidence.append(
                    tx,
                    keyring=house.keyring,
                    cell=cell,
                    person_id=person_id,
                    kind=LeafKind.CONSENT,
                    subject_id=house.id_for(person_id),
                    at=house.clock.now(),
                    facts={},
                    private={"n": Personal(number)},
                )
                met += any(log != leaf.cell and sequence == leaf.sequence for log, sequence in before)
                opened = evidence.open_private(
                    tx, keyring=house.keyring, person_id=person_id, cell=leaf.cell, sequence=leaf.sequence
                )
                assert opened["n"][1].reveal() == number
            for (log, sequence), values in before.items():
                assert values == evidence.open_private(
                    tx, keyring=house.keyring, person_id=person_id, cell=log, sequence=sequence
                )
    assert met, "no two leaves had one number: the test needs other people"


def assert_references_are_found(tx: Transaction, *, cells: int) -> None:
    """Each reference lies where its hash is looked for, and names the cell in which its loan lies now."""
    rows = tx.execute(
        """SELECT r.cell, r.reference, r.loan_cell, l.cell FROM loan_reference r
           LEFT JOIN loan l ON l.cell = r.loan_cell AND l.loan_id = r.loan_id"""
    ).fetchall()
    assert len(rows) == 300
    for cell, reference, named, loan_cell in rows:
        assert cell == cell_of_slot(slot_of_reference(reference), cells=cells)
        assert named == loan_cell


def test_groups_of_many_loans_are_exact_in_every_number_of_cells(database: Database, tmp_path: Path) -> None:
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as world:
        house = world.house
        bench_book.fill(house, loans=300)
        with alone(world) as single, single.transaction() as tx:  # rolled back
            tx.script("SET LOCAL session_replication_role = replica")
            tx.execute(
                """UPDATE loan_reference SET cell = 1 - cell % 2
                   WHERE reference = (SELECT min(reference) FROM loan_reference)"""
            )
            with pytest.raises(RecutRefused, match="A reference does not lie"):
                recut.recut(tx, cells=7, recut_id=recut_id(), at=house.clock.now())
        world.clock.advance_to(start_of(OPENED_ON + timedelta(days=4)))
        close_through(house, to=OPENED_ON + timedelta(days=1))
        for day, cells in ((2, 7), (3, 3)):
            with alone(world) as single, single.transaction() as tx:
                # The book of the bench has no channel orders and no evidence, so the service would not commit it.
                recut.recut(tx, cells=cells, recut_id=recut_id(), at=house.clock.now())
                assert ledger_proof.prove(tx) == []
                assert proof.loans_and_ledger(tx) == []
                assert_references_are_found(tx, cells=cells)
                assert all(total.agrees for total in proof.group_totals(tx))
                tx.commit()
            hear_of_it(world)
            close_through(house, to=OPENED_ON + timedelta(days=day))
            with house.database.transaction() as tx:
                assert ledger_proof.prove(tx) + proof.loans_and_ledger(tx) == []
                totals = proof.group_totals(tx)
                assert {total.cell for total in totals} == set(range(cells))
                tx.execute(
                    "UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE cell = 0 AND code = 2101"
                )
                assert proof.crossings(tx) != []
                assert all(total.agrees for total in totals)


def test_who_is_not_alone_or_not_ready_is_refused_and_nothing_changes(database: Database, tmp_path: Path) -> None:
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as world:
        house = world.house
        fund_lenders(world)
        publish_evidence(house)
        picture = rows_of(house)

        def refused(match: str, cells: int = 2) -> None:
            with alone(world) as single, pytest.raises(RecutRefused, match=match):
                recut_book(
                    database=single, keyring=house.keyring, cells=cells, recut_id=recut_id(), at=house.clock.now()
                )

        def with_row(statement: LiteralString, match: str) -> None:
            with database.transaction() as tx:
                tx.execute(statement)
                tx.commit()
            refused(match)

        with alone(world) as single:
            with psycopg.connect(database.url), pytest.raises(RecutRefused, match="Others are connected"):
                recut_book(database=single, keyring=house.keyring, cells=2, recut_id=recut_id(), at=house.clock.now())
            for cells in (0, 1025):
                with pytest.raises(CellsOutOfRange):
                    recut_book(
                        database=single, keyring=house.keyring, cells=cells, recut_id=recut_id(), at=house.clock.now()
                    )
        refused("already", cells=4)
        assert rows_of(house) == picture
        database.run(lambda tx: lease.claim(tx, cell=1, task="close", holder="somebody", seconds=60))
        refused("lease")
        with database.transaction() as tx:
            tx.execute("DELETE FROM cell_lease")
            tx.commit()
        with_row(
            """INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload)
               VALUES (3, '01a00325-bd00-7001-828b-7b2240973000', 'stray', gen_random_uuid(), now(), '{}')""",
            "work does not lie where its id says",
        )
        with database.transaction() as tx:
            tx.execute("DELETE FROM work")
            tx.commit()
        assert rows_of(house) == picture
        with_row("UPDATE cell SET last_closed_on = last_closed_on + 1 WHERE cell = 0", "different days")


def test_every_table_with_cells_says_where_its_rows_go(database: Database) -> None:
    with database.transaction() as tx:
        assert sorted([*recut.GOES, *recut.STAYS]) == catalogue.cell_tables(tx)
        tx.script("CREATE TABLE newcomer (cell smallint, id uuid, PRIMARY KEY (cell, id))")
        assert "newcomer" in catalogue.cell_tables(tx)
