"""Bind a loan's money to its purpose: who is paid when it is signed, and the card that begins when it was paid.

Whoever signs a quote for a car agrees to its funds contract by the hash of the text they saw, and chooses no card: the
payee follows from the quote. Once the channel says that the money arrived, the card is opened on that contract, with
the papers that were brought beforehand; where the dealer was paid, that payment is its first spend. Money that comes
back stops the card, and takes that spend back; paid again, the card goes on and the dealer's payment is a new spend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.decision.auto_loan import CARD
from mingqu.domain.identifier import beside
from mingqu.domain.order import Order
from mingqu.domain.personal import Personal
from mingqu.domain.purpose.follow import Following
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.purpose.move_on_card import CURRENCY
from mingqu.services.purpose.open_card import bring_in, open_in
from mingqu.services.purpose.quote_car import dealers_of, paper_field, payee_of, product_of_quote
from mingqu.services.purpose.spend_card import ADVISE, Asked, Word, contract_of, hear_in, message_id_of
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.offer import Offer
from mingqu.store.people import vault
from mingqu.store.purposes import purpose, purpose_alert, purpose_loan
from mingqu.store.purposes.payee import Payee
from mingqu.store.purposes.purpose import CAME_BACK as CAME_BACK
from mingqu.store.purposes.purpose_loan import PurposeLoan
from mingqu.store.purposes.purpose_loan import card_of_loan as card_of_loan
from mingqu.store.server.database import Transaction

_PURPOSES: Final = {"card": "purpose_card", "dealer": "car_purchase"}


class FundsContractNotAgreed(Refusal):
    """The money of this loan is bound to a purpose: read its funds contract and agree to it by its hash."""

    code: ClassVar[str] = "funds_contract_not_agreed"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What binds the money of an offer: the contract's hash, and the payee it goes to."""

    offer_id: UUID
    contract_hash: str
    payee: Payee
    for_order: bool = False  # the hash is that of an order at a merchant's, not of a funds contract


def binding_of(tx: Transaction, house: House, *, stored: Offer, agreed_hash: str | None) -> Bound | None:
    """Return what binds an offer's money, or None where nothing does. Errors: FundsContractNotAgreed."""
    quoted = purpose_loan.of_offer(tx, offer_id=stored.offer_id)
    if quoted is None:
        return None
    if agreed_hash != quoted.contract_hash:
        raise FundsContractNotAgreed(
            "Read what this money may be used for, and agree to it.", contract_hash=quoted.contract_hash
        )
    company = payee_of(house, quoted)
    payee = Payee(
        account=Personal(company.account),
        name=Personal(company.name),
        bank=company.bank,
        purpose=_PURPOSES[quoted.way],
    )
    return Bound(offer_id=stored.offer_id, contract_hash=quoted.contract_hash, payee=payee)


def open_bound(tx: Transaction, house: House, *, of: Loan, ended: Order) -> None:
    """Open the card of a loan whose money has just been paid, if it is bound, or let it go on where it came back.

    The caller holds the lock and commits.
    """
    quoted = purpose_loan.of_loan(tx, loan_id=of.loan_id)
    if quoted is None:
        return
    card_id = card_of_loan(of.loan_id)
    if purpose.exists(tx, card_id=card_id):
        _go_on(tx, card_id=card_id)
    else:
        _open(tx, house, of=of, quoted=quoted, limit_fen=ended.amount_fen)
    if quoted.way != CARD:
        _dealer_was_paid(tx, house, of=of, quoted=quoted, ended=ended)


def _open(tx: Transaction, house: House, *, of: Loan, quoted: PurposeLoan, limit_fen: int) -> None:
    card_id = card_of_loan(of.loan_id)
    contract = contract_of(tx, contract_hash=quoted.contract_hash).contract
    open_in(tx, house, person_id=of.person_id, card_id=card_id, contract=contract, limit_fen=limit_fen)
    for kind in quoted.papers:
        number = vault.open_field(
            tx, keyring=house.keyring, person_id=of.person_id, field=paper_field(quoted.offer_id, kind)
        )
        evidence_id = beside(card_id, purpose=f"paper {kind}")
        bring_in(tx, house, person_id=of.person_id, card_id=card_id, kind=kind, number=number, evidence_id=evidence_id)


def _go_on(tx: Transaction, *, card_id: UUID) -> None:
    """Let a card go on whose money is there again; what the monitor stopped it for meanwhile, stops it still."""
    if purpose.frozen_for(tx, card_id=card_id) == CAME_BACK:
        purpose.freeze(tx, card_id=card_id, reason=purpose_alert.stops(tx, card_id=card_id))


def _dealer_was_paid(tx: Transaction, house: House, *, of: Loan, quoted: PurposeLoan, ended: Order) -> None:
    card_id = card_of_loan(of.loan_id)
    dealer = dealers_of(house, of=product_of_quote(house, quoted))[quoted.merchant]
    asked = Asked(
        merchant=dealer.merchant,
        category=dealer.category,
        currency=CURRENCY,
        channel="entrusted",
        device="",
        place="CN",
    )
    paid = ended.order_id.hex
    # The bank paid already: said as what it is, so that a "no" of this day is kept and flagged for somebody to look at.
    told = Word(card_id=card_id, kind=ADVISE, reference=paid, amount_fen=ended.amount_fen, asked=asked)
    taken = Word(
        card_id=card_id,
        kind=Following.CAPTURE.value,
        reference=f"{paid} taken",
        amount_fen=ended.amount_fen,
        of=paid,
    )
    for word in (told, taken):
        hear_in(tx, house, cell=of.cell, listed=[word])


def stop_bound(tx: Transaction, house: House, *, of: Loan, returned: Order) -> None:
    """Stop the card of a loan whose payout came back, and take back the spend that it was, if the dealer was paid.

    A card on which nothing is spent any more owes no paper either. The caller holds the lock and commits.
    """
    card_id, paid = card_of_loan(of.loan_id), returned.order_id.hex
    if not purpose.exists(tx, card_id=card_id):
        return
    if purpose.spend_exists(tx, card_id=card_id, spend_id=message_id_of(card_id, paid)):
        word = Word(card_id=card_id, kind=Following.REVERSE.value, reference=f"{paid} came back", amount_fen=0, of=paid)
        hear_in(tx, house, cell=of.cell, listed=[word])
    purpose.freeze(tx, card_id=card_id, reason=CAME_BACK)
    purpose.forget_first_capture(tx, card_id=card_id)
