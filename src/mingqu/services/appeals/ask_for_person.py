"""Ask that a person looks at it: at a decision that a program made, or at what somebody in difficulty needs.

Source: PIPL art. 24 (an explanation, and the right to refuse a decision made by a program alone).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from mingqu.domain.refusal import Refusal
from mingqu.domain.review import OF_DECISION, OF_LOAN
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store.decisions import decision
from mingqu.store.decisions.review import ASKED
from mingqu.store.loans import loan
from mingqu.store.server import work
from mingqu.store.server.database import Transaction


class WishUnknown(Refusal):
    """This cannot be asked for here; the message names what can."""

    code: ClassVar[str] = "wish_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for, under which number, and when."""

    request_id: UUID
    wish: str
    asked_at: datetime


def ask_for_person(
    house: House, *, person_id: UUID, wish: str, key: str, loan_id: UUID | None = None, decision_id: UUID | None = None
) -> Asked:
    """Put a person's request before people, about one of their loans or decisions; asked again it is the same one.

    Errors: WishUnknown, NotFound, DecisionNotFound, and those of the idempotency key.
    """
    allowed = OF_LOAN if loan_id is not None else OF_DECISION
    if wish not in allowed or (loan_id is None) == (decision_id is None):
        raise WishUnknown(f"Ask for one of: {', '.join(allowed)}.")
    subject_id = loan_id or decision_id
    assert subject_id is not None

    def ask(tx: Transaction) -> Response:
        if loan_id is not None:
            loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        else:
            decision.load_decision(tx, person_id=person_id, decision_id=subject_id)
        request_id, now = house.id_for(person_id), house.clock.now()
        work.enqueue(
            tx,
            cell=tx.cell_of(person_id),
            work_id=request_id,
            kind=ASKED,
            subject_id=subject_id,
            run_at=now,
            payload={"person_id": person_id.hex, "wish": wish},
        )
        return {"request_id": request_id.hex, "asked_at": now.isoformat()}

    request = {"subject_id": subject_id.hex, "wish": wish}
    answer = once(house, person_id=person_id, command="ask_for_person", key=key, request=request, work=ask)
    return Asked(
        request_id=UUID(str(answer["request_id"])),
        wish=wish,
        asked_at=datetime.fromisoformat(str(answer["asked_at"])),
    )
