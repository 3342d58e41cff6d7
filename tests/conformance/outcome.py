"""What a runner says about one case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """A case passes only whole; one that needs what the engine does not have is never counted as passed."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The status of a case, its class, and the first difference or the reason it does not apply."""

    case: str
    group: str
    status: Status
    detail: str = ""


class NotApplicableError(Exception):
    """The case needs an operation or a term that the engine does not have."""


class DifferenceError(Exception):
    """The engine's answer differs from the published one."""


def differ(*, what: str, expected: object, actual: object) -> None:
    """Raise the difference, in words."""
    raise DifferenceError(f"{what}: expected {expected}, got {actual}")
