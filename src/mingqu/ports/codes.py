"""Where one-time codes come from."""

from __future__ import annotations

from typing import Protocol

from mingqu.domain.personal import Personal


class Codes(Protocol):
    """Draws the digits of one-time codes."""

    def digits(self) -> Personal[str]:
        """Return six digits that nobody can guess, each time anew."""
        ...
