"""Stop a person's drawing for a cause: one person does at once, two let it go on again. Repaying works meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.freeze import DrawingStopped, Freeze, NotFrozen, read_cause
from mingqu.domain.operator import Permission, check_reason
from mingqu.domain.proposal import Proposal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store import evidence
from mingqu.store.limits import freeze
from mingqu.store.operators import access
from mingqu.store.parties import party
from mingqu.store.people import life
from mingqu.store.server.database import Transaction


def require_not_stopped(tx: Transaction, *, person_id: UUID) -> None:
    """Return when nobody has stopped a person's drawing. Errors: DrawingStopped."""
    if freeze.standing(tx, person_id=person_id) is not None or life.is_deceased(tx, person_id=person_id):
        # The cause is for operators: whoever is suspected is not told of what.
        raise DrawingStopped("Drawing is stopped for now; repaying works as always. Please ask us.")


def freeze_drawing(house: House, *, seat: Seat, person_id: UUID, cause: str, reason: str, key: str) -> UUID:
    """Stop a person's drawing at once, and return the freeze's id. What was signed before is paid out as agreed.

    Errors: OperatorForbidden, ReasonMissing, FreezeCauseUnknown, NotFound, FrozenAlready, and those of the key.
    """
    seat.operator.require(Permission.FREEZE)
    said, meant = check_reason(reason), read_cause(cause)

    def work(tx: Transaction) -> Response:
        party.load_person(tx, person_id=person_id)
        made = Freeze(
            freeze_id=house.id_for(person_id),
            person_id=person_id,
            cause=meant,
            reason=said,
            frozen_by=seat.operator.operator_id,
            frozen_at=house.clock.now(),
        )
        freeze.insert(tx, freeze=made)
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=tx.cell_of(person_id),
            person_id=person_id,
            kind=LeafKind.FREEZE,
            subject_id=made.freeze_id,
            at=made.frozen_at,
            facts={"cause": meant.value, "operator": made.frozen_by.hex},
        )
        note_access(
            tx, house, seat=seat, person_id=person_id, what=access.FREEZE, subject_id=made.freeze_id, reason=said
        )
        return {"freeze_id": made.freeze_id.hex}

    request: dict[str, Canonical] = {
        "operator": seat.operator.operator_id.hex,
        "cause": meant.value,
        "reason": said,
    }
    answer = once(house, person_id=person_id, command="freeze_drawing", key=key, request=request, work=work)
    return UUID(str(answer["freeze_id"]))


def say_thaw(
    tx: Transaction, _: House, freeze_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose freeze is to end, and what it was for. Errors: NotFound, NotFrozen."""
    assert not asked, "a thaw says nothing but which freeze it ends"
    known = _standing(tx, freeze_id)
    return known.person_id, {"cause": known.cause.value}


def basis_of_thaw(tx: Transaction, proposal: Proposal) -> str:
    """Return what a thaw rests on: the freeze that stands. Errors: NotFound, NotFrozen."""
    return _standing(tx, proposal.subject_id).frozen_at.isoformat()


def thaw_drawing(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Let drawing go on again. Errors: NotFound, NotFrozen."""
    known = _standing(tx, proposal.subject_id)
    freeze.thaw(tx, freeze_id=known.freeze_id, proposal_id=proposal.proposal_id, at=house.clock.now())


def _standing(tx: Transaction, freeze_id: UUID) -> Freeze:
    known = freeze.load(tx, freeze_id=freeze_id)
    if known.thawed_at is not None:
        raise NotFrozen("Drawing goes on again.")
    return known
