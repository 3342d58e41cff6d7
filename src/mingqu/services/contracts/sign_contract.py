"""Sign: an offer that stands, a cost table that was read, an own verified card, a limit that covers it.

The signature is a code sent to the person's own phone, good for this one offer: an electronic signature that only
they could make (《电子签名法》 2019, art. 13). Signing makes the loan (planned), holds the limit, and reserves the
payout for the time the borrower chose, all in one transaction; no money moves before that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.consent import require as require_consent
from mingqu.domain.instrument import CardNotSupported, Instrument, require_payout
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.loan import LoanState
from mingqu.domain.loan.lend import DisbursementNotAllowed
from mingqu.domain.milestone import amounts_of
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import SignalKind
from mingqu.services.checkout.take_checkout import bound_by, bound_of
from mingqu.services.contracts.send_signing_code import try_signing_code
from mingqu.services.contracts.write_contract import write_contract
from mingqu.services.house import House
from mingqu.services.lenders.sign_with_lender import fund_from_lender, require_confirmed
from mingqu.services.loans.reserve_payout import reserve_payout
from mingqu.services.messages.report_to_lender import promise_report
from mingqu.services.messages.tell_webhooks import Event, Told, tell, today
from mingqu.services.offers.disclose_cost import live_offer, read_disclosure
from mingqu.services.offers.make_offers import require_routed
from mingqu.services.offers.price_offer import Offered, require_allowed
from mingqu.services.once import Response, once
from mingqu.services.orders.entrust_payment import Payee, PayeeMissing, entrust_payment, name_payee
from mingqu.services.people.note_signals import promise_signal
from mingqu.services.people.state_business import business_of_contract
from mingqu.services.policies.pass_rule_gates import contract_breach, price_of
from mingqu.services.privacy.withdraw_erasure import keep_who_signs
from mingqu.services.purpose.bind_money import Bound
from mingqu.store.ledgers import accrual, ledger
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.offer import Disclosure, Offer
from mingqu.store.parties import consent
from mingqu.store.people import instrument
from mingqu.store.purposes import payee as payees
from mingqu.store.server.database import Transaction

LOAN_ACCOUNTS: Final = (
    AccountCode.LOAN_PRINCIPAL,
    AccountCode.LOAN_PRINCIPAL_DUE,
    AccountCode.LOAN_INTEREST_DUE,
    AccountCode.LOAN_PENALTY_DUE,
    AccountCode.LOAN_FEE_DUE,
    AccountCode.OVERPAYMENT,
)
_LENDER_ACCOUNTS: Final = (
    AccountCode.LENDER_CASH,
    AccountCode.LENDER_FUNDING,
    AccountCode.COLLECTION_CLEARING,
    AccountCode.INTEREST_INCOME,
    AccountCode.PENALTY_INCOME,
    AccountCode.FEE_INCOME,
    AccountCode.CONCESSION,
    AccountCode.CREDIT_LOSS,
    AccountCode.ROUNDING_DIFFERENCE,
)


class PayoutTimeOutOfRange(Refusal):
    """The payout may be set between now and a week ahead."""

    code: ClassVar[str] = "payout_time_out_of_range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The ids of what signing made."""

    contract_id: UUID
    loan_id: UUID
    payout_order_id: UUID


