"""How the console writes what it shows: ids shortened, ages spelled, minus signs real, states with their own shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode
from mingqu.web.pages import MARKET, Texts, yuan

_HEAD, _TAIL = 8, 4  # of an id: as much as tells two apart on a screen
# The shape and color of a state: never color alone.
_SHAPES: Final = {
    "active": "ok", "settled": "idle", "planned": "run", "charged_off": "bad", "written_off": "bad",
    "cancelled": "idle", "UNKNOWN": "unk", "SENT": "run", "RESERVED": "run", "PAID": "ok", "FAILED": "bad",
    "approved": "ok", "refused": "bad", "hit": "bad", "near": "warn", "passed": "ok",
    "open": "run", "declined": "bad", "expired": "idle",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Writes in one language; handed to every template as `w`."""

    texts: Texts
    language: str

    def of(self, thing: Any, name: str = "name") -> str:
        """Return the member of a thing that is in this language: `name` → `name_zh` or `name_en`."""
        return str(getattr(thing, f"{name}_{self.language}"))

    def both(self, thing: Any, name: str = "name") -> tuple[str, str]:
        """Return a member in this language and in the other one."""
        other = "en" if self.language == "zh" else "zh"
        return self.of(thing, name), str(getattr(thing, f"{name}_{other}"))

    def term(self, group: str, word: object) -> str:
        """Return a word of a group in this language; a word that has no text yet stays as it is."""
        name = f"{group}.{str(word).lower()}"
        return self.texts.say(name, self.language) if name in self.texts.of else str(word)

    @staticmethod
    def shape(word: object) -> str:
        """Return the state that a word is shown as."""
        return _SHAPES.get(str(word), "idle")

    @staticmethod
    def short(identity: UUID | str) -> str:
        """Return an id with its middle left out. Example: 0199c8d1…a27f."""
        text = identity.hex if isinstance(identity, UUID) else identity
        return f"{text[:_HEAD]}…{text[-_TAIL:]}"

    @staticmethod
    def fen(amount_fen: int | None) -> str:
        """Return an amount, or a dash for what does not apply."""
        return "–" if amount_fen is None else yuan(amount_fen)

    def age(self, span: timedelta) -> str:
        """Return an age in its two greatest units. Example: 10 h 20 m, 9 天."""
        minutes = max(0, int(span.total_seconds())) // 60
        days, hours = minutes // 1440, minutes // 60 % 24
        if days:
            return f"{days} {self.texts.say('unit.days', self.language)}"
        return f"{hours} h {minutes % 60:02d} m" if hours else f"{minutes} m"

    @staticmethod
    def clock(at: datetime | None) -> str:
        """Return a moment without its year. Example: 11-19 23:58."""
        return "–" if at is None else at.astimezone(MARKET).strftime("%m-%d %H:%M")

    @staticmethod
    def second(at: datetime | None) -> str:
        """Return a moment to the second. Example: 2026-11-19 23:58:03."""
        return "–" if at is None else at.astimezone(MARKET).strftime("%Y-%m-%d %H:%M:%S")

    @staticmethod
    def short_day(on: date | None) -> str:
        """Return a date without its year."""
        return "–" if on is None else on.strftime("%m-%d")

    @staticmethod
    def about(body: Mapping[str, Any]) -> str:
        """Return what a proposal that concerns nobody in particular is about. Example: grid/limit-total v2."""
        if "version" in body:
            return f"{body['kind']}/{body['name']} v{body['version']}"
        listed = f"{body.get('list', '')} {body.get('kind', '')} {str(body.get('hash', ''))[:8]}".strip()
        until = body.get("ends_on") or body.get("expires_on")
        return str(body.get("what") or listed) + (f" → {until}" if until else "")

    def account(self, code: AccountCode) -> str:
        """Return the name of an account."""
        return self.term("account", code.name)

    @staticmethod
    def rate(ppm: int) -> str:
        """Return a rate of so many in a million as per cent without the sign, cut to two places."""
        return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d}"

    @staticmethod
    def share(part: int, whole: int) -> str:
        """Return a part of a whole in hundredths with one place, for the width of a bar."""
        return f"{part * 1000 // whole / 10:.1f}" if whole > 0 else "0"
