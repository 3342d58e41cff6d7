"""What an operator sees of a loan's stages: the papers with their numbers, and who looked at them is noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.operator import Permission
from mingqu.domain.personal import Personal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes.read_stages import StageStands, StageState, StagesView, stages_of, stands_of, view_of
from mingqu.services.house import House
from mingqu.services.loans.read_loan_at import visible_loan
from mingqu.store.loans import milestone
from mingqu.store.operators import access
from mingqu.store.server.database import Transaction

LOANS_LOOKED_AT_MAX: Final = 100  # of a list that people work through; those given papers last


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesSeen:
    """A loan's stages, and the numbers of their papers by the papers' ids."""

    view: StagesView
    numbers: Mapping[UUID, Personal[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReady:
    """A stage whose papers are there and that two people may release, with the loan's product in words."""

    loan_id: UUID
    product_zh: str
    product_en: str
    stage: StageStands
    since: datetime


def stages_ready(house: House, *, seat: Seat) -> list[StageReady]:
    """Return the stages that may be released, the one that waits longest first. Errors: OperatorForbidden."""
    seat.operator.require(Permission.LOAN)
    found: list[StageReady] = []
    with house.database.transaction() as tx:
        for loan_id in milestone.loans_with_papers(tx, lender_id=seat.operator.lender_id, limit=LOANS_LOOKED_AT_MAX):
            of = visible_loan(tx, seat=seat, loan_id=loan_id)
            stands = stands_of(tx, of=of, stages=stages_of(tx, house, of=of))
            ready = next((one for one in stands if one.state is StageState.READY), None)
            if ready is None:
                continue
            product = house.pack.product(product_id=of.product_id, business_date=house.clock.business_date())
            found.append(
                StageReady(
                    loan_id=loan_id,
                    product_zh=product.name_zh,
                    product_en=product.name_en,
                    stage=ready,
                    since=max((paper.given_at for paper in ready.papers), default=house.clock.now()),
                )
            )
    return sorted(found, key=lambda one: (one.since, one.loan_id))


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
