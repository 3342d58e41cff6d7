"""Print how many of 200 seeds each planted mistake breaks: `python -m tests.simulation`."""

from __future__ import annotations

from tests.simulation.order_world import first_broken
from tests.simulation.test_order_life import (
    CallbackAppliedTwice,
    NewNumberOnRetry,
    NotFoundIsFailure,
    TimeoutIsFailure,
    VoidThatPosts,
)

SEEDS = 200  # enough to tell a mistake that shows in every third history from one that shows in every second


def main() -> None:
    """Run every seed alone, for each planted mistake and for the right design."""
    singles = [range(seed, seed + 1) for seed in range(SEEDS)]
    broken = {
        desk.__name__: sum(first_broken(single, desk=desk) is not None for single in singles)
        for desk in (TimeoutIsFailure, NotFoundIsFailure, CallbackAppliedTwice, VoidThatPosts)
    }
    broken["NewNumberOnRetry"] = sum(first_broken(single, errand=NewNumberOnRetry) is not None for single in singles)
    broken["(none)"] = sum(first_broken(single) is not None for single in singles)
    for name, count in broken.items():
        print(f"{name:24}{count:4} of {SEEDS} seeds")


if __name__ == "__main__":
    main()
