"""Signals and what was refused are kept for 400 days, codes of messages for 90: the worker sweeps after each close."""

from __future__ import annotations

from typing import Final

from mingqu.services.house import House
from mingqu.store.decisions import signal
from mingqu.store.messages import message_code
from mingqu.store.orders import refused_word

# A day brings far fewer; a sweep that was not done for months goes on after the next close.
BATCHES_MAX: Final = 200


def sweep_signals(house: House, *, cell: int) -> int:
    """Delete what is too old in a cell, in short transactions, and return how many rows went."""
    gone, now = 0, house.clock.now()
    for _ in range(BATCHES_MAX):
        found = house.database.run(
            lambda tx: sum(each.sweep(tx, cell=cell, now=now) for each in (signal, message_code, refused_word))
        )
        gone += found
        if found == 0:
            break
    return gone


def sweep_all(house: House) -> int:
    """Delete what is too old in every cell."""
    with house.database.transaction() as tx:
        cells = range(tx.cells)
    return sum(sweep_signals(house, cell=cell) for cell in cells)
