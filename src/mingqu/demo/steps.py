"""The steps of a story: what somebody did, what came of it, and why; told to a console and kept for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mingqu.client.problem import Problem
from mingqu.demo.report import WhyNot, written_reasons
from mingqu.demo.tell import Teller
from mingqu.domain.money import format_fen


@dataclass(frozen=True, slots=True)
class Why:
    """What a problem says, in Chinese, and what would help, in both languages."""

    text_zh: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: `outcome` is one word for programs; a refusal has its reasons, each with what would help."""

    what: str
    outcome: str
    reasons: list[dict[str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class StoryReport:
    """A whole story, as `mingqu demo --story NAME --json` prints it; `seconds` are those of a wall clock."""

    story: str
    steps: list[Step]
    proofs: dict[str, bool]
    seconds: float


def _told(name: str, value: object) -> str:
    """Return a detail of a problem as it is read: amounts in yuan."""
    if name.endswith("_fen") and isinstance(value, int):
        return f"{name.removesuffix('_fen')} {format_fen(value)}"
    return f"{name} {value}"


class Steps:
    """Collects the steps of a story while they are told."""

    def __init__(self, tell: Teller) -> None:
        self._tell = tell
        self.taken: list[Step] = []

    def take(self, what: str, outcome: str) -> None:
        """Note that something came out as `outcome`: one word, as it stands in programs."""
        self._note(Step(what=what, outcome=outcome))

    def refused(self, what: str, reasons: Sequence[WhyNot]) -> None:
        """Note that something was refused, with every reason and its remedy."""
        self._note(Step(what=what, outcome="refused", reasons=written_reasons(reasons)))

    def denied(self, what: str, problem: Problem, *, why: Why) -> None:
        """Note that a door denied something: its problem document, with the same in Chinese and what would help."""
        told = ", ".join(_told(name, value) for name, value in problem.details.items())
        text = f"{why.text_zh} {problem.title}" + (f" ({told})" if told else "")
        reason = {"code": problem.code, "text": text, "remedy": why.remedy}
        self._note(Step(what=what, outcome="refused", reasons=[reason]))

    def declined(self, what: str, *, code: str, text: str, remedy: str) -> None:
        """Note that a spend was declined; `code` is the reason, `text` names what said no."""
        self._note(Step(what=what, outcome="declined", reasons=[{"code": code, "text": text, "remedy": remedy}]))

    def _note(self, step: Step) -> None:
        self.taken.append(step)
        color = "red" if step.reasons else "green"
        self._tell.note(f"{step.what}: [{color}]{step.outcome}[/]")
        for reason in step.reasons:
            self._tell.note(f"· [bold]{reason['code']}[/]  {reason['text']}")
            if reason["remedy"]:
                self._tell.note(f"  [green]→[/] {reason['remedy']}")
