"""What the simulation found, a story each: seeds that broke the platform once, and what was wrong with it.

`test_regressions.py` lives through the seeds again, and tells the stories that can be told shorter as they are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A seed that broke something once. Its history changes when the simulation does; the story stays."""

    seed: int
    days: int
    faults: str
    story: str


SEEDS: tuple[Regression, ...] = ()
