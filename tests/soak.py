"""How long a randomized test runs: short in `make test`, long in `make soak`."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("MINGQU_SOAK"))
_LONGER = 20
_PART = (
    3  # `make test` draws the same examples each time: after the first run more of them find nothing that a few miss
)
_FEWEST = 20


def examples(usual: int) -> int:
    """Return how many examples to run: a part of the usual number, always the same ones, or many times it, all new."""
    return usual * _LONGER if SOAK else min(usual, max(_FEWEST, usual // _PART))
