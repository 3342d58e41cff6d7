"""Work a loan out that is long overdue, by two people: call it in, take it for lost, undo that, or give the claim up.

One operator proposes, another approves, and the loan is told again with it (`change_loan`). Called in (宣布提前到期)
is what is more days overdue than the row `call_in_overdue_days_over` says. Taken for lost (核销) is what the maps of
the five classes call a loss, or what somebody owes who died and nobody guarantees; the claim stays, and what comes
later is a recovery. Given up (债务免除) is only what was taken for lost before. What a guarantor paid for, or is still
to pay for, is no lender's loss.
Sources: 民法典 art. 563, 575 and 578; 财金〔2017〕90号 (呆账核销), whose conditions the class stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.classification import AssetClass
from mingqu.domain.loan import Accelerated, ChargedOff, ChargeOffUndone, Event, Stage, WrittenOff
from mingqu.domain.loan.fee import FeeTaker
from mingqu.domain.operator import Permission
from mingqu.domain.proposal import Deed, Proposal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes.change_loan import change_in
from mingqu.services.changes.relieve_loan import story_of
from mingqu.services.collection.class_of_debt import case_of_debt, class_of
from mingqu.services.house import House
from mingqu.store.loans import loan, loan_buy_back
from mingqu.store.loans.loan import Loan
from mingqu.store.operators import proposal
from mingqu.store.orders import order
from mingqu.store.people import life
from mingqu.store.server.database import Transaction

CALL_IN_DAYS: Final = "call_in_overdue_days_over"


class WorkOutImpossible(Refusal):
    """A loan is called in, taken for lost, restored or given up only as it stands, and only when it is late enough."""

    code: ClassVar[str] = "work_out_impossible"
    status: ClassVar[int] = 409


class ClaimOfGuarantor(Refusal):
    """A guarantor has paid for this loan, or has bought a part of it: that claim is the guarantor's to give up."""

    code: ClassVar[str] = "claim_of_guarantor"
    status: ClassVar[int] = 409


class MoneyOnItsWay(Refusal):
    """A payment of the borrower's is on its way: a claim is given up once it is known whether that came."""

    code: ClassVar[str] = "money_on_its_way"
    status: ClassVar[int] = 409


class WorkOut(StrEnum):
    """What is done. Words are stored: never changed, never used again."""

    CALL_IN = "call_in"  # 宣布提前到期
    CHARGE_OFF = "charge_off"  # 核销
    UNDO = "undo"  # 撤销核销
    GIVE_UP = "give_up"  # 债务免除


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOutView:
    """What can be done with a loan now, and the proposal that waits for somebody to check it."""

    possible: tuple[WorkOut, ...]
    waits: UUID | None


_FROM: Final = {
    WorkOut.CALL_IN: Stage.ACTIVE,
    WorkOut.CHARGE_OFF: Stage.ACTIVE,
    WorkOut.UNDO: Stage.CHARGED_OFF,
    WorkOut.GIVE_UP: Stage.CHARGED_OFF,
}


