"""Every table belongs to a cell, or is named as one of the few that belong to the whole book."""

from __future__ import annotations

import pytest

from mingqu.store.server import catalogue
from mingqu.store.server.database import Database


def test_every_key_and_index_of_the_schema_begins_with_the_cell(database: Database) -> None:
    with database.transaction() as tx:
        assert catalogue.strays(tx) == []


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("CREATE TABLE stray (id uuid PRIMARY KEY)", "table stray is neither"),
        ("CREATE TABLE stray (id uuid, cell smallint, PRIMARY KEY (id, cell))", "table stray is neither"),
        ("CREATE TABLE stray (cell smallint)", "table stray is neither"),
        ("CREATE INDEX stray ON account (owner)", "index stray of account"),
        ("CREATE INDEX stray ON account ((cell + 1))", "index stray of account"),
        (
            """CREATE TABLE stray (cell smallint, id uuid, other smallint, PRIMARY KEY (cell, id),
               CONSTRAINT astray FOREIGN KEY (other, id) REFERENCES hold (cell, id))""",
            "foreign key astray of stray",
        ),
        ("ALTER TABLE book RENAME TO album", "global table book does not exist"),
    ],
)
def test_a_table_key_or_index_that_forgot_the_cell_is_named(database: Database, made: str, named: str) -> None:
    with database.transaction() as tx:
        tx.script(made)
        assert any(sentence.startswith(named) for sentence in catalogue.strays(tx))
