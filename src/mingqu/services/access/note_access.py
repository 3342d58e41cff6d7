"""Note who looks at whom, and let somebody see a person unmasked for a reason and a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from mingqu.domain.operator import UNMASKED_FOR, Permission, check_reason
from mingqu.domain.proposal import HOUSE
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store.operators import access
from mingqu.store.operators.access import Access as Access
from mingqu.store.parties import party
from mingqu.store.server.database import Transaction


def note_access(
    tx: Transaction, house: House, *, seat: Seat, person_id: UUID, what: str, subject_id: UUID, reason: str = ""
) -> None:
    """Note, in the transaction of what is read, that an operator looked at a person's customer page, loan or decision.

    The caller commits: what cannot be noted is not shown. A look at what concerns nobody is not noted.
    """
    if person_id == HOUSE:
        return
    access.note(
        tx,
        access=Access(
            access_id=house.id_for(person_id),
            person_id=person_id,
            operator_id=seat.operator.operator_id,
            session_id=seat.session_id,
            what=what,
            subject_id=subject_id,
            reason=reason or None,
            at=house.clock.now(),
        ),
    )


def unmask(house: House, *, seat: Seat, person_id: UUID, reason: str) -> datetime:
    """Let this session see a person unmasked, and return until when.

    Errors: OperatorForbidden, ReasonMissing, NotFound.
    """
    seat.operator.require(Permission.UNMASK)
    said, now = check_reason(reason), house.clock.now()
    until = now + UNMASKED_FOR

    def work(tx: Transaction) -> None:
        party.load_person(tx, person_id=person_id)
        access.note(
            tx,
            access=Access(
                access_id=house.id_for(person_id),
                person_id=person_id,
                operator_id=seat.operator.operator_id,
                session_id=seat.session_id,
                what=access.UNMASK,
                subject_id=person_id,
                reason=said,
                at=now,
                expires_at=until,
            ),
        )

    house.database.run(work)
    return until


def accesses(house: House, *, person_id: UUID | None = None, only: Sequence[str] = ()) -> list[Access]:
    """Return the latest looks, at one person or at anybody, the newest first."""
    with house.database.transaction() as tx:
        if person_id is not None:
            return access.of_person(tx, person_id=person_id)
        return access.latest(tx, only=only)
