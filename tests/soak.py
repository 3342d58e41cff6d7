"""How long a randomized test runs: short in `make test`, long in `make soak`."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("MINGQU_SOAK"))
_LONGER = 20


def examples(usual: int) -> int:
    """Return how many examples to run."""
    return usual * _LONGER if SOAK else usual
