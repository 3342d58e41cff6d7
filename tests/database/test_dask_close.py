"""Cells are closed on a Dask cluster of this machine: each once, with the leases of every closer, and failures said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bench import book as bench_book
from mingqu.domain.moment import start_of
from mingqu.jobs.dask_close import CellsFailed, close_on_cluster
from mingqu.services.close.close_cell import TASK
from mingqu.services.house import House
from mingqu.store import proof
from mingqu.store.books import book
from mingqu.store.ledgers import ledger_proof
from mingqu.store.server import lease
from mingqu.store.server.database import Database
from tests.conftest import CELLS, OPENED_ON
from tests.world import OpenWorld, open_world

distributed = pytest.importorskip("distributed", reason="distributed is not installed: pip install 'mingqu[dask]'")

LAST = OPENED_ON + timedelta(days=1)
_houses: dict[str, House] = {}  # by address: the cluster's workers are threads of this process


@contextlib.contextmanager
def open_house(address: str) -> Iterator[House]:
    """Give the house of a test, as a worker's own wiring would."""
    yield _houses[address]


@pytest.fixture
def lived_in(database: Database, tmp_path: Path) -> Iterator[OpenWorld]:
    """A book of sixty loans, two of whose days are over."""
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as world:
        bench_book.fill(world.house, loans=60)
        world.clock.advance_to(start_of(LAST + timedelta(days=1)))
        _houses[database.url] = world.house
        yield world
        del _houses[database.url]


# Dask closes its sockets and loops on threads of its own, some of them after the test.
@pytest.mark.filterwarnings("ignore")
def test_each_cell_is_closed_once_on_a_cluster(lived_in: OpenWorld) -> None:
    database = lived_in.house.database
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            dashboard_address=None,
            host="127.0.0.1",
            protocol="tcp://",  # tasks are written out and read in, as between machines
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def close(cells: list[int], *, days: int = 0) -> list[tuple[int, int]]:
            to = LAST + timedelta(days=days)
            done = close_on_cluster(client, address=database.url, cells=cells, to=to, open_house=open_house)
            return [(one.cell, one.days) for one in done]

        held = database.run(lambda tx: lease.claim(tx, cell=3, task=TASK, holder="another", seconds=60))
        assert held is not None
        assert close([0, 1, 2, 3]) == [(0, 2), (1, 2), (2, 2)]
        database.run(lambda tx: lease.release(tx, lease=held))
        assert close([0, 3]) == [(0, 0), (3, 2)]
        with pytest.raises(CellsFailed, match="2 of 2 cells"):
            close([0, 1], days=1)  # a day that is not over
    with database.transaction() as tx:
        assert {book.last_closed_on(tx, cell=cell) for cell in range(CELLS)} == {LAST}
        assert ledger_proof.prove(tx) + proof.loans_and_ledger(tx) == []
        assert lease.standing(tx) == []
