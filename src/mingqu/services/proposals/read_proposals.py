"""What waits for a second person, and what was decided: each proposal with what it would change, as it is today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.loan import Intent
from mingqu.domain.operator import Permission
from mingqu.domain.order import Order
from mingqu.domain.proposal import Deed, Proposal, ProposalState
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes import place_receipt
from mingqu.services.house import House
from mingqu.services.loans.preview_payment import Preview, preview_payment
from mingqu.store import evidence
from mingqu.store.loans.loan import Loan
from mingqu.store.operators import access, operator, proposal
from mingqu.store.orders import order
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalLine:
    """A proposal of a list: who made and checked it, by name, and whom it concerns, masked."""

    proposal: Proposal
    standing: ProposalState
    maker: str
    checker: str | None
    name: str | None
    amount_fen: int | None
    may_check: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """A proposal to be checked. `preview` is what it would change now; `refusal` says why that cannot be worked out."""

    line: ProposalLine
    loan_id: UUID | None
    order_id: UUID | None
    source: str | None
    preview: Preview | None
    refusal: str
    leaf: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A loan that could take a parked receipt, in words."""

    loan: Loan
    product_zh: str
    product_en: str
    payable_fen: int
    principal_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedView:
    """Money that is parked: the order that brought it, who could have it, and what that would change."""

    order: Order
    name: str | None
    candidates: tuple[Candidate, ...]
    chosen: UUID | None
    preview: Preview | None
    waits: UUID | None


def list_proposals(house: House, *, seat: Seat) -> tuple[list[ProposalLine], list[ProposalLine]]:
    """Return what waits, the first to run out first, and what was decided last. Errors: OperatorForbidden."""
    seat.operator.require(Permission.PROPOSALS)
    with house.database.transaction() as tx:
        waiting = proposal.waiting(tx, at=house.clock.now())
        return _lines(tx, house, seat, waiting), _lines(tx, house, seat, proposal.ended(tx))


def proposals_to_check(house: House, *, seat: Seat) -> int:
    """Return how many proposals wait for just such an operator as this one."""
    if not seat.operator.may(Permission.CHECK):
        return 0
    with house.database.transaction() as tx:
        return sum(one.may_check(seat.operator) for one in proposal.waiting(tx, at=house.clock.now()))


def read_proposal(house: House, *, seat: Seat, proposal_id: UUID) -> ProposalView:
    """Return a proposal with what it would change, and note that this operator looked.

    Errors: OperatorForbidden, NotFound.
    """
    seat.operator.require(Permission.PROPOSALS)
    with house.database.transaction() as tx:
        known = proposal.load(tx, proposal_id=proposal_id)
        note_access(tx, house, seat=seat, person_id=known.person_id, what=access.PROPOSAL, subject_id=known.proposal_id)
        (line,) = _lines(tx, house, seat, [known])
        leaves = evidence.leaves_of(tx, person_id=known.person_id, subject_id=proposal_id)
        tx.commit()
    loan_id = UUID(str(known.body["loan_id"])) if "loan_id" in known.body else None
    preview, refusal = (
        _preview(house, seat, known, loan_id) if line.standing is ProposalState.OPEN and loan_id else (None, "")
    )
    return ProposalView(
        line=line,
        loan_id=loan_id,
        order_id=known.subject_id if known.deed is Deed.ASSIGN_RECEIPT else None,
        source=str(known.body["source"]) if "source" in known.body else None,
        preview=preview,
        refusal=refusal,
        leaf=(leaves[-1].cell, leaves[-1].sequence) if leaves else None,
    )


def read_parked(house: House, *, seat: Seat, order_id: UUID, loan_id: UUID | None, intent: Intent) -> ParkedView:
    """Return a parked receipt, and what giving it to a loan would change; without one, to the only one there is.

    Errors: OperatorForbidden, NotFound, ReceiptPlaced, LoanCannotTake.
    """
    seat.operator.require(Permission.QUEUE)
    with house.database.transaction() as tx:
        brought = order.load(tx, order_id=order_id)
        found = place_receipt.candidates(tx, order_id=order_id)
        chosen = loan_id or (found[0].loan_id if len(found) == 1 else None)
        says = place_receipt.assignment(tx, order_id=order_id, loan_id=chosen, intent=intent) if chosen else None
        waits = proposal.waits_for(tx, deed=Deed.ASSIGN_RECEIPT, subject_id=order_id, at=house.clock.now())
        name = masked_names(tx, house, person_ids=[brought.person_id]).get(brought.person_id)
        note_access(tx, house, seat=seat, person_id=brought.person_id, what=access.ORDER, subject_id=order_id)
        tx.commit()
    preview = None
    if chosen and says:
        on = date.fromisoformat(str(says["value_date"]))
        preview = preview_payment(house, seat=seat, loan_id=chosen, on=on, amount_fen=brought.amount_fen, intent=intent)
    return ParkedView(
        order=brought,
        name=name,
        candidates=tuple(_candidate(house, of) for of in found),
        chosen=chosen,
        preview=preview,
        waits=waits.proposal_id if waits else None,
    )


def _candidate(house: House, of: Loan) -> Candidate:
    product = next((each for each in house.pack.products if each.id == of.product_id), None)
    return Candidate(
        loan=of,
        product_zh=product.name_zh if product else "–",
        product_en=product.name_en if product else "–",
        payable_fen=of.state.payable.total_fen,
        principal_fen=of.state.principal_outstanding_fen,
    )


def _preview(house: House, seat: Seat, known: Proposal, loan_id: UUID) -> tuple[Preview | None, str]:
    """Return what a payment would change, or the code of why that is not to be said (to this operator, or at all)."""
    on, amount_fen = date.fromisoformat(str(known.body["value_date"])), int(str(known.body["amount_fen"]))
    intent = Intent(str(known.body["intent"]))
    try:
        return preview_payment(house, seat=seat, loan_id=loan_id, on=on, amount_fen=amount_fen, intent=intent), ""
    except Refusal as refusal:
        return None, refusal.code


def _lines(tx: Transaction, house: House, seat: Seat, found: list[Proposal]) -> list[ProposalLine]:
    now, names = house.clock.now(), {one.operator_id: one.name for one in operator.every(tx)}
    people = masked_names(tx, house, person_ids=[one.person_id for one in found])
    return [
        ProposalLine(
            proposal=one,
            standing=one.standing(at=now),
            maker=names.get(one.maker_id, "?"),
            checker=names.get(one.checker_id, "?") if one.checker_id else None,
            name=people.get(one.person_id),
            amount_fen=int(str(one.body["amount_fen"])) if "amount_fen" in one.body else None,
            may_check=one.may_check(seat.operator),
        )
        for one in found
    ]
