"""What the tests of the close have in common: one book that has lived, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import book as bench_book
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.database.lived_in import LOANS
from tests.world import open_world


@pytest.fixture(scope="session")
def lived_in(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with a book in the middle of its life, from which each test's own is copied."""
    name = "book_lived_in"
    with database_named(server, name, copy_of=template) as address:
        with (
            Database(address, ensure=server.ensure) as database,
            open_world(database=database, folder=tmp_path_factory.mktemp(name), opened_on=OPENED_ON) as world,
        ):
            bench_book.fill(world.house, loans=LOANS)
        yield name
