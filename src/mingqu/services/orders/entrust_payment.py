"""Pay a loan's money to the payee whom its contract names (受托支付), and to nobody else.

Where a product is bound to a purchase, or the law asks for it, the borrower never has the money in hand. The rule that
money goes to the borrower's own name is replaced by another: the payee is part of what was signed, is named once and
never changed, and a loan that has one is paid out to no card. The order is held, sent, chased, returned and lost as any
other payout is. Whoever makes such a loan gives the payee to `sign_contract`, or calls `name_payee` in the transaction
that makes the contract. Sources: 《个人贷款管理办法》(NFRA 令 2024 年第 3 号); 《商业银行互联网贷款管理暂行办法》 2020.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.refusal import Refusal
from mingqu.services.house import ENTRUSTED, House
from mingqu.services.loans.reserve_payout import reserve
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.purposes import payee as payees
from mingqu.store.purposes.payee import Payee as Payee
from mingqu.store.purposes.payee import PayeeNamedAlready as PayeeNamedAlready
from mingqu.store.server.database import Transaction


class PayeeNotNamed(Refusal):
    """The contract of this loan names no payee: its money goes to the borrower."""

    code: ClassVar[str] = "payee_not_named"
    status: ClassVar[int] = 409


class EntrustedPaymentUnavailable(Refusal):
    """No channel of this house pays merchants."""

    code: ClassVar[str] = "entrusted_payment_unavailable"
    status: ClassVar[int] = 503


# Bank and purpose stand unsealed and for good: the code of a bank has twelve digits, accounts and identities have more.
_A_NUMBER: Final = re.compile(r"\d(\s*\d){12}")


class PayeeMissing(Refusal):
    """Money goes to a card of one's own, or to a payee that the contract names: one of the two is said, not both."""

    code: ClassVar[str] = "payee_missing"


class PayeeMalformed(Refusal):
    """A payee has an account of 8 to 34 letters and digits, a name, the code of a bank, and a purpose."""

    code: ClassVar[str] = "payee_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeView:
    """A payee as its borrower sees it: the company, the code of its bank, the last digits of its account."""

    name: str
    bank: str
    tail: str


def payee_view(house: House, *, person_id: UUID, loan_id: UUID) -> PayeeView | None:
    """Return whom a person's own loan pays, or None where it pays the person. Errors: NotFound, PersonErased."""
    with house.database.transaction() as tx:
        loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        named = payees.load(tx, keyring=house.keyring, loan_id=loan_id, person_id=person_id)
    if named is None:
        return None
    return PayeeView(name=named.name.reveal(), bank=named.bank, tail=named.account.reveal()[-4:])


def name_payee(tx: Transaction, house: House, *, of: Loan, payee: Payee) -> None:
    """Name the payee of a loan's contract; named again it must be the same. The caller holds the lock and commits.

    Errors: PayeeMalformed, PayeeNamedAlready.
    """
    require_payee(payee)
    payees.insert(
        tx,
        keyring=house.keyring,
        loan_id=of.loan_id,
        person_id=of.person_id,
        contract_id=of.contract_id,
        payee=payee,
        at=house.clock.now(),
    )


def require_payee(payee: Payee) -> None:
    """Return when account, name, bank and purpose of a payee are of their forms. Errors: PayeeMalformed."""
    account, name = payee.account.reveal(), payee.name.reveal().strip()
    if not (8 <= len(account) <= 34 and account.isascii() and account.isalnum() and 2 <= len(name) <= 120):
        raise PayeeMalformed("The payee's account or name is not of its form.")
    if not all(0 < len(word) <= 64 and word.isprintable() for word in (payee.bank, payee.purpose)):
        raise PayeeMalformed("The payee's bank or purpose is missing.")
    if _A_NUMBER.search(payee.bank) or _A_NUMBER.search(payee.purpose):
        raise PayeeMalformed("An account's or identity's number stands where the bank or the purpose is to be named.")


def entrust_payment(tx: Transaction, house: House, *, of: Loan, amount_fen: int, payout_at: datetime) -> UUID:
    """Reserve a payment of a loan's money to its payee, with the holds of any payout; return the order's id.

    The caller holds the cell's lock and commits. Errors: EntrustedPaymentUnavailable, PayeeNotNamed, and those of
    `reserve_payout` but the card's.
    """
    if house.entrusted is None:
        raise EntrustedPaymentUnavailable("No channel here pays merchants.")
    if not payees.is_named(tx, loan_id=of.loan_id):
        raise PayeeNotNamed("The contract names no payee.")
    return reserve(tx, house, of=of, instrument_id=None, channel=ENTRUSTED, amount_fen=amount_fen, payout_at=payout_at)
