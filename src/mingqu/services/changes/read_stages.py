"""How a loan that is paid out stage by stage stands: what was paid to whom, which papers are there, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar
from uuid import UUID

from mingqu.domain.loan import Reversed
from mingqu.domain.loan import Stage as LoanStage
from mingqu.domain.milestone import Stage, amounts_of
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.changes.take_payout_back import NoPayoutReturned
from mingqu.services.house import House
from mingqu.store.loans import loan, milestone, signed_loan
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.milestone import Paper
from mingqu.store.orders import order
from mingqu.store.purposes import funds_version, payee
from mingqu.store.server.database import Transaction


class NotByStages(Refusal):
    """This loan is paid out at once; it has no stages."""

    code: ClassVar[str] = "not_by_stages"
    status: ClassVar[int] = 404


class StageState(Enum):
    """Where a stage stands."""

    PAID = "paid"
    UNDER_WAY = "under_way"  # its payment has not ended
    READY = "ready"  # its papers are there: two people may release it
    PAPERS_DUE = "papers_due"
    WAITS = "waits"  # for the stage before


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStands:
    """One stage of a loan: what it pays, which papers it is due and has, and the order that pays it, if one does."""

    stage: Stage
    amount_fen: int
    state: StageState
    papers: tuple[Paper, ...]
    order: Order | None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The kinds of papers that are still due."""
        given = {paper.kind for paper in self.papers}
        return tuple(kind for kind in self.stage.papers if kind not in given)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesView:
    """A loan's stages in order, and where money goes: the payee's bank, the last digits of the account, what for."""

    loan_id: UUID
    person_id: UUID
    principal_fen: int
    paid_fen: int
    payee_name: Personal[str] | None
    payee_bank: str
    payee_tail: str
    purpose: str
    stages: tuple[StageStands, ...]
    came_back: bool  # a stage did, and waits to be released again
    version_waits: bool  # another account of the payee waits for the borrower's answer
    as_of: datetime

    @property
    def next_one(self) -> StageStands | None:
        """The first stage that is not paid."""
        return next((one for one in self.stages if one.state is not StageState.PAID), None)


def stages_view(house: House, *, person_id: UUID, loan_id: UUID) -> StagesView:
    """Return the stages of a person's own loan. Errors: NotFound, NotByStages."""
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        return view_of(tx, house, of=of)


def view_of(tx: Transaction, house: House, *, of: Loan) -> StagesView:
    """Return the stages of a loan. Errors: NotByStages."""
    stages = stages_of(tx, house, of=of)
    named = payee.load(tx, keyring=house.keyring, loan_id=of.loan_id, person_id=of.person_id)
    stands = stands_of(tx, of=of, stages=stages)
    return StagesView(
        loan_id=of.loan_id,
        person_id=of.person_id,
        principal_fen=of.terms.principal_fen,
        paid_fen=sum(one.amount_fen for one in stands if one.state is StageState.PAID),
        payee_name=None if named is None else named.name,
        payee_bank="" if named is None else named.bank,
        payee_tail="" if named is None else named.account.reveal()[-4:],
        purpose="" if named is None else named.purpose,
        stages=stands,
        came_back=_came_back(tx, house, of=of),
        version_waits=funds_version.waiting(tx, loan_id=of.loan_id, at=house.clock.now()) is not None,
        as_of=house.clock.now(),
    )


def stages_of(tx: Transaction, house: House, *, of: Loan) -> tuple[Stage, ...]:
    """Return the stages of the product's version that a loan was signed under. Errors: NotByStages."""
    signed = signed_loan.get_for(tx, person_id=of.person_id, loan_id=of.loan_id)
    product = house.pack.product_version(product_id=of.product_id, version=signed.product_version)
    if not product.stages:
        raise NotByStages("This loan is paid out at once.")
    return product.stages


def stands_of(tx: Transaction, *, of: Loan, stages: Sequence[Stage]) -> tuple[StageStands, ...]:
    """Return where each stage of a loan stands, in order."""
    # What came back from the payee's bank was paid to nobody: its stage may be released again, and none after it.
    undone = {event.target for event in loan.events(tx, loan=of) if isinstance(event, Reversed)}
    payouts = [
        one
        for one in order.orders_of_loan(tx, loan_id=of.loan_id)
        if one.kind is OrderKind.PAYOUT and one.order_id not in undone
    ]
    releases = milestone.releases_of(tx, loan_id=of.loan_id)
    released = {one.order_id: one.stage for one in releases}
    papers = milestone.papers_of(tx, loan_id=of.loan_id)
    found: list[StageStands] = []
    for stage, amount_fen in zip(stages, amounts_of(stages=stages, principal_fen=of.terms.principal_fen), strict=True):
        # What no release speaks of is the first stage's: it was reserved with the signature.
        own = [one for one in payouts if released.get(one.order_id, stages[0].id) == stage.id]
        alive = next((one for one in own if one.state is not OrderState.FAILED), None)
        given = tuple(paper for paper in papers if paper.stage == stage.id)
        before_paid = not found or found[-1].state is StageState.PAID
        found.append(
            StageStands(
                stage=stage,
                amount_fen=amount_fen,
                state=_state(alive, stage=stage, given=given, before_paid=before_paid),
                papers=given,
                order=alive,
            )
        )
    return tuple(found)


def returned_stage(tx: Transaction, house: House, *, of: Loan) -> Order:
    """Return the last payout of a loan by stages that came back and whose stage was not released again.

    Errors: NotByStages, NoPayoutReturned, PayoutWaiting.
    """
    stands = stands_of(tx, of=of, stages=stages_of(tx, house, of=of))
    payouts = [one for one in order.orders_of_loan(tx, loan_id=of.loan_id) if one.kind is OrderKind.PAYOUT]
    if any(one.open or one.disputed for one in payouts):
        raise PayoutWaiting("A payout of this loan is on its way; please wait for its end.")
    released = {one.order_id: one.stage for one in milestone.releases_of(tx, loan_id=of.loan_id)}
    unpaid = {one.stage.id for one in stands if one.order is None}
    back = [
        one
        for one in payouts
        if one.state is OrderState.PAID and released.get(one.order_id, stands[0].stage.id) in unpaid
    ]
    if of.state.stage not in (LoanStage.PLANNED, LoanStage.ACTIVE) or of.state.ended or not back:
        raise NoPayoutReturned("No stage of this loan came back.")
    return max(back, key=lambda one: one.order_id)


def _came_back(tx: Transaction, house: House, *, of: Loan) -> bool:
    try:
        returned_stage(tx, house, of=of)
    except (NoPayoutReturned, PayoutWaiting):
        return False
    return True


def _state(alive: Order | None, *, stage: Stage, given: Sequence[Paper], before_paid: bool) -> StageState:
    if alive is not None:
        return StageState.PAID if alive.state is OrderState.PAID else StageState.UNDER_WAY
    if not before_paid:
        return StageState.WAITS
    there = {paper.kind for paper in given} >= set(stage.papers)
    return StageState.READY if there else StageState.PAPERS_DUE
