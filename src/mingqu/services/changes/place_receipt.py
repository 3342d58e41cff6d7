"""Place money that no machine could: what is parked goes to a loan, what came by no channel is told on its own day.

Both are a repayment that two people tell the loan (`propose`). A day in the past tells the loan again from there, and
the ledger gets the difference. What is more than the loan takes goes back to the borrower's card, as always.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.loan import Intent, Repaid
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import Proposal
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.change_loan import witness_change
from mingqu.services.house import House
from mingqu.services.loans.follow_up import follow_up
from mingqu.services.loans.record_event import record_event
from mingqu.services.orders.settle_order import TAKING, receipt_of, spare_deductions
from mingqu.services.repayment.return_unspent import require_unspent, take_unspent
from mingqu.store.ledgers import ledger
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order, receipt
from mingqu.store.orders.receipt import PlacedReceipt
from mingqu.store.server.database import Transaction

# What money that two people place may be for; a payoff is asked for by the borrower, of a figure they were shown.
INTENTS: Final = (Intent.DUE, Intent.PREPAY)
_TAKEN_BACK: Final = 2  # place of the transfer among the ids derived from the order; its parking is the first
_SOURCE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z ./_-]{4,59}")


class LoanCannotTake(Refusal):
    """This loan cannot take this money: it is another person's or lender's, or in no state in which loans are paid."""

    code: ClassVar[str] = "loan_cannot_take"
    status: ClassVar[int] = 409


class ReceiptMalformed(Refusal):
    """A receipt has an amount above zero, a day up to today, a use, and names the line of a statement it is seen on."""

    code: ClassVar[str] = "receipt_malformed"


def assignment(tx: Transaction, *, order_id: UUID, loan_id: UUID, intent: Intent) -> dict[str, Canonical]:
    """Return what assigning a parked receipt to a loan says: amount and day are those of the order that brought it.

    The day is not before the loan's own beginning. Errors: NotFound, ReceiptPlaced, LoanCannotTake.
    """
    brought, of = _parked(tx, order_id=order_id, loan_id=loan_id)
    assert brought.value_date is not None
    return {
        "loan_id": of.loan_id.hex,
        "amount_fen": brought.amount_fen,
        "value_date": max(brought.value_date, _began_on(tx, of)).isoformat(),
        "intent": intent.value,
    }


def candidates(tx: Transaction, *, order_id: UUID) -> list[Loan]:
    """Return the loans that could take what an order brought and is parked. Errors: NotFound, ReceiptPlaced."""
    brought = order.load(tx, order_id=order_id)
    lender_id = receipt.require_parked(tx, order_id=order_id)
    return [of for of in loan.of_person(tx, person_id=brought.person_id) if _may_take(of, brought, lender_id)]


def say_assignment(
    tx: Transaction, _: House, order_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose parked money it is, and what assigning it to the loan that was asked for says. Errors: as above."""
    says = assignment(tx, order_id=order_id, loan_id=_loan_id(asked), intent=_intent(asked))
    return order.load(tx, order_id=order_id).person_id, says


