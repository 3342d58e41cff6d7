"""The commands that spread a book over a cluster name every table and function there is. Nothing here runs Citus."""

from __future__ import annotations

import pytest

from mingqu.store.server import catalogue
from mingqu.store.server.database import Database
from tests.database import citus


def test_the_commands_name_every_table_and_function_of_the_catalogue(database: Database) -> None:
    written = citus.FILE.read_text(encoding="utf-8")
    with database.transaction() as tx:
        assert written == citus.text(tx), "run: python -m tests.database.citus"
        tables = {name for (name,) in tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert all(f"('{name}'" in written for name in tables)
    assert set(citus.REFERENCE) <= set(catalogue.GLOBAL_TABLES)


def test_no_key_or_index_stands_in_the_way(database: Database) -> None:
    with database.transaction() as tx:
        assert citus.faults(tx) == []


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("CREATE TABLE late (cell smallint, id uuid, PRIMARY KEY (cell, id))", "('late', 'cell'"),
        ("CREATE FUNCTION late(a int) RETURNS int LANGUAGE sql RETURN a", "late(integer)"),
    ],
)
def test_what_is_added_later_is_missed(database: Database, made: str, named: str) -> None:
    with database.transaction() as tx:
        tx.script(made)
        assert named in citus.text(tx)


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (
            """CREATE TABLE late (cell smallint, id uuid, kind text, subject_hash bytea, PRIMARY KEY (cell, id),
               CONSTRAINT far FOREIGN KEY (kind, subject_hash) REFERENCES directory (kind, subject_hash))""",
            "foreign key far of late refers to directory",
        ),
        ("CREATE UNIQUE INDEX late ON account (owner)", "unique index late of account does not hold cell"),
    ],
)
def test_a_key_to_another_node_is_named(database: Database, made: str, named: str) -> None:
    with database.transaction() as tx:
        tx.script(made)
        assert any(sentence.startswith(named) for sentence in citus.faults(tx))
