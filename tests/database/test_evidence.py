"""Evidence on a real database: it grows with the business, proves to outsiders, and every tampering is found."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from mingqu.domain.evidence import (
    Checkpoint,
    Leaf,
    LeafKind,
    commit,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from mingqu.domain.evidence.checkpoint import cell_leaf
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.store import evidence
from mingqu.store.evidence import Draft, EvidencePending, tree
from mingqu.store.parties import party
from mingqu.store.people.vault import PersonErased
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.keyring import Keyring
from tests.database.people import AT, CELLS, fresh_id, fresh_keyring, fresh_person, later

FACTS = {"amount_fen": 1_000_000, "currency": "CNY"}


def grow(tx: Transaction, *, keyring: Keyring, person_id: UUID, count: int) -> list[Leaf]:
    """Append leaves about repayments to the person's cell."""
    cell = tx.cell_of(person_id)
    tx.lock_cell(cell)
    drafts = [
        Draft(person_id=person_id, kind=LeafKind.REPAYMENT, subject_id=fresh_id(cell=cell), facts=FACTS)
        for _ in range(count)
    ]
    return evidence.append_all(tx, keyring=keyring, cell=cell, at=AT, drafts=drafts)


def verifies(proof: evidence.InclusionProof) -> bool:
    return verify_inclusion(
        leaf=leaf_hash(proof.leaf.body),
        index=proof.leaf.sequence,
        size=proof.cell_root.size,
        path=proof.path,
        root=proof.cell_root.root,
    ) and verify_inclusion(
        leaf=leaf_hash(cell_leaf(proof.cell_root)),
        index=proof.leaf.cell,
        size=len(proof.checkpoint.cells),
        path=proof.cell_path,
        root=proof.checkpoint.root,
    )


def test_leaves_are_numbered_in_their_cell_without_gaps(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        people = [fresh_person(tx, keyring=keyring, cell=cell) for cell in (0, 2)]
        sequences = [
            [leaf.sequence for leaf in grow(tx, keyring=keyring, person_id=people[which], count=count)]
            for which, count in ((0, 2), (1, 1), (0, 3))
        ]
        assert sequences == [[0, 1], [0], [2, 3, 4]]


def test_a_rolled_back_leaf_leaves_no_gap(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        tx.commit()
    with database.transaction() as tx:
        grow(tx, keyring=keyring, person_id=person_id, count=3)
    with database.transaction() as tx:
        assert [leaf.sequence for leaf in grow(tx, keyring=keyring, person_id=person_id, count=1)] == [0]


def test_writers_at_the_same_moment_leave_no_gap_and_no_fork(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        people = [fresh_person(tx, keyring=keyring, cell=0) for _ in range(4)]
        tx.commit()

    def write(person_id: UUID) -> None:
        for _ in range(10):
            with database.transaction() as tx:
                grow(tx, keyring=keyring, person_id=person_id, count=2)
                tx.commit()

    def publish() -> None:
        for number in range(10):
            with database.transaction() as tx:
                evidence.publish_checkpoint(tx, keyring=keyring, at=later(seconds=number))
                tx.commit()

    threads = [threading.Thread(target=write, args=(person_id,)) for person_id in people]
    threads += [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction() as tx:
        last = evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=1))
        assert [cell.size for cell in last.cells] == [80, 0, 0, 0]
        assert evidence.prove(tx, keyring=keyring) == []


def test_leaves_that_follow_on_no_count_of_their_cell_fail_before_the_commit_that_goes_along(
    database: Database,
) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring, cell=0)
        grow(tx, keyring=keyring, person_id=person_id, count=3)
        tx.commit()
    draft = evidence.Draft(person_id=person_id, kind=LeafKind.CONSENT, subject_id=person_id, facts={})

    def end_with(first: int) -> None:
        database.run(lambda tx: tx.finish(evidence.appended(cell=0, first=first, at=later(), drafts=[draft])))

    for first in (2, 4):  # a place that is taken, and one that would leave a gap
        with pytest.raises(psycopg.IntegrityError):
            end_with(first)
    end_with(3)
    with database.transaction() as tx:
        assert evidence.leaf_count(tx) == 4
        evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=1))
        assert evidence.prove(tx, keyring=keyring) == []