def say_work_out(
    tx: Transaction, house: House, loan_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose loan is to be worked out, and how: `work_out` is one word of `WorkOut`.

    Errors: NotFound, WorkOutImpossible, ClaimOfGuarantor, MoneyOnItsWay, RuleMissing.
    """
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    chosen = next((one for one in WorkOut if one.value == asked.get("work_out")), None)
    if chosen is None:
        raise WorkOutImpossible("Call the loan in, take it for lost, undo that, or give the claim up.")
    _require(tx, house, of, chosen)
    return of.person_id, {"work_out": chosen.value, "event_id": house.id_for(of.person_id).hex}


def read_work_out(house: House, *, seat: Seat, loan_id: UUID) -> WorkOutView:
    """Return what may be proposed for a loan today. Errors: OperatorForbidden, NotFound, RuleMissing."""
    seat.operator.require(Permission.COLLECTIONS)
    found = []
    with house.database.transaction() as tx:
        of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
        waits = proposal.waits_for(tx, deed=Deed.WORK_OUT_LOAN, subject_id=loan_id, at=house.clock.now())
        for one in WorkOut:
            try:
                _require(tx, house, of, one)
            except (WorkOutImpossible, ClaimOfGuarantor, MoneyOnItsWay):
                continue
            found.append(one)
    return WorkOutView(possible=tuple(found), waits=None if waits is None else waits.proposal_id)


def basis_of_work_out(tx: Transaction, proposed: Proposal) -> str:
    """Return what a work-out rests on: what has happened to the loan. Errors: NotFound."""
    of = loan.get(tx, cell=tx.cell_of(proposed.subject_id), loan_id=proposed.subject_id)
    return story_of(tx, of=of)


def work_out_loan(tx: Transaction, house: House, proposed: Proposal) -> None:
    """Tell the loan what was decided, dated today. Errors: those of `say_work_out` and of `change_loan`."""
    of = loan.get(tx, cell=tx.cell_of(proposed.subject_id), loan_id=proposed.subject_id)
    chosen = WorkOut(str(proposed.body["work_out"]))
    _require(tx, house, of, chosen)
    event_id, on = UUID(str(proposed.body["event_id"])), house.booking_date(tx, cell=of.cell)
    event: Event
    match chosen:
        case WorkOut.CALL_IN:
            event = Accelerated(event_id=event_id, value_date=on)
        case WorkOut.CHARGE_OFF:
            event = ChargedOff(event_id=event_id, value_date=on)
        case WorkOut.UNDO:
            event = ChargeOffUndone(event_id=event_id, value_date=on)
        case WorkOut.GIVE_UP:
            event = WrittenOff(event_id=event_id, value_date=on)
    change_in(tx, house, before=of, event=event)


def _died_unguaranteed(tx: Transaction, of: Loan) -> bool:
    """Return whether nobody pays any more: its borrower died, and no guarantor's day is still to come."""
    guaranteed = any(fee.taker is FeeTaker.GUARANTOR for fee in of.terms.fees)
    return not guaranteed and life.is_deceased(tx, person_id=of.person_id)


def _require(tx: Transaction, house: House, of: Loan, chosen: WorkOut) -> None:
    if of.state.stage is not _FROM[chosen] or (chosen is WorkOut.CALL_IN and of.state.ended):
        raise WorkOutImpossible("The loan does not stand so that this could be done.", stage=of.state.stage.value)
    if of.state.guarantor_claim_fen:
        raise ClaimOfGuarantor("A guarantor has paid for this loan; the claim is the guarantor's.")
    today = house.clock.business_date()
    days = of.state.overdue_days(today)
    case = case_of_debt(house, lender_id=of.lender_id, product_id=of.product_id, on=today)
    if chosen is WorkOut.CALL_IN:
        over = house.pack.rules.value(
            rule_id=CALL_IN_DAYS, lender_type=case.lender_type, product_kind=case.product_kind, business_date=today
        )
        if days <= over:
            raise WorkOutImpossible("The loan is not overdue for long enough to be called in.", days=days, over=over)
    elif chosen is WorkOut.CHARGE_OFF:
        found = class_of(house, case=case, days=days)
        if found is not AssetClass.LOSS and not (days and _died_unguaranteed(tx, of)):
            raise WorkOutImpossible("Only a loss is taken for lost.", days=days, asset_class=found.value)
    elif chosen is WorkOut.GIVE_UP:
        _require_own_claim(tx, of)


def _require_own_claim(tx: Transaction, of: Loan) -> None:
    """Return when a claim may be given up: all of it is its lenders', and no payment is on its way.

    Errors: ClaimOfGuarantor, MoneyOnItsWay.
    """
    bought = loan_buy_back.of_loan(tx, loan_id=of.loan_id)
    if bought is not None and bought.buyer != of.lender_id:
        raise ClaimOfGuarantor("A guarantor has bought a part of this loan: that claim is the guarantor's.")
    if any(one.open and one.sent_at is not None for one in order.orders_of_loan(tx, loan_id=of.loan_id)):
        raise MoneyOnItsWay("A payment is on its way; wait for its end.")
