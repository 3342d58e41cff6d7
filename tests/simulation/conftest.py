"""One stage for all platform histories of a process: a server, and the book in mid-life that each of them copies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mingqu.simulation.stage import Stage, open_stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A server with the prepared book; gone with the process."""
    with open_stage() as opened:
        yield opened
