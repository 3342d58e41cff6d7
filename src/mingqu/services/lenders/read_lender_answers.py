"""What somebody sees of lenders' answers: a person their own, an operator those of the house, without a name."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mingqu.domain.lender_answer import LenderQuestion
from mingqu.domain.operator import Permission
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store.lenders import lender_question


def answers_of(house: House, *, person_id: UUID) -> list[LenderQuestion]:
    """Return a person's questions to lenders, the latest first."""
    with house.database.transaction() as tx:
        return lender_question.of_person(tx, person_id=person_id)


def answers_shown(house: House, *, person_id: UUID, offer_ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids of the questions that some of these offers of a person rest on."""
    with house.database.transaction() as tx:
        return lender_question.questions_of_offers(tx, person_id=person_id, offer_ids=offer_ids)


def answers_view(house: House, *, seat: Seat) -> list[LenderQuestion]:
    """Return the latest questions of the house for an operator, parked ones first. Errors: OperatorForbidden."""
    seat.operator.require(Permission.QUEUE)
    with house.database.transaction() as tx:
        return lender_question.latest(tx)
