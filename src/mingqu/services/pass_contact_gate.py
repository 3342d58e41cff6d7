"""The contact gate as use cases pass it: with the rules of the loan's lender and product, and every denial kept."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.domain.contact import Answer, Contact, Denied, Medium, may_contact
from mingqu.domain.rule import ANY
from mingqu.services.house import House
from mingqu.store import contact_denial
from mingqu.store.database import Transaction
from mingqu.store.loan import Loan


def gate_message(house: House, *, about: Loan, at: datetime) -> Answer:
    """Return whether a loan's borrower may be sent a message at a moment.

    Their calls do not matter to a message: the standard counts conversations, the guideline dials. Nobody agrees here
    to be woken. Errors: RuleMissing.
    """
    lender = next((one.licence for one in house.pack.lenders if one.id == about.lender_id), ANY)
    kind = next((one.kind for one in house.pack.products if one.id == about.product_id), ANY)
    contact = Contact(
        medium=Medium.MESSAGE,
        number=b"",  # no rule counts messages by number
        to_debtor=True,
        night_agreed=False,
        lender_type=lender,
        product_kind=kind,
    )
    return may_contact(now=at, contact=contact, history=(), rules=house.pack.rules)


def keep_denial(tx: Transaction, *, work_id: UUID, about: Loan, denied: Denied, at: datetime) -> None:
    """Keep that a message about a loan was denied, with its reason and the first moment that allows it."""
    contact_denial.insert(
        tx,
        work_id=work_id,
        person_id=about.person_id,
        loan_id=about.loan_id,
        medium=Medium.MESSAGE,
        denied=denied,
        at=at,
    )
