"""Release a stage of a loan: its papers are given by the borrower, two people look at them, and the payee is paid."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import LoanNotActive
from mingqu.domain.loan import Stage as LoanStage
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Proposal
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.read_stages import StageStands, StageState, stages_of, stands_of
from mingqu.services.changes.take_payout_back import VersionWaits
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.once import Response, once
from mingqu.services.orders.entrust_payment import entrust_payment
from mingqu.store import evidence
from mingqu.store.loans import loan, milestone
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.milestone import Paper, Release
from mingqu.store.purposes import funds_version
from mingqu.store.server.database import Transaction

NUMBER_LENGTH_MAX: Final = 64  # of an invoice or a report; what is longer is not a number


class StageUnknown(Refusal):
    """The loan has no stage of this name, or the stage is due no paper of this kind."""

    code: ClassVar[str] = "stage_unknown"


class PaperThere(Refusal):
    """The paper of this kind is on file already, with another number or file: it is neither changed nor given twice."""

    code: ClassVar[str] = "stage_paper_there"
    status: ClassVar[int] = 409


class PaperMalformed(Refusal):
    """A paper has a number of 3 to 64 letters, digits and signs; a hash of its file has 64 hexadecimal digits."""

    code: ClassVar[str] = "stage_paper_malformed"


class StageNotReady(Refusal):
    """This stage cannot be released: papers are due, the stage before is not paid, or it was released already."""

    code: ClassVar[str] = "stage_not_ready"
    status: ClassVar[int] = 409


def give_paper(
    house: House,
    *,
    person_id: UUID,
    loan_id: UUID,
    stage: str,
    kind: str,
    number: Personal[str],
    key: str,
    file_hash: str = "",
) -> UUID:
    """Store a paper for a stage of a person's own loan, with its leaf, and return its id.

    Errors: NotFound, NotByStages, StageUnknown, PaperMalformed, PaperThere, and those of the key.
    """
    said = number.reveal().strip()
    if not (3 <= len(said) <= NUMBER_LENGTH_MAX and said.isprintable()):
        raise PaperMalformed("A paper has a number of 3 to 64 characters.", field="number")
    try:
        digest = bytes.fromhex(file_hash)
    except ValueError:
        digest = b"?"
    if len(digest) not in (0, 32):
        raise PaperMalformed("The hash of a file has 64 hexadecimal digits.", field="file_hash")

    def work(tx: Transaction) -> Response:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        if not any(one.id == stage and kind in one.papers for one in stages_of(tx, house, of=of)):
            raise StageUnknown("There is no such stage, or it is due no such paper.", stage=stage, kind=kind)
        made = Paper(
            paper_id=house.id_for(person_id),
            person_id=person_id,
            loan_id=loan_id,
            stage=stage,
            kind=kind,
            file_hash=digest or None,
            given_at=house.clock.now(),
        )
        if not milestone.insert_paper(tx, keyring=house.keyring, paper=made, number=Personal(said)):
            raise PaperThere("This paper is on file already.")
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=of.cell,
            person_id=person_id,
            kind=LeafKind.PURPOSE_EVIDENCE,
            subject_id=made.paper_id,
            at=made.given_at,
            facts={"loan_id": loan_id.hex, "stage": stage, "kind": kind, "file_hash": file_hash},
        )
        return {"paper_id": made.paper_id.hex}

    request: dict[str, Canonical] = {
        "loan_id": loan_id.hex,
        "stage": stage,
        "kind": kind,
        "number": house.keyring.lookup_hash(kind="stage_paper", value=Personal(said)).hex(),
        "file_hash": file_hash,
    }
    answer = once(house, person_id=person_id, command="give_paper", key=key, request=request, work=work)
    return UUID(str(answer["paper_id"]))


def say_release(
    tx: Transaction, house: House, loan_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose loan a release is of, and what it pays. Errors: NotFound, NotByStages, StageNotReady."""
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    ready = _ready(tx, house, of, stage=str(asked.get("stage", "")))
    return of.person_id, {
        "stage": ready.stage.id,
        "amount_fen": ready.amount_fen,
        "papers": [paper.paper_id.hex for paper in ready.papers],
    }


def basis_of_release(tx: Transaction, proposal: Proposal) -> str:
    """Return what a release rests on: papers that are there, what was released before, and versions of the payee."""
    papers = [paper.paper_id.hex for paper in milestone.papers_of(tx, loan_id=proposal.subject_id)]
    releases = [one.order_id.hex for one in milestone.releases_of(tx, loan_id=proposal.subject_id)]
    versions = funds_version.of_loan(tx, loan_id=proposal.subject_id)
    rests: dict[str, Canonical] = {"papers": papers, "releases": releases}
    if versions:  # whom it pays may have become another account since
        rests["versions"] = [[one.hash, "" if one.answer is None else one.answer.value] for one in versions]
    return hashlib.sha256(canonical(rests)).hexdigest()


def release_stage(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Pay a stage to the payee of the contract.

    Errors: NotFound, NotByStages, StageNotReady, VersionWaits, LoanNotActive, DrawingFrozen, DrawingStopped, and those
    of `entrust_payment`.
    """
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    ready = _ready(tx, house, of, stage=str(proposal.body["stage"]))
    if funds_version.waiting(tx, loan_id=of.loan_id, at=house.clock.now()) is not None:
        raise VersionWaits("Another account of the payee waits for the borrower's answer first.")
    require_drawing_open(tx, house, person_id=of.person_id)
    now = house.clock.now()
    order_id = entrust_payment(tx, house, of=of, amount_fen=ready.amount_fen, payout_at=now)
    milestone.insert_release(
        tx,
        release=Release(
            order_id=order_id,
            person_id=of.person_id,
            loan_id=of.loan_id,
            stage=ready.stage.id,
            proposal_id=proposal.proposal_id,
            released_at=now,
        ),
    )


def _ready(tx: Transaction, house: House, of: Loan, *, stage: str) -> StageStands:
    """Return the stage if it can be released now. Errors: NotByStages, LoanNotActive, StageNotReady."""
    stands = stands_of(tx, of=of, stages=stages_of(tx, house, of=of))
    # A loan whose first stage came back is planned again; before it was paid at all, its stage is under way.
    if of.state.stage not in (LoanStage.PLANNED, LoanStage.ACTIVE) or of.state.ended:
        raise LoanNotActive("Only a loan that is running is paid out further.")
    found = next((one for one in stands if one.stage.id == stage), None)
    if found is None or found.state is not StageState.READY:
        raise StageNotReady("This stage cannot be released now.", stage=stage)
    return found