def say_booking(
    tx: Transaction, house: House, loan_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose loan it is, and what booking money that came by no channel says.

    It is asked with amount_fen, value_date, intent, and `source`, which names the line of a statement it stands on.
    Errors: NotFound, ReceiptMalformed, LoanCannotTake, SourceBooked, UnspentDiffers.
    """
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    amount_fen, on = int(str(asked["amount_fen"])), date.fromisoformat(str(asked["value_date"]))
    written = " ".join(str(asked["source"]).split())
    if not 0 < amount_fen <= AMOUNT_FEN_MAX or not _SOURCE.fullmatch(written):
        raise ReceiptMalformed("Give an amount above zero, and the line of the statement, 5 to 60 letters and digits.")
    if of.state.stage not in TAKING:
        raise LoanCannotTake("A loan is paid while it runs, when it is settled, or when it was charged off.")
    if not _began_on(tx, of) <= on <= house.booking_date(tx, cell=of.cell):
        raise ReceiptMalformed("The day lies between the loan's first one and today.")
    receipt.require_new_source(tx, source=written)
    require_unspent(tx, house, of=of, source=written, amount_fen=amount_fen)
    return of.person_id, {
        "loan_id": loan_id.hex,
        "amount_fen": amount_fen,
        "value_date": on.isoformat(),
        "intent": _intent(asked).value,
        "source": written,
    }


def basis_of_assignment(tx: Transaction, proposal: Proposal) -> str:
    """Return what an assignment rests on: the parked money and what has happened to the loan. Errors: as above."""
    _, of = _parked(tx, order_id=proposal.subject_id, loan_id=_loan_id(proposal.body))
    return _story(tx, of)


def basis_of_booking(tx: Transaction, proposal: Proposal) -> str:
    """Return what a booking rests on: what has happened to the loan. Errors: NotFound."""
    return _story(tx, loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id))


def assign_receipt(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Take parked money back from where it is parked and tell it to its loan as a repayment.

    Errors: NotFound, ReceiptPlaced, LoanCannotTake, and those of `mingqu.domain.loan.record`.
    """
    brought, of = _parked(tx, order_id=proposal.subject_id, loan_id=_loan_id(proposal.body))
    assert brought.value_date is not None
    parked = Account(owner=of.lender_id, code=AccountCode.UNMATCHED_RECEIPT, currency=of.currency)
    back = Transfer(
        id=derived(brought.order_id, _TAKEN_BACK),
        debit=parked,
        credit=Account(owner=of.lender_id, code=AccountCode.COLLECTION_CLEARING, currency=of.currency),
        amount_fen=brought.amount_fen,
        reason=Reason.OVERPAY,
        value_date=brought.value_date,
        posted_on=house.booking_date(tx, cell=of.cell),
        reference=brought.order_id,
    )
    ledger.post(tx, cell=of.cell, transfers=[back])
    _tell(tx, house, of, proposal, order_id=brought.order_id, source=None)


def book_receipt(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Tell a loan of money that came by no channel of ours, on the day it came.

    Errors: NotFound, LoanCannotTake, SourceBooked, UnspentDiffers, and those of `mingqu.domain.loan.record`.
    """
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    if of.state.stage not in TAKING:
        raise LoanCannotTake("The loan is in no state in which loans are paid.")
    source, amount_fen = str(proposal.body["source"]), int(str(proposal.body["amount_fen"]))
    card_id = require_unspent(tx, house, of=of, source=source, amount_fen=amount_fen)
    if card_id is not None:
        take_unspent(tx, house, card_id=card_id, proposal_id=proposal.proposal_id, amount_fen=amount_fen)
    _tell(tx, house, of, proposal, order_id=None, source=source)


def _tell(
    tx: Transaction, house: House, of: Loan, proposal: Proposal, *, order_id: UUID | None, source: str | None
) -> None:
    on = date.fromisoformat(str(proposal.body["value_date"]))
    event = Repaid(
        event_id=proposal.proposal_id,
        value_date=on,
        amount_fen=int(str(proposal.body["amount_fen"])),
        intent=_intent(proposal.body),
        receipt=receipt_of(of, on=on),
    )
    placed = PlacedReceipt(
        proposal_id=proposal.proposal_id,
        loan_id=of.loan_id,
        person_id=of.person_id,
        amount_fen=event.amount_fen,
        currency=of.currency,
        value_date=event.value_date,
        intent=event.intent,
        order_id=order_id,
        source=source,
    )
    receipt.insert(tx, receipt=placed)
    after, outcome = record_event(tx, house, before=of, event=event)
    witness_change(tx, house, of=after, event=event)
    follow_up(tx, house, of=after, outcome=outcome)
    spare_deductions(tx, house, of=after)


def _parked(tx: Transaction, *, order_id: UUID, loan_id: UUID) -> tuple[Order, Loan]:
    """Return the order that brought parked money and the loan that is to have it."""
    brought = order.load(tx, order_id=order_id)
    if brought.kind is not OrderKind.COLLECTION or brought.state is not OrderState.PAID:
        raise NotFound
    lender_id = receipt.require_parked(tx, order_id=order_id)
    if tx.cell_of(loan_id) != tx.cell_of(order_id):
        raise LoanCannotTake("The money is another person's.")
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    if not _may_take(of, brought, lender_id):
        raise LoanCannotTake("This loan cannot take this money.")
    return brought, of


def _may_take(of: Loan, brought: Order, lender_id: UUID) -> bool:
    own = (of.person_id, of.lender_id, of.currency) == (brought.person_id, lender_id, brought.currency)
    return own and of.state.stage in TAKING


def _began_on(tx: Transaction, of: Loan) -> date:
    """Return the day of a loan's first event: nothing can be told before it."""
    return min(event.value_date for event in loan.events(tx, loan=of))


def _story(tx: Transaction, of: Loan) -> str:
    """Return a digest of what has happened to a loan: another one means that it is not the loan that was looked at."""
    told = "".join(event.event_id.hex for event in loan.events(tx, loan=of))
    return hashlib.sha256(f"{of.loan_id.hex}{of.state.stage.value}{told}".encode()).hexdigest()


def _intent(said: Mapping[str, Canonical]) -> Intent:
    """Return what the money is for: what is due, the rest going back to the card; or principal early as well."""
    found = next((one for one in INTENTS if one.value == said["intent"]), None)
    if found is None:
        raise ReceiptMalformed("The money is for what is due, or for principal early as well.")
    return found


def _loan_id(body: Mapping[str, Canonical]) -> UUID:
    return UUID(str(body["loan_id"]))
