"""Ownership of what an id names: someone else's id and an id that never was give the same answer."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.refusal import Refusal


class NotFound(Refusal):
    """Nothing of this person's has this id. Whether another person's does is not told."""

    code = "not_found"
    status = 404

    def __init__(self) -> None:
        super().__init__("There is nothing with this id here: take one of your own, as its list shows it.")


def require_owner(*, owner_id: UUID, person_id: UUID) -> None:
    """Return when the thing belongs to the person. Errors: NotFound otherwise, in the words for an unknown id."""
    if owner_id != person_id:
        raise NotFound
