"""How stumps are trained: sizes that follow from the sample, and a number of stumps found by folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SEED: Final = 20260815
STUMPS_MAX: Final = 2_000  # with small steps a sample that still gains after so many is a leak
LARGE_ROWS: Final = 20_000  # from here on the steps may be large: measured, no digit of the AUC that counts is lost
PATIENCE: Final = 60  # stumps without gain on the test part of a fold after which it ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """`stumps` is None where folds find their number; `tested`: a direction may be given up on clear evidence.

    `format` is that of the card. A recipe that trained a published card is never changed.
    """

    id: str
    stumps: int | None
    learning_rate: float | None
    leaf_cases: int | None
    lambda_l2: float
    tested: bool
    format: int

    def rate(self, *, rows: int) -> float:
        """Return the part of each stump that is kept: small steps for small samples, where large ones miss the best."""
        return self.learning_rate if self.learning_rate is not None else 0.1 if rows < LARGE_ROWS else 0.25

    def leaf_cases_min(self, *, rows: int) -> int:
        """Return the cases that each side of a cut keeps. Example: 10 of 1,000 rows, 100 of 10,000 and of more."""
        return self.leaf_cases if self.leaf_cases is not None else min(100, max(10, rows // 100))


# What trained the card behaviour-2005, and trains it again to the same hash.
FIRST: Final = Recipe(id="1", stumps=400, learning_rate=0.1, leaf_cases=100, lambda_l2=5.0, tested=False, format=1)
SEARCHED: Final = Recipe(id="2", stumps=None, learning_rate=None, leaf_cases=None, lambda_l2=5.0, tested=True, format=2)
RECIPES: Final = {one.id: one for one in (FIRST, SEARCHED)}