def sign_contract(
    house: House,
    *,
    person_id: UUID,
    offer_id: UUID,
    instrument_id: UUID | None,
    payout_at: datetime | None,
    code: Personal[str],
    key: str,
    payout_fen: int | None = None,
    payee: Payee | None = None,
    agreed_hash: str | None = None,
) -> Signed:
    """Sign the contract of an offer and reserve the payout at `payout_at` (UTC) to the person's own debit card.

    With a `payee` the contract names it, and the money goes there instead (受托支付); then there is no card. Where an
    offer's money is bound to a purpose its payee follows, and `agreed_hash` is that of the funds contract agreed to.
    Without `payout_at` it is paid out as soon as it is signed, and the same request later is still the same. `code` is
    the one that `send_signing_code` sent for this offer; a wrong one counts, a right one is used up by the signature.

    Whether the lender may be sent this person is asked again, for lists of partners and pilots change overnight.
    The whole principal is paid out; of a loan with several disbursements `payout_fen` says how much comes first.
    Sources: 《个人贷款业务明示综合融资成本规定》 2026-03-15 (the cost table comes first); PIPL art. 23 (consent that
    names the lender); 法释〔2020〕6号 art. 26 (the whole principal is paid out).
    Errors: OrderNotAgreed, CheckoutOver, CheckoutUsed,
    FundsContractNotAgreed, NotFound, OfferStale, CostTableNotRead, ConsentMissing, InstrumentNotVerified,
    CardNotSupported, PayoutTimeOutOfRange, PayeeMissing, PayeeMalformed, EntrustedPaymentUnavailable,
    DisbursementNotAllowed, CodeMissing, CodeUsed, CodeExpired, CodeWrong,
    CodeTriesExhausted, LimitExceeded, CapExceeded, FundingExhausted, InstitutionNotConnected, PartnerNotListed,
    PilotExcludes, LenderNotConfirmed, LenderNotFunded, LenderNotSigned, LenderCalledOff, ChannelUnavailable,
    CostAboveCap, RuleBroken, BusinessNotStated, and those of the idempotency key.
    """

    def work(tx: Transaction) -> Response | Refusal:
        cell, now = tx.cell_of(person_id), house.clock.now()
        stored, offered = live_offer(tx, house, person_id=person_id, offer_id=offer_id)
        require_routed(house, product=offered.product, person_id=person_id)
        require_confirmed(tx, stored=stored)
        read = read_disclosure(tx, stored=stored, offered=offered)
        _require_rules(tx, house, offered=offered)
        require_consent(
            consents=consent.of_person(tx, person_id=person_id),
            purpose=ConsentPurpose.PASS_TO_LENDER,
            recipient=offered.lender_name_zh,
            at=now,
        )
        bound = bound_of(tx, house, stored=stored, agreed_hash=agreed_hash)
        paid_to = payee if bound is None else bound.payee
        card = _card(tx, offered=offered, instrument_id=None if bound else instrument_id, payee=paid_to)
        at = now if payout_at is None else payout_at
        if not now <= at <= now + house.settings.payout_waits_max:
            raise PayoutTimeOutOfRange("Choose a time between now and a week from now.")
        amount_fen = _first_payout_fen(offered, payout_fen)
        refusal = try_signing_code(tx, house, stored=stored, code=code)
        if refusal is not None:
            return refusal
        made = _make_loan(tx, house, stored=stored, offered=offered, payee=paid_to, bound=bound)
        order_id = _pay_out(tx, house, made, card=card, amount_fen=amount_fen, at=at)
        _write(tx, house, made, offered, read, payee=paid_to, bound=bound, at=now)
        tell(tx, house, cell=cell, told=[_told(house, made)])
        _promise_signal(tx, made, at=now)
        promise_report(tx, house, stored=stored)
        return {"contract_id": made.contract_id.hex, "loan_id": made.loan_id.hex, "order_id": order_id.hex}

    request = {
        "offer_id": offer_id.hex,
        "instrument_id": "" if instrument_id is None else instrument_id.hex,
        "payout_at": "now" if payout_at is None else payout_at.isoformat(),
        **_asked_besides(house, payout_fen=payout_fen, agreed_hash=agreed_hash, payee=payee),
    }
    _fund(house, person_id=person_id, offer_id=offer_id, agreed_hash=agreed_hash)
    answer = once(house, person_id=person_id, command="sign_contract", key=key, request=request, work=work)
    return Signed(
        contract_id=UUID(str(answer["contract_id"])),
        loan_id=UUID(str(answer["loan_id"])),
        payout_order_id=UUID(str(answer["order_id"])),
    )


