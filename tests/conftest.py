"""What every test may ask for: `database`, a fresh migrated book on a real server, and `world`, a house on it."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from mingqu.demo.story import fund_lenders
from mingqu.store.books import book
from mingqu.store.server import migration
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import DATABASE, Server, open_server
from tests.memory import COPIED_BY, use_memory
from tests.soak import SOAK, examples
from tests.world import OpenWorld, open_world, pass_over_funding

# The same examples in every `make test`, so that it fails for a change and not by chance; others in every soak.
# Under load a slow draw is no finding, and neither is a strategy that throws much away.
settings.register_profile(
    "mingqu",
    max_examples=examples(100),
    derandomize=not SOAK,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("mingqu")
use_memory()

OPENED_ON = date(2026, 8, 15)
CELLS = 4
# A caller of ours rather hears "unavailable"; sixteen threads of a test on a busy machine rather wait for a connection.
CONNECTION_SECONDS_MAX = 60.0
# Cells are looked at by the tests of the database. A story needs its own and no more: each one costs a close of every
# quiet day that it lives through.
CELLS_OF_A_STORY = 1
# These stories have people or money in several cells.
_OF_SEVERAL_CELLS = (
    "strangers", "checkout_races", "checkout_lenders", "taking_over_a_book", "own_data", "fund_centre",
    "repay_together",
)  # fmt: skip
_LOOK_AT_CELLS = {
    *(Path(__file__).parent / folder for folder in ("database", "docs")),
    *(Path(__file__).parent / "journeys" / f"test_{story}.py" for story in _OF_SEVERAL_CELLS),
    Path(__file__).parent / "properties" / "test_referrals.py",
}
_numbers = count(1)


# A server to test against in place of one of our own. Taken out of the environment: tests that start servers mean it.
ELSEWHERE = os.environ.pop("MINGQU_DATABASE_URL", None)


def pytest_collection_finish() -> None:
    """Leave the modules and tests that are here to stay out of every later collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests of a process, in a folder of its own; or a database on MINGQU_DATABASE_URL."""
    if ELSEWHERE is not None:
        name = f"mingqu_test_{os.getpid()}"  # processes share the server
        with _made(ELSEWHERE, name, copy_of="template0"):
            yield Server(url=_addressed(ELSEWHERE, name), folder=None, programs=None, owners=None)
        return
    data = Path(tempfile.mkdtemp(prefix="mingqu-test-"))
    data.chmod(0o711)  # the unprivileged account that runs the server for root must pass
    try:
        with open_server(data=data) as running:
            yield running
    finally:
        shutil.rmtree(data)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """A database with the whole schema and an empty book of four cells, from which each test's own is copied."""
    _write_empty_book(server.url, cells=CELLS)
    return DATABASE


@pytest.fixture(scope="session")
def small_template(server: Server) -> Iterator[str]:
    """The same with the one cell of a story."""
    with _made(_addressed(server.url, "postgres"), f"{_before(server)}small", copy_of="template0"):
        _write_empty_book(_addressed(server.url, f"{_before(server)}small"), cells=CELLS_OF_A_STORY)
        yield "small"


def _write_empty_book(address: str, *, cells: int) -> None:
    with Database(address) as database:
        migration.migrate(database)
        with database.transaction() as tx:
            book.create(tx, business_date=OPENED_ON, cells=cells)
            tx.commit()


@contextmanager
def database_named(server: Server, name: str, *, copy_of: str) -> Iterator[str]:
    """Make a database as a copy of another, to which nobody is connected, and take it away in the end; its address."""
    own, before = urlsplit(server.url).path.removeprefix("/"), _before(server)
    with _made(
        _addressed(server.url, "postgres"), before + name, copy_of=own if copy_of == DATABASE else before + copy_of
    ):
        yield _addressed(server.url, before + name)


def _before(server: Server) -> str:
    """What names of databases begin with on a server that other processes use as well; nothing on one of our own."""
    own = urlsplit(server.url).path.removeprefix("/")
    return "" if own == DATABASE else f"{own}_"


@contextmanager
def _made(administered: str, name: str, *, copy_of: str) -> Iterator[None]:
    with psycopg.connect(administered, autocommit=True) as administrator:
        administrator.execute(f"CREATE DATABASE {name} TEMPLATE {copy_of} STRATEGY {COPIED_BY}")
        try:
            yield
        finally:
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _addressed(url: str, name: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"


@pytest.fixture(scope="session")
def funded(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the policies and every lender's money in every cell, from which each world's own is copied."""
    with _funded_book(server, "funded", copy_of=template, folder=tmp_path_factory.mktemp("funded")) as name:
        yield name


@pytest.fixture(scope="session")
def small_funded(server: Server, small_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same with the one cell of a story."""
    with _funded_book(server, "small_funded", copy_of=small_template, folder=tmp_path_factory.mktemp("small")) as name:
        yield name


@contextmanager
def _funded_book(server: Server, name: str, *, copy_of: str, folder: Path) -> Iterator[str]:
    with database_named(server, name, copy_of=copy_of) as address:
        with Database(address) as database, open_world(database=database, folder=folder, opened_on=OPENED_ON) as world:
            fund_lenders(world)
        yield name


@pytest.fixture
def database(request: pytest.FixtureRequest, server: Server) -> Iterator[Database]:
    """A fresh migrated book, opened on 2026-08-15, empty unless a world is on it; gone after the test.

    It has four cells for tests of the database and of its documentation and where a story needs them, and one for
    every other.
    """
    small = "small_" if _LOOK_AT_CELLS.isdisjoint((request.path, *request.path.parents)) else ""
    copy_of = request.getfixturevalue(small + ("funded" if "world" in request.fixturenames else "template"))
    with (
        database_named(server, f"book_{next(_numbers)}", copy_of=copy_of) as address,
        Database(address, ensure=server.ensure, connection_seconds_max=CONNECTION_SECONDS_MAX) as fresh,
    ):
        yield fresh


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[OpenWorld]:
    """A house on a fresh book, at ten in the morning of 2026-08-15, with every lender's money in every cell."""
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        pass_over_funding(opened)
        yield opened
