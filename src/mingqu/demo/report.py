"""What a demonstration found out, in the shape that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

_PPM = 1_000_000


class WhyNot(Protocol):
    """A reason, as the domain makes it and as the client reads it."""

    @property
    def code(self) -> str: ...
    @property
    def text_zh(self) -> str: ...
    @property
    def text_en(self) -> str: ...
    @property
    def remedy_zh(self) -> str: ...
    @property
    def remedy_en(self) -> str: ...


@dataclass(slots=True)
class PersonReport:
    """One person of the story; `loan_state` and `apr_effective` are None for somebody who was refused."""

    name: str
    outcome: str = "active"
    reasons: list[dict[str, str]] = field(default_factory=list)
    apr_effective: float | None = None
    loan_state: str | None = None
    disbursement_states: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DemoReport:
    """The whole story, as `mingqu demo --json` prints it."""

    people: list[PersonReport] = field(default_factory=list)
    days_closed: int = 0
    proofs: dict[str, bool] = field(default_factory=dict)
    evidence_root: str = ""
    seconds: float = 0.0
    portfolio: dict[str, object] | None = None


def written_reasons(reasons: Sequence[WhyNot]) -> list[dict[str, str]]:
    """Return reasons with their remedies, in Chinese and then English."""
    return [
        {
            "code": reason.code,
            "text": f"{reason.text_zh} {reason.text_en}",
            "remedy": f"{reason.remedy_zh} {reason.remedy_en}",
        }
        for reason in reasons
    ]


def as_fraction(ppm: int) -> float:
    """Return a rate for people and programs that read it: 195_618 ppm is 0.195618. It is never computed with."""
    return ppm / _PPM
