"""One-time codes that come out the same in every run with the same seed."""

from __future__ import annotations

from mingqu.channels.fake.chance import Chance
from mingqu.domain import one_time_code
from mingqu.domain.personal import Personal


class SeededCodes:
    """Draws codes from a seed."""

    def __init__(self, *, seed: int) -> None:
        self._chance = Chance(seed=seed)

    def digits(self) -> Personal[str]:
        """Return the next six digits."""
        return one_time_code.digits(entropy=self._chance.bits())

    def secret(self) -> Personal[bytes]:
        """Return the next 32 bytes."""
        return Personal(b"".join(self._chance.bits().to_bytes(8, "big") for _ in range(4)))
