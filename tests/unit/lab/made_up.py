"""Made-up borrowers for the lab: everything a file of other people's has, and a risk that is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("客户编号", "Age", "delay_days", "income", "city", "hour", "opened", "flat", "note", "went_bad")


def rows(*, count: int = 1_200, seed: int = 5) -> list[list[str]]:
    """Return borrowers: delay raises the risk, income lowers it, a city and an unknown income say something, too."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        delay, income, city = chance.randint(0, 60), round(chance.uniform(1_000, 20_000), 2), chance.choice("ABBCCCD")
        unknown = chance.random() < 0.1
        risk = 0.05 + delay / 110 - min(0.15, income / 100_000) + (0.25 if city == "A" else 0) + (0.2 if unknown else 0)
        found.append(
            [
                f"K{number + 7_000_000}",
                str(chance.randint(18, 80)),
                str(delay),
                "" if unknown else f"{income}",
                f"City {city}",
                str(chance.randint(0, 23)),
                f"2024-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
                "7",
                f"spoke to them {chance.random()}",
                str(int(chance.random() < risk)),
            ]
        )
    return found


def write(path: Path, lines: Sequence[Sequence[str]], *, header: Sequence[str] = COLUMNS, separator: str = ",",
          alphabet: str = "utf-8") -> Path:  # fmt: skip
    """Write a file as some program would have."""
    text = "\n".join(separator.join(line) for line in [header, *lines]) + "\n"
    path.write_bytes(text.encode(alphabet))
    return path
