"""Relieve somebody in difficulty, by two people: waive the penalty, put off what is due, or spread the rest anew.

The borrower asks on the page of their overdue loan; one operator proposes what was agreed, another approves, and the
loan is told again with it (`change_loan`). A loan that follows its plan to the end can only be waived its penalty:
its contract knows no other dates (`PlanIsFixed`); one whose interest follows the debt can be put off and spread anew.
Source: 银监会令2011年第2号 art. 70 (an own plan in at most sixty instalments), the row `relief_instalments_max`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.calendar import add_months
from mingqu.domain.canonical import Canonical
from mingqu.domain.collection import NotOverdue
from mingqu.domain.loan import Event, ReAged, Receipt, Repaid, quote
from mingqu.domain.loan.agree import PlanIsFixed
from mingqu.domain.proposal import Proposal
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.change_loan import change_in
from mingqu.services.house import House
from mingqu.services.policies.pass_rule_gates import case_of
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Transaction

INSTALMENTS_MAX: Final = "relief_instalments_max"


class ReliefMalformed(Refusal):
    """A relief waives a penalty that is due, puts off what is due, or names as many instalments as the rules allow."""

    code: ClassVar[str] = "relief_malformed"


class Relief(StrEnum):
    """What is agreed. Words are stored: never changed, never used again."""

    WAIVE = "waive"  # 减免罚息: the penalty that is due is given up
    PUT_OFF = "put_off"  # 延期: as many instalments as are left, the first a month from the agreement
    SPREAD = "spread"  # 重新分期: another number of instalments


def say_relief(
    tx: Transaction, house: House, loan_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose loan is to be relieved, and how. It is asked with `relief`, and for `spread` with `instalments`.

    Errors: NotFound, NotOverdue, ReliefMalformed, PlanIsFixed, RuleMissing.
    """
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    today = house.clock.business_date()
    if of.state.overdue_days(today) == 0:
        raise NotOverdue("Nothing of this loan is overdue.")
    relief = next((one for one in Relief if one.value == asked.get("relief")), None)
    if relief is None:
        raise ReliefMalformed("Waive the penalty, put off what is due, or spread the rest.")
    says: dict[str, Canonical] = {"relief": relief.value, "event_id": house.id_for(of.person_id).hex}
    if relief is Relief.WAIVE:
        return of.person_id, {**says, "amount_fen": _penalty_fen(of, on=today)}
    if of.state.course is None:
        raise PlanIsFixed("This loan follows its plan to the end; its penalty can be waived.")
    return of.person_id, {**says, **_spread(house, of, relief, asked, today)}


def _penalty_fen(of: Loan, *, on: date) -> int:
    """Return the penalty that is due, in fen. Errors: ReliefMalformed if there is none, or fees would come first."""
    day = on if of.state.as_of is None else max(on, of.state.as_of)
    due = quote(terms=of.terms, state=of.state, on=day).due
    if due.penalty_fen == 0 or due.fee_fen:
        raise ReliefMalformed("There is no penalty to waive, or a fee is waived first.")
    return due.penalty_fen


def _spread(
    house: House, of: Loan, relief: Relief, asked: Mapping[str, Canonical], today: date
) -> dict[str, Canonical]:
    """Return over how many instalments what is owed is spread, the first a month from today. Errors: as above."""
    left = sum(line.paid_on is None for line in of.state.instalments)
    typed = str(asked.get("instalments", ""))
    instalments = left if relief is Relief.PUT_OFF else int(typed) if typed.isascii() and typed.isdigit() else 0
    rows = case_of(house, lender_id=of.lender_id, product_id=of.product_id, on=today)
    most = house.pack.rules.value(
        rule_id=INSTALMENTS_MAX, lender_type=rows.lender_type, product_kind=rows.product_kind, business_date=today
    )
    least = 1 if relief is Relief.PUT_OFF else 2
    if not least <= instalments <= most:
        raise ReliefMalformed(f"Spread the rest over {least} to {most} instalments.", most=most)
    first_due = add_months(day=today, months=1)
    return {"instalments": instalments, "first_due": first_due.isoformat()}


def basis_of_relief(tx: Transaction, proposal: Proposal) -> str:
    """Return what a relief rests on: what has happened to the loan. Errors: NotFound."""
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    return story_of(tx, of=of)


def relieve_loan(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Tell the loan what was agreed, dated today. Errors: NotFound, and those of `change_loan`."""
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    body = proposal.body
    event_id, on = UUID(str(body["event_id"])), house.booking_date(tx, cell=of.cell)
    event: Event
    if body["relief"] == Relief.WAIVE.value:
        amount_fen = int(str(body["amount_fen"]))
        event = Repaid(event_id=event_id, value_date=on, amount_fen=amount_fen, receipt=Receipt.GOODWILL)
    else:
        event = ReAged(
            event_id=event_id,
            value_date=on,
            first_due=date.fromisoformat(str(body["first_due"])),
            period=of.terms.period,
            instalments=int(str(body["instalments"])),
        )
    change_in(tx, house, before=of, event=event)


def story_of(tx: Transaction, *, of: Loan) -> str:
    """Return a text that changes with whatever happens to a loan."""
    told = "".join(event.event_id.hex for event in loan.events(tx, loan=of))
    return hashlib.sha256(f"{of.loan_id.hex}{of.state.stage.value}{told}".encode()).hexdigest()
