"""Whom the list in force names: the account to which the money of a bound loan may be sent today, and no other.

A payee that a contract names was on the list that was published when it was signed. The list goes on: a company is
struck from it, or its account becomes another. What was signed stays; but nothing is paid today to an account that
nobody's list names any more. For a car that is the list of payees in force, for an order the merchant's own entry with
the platform. A payee by stages is named by its borrower, and stands on no list.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from mingqu.domain.decision.auto_loan import CARD, CarPayee, parse_payees
from mingqu.domain.decision.pack import Pack
from mingqu.domain.decision.publication import version_of
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.purpose.quote_car import product_of_quote
from mingqu.store.loans.loan import Loan
from mingqu.store.merchants import checkout
from mingqu.store.purposes import payee as payees
from mingqu.store.purposes import purpose_loan
from mingqu.store.purposes.payee import Payee
from mingqu.store.purposes.purpose_loan import PurposeLoan
from mingqu.store.server.database import Transaction


class PayeeNotListed(Refusal):
    """No list names this account of the payee today: it is paid nothing. A corrected version may come; or call it off.

    `reason` is `struck` where the company is on the list no more, `account_differs` where its account is another now;
    `remedy` is `wait_for_version` where a version of the contract can correct that, and `call_off` where none can.
    """

    code: ClassVar[str] = "payee_not_listed"
    status: ClassVar[int] = 409


def require_listed(tx: Transaction, house: House, *, of: Loan) -> None:
    """Return when the payee in force of a loan may be paid today. Errors: PayeeNotListed, PersonErased."""
    known = payees.load(tx, keyring=house.keyring, loan_id=of.loan_id, person_id=of.person_id)
    assert known is not None, "the caller has asked whether one is named"
    quoted, ordered = purpose_loan.of_loan(tx, loan_id=of.loan_id), checkout.of_loan(tx, loan_id=of.loan_id)
    if quoted is not None:
        found, _, _ = listed_for(tx, house, quoted=quoted, purpose=known.purpose)
    elif ordered is not None:
        found = seller_of(house, merchant=ordered.merchant, purpose=known.purpose)
    else:
        return
    if found is None:
        raise PayeeNotListed("This company is on the list of payees no more.", reason="struck", remedy="call_off")
    if found != known:
        remedy = "call_off" if quoted is None or found.name != known.name else "wait_for_version"
        raise PayeeNotListed(
            "The list of payees names another account of this company.", reason="account_differs", remedy=remedy
        )


def seller_of(house: House, *, merchant: str, purpose: str) -> Payee | None:
    """Return a merchant as it stands with the platform today, or None where it sells here no more."""
    found = house.merchants.get(merchant)
    if found is None or not found.sells_on(house.clock.business_date()):
        return None
    return Payee(account=Personal(found.account), name=Personal(found.name_zh), bank=found.bank, purpose=purpose)


def listed_for(tx: Transaction, house: House, *, quoted: PurposeLoan, purpose: str) -> tuple[Payee | None, str, str]:
    """Return the payee of a quote as the list in force names it, which merchant that is, and which list."""
    product = product_of_quote(house, quoted)
    merchant = product.card_account if quoted.way == CARD else quoted.merchant
    today = house.clock.business_date()
    listed, written = _listed(house.policies.current(tx).pack, name=product.payees[0], merchant=merchant, on=today)
    if listed is None:
        return None, merchant, written
    found = Payee(account=Personal(listed.account), name=Personal(listed.name), bank=listed.bank, purpose=purpose)
    return found, merchant, written


def _listed(pack: Pack, *, name: str, merchant: str, on: date) -> tuple[CarPayee | None, str]:
    """Return a company as the list in force names it, and which list that is."""
    held = next(
        (one for one in pack.in_force(business_date=on) if (one.kind, one.body["id"]) == ("payees", name)), None
    )
    if held is None:
        return None, ""
    return parse_payees(document=held).get(merchant), f"{name} {version_of(held)}"
