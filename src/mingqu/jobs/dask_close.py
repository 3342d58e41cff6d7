"""Closing cells on a Dask cluster: one task a cell, under the same leases as any other closer.

An adapter for whoever has such a cluster; nothing else imports this, and `distributed` comes with `mingqu[dask]` alone.
A task opens its own house where it runs: the cluster carries an address, a cell and a date, never keys or connections.
The worker's machine must have what the house needs (keys, channels), as any other worker.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from mingqu.domain.refusal import Refusal
from mingqu.services.close.close_cell import CellClosed, close_cell_through
from mingqu.services.house import House

if TYPE_CHECKING:
    from distributed import Client

# Opens a house at an address (a data folder or a database), on the machine that the task runs on. It is sent by its
# name, so it is a function of a module that the workers have, such as `mingqu.main.house_at`.
OpenHouse = Callable[[str], AbstractContextManager[House]]


class DaskMissing(Refusal):
    """The package `distributed` is not installed here."""

    code: ClassVar[str] = "dask_missing"
    status: ClassVar[int] = 503


class CellsFailed(Refusal):
    """Some cells could not be closed on the cluster; the others are closed. Asking again does the rest."""

    code: ClassVar[str] = "cells_failed"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a task is to do, small enough to be sent: close the open days of one cell of the book at an address."""

    address: str
    cell: int
    to: date


def close_on_worker(asked: Asked, *, open_house: OpenHouse) -> CellClosed | None:
    """Do one task, on whichever machine this is; None when another closer has the cell."""
    with open_house(asked.address) as house:
        return close_cell_through(house, cells=[asked.cell], to=asked.to, holder=_name())


def close_on_cluster(
    client: Client, *, address: str, cells: Sequence[int], to: date, open_house: OpenHouse
) -> list[CellClosed]:
    """Close cells through a day on a cluster and return what was done, cell by cell, without those that others have.

    When a worker dies the cluster gives its task to another, which finds the cell taken until the lease has ended: ask
    again then. Errors: DaskMissing, CellsFailed, after every task has ended.
    """
    try:
        from distributed import wait  # here: an extra, which only who closes this way needs
    except ModuleNotFoundError:
        raise DaskMissing("Closing on a Dask cluster takes the package: pip install 'mingqu[dask]'.") from None
    futures = [
        # Never answered from the cluster's memory: the same question has another answer tomorrow.
        client.submit(close_on_worker, Asked(address=address, cell=cell, to=to), open_house=open_house, pure=False)
        for cell in cells
    ]
    wait(futures)  # type: ignore[no-untyped-call]
    failed = [
        str(future.exception())  # type: ignore[no-untyped-call]
        for future in futures
        if future.status != "finished"
    ]
    if failed:
        raise CellsFailed(
            f"{len(failed)} of {len(futures)} cells were not closed. First: {failed[0]}", cells=len(failed)
        )
    return [closed for future in futures if (closed := future.result()) is not None]


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()} (dask)"