def test_a_publisher_whose_clock_is_behind_signs_no_earlier_than_the_one_before(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring, cell=0)
        for moment, signed_at in ((60, 60), (30, 60), (61, 61)):
            grow(tx, keyring=keyring, person_id=person_id, count=1)
            assert evidence.publish_checkpoint(tx, keyring=keyring, at=later(seconds=moment)).at == later(
                seconds=signed_at
            )
        assert evidence.prove(tx, keyring=keyring) == []


def test_every_leaf_proves_under_every_checkpoint_however_the_trees_were_built(database: Database) -> None:
    keyring = fresh_keyring()
    chance = random.Random(7)
    with database.transaction() as tx:
        people = [fresh_person(tx, keyring=keyring, cell=cell) for cell in (0, 3)]
        leaves: list[Leaf] = []
        signed: list[Checkpoint] = []
        for number in range(12):  # sizes cross 16 and 256 at odd places
            leaves += grow(tx, keyring=keyring, person_id=people[number % 2], count=chance.choice((1, 2, 15, 17, 60)))
            signed.append(evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=number)))
        for checkpoint in signed:
            covered = [leaf for leaf in leaves if leaf.sequence < checkpoint.cells[leaf.cell].size]
            for leaf in chance.sample(covered, k=min(8, len(covered))):
                assert verifies(evidence.inclusion_proof(tx, keyring=keyring, leaf=leaf, checkpoint=checkpoint))
            assert root_of([leaf.hash for leaf in covered if leaf.cell == 0]) == checkpoint.cells[0].root
        for older, newer in zip(signed, signed[3:], strict=False):
            before, after = older.cells[0], newer.cells[0]
            assert verify_consistency(
                older=before.size,
                older_root=before.root,
                size=after.size,
                root=after.root,
                path=evidence.consistency_proof(tx, cell=0, older=older, newer=newer),
            )
        assert evidence.prove(tx, keyring=keyring) == []
        stored = tx.execute("SELECT count(*) FROM evidence_node").fetchone()
        assert stored is not None
        assert stored[0] <= len(leaves) // 15


def test_a_tree_built_in_several_rounds_is_the_same(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        leaves = grow(tx, keyring=keyring, person_id=fresh_person(tx, keyring=keyring), count=700)
        tree.build(tx, cell=0, size=690, leaves_per_round_max=48)
        checkpoint = evidence.publish_checkpoint(tx, keyring=keyring, at=AT)
        assert checkpoint.cells[0].root == root_of([leaf.hash for leaf in leaves])
        assert evidence.prove(tx, keyring=keyring) == []


def test_with_nothing_new_the_last_checkpoint_is_returned(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        empty = evidence.publish_checkpoint(tx, keyring=keyring, at=AT)
        assert (empty.number, sum(cell.size for cell in empty.cells)) == (1, 0)
        assert evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=1)) == empty
        grow(tx, keyring=keyring, person_id=fresh_person(tx, keyring=keyring), count=1)
        second = evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=1))
        assert (second.number, second.previous) == (2, empty.hash())
        assert evidence.load_checkpoint(tx, number=2) == second == evidence.last_checkpoint(tx)
        assert keyring.signed(key_id=second.key_id, body=second.body(), signature=second.signature)


