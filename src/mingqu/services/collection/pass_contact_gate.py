"""The contact gate as use cases pass it: with the rules of the loan's lender and product, and every denial kept."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.domain.contact import Allowed, Answer, Contact, Denied, Medium
from mingqu.domain.gate import at_collect
from mingqu.domain.moment import business_date_of
from mingqu.services.house import House
from mingqu.services.policies.pass_rule_gates import case_of
from mingqu.store.loans.loan import Loan
from mingqu.store.overdue import contact_denial
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction


def gate_message(house: House, *, lender_id: UUID, product_id: str, at: datetime) -> Answer:
    """Return whether the borrower of a lender's product, a loan or a revolving account, may be sent a message now.

    Their calls do not matter to a message: the standard counts conversations, the guideline dials. Nobody agrees here
    to be woken. Errors: RuleMissing.
    """
    case = case_of(house, lender_id=lender_id, product_id=product_id, on=business_date_of(at))
    contact = Contact(
        medium=Medium.MESSAGE,
        number=b"",  # no rule counts messages by number
        to_debtor=True,
        night_agreed=False,
        lender_type=case.lender_type,
        product_kind=case.product_kind,
    )
    found = at_collect(now=at, contact=contact, history=(), rules=house.pack.rules)
    return Allowed() if found is None else found[1]


def keep_denial(
    tx: Transaction,
    *,
    work_id: UUID,
    about: Loan | SpendAccount,
    denied: Denied,
    at: datetime,
    medium: Medium = Medium.MESSAGE,
) -> None:
    """Keep that a message or call about a loan or a revolving account was denied, with its reason and the first moment
    that allows it.
    """
    contact_denial.insert(
        tx,
        work_id=work_id,
        person_id=about.person_id,
        loan_id=about.loan_id if isinstance(about, Loan) else None,
        account_id=None if isinstance(about, Loan) else about.account_id,
        medium=medium,
        denied=denied,
        at=at,
    )
