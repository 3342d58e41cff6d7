"""What a bank of the sandbox knows a request by, and the numbers of its own that follow from it."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(kind: str, asked: dict[str, Any]) -> str:
    """Return what tells a request from another of the same number."""
    return hashlib.sha256(json.dumps([kind, asked], sort_keys=True).encode()).hexdigest()


def reference(number: str) -> str:
    """Return the bank's own number for one of the caller's."""
    return "B" + hashlib.sha256(number.encode()).hexdigest()[:23].upper()
