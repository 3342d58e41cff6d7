"""Propose what takes two people, and check what somebody else proposed: carried out once, with its evidence, or not.

A deed gives three functions: what is said from what was asked, what that rests on (asked when it is proposed and again
when it is checked), and how it is carried out. Each runs under the lock of the person's cell, in the transaction that
stores what was proposed or decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.operator import Permission, check_reason
from mingqu.domain.proposal import NEEDED, PROPOSAL_LASTS, Deed, Proposal, ProposalStale, ProposalState
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes import (
    correct_payee,
    decide_order,
    place_receipt,
    release_stage,
    relieve_loan,
    watch_card,
    work_out_loan,
)
from mingqu.services.customers import record_life
from mingqu.services.decisions import override_decision
from mingqu.services.house import House
from mingqu.services.limits import freeze_drawing
from mingqu.services.once import Response, once
from mingqu.services.partners import buy_back_loan
from mingqu.services.policies import keep_list, publish_policy, switch_off, switch_rule_off
from mingqu.services.reconciliation import work_break
from mingqu.store import evidence
from mingqu.store.operators import access, proposal
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a deed is done: whose it is and what it says, what it rests on (a text that changes with it), the doing."""

    say: Callable[[Transaction, House, UUID, Mapping[str, Canonical]], tuple[UUID, dict[str, Canonical]]]
    basis: Callable[[Transaction, Proposal], str]
    # Of the proposal with whoever checks it, so that a deed may ask more of them than not to be its maker.
    carry_out: Callable[[Transaction, House, Proposal], None]


WAYS: Final[Mapping[Deed, Way]] = {
    Deed.ASSIGN_RECEIPT: Way(
        say=place_receipt.say_assignment,
        basis=place_receipt.basis_of_assignment,
        carry_out=place_receipt.assign_receipt,
    ),
    Deed.DECIDE_ORDER: Way(
        say=decide_order.say_verdict,
        basis=decide_order.basis_of_verdict,
        carry_out=decide_order.decide_order,
    ),
    Deed.THAW_DRAWING: Way(
        say=freeze_drawing.say_thaw,
        basis=freeze_drawing.basis_of_thaw,
        carry_out=freeze_drawing.thaw_drawing,
    ),
    Deed.THAW_CARD: Way(
        say=watch_card.say_thaw_card,
        basis=watch_card.basis_of_thaw_card,
        carry_out=watch_card.thaw_card,
    ),
    Deed.BOOK_RECEIPT: Way(
        say=place_receipt.say_booking,
        basis=place_receipt.basis_of_booking,
        carry_out=place_receipt.book_receipt,
    ),
    Deed.PUBLISH_POLICY: Way(
        say=publish_policy.say_publication,
        basis=publish_policy.basis_of_publication,
        carry_out=publish_policy.publish_policy,
    ),
    Deed.SWITCH_ON: Way(
        say=switch_off.say_switch_on,
        basis=switch_off.basis_of_switch_on,
        carry_out=switch_off.switch_on,
    ),
    Deed.RELEASE_STAGE: Way(
        say=release_stage.say_release,
        basis=release_stage.basis_of_release,
        carry_out=release_stage.release_stage,
    ),
    Deed.CORRECT_PAYEE: Way(
        say=correct_payee.say_correction,
        basis=correct_payee.basis_of_correction,
        carry_out=correct_payee.correct_payee,
    ),
    Deed.WORK_BREAK: Way(
        say=work_break.say_work,
        basis=work_break.basis_of_work,
        carry_out=work_break.work_break,
    ),
    Deed.OVERRIDE_DECISION: Way(
        say=override_decision.say_override,
        basis=override_decision.basis_of_override,
        carry_out=override_decision.override_decision,
    ),
    Deed.UNLIST: Way(
        say=keep_list.say_unlisting,
        basis=keep_list.basis_of_unlisting,
        carry_out=keep_list.unlist,
    ),
    Deed.SWITCH_OFF_RULE: Way(
        say=switch_rule_off.say_switch_off,
        basis=switch_rule_off.basis_of_switch_off,
        carry_out=switch_rule_off.switch_rule_off,
    ),
    Deed.LIST_WHITE: Way(
        say=keep_list.say_white,
        basis=keep_list.basis_of_white,
        carry_out=keep_list.list_white,
    ),
    Deed.RECORD_LIFE: Way(
        say=record_life.say_life,
        basis=record_life.basis_of_life,
        carry_out=record_life.record_life,
    ),
    Deed.RELIEVE_LOAN: Way(
        say=relieve_loan.say_relief,
        basis=relieve_loan.basis_of_relief,
        carry_out=relieve_loan.relieve_loan,
    ),
    Deed.WORK_OUT_LOAN: Way(
        say=work_out_loan.say_work_out,
        basis=work_out_loan.basis_of_work_out,
        carry_out=work_out_loan.work_out_loan,
    ),
    Deed.BUY_BACK: Way(
        say=buy_back_loan.say_buy_back,
        basis=buy_back_loan.basis_of_buy_back,
        carry_out=buy_back_loan.buy_back_loan,
    ),
}
assert set(WAYS) == set(NEEDED) == set(Deed)