def test_a_leaf_that_no_checkpoint_covers_says_so(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        first = grow(tx, keyring=keyring, person_id=person_id, count=1)[0]
        with pytest.raises(EvidencePending):
            evidence.inclusion_proof(tx, keyring=keyring, leaf=first)
        evidence.publish_checkpoint(tx, keyring=keyring, at=AT)
        second = grow(tx, keyring=keyring, person_id=person_id, count=1)[0]
        assert verifies(evidence.inclusion_proof(tx, keyring=keyring, leaf=first))
        with pytest.raises(EvidencePending):
            evidence.inclusion_proof(tx, keyring=keyring, leaf=second)


def test_private_values_are_committed_to_sealed_and_gone_after_an_erasure(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id, decision_id = fresh_person(tx, keyring=keyring), fresh_id()
        tx.lock_cell(0)
        leaf = evidence.append(
            tx,
            keyring=keyring,
            cell=0,
            person_id=person_id,
            kind=LeafKind.DECISION,
            subject_id=decision_id,
            at=AT,
            facts={"outcome": "approved"},
            private={"name": Personal("林知夏"), "inputs": {"monthly_income_fen": 1_200_000}},
        )
        opened = evidence.open_private(tx, keyring=keyring, person_id=person_id, cell=leaf.cell, sequence=leaf.sequence)
        assert opened["name"][1].reveal() == "林知夏"
        for salt, value in opened.values():
            assert commit(salt=salt, value=value.reveal()).hex().encode() in leaf.body
        everything = leaf.body + b"".join(bytes(row[0]) for row in tx.execute("SELECT sealed FROM vault_field"))
        assert "林知夏".encode() not in everything
        assert b"1200000" not in everything
        evidence.publish_checkpoint(tx, keyring=keyring, at=AT)
        party.erase(tx, person_id=person_id, at=later(days=1))
        with pytest.raises(PersonErased):
            evidence.open_private(tx, keyring=keyring, person_id=person_id, cell=leaf.cell, sequence=leaf.sequence)
        assert evidence.prove(tx, keyring=keyring) == []
        assert verifies(evidence.inclusion_proof(tx, keyring=keyring, leaf=leaf))


def test_someone_elses_subject_has_no_leaves_to_show(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        owner, other = fresh_person(tx, keyring=keyring), fresh_person(tx, keyring=keyring)
        leaf = grow(tx, keyring=keyring, person_id=owner, count=1)[0]
        assert evidence.leaves_of(tx, person_id=owner, subject_id=leaf.subject_id) == [leaf]
        assert evidence.leaves_of(tx, person_id=other, subject_id=leaf.subject_id) == []
        with pytest.raises(NotFound):
            evidence.open_private(tx, keyring=keyring, person_id=owner, cell=leaf.cell, sequence=leaf.sequence)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence_leaf SET body = ''",
        "DELETE FROM evidence_leaf",
        "TRUNCATE evidence_leaf",
        "UPDATE checkpoint SET at = now()",
        "DELETE FROM checkpoint_cell",
        "UPDATE evidence_node SET hash = hash",
    ],
)
def test_the_tables_of_evidence_refuse_changes(database: Database, statement: str) -> None:
    with database.transaction() as tx, pytest.raises(psycopg.errors.RestrictViolation):
        tx.execute(statement)


Tampering = Callable[[Transaction, Keyring], object]


def sql(statement: str) -> Tampering:
    return lambda tx, _: tx.execute(statement)


def rewritten(tx: Transaction, _: Keyring) -> None:
    """Forge a leaf with its right hash and the node over it, as the database's owner could."""
    row = tx.execute("SELECT body FROM evidence_leaf WHERE cell = 1 AND sequence = 3").fetchone()
    assert row is not None
    body = bytes(row[0]).replace(b"1000000", b"9000000")
    tx.execute("UPDATE evidence_leaf SET body = %s, hash = %s WHERE cell = 1 AND sequence = 3", (body, leaf_hash(body)))
    rows = tx.execute("SELECT hash FROM evidence_leaf WHERE cell = 1 AND sequence < 16 ORDER BY sequence")
    tx.execute("UPDATE evidence_node SET hash = %s WHERE place = 0", (tree.fold([bytes(each[0]) for each in rows]),))


def rolled_back(tx: Transaction, keyring: Keyring) -> None:
    """Drop the newest leaf and sign a shorter history with the book's own key."""
    tx.execute("DELETE FROM evidence_leaf WHERE cell = 1 AND sequence = 19")
    tx.execute("UPDATE cell SET leaf_count = 19 WHERE cell = 1")
    evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=3))


