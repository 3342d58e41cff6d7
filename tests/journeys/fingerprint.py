"""A fingerprint of a whole book, by table: what changed between two of them, and that nothing did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import Database


def fingerprint(database: Database) -> dict[str, str]:
    """Return a hash of the rows of each table, whatever their order."""
    with database.transaction() as tx:
        tables = [
            str(name)
            for (name,) in tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        ]
        assert "transfer" in tables
        rows = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t").format(
                sql.Literal(name), sql.Identifier(name)
            )
            for name in tables
        )
        return dict(tx.execute(rows.as_string()).fetchall())  # type: ignore[arg-type] # built of the catalogue


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Return the tables that differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@contextmanager
def refused(database: Database, code: str, *, but: frozenset[str] = frozenset()) -> Iterator[None]:
    """Expect a refusal with a code that changes no table; `but` names those where the try itself is counted."""
    before = fingerprint(database)
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code, f"{caught.value.code}: {caught.value.message}"
    touched = changed(before, fingerprint(database))
    assert touched == but, f"{code} changed {sorted(touched)}"