def _fund(house: House, *, person_id: UUID, offer_id: UUID, agreed_hash: str | None) -> None:
    """Have a lender that decides by itself pay in, where what binds the money is agreed to and still stands."""
    fund_from_lender(
        house,
        person_id=person_id,
        offer_id=offer_id,
        require=lambda tx, stored: bound_of(tx, house, stored=stored, agreed_hash=agreed_hash),
    )


def _require_rules(tx: Transaction, house: House, *, offered: Offered) -> None:
    """Return when today's rules let the offer be signed: they may have moved since it was made. Errors: RuleBroken."""
    stored, product = offered.offer, offered.product
    price = price_of(
        terms=stored.terms,
        schedule=offered.schedule,
        start=stored.created_on,
        all_in_cost_year_ppm=offered.cost.annual.simple_ppm,
    )
    require_allowed(
        contract_breach(
            tx,
            house,
            person_id=stored.person_id,
            lender_id=product.lender_id,
            product_kind=product.kind,
            price=price,
            fen=stored.terms.principal_fen,
        )
    )


def _asked_besides(
    house: House, *, payout_fen: int | None, agreed_hash: str | None, payee: Payee | None
) -> dict[str, str]:
    """Return what of a request is named only where it was asked for, so that older requests stay what they were."""
    asked: dict[str, str] = {}
    if payout_fen is not None:
        asked["payout_fen"] = str(payout_fen)
    if agreed_hash is not None:
        asked["agreed_hash"] = agreed_hash
    if payee is not None:
        asked["payee"] = payees.hash_of(house.keyring, payee=payee).hex()
    return asked


def _card(tx: Transaction, *, offered: Offered, instrument_id: UUID | None, payee: Payee | None) -> Instrument | None:
    """Return the card that is paid out to, or None where a payee is, as it always is of a loan by stages.

    Errors: PayeeMissing, NotFound, CardNotSupported, InstrumentNotVerified.
    """
    if payee is not None and instrument_id is None:
        return None
    if payee is not None or offered.product.stages:
        raise PayeeMissing("Money goes either to a card of your own or to the payee that the contract names.")
    if instrument_id is None:
        raise CardNotSupported("Choose the card that the money goes to.")
    card = instrument.load(tx, person_id=offered.offer.person_id, instrument_id=instrument_id)
    require_payout(instrument=card)
    return card


def _pay_out(
    tx: Transaction, house: House, made: Loan, *, card: Instrument | None, amount_fen: int, at: datetime
) -> UUID:
    """Reserve the payout to a card, or to the payee of the contract; return the order's id."""
    if card is None:
        return entrust_payment(tx, house, of=made, amount_fen=amount_fen, payout_at=at)
    return reserve_payout(tx, house, of=made, card=card, amount_fen=amount_fen, payout_at=at)


def _told(house: House, made: Loan) -> Told:
    """Return what whoever subscribed hears of a signature."""
    return Told(
        event=Event.CONTRACT_SIGNED,
        person_id=made.person_id,
        subject_id=made.contract_id,
        on=today(house),
        facts={
            "contract_id": str(made.contract_id),
            "loan_id": str(made.loan_id),
            "principal_fen": made.terms.principal_fen,
            "currency": made.currency,
        },
    )


def _promise_signal(tx: Transaction, made: Loan, *, at: datetime) -> None:
    promise_signal(
        tx,
        person_id=made.person_id,
        event_id=made.contract_id,
        kind=SignalKind.CONTRACT,
        at=at,
        lender_id=made.lender_id,
        amount_fen=made.terms.principal_fen,
    )


def _first_payout_fen(offered: Offered, payout_fen: int | None) -> int:
    """Return how much is paid out first; of a loan by stages that is its first one. Errors: DisbursementNotAllowed."""
    terms, stages = offered.offer.terms, offered.product.stages
    if stages:
        first_fen = amounts_of(stages=stages, principal_fen=terms.principal_fen)[0]
        if payout_fen not in (None, first_fen):
            raise DisbursementNotAllowed("The first stage is paid with the signature.", first_fen=first_fen)
        return first_fen
    if payout_fen is None or payout_fen == terms.principal_fen:
        return terms.principal_fen
    if terms.disbursements_max == 1 or not 0 < payout_fen < terms.principal_fen:
        raise DisbursementNotAllowed("The contract is paid out in one amount, or not in parts like this.")
    return payout_fen


