"""How a loan that is paid out stage by stage stands: what was paid to whom, which papers are there, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar
from uuid import UUID

from mingqu.domain.loan import Reversed
from mingqu.domain.milestone import Stage, amounts_of
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.loans import loan, milestone
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.milestone import Paper
from mingqu.store.orders import order
from mingqu.store.purposes import payee
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
        as_of=house.clock.now(),
    )


def stages_of(tx: Transaction, house: House, *, of: Loan) -> tuple[Stage, ...]:
    """Return the stages of the product's version that a loan was signed under. Errors: NotByStages."""
    signed = loan.get_signed_for(tx, person_id=of.person_id, loan_id=of.loan_id)
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


def _state(alive: Order | None, *, stage: Stage, given: Sequence[Paper], before_paid: bool) -> StageState:
    if alive is not None:
        return StageState.PAID if alive.state is OrderState.PAID else StageState.UNDER_WAY
    if not before_paid:
        return StageState.WAITS
    there = {paper.kind for paper in given} >= set(stage.papers)
    return StageState.READY if there else StageState.PAPERS_DUE
