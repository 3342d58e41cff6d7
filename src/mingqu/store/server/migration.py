"""Migrations: numbered SQL files, applied once each in order; functions, applied whenever they change."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import BookMissing, Database, Transaction

_NUMBERED: Final = re.compile(r"\d{4}_[a-z_]+\.sql")
# Any fixed number: two processes that migrate the same database at once take turns by it.
_LOCK: Final = 0x6D_69_6E_67_71_75

_OWN_TABLES: Final = """
CREATE TABLE IF NOT EXISTS migration (
    name       text        PRIMARY KEY,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS repeatable (
    name       text        PRIMARY KEY,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


class MigrationChanged(Refusal):
    """A migration that was applied has another text now; history is never edited, only continued."""

    code = "migration_changed"
    status = 500


class MigrationUnknown(Refusal):
    """The database was made by a newer version of this program, or by another one."""

    code = "migration_unknown"
    status = 500


class BookOlder(Refusal):
    """The book was made by an older version of this program, and what was asked for only reads it."""

    code = "book_older"
    status = 503


def require_current(database: Database) -> None:
    """Check that the database holds a book of this version, changing nothing.

    Errors: BookMissing, BookOlder, MigrationUnknown, MigrationChanged.
    """
    numbered = _texts(files("mingqu.store") / "migrations")
    with database.transaction() as tx:
        row = tx.execute("SELECT to_regclass('public.migration') IS NOT NULL").fetchone()
        done = _checked(tx, numbered) if row is not None and row[0] else {}
    if not done:
        raise BookMissing("There is no book here yet: `mingqu migrate` makes one.")
    if len(done) < len(numbered):
        raise BookOlder("This book is of an older version: `mingqu migrate` brings it up to this one.")


def migrate(database: Database, *, source: Traversable | None = None) -> list[str]:
    """Bring the database up to date and return the names of the files that were applied, in order.

    Each numbered file is one transaction of its own, so that what was applied before an interruption
    stays applied; the functions come last, in one transaction. `source` is the folder that holds
    `migrations` and `functions`; by default that of this package.

    Errors: MigrationChanged, MigrationUnknown (nothing is applied then).
    """
    source = files("mingqu.store") if source is None else source
    numbered = _texts(source / "migrations")
    for name in numbered:
        assert _NUMBERED.fullmatch(name), f"a migration is named NNNN_subject.sql, not {name}"
    _prepare(database)
    applied = [name for name in numbered if _apply(database, name=name, numbered=numbered)]
    return applied + _apply_functions(database, _texts(source / "functions"))


def _prepare(database: Database) -> None:
    with database.transaction() as tx:
        _take_turn(tx)
        tx.script(_OWN_TABLES)
        tx.commit()


def _apply(database: Database, *, name: str, numbered: dict[str, str]) -> bool:
    """Apply one file unless it is in place; the history is checked whole before each."""
    with database.transaction() as tx:
        _take_turn(tx)
        if name in _checked(tx, numbered):
            return False
        tx.script(numbered[name])
        tx.execute("INSERT INTO migration (name, checksum) VALUES (%s, %s)", (name, _checksum(numbered[name])))
        tx.commit()
        return True


def _apply_functions(database: Database, functions: dict[str, str]) -> list[str]:
    with database.transaction() as tx:
        _take_turn(tx)
        done: dict[str, str] = dict(tx.execute("SELECT name, checksum FROM repeatable").fetchall())
        changed = [name for name, text in functions.items() if done.get(name) != _checksum(text)]
        for name in changed:
            tx.script(functions[name])
            tx.execute(
                "INSERT INTO repeatable (name, checksum) VALUES (%s, %s)"
                " ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()",
                (name, _checksum(functions[name])),
            )
        tx.commit()
        return changed


def _take_turn(tx: Transaction) -> None:
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def _checked(tx: Transaction, numbered: dict[str, str]) -> dict[str, str]:
    """Return what was applied, by name, once it is known to be the beginning of our own history."""
    done: dict[str, str] = dict(tx.execute("SELECT name, checksum FROM migration ORDER BY name").fetchall())
    for other, checksum in done.items():
        if other not in numbered:
            raise MigrationUnknown("This database is newer than this program: update the program.", file=other)
        if checksum != _checksum(numbered[other]):
            raise MigrationChanged("A migration was changed after it had been applied.", file=other)
    return done


def _texts(folder: Traversable) -> dict[str, str]:
    found = {item.name: item.read_text("utf-8") for item in folder.iterdir() if item.name.endswith(".sql")}
    return dict(sorted(found.items()))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
