"""Sentences for a person: refusals by their code, names of methods, licences and states, amounts in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mingqu.domain.refusal import Refusal
from mingqu.web.pages import Texts, yuan

# After these nobody here knows yet whether something was done; every other refusal changed nothing.
UNSURE: Final = ("channel_unavailable", "database_unavailable", "idempotency_key_busy")
SAY: Final = "refusal.say."


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A refusal in a person's words: what happened to the money first, then what is wrong and what to do."""

    code: str
    first: str
    title: str
    wait_seconds: int
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The sentences of this door in one language."""

    texts: Texts
    language: str

    def say(self, name: str, /, **holes: object) -> str:
        """Return a sentence."""
        return self.texts.say(name, self.language, **holes)

    def pick(self, zh: str, en: str) -> str:
        """Return what a policy file says in both languages in this one."""
        return zh if self.language == "zh" else en

    def refusal(self, refusal: Refusal) -> Said:
        """Return a refusal in words; one without words of its own is named by its code."""
        details = {name: value for name, value in refusal.details.items() if value is not None}
        for name in [name for name in details if name.endswith("_fen")]:
            details[name] = yuan(int(details[name]))
        named = f"{SAY}{refusal.code}"
        if named in self.texts.of:
            try:
                title = self.say(named, **details) if details else self.say(named)
            except KeyError:  # a sentence asks for a detail that this refusal did not bring
                title = self.say("refusal.other", code=refusal.code)
        else:
            title = self.say("refusal.other", code=refusal.code)
        wait = refusal.details.get("wait_seconds") or refusal.details.get("retry_after_seconds") or 0
        return Said(
            code=refusal.code,
            first=self.say("refusal.unsure" if refusal.code in UNSURE else "refusal.nothing"),
            title=title,
            wait_seconds=int(wait),
            field=str(refusal.details.get("field", "")),
        )
