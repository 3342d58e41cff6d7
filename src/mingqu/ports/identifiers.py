"""Where new ids come from: made here, by the caller, before anything is sent."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID


class Identifiers(Protocol):
    """Makes ids that carry a person's slot (see `mingqu.domain.identifier`) and chooses a new person's slot."""

    def fresh(self, slot: int) -> UUID:
        """Return an id never given before, for the person in `slot` (0 … 1,023)."""
        ...

    def slot(self) -> int:
        """Return the slot of a new person, 0 … 1,023, each as likely as any other."""
        ...
