"""Numbers that are used once, from the machine's randomness."""

from __future__ import annotations

import secrets
from typing import Final

_BYTES: Final = 16  # so many that no two are ever the same


def fresh_nonce() -> str:
    """Return 32 hex digits that were never given before."""
    return secrets.token_hex(_BYTES)
