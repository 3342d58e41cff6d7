"""Claim a cell for a task, keep it while the work goes on, give it back: workers on several machines take turns."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from mingqu.services.house import House
from mingqu.store.server import lease
from mingqu.store.server.database import DatabaseUnavailable, Transaction
from mingqu.store.server.lease import Lease
from mingqu.store.server.work import LeaseLost

log = logging.getLogger("mingqu.close")

# How long a cell waits for a worker that died; a worker that lives says so three times as often.
LEASE_SECONDS: Final = 60.0
_KEPT_PER_LEASE: Final = 3


class Claim:
    """A cell that is ours for a task, as long as `require` does not say otherwise."""

    def __init__(self, held: Lease) -> None:
        self.lease = held
        self.lost = threading.Event()  # set by whoever keeps it, once it cannot be kept

    @property
    def cell(self) -> int:
        """The cell that was claimed."""
        return self.lease.cell

    def require(self) -> None:
        """See that the claim was not lost; cheap, asks nobody. Ask before each piece of work. Errors: LeaseLost."""
        if self.lost.is_set():
            raise LeaseLost("This cell's lease ran out: another worker may have it.")

    def hold(self, tx: Transaction) -> None:
        """Fence a transaction: it commits only while the cell is ours. The cell's own lock first. Errors: LeaseLost."""
        self.require()
        lease.hold(tx, lease=self.lease)


@contextmanager
def claimed_cell(
    house: House, *, cells: Sequence[int], task: str, holder: str, seconds: float = LEASE_SECONDS
) -> Iterator[Claim | None]:
    """Claim the first of some cells that nobody else has, and keep it while the block runs; None when all are taken.

    `holder` names this worker to people. The lease is kept alive by a thread and given back at the end; of a worker
    that dies, or loses the database for so long, another can claim the cell `seconds` later.
    """
    claim = _first_free(house, cells=cells, task=task, holder=holder, seconds=seconds)
    if claim is None:
        yield None
        return
    done = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(house, claim), kwargs={"done": done, "seconds": seconds}, name="lease", daemon=True
    )
    keeper.start()
    try:
        yield claim
    finally:
        done.set()
        keeper.join()
        # Lost already, or not to be reached: it runs out by itself.
        with suppress(LeaseLost, DatabaseUnavailable):
            house.database.run(lambda tx: lease.release(tx, lease=claim.lease))


def _first_free(house: House, *, cells: Sequence[int], task: str, holder: str, seconds: float) -> Claim | None:
    for cell in cells:

        def claim(tx: Transaction, cell: int = cell) -> Lease | None:
            return lease.claim(tx, cell=cell, task=task, holder=holder, seconds=seconds)

        held = house.database.run(claim)
        if held is not None:
            return Claim(held)
    return None


def _keep(house: House, claim: Claim, *, done: threading.Event, seconds: float) -> None:
    """Extend the lease until `done`; mark it lost when another has it, or when it could not be extended in time.

    Whatever else goes wrong is said and tried again until then: a keeper that ended unsaid would leave its worker
    in the belief that the cell is its own.
    """
    kept = time.monotonic()
    while not done.wait(seconds / _KEPT_PER_LEASE):
        asked = time.monotonic()
        try:
            house.database.run(lambda tx: lease.extend(tx, lease=claim.lease, seconds=seconds))
            kept = asked
        except LeaseLost:
            _lose(claim, why="taken")
            return
        except Exception as error:  # noqa: BLE001 - by its kind only: its words may carry data
            log.warning(
                "lease.not_extended",
                extra={"fields": {"cell": claim.cell, "task": claim.lease.task, "code": type(error).__name__}},
            )
            if time.monotonic() - kept > seconds:
                _lose(claim, why="not extended in time")
                return


def _lose(claim: Claim, *, why: str) -> None:
    claim.lost.set()
    log.error("lease.lost", extra={"fields": {"cell": claim.cell, "task": claim.lease.task, "why": why}})
