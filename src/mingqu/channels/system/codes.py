"""One-time codes from the machine's randomness."""

from __future__ import annotations

import secrets
from typing import Final

from mingqu.domain import one_time_code
from mingqu.domain.personal import Personal

SECRET_BYTES: Final = 32  # of a session: 256 bits
_ENTROPY_BITS: Final = 64  # so many that each of the million codes is as likely as any other


class SystemCodes:
    """Draws codes that nobody can guess."""

    def digits(self) -> Personal[str]:
        """Return six fresh digits."""
        return one_time_code.digits(entropy=secrets.randbits(_ENTROPY_BITS))

    def secret(self) -> Personal[bytes]:
        """Return 32 fresh bytes."""
        return Personal(secrets.token_bytes(SECRET_BYTES))
