"""What every test may ask for: above all `database`, a fresh migrated book on a real server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import psycopg
import pytest

from mingqu.store import book, migration
from mingqu.store.database import Database
from mingqu.store.postgres import DATABASE, Server, open_server

OPENED_ON = date(2026, 8, 15)
CELLS = 4
_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests of a process, in a folder of its own."""
    data = Path(tempfile.mkdtemp(prefix="mingqu-test-"))
    data.chmod(0o711)  # the unprivileged account that runs the server for root must pass
    try:
        with open_server(data=data) as running:
            yield running
    finally:
        shutil.rmtree(data)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """A database with the whole schema and an empty book, from which each test's own is copied."""
    with Database(server.url) as database:
        migration.migrate(database)
        with database.transaction() as tx:
            book.create(tx, business_date=OPENED_ON, cells=CELLS)
            tx.commit()
    return DATABASE


@pytest.fixture
def database(server: Server, template: str) -> Iterator[Database]:
    """A fresh migrated book of four cells, opened on 2026-08-15; gone after the test."""
    name = f"book_{next(_numbers)}"
    with psycopg.connect(server.url.replace(f"/{template}?", "/postgres?"), autocommit=True) as administrator:
        administrator.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            with Database(server.url.replace(f"/{template}?", f"/{name}?"), ensure=server.ensure) as fresh:
                yield fresh
        finally:
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