SWAPPED = """
    UPDATE evidence_leaf AS one SET body = other.body, hash = other.hash FROM evidence_leaf AS other
    WHERE one.cell = 1 AND other.cell = 1 AND one.sequence IN (2, 5) AND other.sequence = 7 - one.sequence
"""
EXTRA = """
    INSERT INTO evidence_leaf SELECT cell, 20, person_id, kind, subject_id, at, body, hash
    FROM evidence_leaf WHERE cell = 1 AND sequence = 3
"""
TAMPERINGS: dict[str, tuple[Tampering, str]] = {
    "a changed body": (
        sql("UPDATE evidence_leaf SET body = body || ' ' WHERE cell = 1 AND sequence = 3"),
        "cell 1: leaf 3 does not hash to its hash",
    ),
    "a changed column": (
        sql("UPDATE evidence_leaf SET kind = 'contract' WHERE cell = 1 AND sequence = 3"),
        "cell 1: leaf 3 says something else than its columns",
    ),
    "a rewritten leaf with its hashes": (rewritten, "cell 1: the leaves do not give the root of checkpoint 1"),
    "a dropped leaf": (
        sql("DELETE FROM evidence_leaf WHERE cell = 1 AND sequence = 3"),
        "cell 1: leaf 3 is missing",
    ),
    "a dropped tail": (
        sql(
            "DELETE FROM evidence_leaf WHERE cell = 1 AND sequence > 9; UPDATE cell SET leaf_count = 10 WHERE cell = 1"
        ),
        "cell 1: checkpoint 1 covers leaves that are not there",
    ),
    "a rolled back history": (rolled_back, "checkpoint 3 has lost leaves of cell 1"),
    "swapped leaves": (sql(SWAPPED), "cell 1: the leaves do not give the root of checkpoint 1"),
    "an added leaf": (sql(EXTRA), "cell 1: 1 leaves stand beyond the cell's count"),
    "a changed node": (
        sql("UPDATE evidence_node SET hash = sha256(hash) WHERE cell = 1"),
        "cell 1: node 4/0 is not what its leaves give",
    ),
    "a changed signature": (
        sql("UPDATE checkpoint SET signature = sha512(signature) WHERE number = 1"),
        "checkpoint 1 is not signed by a key of this book",
    ),
    "a changed moment": (
        sql("UPDATE checkpoint SET at = at - interval '1 second' WHERE number = 1"),
        "checkpoint 1 is not signed by a key of this book",
    ),
    "a changed cell root": (
        sql("UPDATE checkpoint_cell SET root = sha256(root) WHERE number = 2 AND cell = 1"),
        "checkpoint 2 has another root than its cells",
    ),
    "a dropped checkpoint": (
        sql("DELETE FROM checkpoint WHERE number = 1"),
        "checkpoint 2 stands where 1 should",
    ),
    "another book": (
        sql("UPDATE evidence_book SET book_id = gen_random_uuid()"),
        "checkpoint 1 is not signed by a key of this book",
    ),
}


def book_with_evidence(tx: Transaction, *, keyring: Keyring) -> None:
    person_id = fresh_person(tx, keyring=keyring, cell=1)
    grow(tx, keyring=keyring, person_id=person_id, count=17)
    evidence.publish_checkpoint(tx, keyring=keyring, at=AT)
    grow(tx, keyring=keyring, person_id=person_id, count=3)
    evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=1))
    assert evidence.prove(tx, keyring=keyring) == []


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found(database: Database, name: str) -> None:
    tamper, sentence = TAMPERINGS[name]
    keyring = fresh_keyring()
    with database.transaction() as tx:
        book_with_evidence(tx, keyring=keyring)
        tx.execute("SET LOCAL session_replication_role = replica")  # the owner of a database can still its triggers
        tamper(tx, keyring)
        assert sentence in evidence.prove(tx, keyring=keyring)


def test_checkpoints_of_another_key_are_found(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        book_with_evidence(tx, keyring=keyring)
        assert evidence.prove(tx, keyring=fresh_keyring()) == [
            "checkpoint 1 is not signed by a key of this book",
            "checkpoint 2 is not signed by a key of this book",
        ]
        assert evidence.prove(tx, keyring=keyring.with_new_signing_key()) == []


def test_every_cell_has_its_own_tree_and_place_in_the_checkpoint(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        leaves = [
            grow(tx, keyring=keyring, person_id=fresh_person(tx, keyring=keyring, cell=cell), count=cell + 1)[0]
            for cell in range(CELLS)
        ]
        checkpoint = evidence.publish_checkpoint(tx, keyring=keyring, at=AT)
        assert [cell.size for cell in checkpoint.cells] == [1, 2, 3, 4]
        assert all(verifies(evidence.inclusion_proof(tx, keyring=keyring, leaf=leaf)) for leaf in leaves)
