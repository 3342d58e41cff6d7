"""Publish a checkpoint: build the trees over new leaves and sign one statement about all cells."""

from __future__ import annotations

from mingqu.domain.evidence import Checkpoint
from mingqu.services.house import House
from mingqu.store import evidence


def publish_evidence(house: House) -> Checkpoint:
    """Return the checkpoint over all leaves there are; with nothing new, the one that stands."""

    return house.database.run(lambda tx: evidence.publish_checkpoint(tx, keyring=house.keyring, at=house.clock.now()))
