"""Maker and checker: what one operator proposes, another carries out or declines, once and before it runs out.

A proposal says what is to be done, to what, why, and on what it rests. It is carried out by a second person with the
same right, and only while what it rests on is as it was: the checker agrees to what the maker saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.operator import Operator, Permission
from mingqu.domain.refusal import Refusal

# Made on a Friday it can be checked on a Monday; what waits longer rests on a world that went on.
PROPOSAL_LASTS: Final = timedelta(days=3)
# Stands for the person of a proposal that concerns nobody in particular: a policy, a switch, a list.
HOUSE: Final = UUID(int=0)


class Deed(Enum):
    """What takes two people. Words are stored: never changed, never used again."""

    ASSIGN_RECEIPT = "assign_receipt"  # money that is parked goes to a loan
    DECIDE_ORDER = "decide_order"  # which of a channel's words about an order holds
    THAW_DRAWING = "thaw_drawing"  # somebody whose drawing was stopped may draw again
    BOOK_RECEIPT = "book_receipt"  # money that came by no channel of ours is told to a loan, on its own day
    PUBLISH_POLICY = "publish_policy"  # a version of a policy is in force from a day on, or may be tried
    SWITCH_ON = "switch_on"  # a product or lender that was switched off lends again
    OVERRIDE_DECISION = "override_decision"  # a refusal is set aside, within what the tables allow
    WORK_BREAK = "work_break"  # a difference between a bill and the book is explained, or done with
    UNLIST = "unlist"  # somebody is taken off a list before its day
    SWITCH_OFF_RULE = "switch_off_rule"  # a rule is off for longer than an emergency lasts
    RELEASE_STAGE = "release_stage"  # the next stage of a milestone loan is paid to its payee
    LIST_WHITE = "list_white"  # somebody is let pass where a rule would stop
    CORRECT_PAYEE = "correct_payee"  # a version of a funds contract names the payee's right account
    RECORD_LIFE = "record_life"  # another phone, a death: what somebody cannot prove themselves
    RELIEVE_LOAN = "relieve_loan"  # what is owed is put off, or spread anew, for somebody in difficulty
    WORK_OUT_LOAN = "work_out_loan"  # it is called in, taken for lost, no longer so, or given up
    THAW_CARD = "thaw_card"  # a card that the monitor froze goes on
    BUY_BACK = "buy_back"  # a funder's part of a joint loan is somebody else's from a day on, at a price


# The one permission that whoever proposes and whoever checks must both have.
NEEDED: Final = MappingProxyType(
    {
        Deed.ASSIGN_RECEIPT: Permission.MOVE_MONEY,
        Deed.DECIDE_ORDER: Permission.MOVE_MONEY,
        Deed.THAW_DRAWING: Permission.FREEZE,
        Deed.THAW_CARD: Permission.FREEZE,
        Deed.BOOK_RECEIPT: Permission.MOVE_MONEY,
        Deed.RELEASE_STAGE: Permission.MOVE_MONEY,
        Deed.CORRECT_PAYEE: Permission.MOVE_MONEY,
        Deed.WORK_BREAK: Permission.MOVE_MONEY,
        Deed.BUY_BACK: Permission.MOVE_MONEY,
        Deed.PUBLISH_POLICY: Permission.PUBLISH,
        Deed.SWITCH_ON: Permission.SWITCH,
        Deed.UNLIST: Permission.SWITCH,
        Deed.SWITCH_OFF_RULE: Permission.SWITCH,
        Deed.LIST_WHITE: Permission.SWITCH,
        Deed.OVERRIDE_DECISION: Permission.OVERRIDE,
        Deed.RELIEVE_LOAN: Permission.COLLECT,
        Deed.WORK_OUT_LOAN: Permission.MOVE_MONEY,
        Deed.RECORD_LIFE: Permission.ANSWER,
    }
)


class ProposalState(Enum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"  # and carried out, in the same transaction
    DECLINED = "declined"
    EXPIRED = "expired"


class ProposalEnded(Refusal):
    """The proposal was approved or declined already."""

    code: ClassVar[str] = "proposal_ended"
    status: ClassVar[int] = 409


class ProposalExpired(Refusal):
    """Nobody checked the proposal in time; whoever still wants it proposes it anew."""

    code: ClassVar[str] = "proposal_expired"
    status: ClassVar[int] = 409


class ProposalStale(Refusal):
    """What the proposal rests on has changed since it was made; look again and propose anew."""

    code: ClassVar[str] = "proposal_stale"
    status: ClassVar[int] = 409


class MakerIsChecker(Refusal):
    """Who proposed something does not approve it: that takes somebody else."""

    code: ClassVar[str] = "maker_is_checker"
    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed to be done to `subject_id` of a person. `basis` names what it rests on, as its maker saw it."""

    proposal_id: UUID
    deed: Deed
    person_id: UUID
    subject_id: UUID
    body: Mapping[str, Canonical]
    basis: str
    reason: str
    maker_id: UUID
    made_at: datetime
    expires_at: datetime
    state: ProposalState = ProposalState.OPEN
    checker_id: UUID | None = None
    decided_at: datetime | None = None
    answer: str | None = None

    def standing(self, *, at: datetime) -> ProposalState:
        """Return where the proposal stands at a moment: one that ran out needs nobody to write that down."""
        return ProposalState.EXPIRED if self.state is ProposalState.OPEN and at >= self.expires_at else self.state

    def require_open(self, *, at: datetime) -> None:
        """Return when the proposal can still be decided. Errors: ProposalEnded, ProposalExpired."""
        standing = self.standing(at=at)
        if standing is ProposalState.EXPIRED:
            raise ProposalExpired("Nobody checked this in time; propose it anew.")
        if standing is not ProposalState.OPEN:
            raise ProposalEnded("This was decided already.", state=standing.value)

    def require_checker(self, operator: Operator) -> None:
        """Return when an operator may carry this out. Errors: OperatorForbidden, MakerIsChecker."""
        operator.require(NEEDED[self.deed])
        if operator.operator_id == self.maker_id:
            raise MakerIsChecker("You proposed this; somebody else approves it.")

    def may_check(self, operator: Operator) -> bool:
        """Return whether an operator is one who could carry this out."""
        return operator.operator_id != self.maker_id and operator.may(NEEDED[self.deed])
