"""What stops a person's drawing, in their words, for each page that shows what could be drawn."""

from __future__ import annotations

from mingqu.borrower.door import Visit
from mingqu.borrower.words import Said
from mingqu.services.limits.check_drawing import drawing_stopped


def stopped(visit: Visit) -> Said | None:
    """Return why nothing can be drawn now and what helps; None when drawing is open."""
    refusal = drawing_stopped(visit.house, person_id=visit.person_id)
    return None if refusal is None else visit.words.refusal(refusal)