def propose(
    house: House,
    *,
    seat: Seat,
    deed: Deed,
    subject_id: UUID,
    asked: Mapping[str, Canonical],
    reason: str,
    key: str,
) -> UUID:
    """Store a proposal for somebody else to check, and return its id; asked again with the key it is the same one.

    Errors: OperatorForbidden, ReasonMissing, NotFound, ProposalWaits, those of the deed, and those of the key.
    """
    seat.operator.require(NEEDED[deed])
    said = check_reason(reason)

    def work(tx: Transaction) -> Response:
        person_id, says = WAYS[deed].say(tx, house, subject_id, asked)
        now = house.clock.now()
        made = Proposal(
            proposal_id=house.id_for(person_id),
            deed=deed,
            person_id=person_id,
            subject_id=subject_id,
            body=says,
            basis="",
            reason=said,
            maker_id=seat.operator.operator_id,
            made_at=now,
            expires_at=now + PROPOSAL_LASTS,
        )
        made = replace(made, basis=WAYS[deed].basis(tx, made))
        proposal.insert(tx, proposal=made)
        note_access(tx, house, seat=seat, person_id=person_id, what=access.PROPOSE, subject_id=subject_id, reason=said)
        return {"proposal_id": made.proposal_id.hex}

    request: dict[str, Canonical] = {
        "operator": seat.operator.operator_id.hex,
        "subject": subject_id.hex,
        "reason": said,
        **asked,
    }
    answer = once(house, person_id=subject_id, command=f"propose {deed.value}", key=key, request=request, work=work)
    return UUID(str(answer["proposal_id"]))


def approve(house: House, *, seat: Seat, proposal_id: UUID) -> Proposal:
    """Carry out what somebody else proposed, and return the proposal. Approved again by the same person it is done.

    Errors: OperatorForbidden, NotFound, MakerIsChecker, ProposalEnded, ProposalExpired, ProposalStale, and those of
    the deed; nothing has then changed.
    """
    seat.operator.require(Permission.CHECK)

    def work(tx: Transaction) -> Proposal:
        tx.lock_cell(tx.cell_of(proposal_id))
        known, now = proposal.load(tx, proposal_id=proposal_id), house.clock.now()
        known.require_checker(seat.operator)
        if (known.state, known.checker_id) == (ProposalState.APPROVED, seat.operator.operator_id):
            return known
        known.require_open(at=now)
        way = WAYS[known.deed]
        if way.basis(tx, known) != known.basis:
            raise ProposalStale("What this rests on has changed since it was proposed.")
        way.carry_out(tx, house, replace(known, checker_id=seat.operator.operator_id))
        return _decided(tx, house, seat, known, ProposalState.APPROVED, reason=None)

    return house.database.run(work)


def decline(house: House, *, seat: Seat, proposal_id: UUID, reason: str) -> Proposal:
    """Decline a proposal, or take one's own back, and return it. Declined again by the same person it is declined.

    Errors: OperatorForbidden, NotFound, ReasonMissing, ProposalEnded, ProposalExpired.
    """
    seat.operator.require(Permission.CHECK)
    said = check_reason(reason)

    def work(tx: Transaction) -> Proposal:
        tx.lock_cell(tx.cell_of(proposal_id))
        known = proposal.load(tx, proposal_id=proposal_id)
        seat.operator.require(NEEDED[known.deed])
        if (known.state, known.checker_id) == (ProposalState.DECLINED, seat.operator.operator_id):
            return known
        known.require_open(at=house.clock.now())
        return _decided(tx, house, seat, known, ProposalState.DECLINED, reason=said)

    return house.database.run(work)


def _decided(
    tx: Transaction, house: House, seat: Seat, known: Proposal, state: ProposalState, *, reason: str | None
) -> Proposal:
    """Store how a proposal was decided, its evidence and who did it, in the transaction that carried it out."""
    now, checker_id = house.clock.now(), seat.operator.operator_id
    proposal.decide(tx, proposal_id=known.proposal_id, state=state, checker_id=checker_id, at=now, answer=reason)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(known.person_id),
        person_id=known.person_id,
        kind=LeafKind.PROPOSAL,
        subject_id=known.proposal_id,
        at=now,
        facts={
            "deed": known.deed.value,
            "subject": known.subject_id.hex,
            "proposal_hash": proposal.words_hash(body=known.body, basis=known.basis, reason=known.reason),
            "maker": known.maker_id.hex,
            "checker": checker_id.hex,
            "outcome": state.value,
        },
    )
    what = access.APPROVE if state is ProposalState.APPROVED else access.DECLINE
    note_access(
        tx, house, seat=seat, person_id=known.person_id, what=what, subject_id=known.proposal_id, reason=reason or ""
    )
    return replace(known, state=state, checker_id=checker_id, decided_at=now, answer=reason)