def _make_loan(
    tx: Transaction, house: House, *, stored: Offer, offered: Offered, payee: Payee | None, bound: Bound | None
) -> Loan:
    """Make the loan with its accounts, its contract's id named already: what that says is written when it is routed."""
    person_id, cell = stored.person_id, tx.cell_of(stored.person_id)
    contract_id, loan_id = house.id_for(person_id), house.id_for(person_id)
    made = Loan(
        cell=cell,
        loan_id=loan_id,
        person_id=person_id,
        contract_id=contract_id,
        facility_id=stored.facility_id,
        product_id=offered.product.id,
        lender_id=offered.product.lender_id,
        group_id=_group(tx, house, cell=cell, offered=offered, currency=stored.terms.currency),
        currency=stored.terms.currency,
        terms=stored.terms,
        state=LoanState(),
    )
    loan.insert(tx, loan=made)
    open_accounts_of(tx, made)
    _bind(tx, house, made, payee=payee, bound=bound)
    keep_who_signs(tx, house, signed=made)
    return made


def _bind(tx: Transaction, house: House, made: Loan, *, payee: Payee | None, bound: Bound | None) -> None:
    """Store whom a loan's money goes to, and of which quote it is."""
    if payee is not None:
        name_payee(tx, house, of=made, payee=payee)
    if bound is not None:
        bound_by(tx, bound, loan_id=made.loan_id)


def _write(
    tx: Transaction,
    house: House,
    made: Loan,
    offered: Offered,
    read: Disclosure,
    *,
    payee: Payee | None,
    bound: Bound | None,
    at: datetime,
) -> None:
    business = business_of_contract(tx, product=offered.product, person_id=made.person_id)
    said = _named(house, payee, bound) | business
    write_contract(tx, house, of=made, offered=offered, read=read, said=said, at=at)


def _named(house: House, payee: Payee | None, bound: Bound | None) -> dict[str, Canonical]:
    """Return what a contract says of a payee, which proves who it was (the vault has the rest), and what it binds."""
    said: dict[str, Canonical] = {}
    if payee is not None:
        account_hash = payees.hash_of(house.keyring, payee=payee).hex()
        said["payee"] = {"hash": account_hash, "bank": payee.bank, "purpose": payee.purpose}
    if bound is not None:
        said["order" if bound.for_order else "funds_contract"] = bound.contract_hash
    return said


def _group(tx: Transaction, house: House, *, cell: int, offered: Offered, currency: str) -> UUID:
    """Return the accrual group that the loan will belong to; its first loan makes it."""
    product = offered.product
    group = accrual.group_id(lender_id=product.lender_id, product_id=product.id, currency=currency)
    accrual.ensure(
        tx,
        cell=cell,
        group=group,
        lender_id=product.lender_id,
        product_id=product.id,
        currency=currency,
        accrued_to=house.booking_date(tx, cell=cell) - timedelta(days=1),
    )
    return group


def open_accounts_of(tx: Transaction, made: Loan) -> None:
    """Open a loan's own accounts and the house accounts it will meet in its cell."""
    own = [Account(owner=made.loan_id, code=code, currency=made.currency) for code in LOAN_ACCOUNTS]
    ledger.open_accounts(tx, cell=made.cell, accounts=[*own, *house_accounts_of(made)])


def house_accounts_of(made: Loan) -> list[Account]:
    """Return the accounts of the lender and of the group that a loan will meet in its cell."""
    owned = (
        *((made.lender_id, code) for code in _LENDER_ACCOUNTS),
        *((made.group_id, code) for code in (AccountCode.ACCRUED_INTEREST, AccountCode.ACCRUED_PENALTY)),
    )
    return [Account(owner=owner, code=code, currency=made.currency) for owner, code in owned]
