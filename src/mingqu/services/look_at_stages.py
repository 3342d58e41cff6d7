"""What an operator sees of a loan's stages: the papers with their numbers, and who looked at them is noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from mingqu.domain.operator import Permission
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.services.note_access import note_access
from mingqu.services.read_loan_at import visible_loan
from mingqu.services.read_stages import StagesView, view_of
from mingqu.services.sign_in_operator import Seat
from mingqu.store import access, milestone
from mingqu.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesSeen:
    """A loan's stages, and the numbers of their papers by the papers' ids."""

    view: StagesView
    numbers: Mapping[UUID, Personal[str]]


def look_at_stages(house: House, *, seat: Seat, loan_id: UUID) -> StagesSeen:
    """Return the stages of a loan with their papers' numbers; the look is noted.

    Errors: OperatorForbidden, NotFound (also for another lender's loan), NotByStages, PersonErased.
    """
    seat.operator.require(Permission.LOAN)

    def work(tx: Transaction) -> StagesSeen:
        of = visible_loan(tx, seat=seat, loan_id=loan_id)
        view = view_of(tx, house, of=of)
        note_access(tx, house, seat=seat, person_id=of.person_id, what=access.LOAN, subject_id=loan_id)
        papers = [paper for one in view.stages for paper in one.papers]
        numbers = {one.paper_id: milestone.open_number(tx, keyring=house.keyring, paper=one) for one in papers}
        return StagesSeen(view=view, numbers=numbers)

    return house.database.run(work)
