"""Where one-time codes and the secrets of sessions come from."""

from __future__ import annotations

from typing import Protocol

from mingqu.domain.personal import Personal


class Codes(Protocol):
    """Draws what nobody may guess."""

    def digits(self) -> Personal[str]:
        """Return six digits that nobody can guess, each time anew."""
        ...

    def secret(self) -> Personal[bytes]:
        """Return 32 bytes that nobody can guess, each time anew."""
        ...
