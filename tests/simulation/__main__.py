"""Print how many of 200 seeds each planted mistake breaks: `python -m tests.simulation`."""

from __future__ import annotations

from mingqu.simulation.course import live_orders
from tests.simulation.planted import DESKS, NewNumberOnRetry

SEEDS = 200  # enough to tell a mistake that shows in every third history from one that shows in every second


def main() -> None:
    """Run every seed alone, for each planted mistake and for the right design."""
    singles = [range(seed, seed + 1) for seed in range(SEEDS)]
    broken = {
        desk.__name__: sum(live_orders(seeds=one, desk=desk).broke is not None for one in singles) for desk in DESKS
    }
    broken["NewNumberOnRetry"] = sum(
        live_orders(seeds=one, errand=NewNumberOnRetry).broke is not None for one in singles
    )
    broken["(none)"] = sum(live_orders(seeds=one).broke is not None for one in singles)
    for name, count in broken.items():
        print(f"{name:24}{count:4} of {SEEDS} seeds")


if __name__ == "__main__":
    main()
