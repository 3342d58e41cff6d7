"""Migrations are applied once, in order, whole; and a history that does not fit is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mingqu.store.server import migration
from mingqu.store.server.database import Database


@pytest.fixture
def source(tmp_path: Path, database: Database) -> Path:
    """A history of our own, in a database that has none."""
    with database.transaction() as tx:
        tx.execute("DELETE FROM migration")
        tx.execute("DELETE FROM repeatable")
        tx.commit()
    (tmp_path / "migrations").mkdir()
    (tmp_path / "functions").mkdir()
    (tmp_path / "migrations" / "0001_first.sql").write_text("CREATE TABLE one (n int); INSERT INTO one VALUES (1);")
    (tmp_path / "migrations" / "0002_second.sql").write_text("INSERT INTO one VALUES (2);")
    (tmp_path / "functions" / "answer.sql").write_text(
        "CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    return tmp_path


def numbers(database: Database) -> list[int]:
    with database.transaction() as tx:
        return [number for (number,) in tx.execute("SELECT n FROM one ORDER BY n")]


def test_each_file_is_applied_once_in_order(database: Database, source: Path) -> None:
    assert migration.migrate(database, source=source) == ["0001_first.sql", "0002_second.sql", "answer.sql"]
    assert migration.migrate(database, source=source) == []
    (source / "migrations" / "0003_third.sql").write_text("INSERT INTO one VALUES (3);")
    assert migration.migrate(database, source=source) == ["0003_third.sql"]
    assert numbers(database) == [1, 2, 3]


def test_a_function_is_applied_again_when_it_changed(database: Database, source: Path) -> None:
    migration.migrate(database, source=source)
    (source / "functions" / "answer.sql").write_text(
        "CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'"
    )
    assert migration.migrate(database, source=source) == ["answer.sql"]
    with database.transaction() as tx:
        assert tx.execute("SELECT answer()").fetchone() == (42,)


def test_a_changed_migration_is_refused_and_nothing_is_applied(database: Database, source: Path) -> None:
    migration.migrate(database, source=source)
    (source / "migrations" / "0001_first.sql").write_text("CREATE TABLE one (n bigint);")
    (source / "migrations" / "0003_third.sql").write_text("INSERT INTO one VALUES (3);")
    with pytest.raises(migration.MigrationChanged):
        migration.migrate(database, source=source)
    assert numbers(database) == [1, 2]


def test_a_database_newer_than_the_program_is_refused(database: Database, source: Path) -> None:
    migration.migrate(database, source=source)
    (source / "migrations" / "0002_second.sql").unlink()
    with pytest.raises(migration.MigrationUnknown):
        migration.migrate(database, source=source)


def test_a_file_that_fails_leaves_nothing_of_itself_and_all_of_those_before(database: Database, source: Path) -> None:
    (source / "migrations" / "0002_second.sql").write_text("INSERT INTO one VALUES (2); SELECT 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        migration.migrate(database, source=source)
    assert numbers(database) == [1]
    (source / "migrations" / "0002_second.sql").write_text("INSERT INTO one VALUES (2);")
    assert migration.migrate(database, source=source) == ["0002_second.sql", "answer.sql"]


def test_two_processes_that_migrate_at_once_apply_each_file_once(database: Database, source: Path) -> None:
    applied: list[str] = []
    threads = [
        threading.Thread(target=lambda: applied.extend(migration.migrate(database, source=source))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == ["0001_first.sql", "0002_second.sql", "answer.sql"]
    assert numbers(database) == [1, 2]
