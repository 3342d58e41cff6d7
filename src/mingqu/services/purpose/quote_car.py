"""Quote a loan for a car: by the assessment that holds, the down payment and the papers brought beforehand.

What comes out is an offer like any other: its cost table is read, it is signed with a code, it is repaid as a loan.
What is different stands beside it: the funds contract that is agreed with it, by its hash, and whom the money goes to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.decision.auto_loan import CARD, AutoProduct, CarPayee, CarPrice, parse_payees, price_car
from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.product import ProductNotOffered
from mingqu.domain.purpose import CardState, Compiled, Declined, Spend, authorise
from mingqu.domain.purpose.contract import EVIDENCE
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.limits.grant_limits import CURRENCY, LIMIT_ACCOUNTS
from mingqu.services.offers.make_offers import NoLimit
from mingqu.services.offers.price_offer import Offered, offer_at, priced
from mingqu.services.once import Response, id_of_key, once
from mingqu.services.policies.replay_decision import replay_decision
from mingqu.services.policies.switch_off import require_lending
from mingqu.services.purpose.open_card import EvidenceUnknown, publish_contract
from mingqu.services.purpose.spend_card import contract_of
from mingqu.services.revolving.open_spend import granted_limit
from mingqu.store import evidence
from mingqu.store.ledgers import ledger
from mingqu.store.loans import offer
from mingqu.store.loans.offer import Facility
from mingqu.store.people import vault
from mingqu.store.purposes import purpose_loan
from mingqu.store.purposes.purpose_loan import PurposeLoan
from mingqu.store.server.database import Transaction

# A buyer compares a few cars; each quote is a line of its own in the ledger.
QUOTES_OPEN_MAX: Final = 20


class DealerNotInContract(Refusal):
    """The funds contract does not let this dealer be paid like this; the message names the clause."""

    code: ClassVar[str] = "dealer_not_in_contract"


class QuotesExhausted(Refusal):
    """There are too many open quotes of this person; they run out after some days."""

    code: ClassVar[str] = "car_quotes_exhausted"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class CarWish:
    """What somebody wants to buy, and how: amounts in fen; `papers` are the numbers of those brought beforehand."""

    product_id: str
    merchant: str
    price_fen: int
    down_payment_fen: int
    instalments: int
    method: str
    papers: Mapping[str, Personal[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarQuote:
    """A quote: the offer with its cost, to whom the money goes, and the funds contract that is agreed with it."""

    offered: Offered
    quoted: PurposeLoan
    payee_name: str


def car_products(house: House) -> tuple[AutoProduct, ...]:
    """Return the products of car loans that are offered today."""
    return house.pack.auto_offered(business_date=house.clock.business_date())


def dealers_of(house: House, *, of: AutoProduct) -> dict[str, CarPayee]:
    """Return the companies that a product's money may be sent to, by their merchant's code."""
    name, version = of.payees
    return parse_payees(document=house.pack.version(kind="payees", name=name, version=version))


def quote_car(house: House, *, person_id: UUID, wish: CarWish, key: str) -> CarQuote:
    """Quote a loan for a car and return it; asked again with the same key it is the same one.

    Sources: 《汽车贷款管理办法》 (a part is paid down); 个人贷款管理办法 (the money goes to the seller).
    Errors: ProductNotOffered, DownPaymentTooSmall, CarNotServed, DealerNotInContract, EvidenceUnknown, NoLimit,
    DrawingFrozen, DrawingStopped, AssessmentExpired, LendingSwitchedOff, TermsNotOffered, CostAboveCap,
    QuotesExhausted, and those of the key.
    """
    if unknown := wish.papers.keys() - set(EVIDENCE):
        raise EvidenceUnknown(f"A paper is one of: {', '.join(EVIDENCE)}.", kind=min(unknown))
    today = house.clock.business_date()
    product = next((one for one in car_products(house) if one.product.id == wish.product_id), None)
    if product is None:
        raise ProductNotOffered(f"Product {wish.product_id} is not offered on {today}.", product_id=wish.product_id)
    name, version = product.funds_contract
    contract = publish_contract(house, document=house.pack.version(kind="funds_contract", name=name, version=version))
    offer_id = id_of_key(scope=person_id, command="quote_car", key=key)

    def work(tx: Transaction) -> Response:
        current = house.policies.current(tx)
        require_lending(
            current, product_id=product.product.id, lender_id=product.product.lender_id, business_date=today
        )
        require_drawing_open(tx, house, person_id=person_id)
        lines = offer.facilities(tx, person_id=person_id)
        if not lines:
            raise NoLimit("Be assessed first: a car is lent for within the limit that you have.")
        _require_few(tx, house, person_id=person_id, now=house.clock.now())
        decision_id = lines[0].decision_id
        band = replay_decision(tx, house, person_id=person_id, decision_id=decision_id).band
        price = price_car(
            of=product,
            band=band,
            price_fen=wish.price_fen,
            down_payment_fen=wish.down_payment_fen,
            papers=len(wish.papers),
        )
        if price.amount_fen > granted_limit(tx, person_id=person_id):
            raise NoLimit("Your limit does not cover this car; pay more of it down.", amount_fen=price.amount_fen)
        require_dealer(
            house, contract_of(tx, contract_hash=contract.hash), product=product, wish=wish, amount_fen=price.amount_fen
        )
        _write(tx, house, person_id, offer_id, product, contract.hash, wish, price, decision_id)
        return {"offer_id": offer_id.hex}

    request: dict[str, Canonical] = {
        "product_id": wish.product_id,
        "merchant": wish.merchant,
        "price_fen": wish.price_fen,
        "down_payment_fen": wish.down_payment_fen,
        "instalments": wish.instalments,
        "method": wish.method,
        "papers": [
            f"{kind} {house.keyring.lookup_hash(kind=f'purpose {kind}', value=number).hex()}"
            for kind, number in sorted(wish.papers.items())
        ],
    }
    once(house, person_id=person_id, command="quote_car", key=key, request=request, work=work)
    return car_quote(house, person_id=person_id, offer_id=offer_id)


def car_quote(house: House, *, person_id: UUID, offer_id: UUID) -> CarQuote:
    """Return a person's own quote. Errors: NotFound, CostAboveCap."""
    with house.database.transaction() as tx:
        stored, facility = offer.load_offer_with_line(tx, person_id=person_id, offer_id=offer_id)
        quoted = purpose_loan.of_offer(tx, offer_id=offer_id)
    if quoted is None:
        raise NotFound
    return CarQuote(
        offered=priced(house, stored=stored, facility=facility), quoted=quoted, payee_name=payee_of(house, quoted).name
    )


def payee_of(house: House, quoted: PurposeLoan) -> CarPayee:
    """Return the company that the money of a quote is sent to: the bank's own account of the card, or the dealer."""
    product = product_of_quote(house, quoted)
    return dealers_of(house, of=product)[product.card_account if quoted.way == CARD else quoted.merchant]


def product_of_quote(house: House, quoted: PurposeLoan) -> AutoProduct:
    """Return the product that a quote was made by, in its version."""
    return house.pack.auto_version(product_id=quoted.product_id, version=quoted.product_version)


def require_dealer(house: House, contract: Compiled, *, product: AutoProduct, wish: CarWish, amount_fen: int) -> None:
    """Return when the funds contract lets the dealer be paid so much. Errors: DealerNotInContract."""
    dealer = dealers_of(house, of=product).get(wish.merchant)
    if dealer is None or dealer.merchant not in contract.contract.payees:
        raise DealerNotInContract("The funds contract does not name this dealer.", clause="payees")
    now = house.clock.now().astimezone(MARKET_TIME)
    spend = Spend(
        merchant=dealer.merchant,
        category=dealer.category,
        amount_fen=amount_fen,
        currency=CURRENCY,
        channel="entrusted",
        device="",
        place="CN",
        at=now,
    )
    state = CardState(limit_fen=amount_fen, day=now.date(), evidence=frozenset(wish.papers))
    decided = authorise(contract, state=state, spend=spend)
    if isinstance(decided, Declined):
        raise DealerNotInContract(
            "The funds contract does not let this be paid.",
            clause=decided.clause,
            reason=decided.reason,
            remedy=decided.remedy,
        )


def paper_field(offer_id: UUID, kind: str) -> str:
    """Return the name under which the number of a paper that came with a quote is sealed."""
    return f"car_paper.{offer_id.hex}.{kind}"


def _require_few(tx: Transaction, house: House, *, person_id: UUID, now: datetime) -> None:
    known = purpose_loan.of_person(tx, person_id=person_id, limit=QUOTES_OPEN_MAX)
    standing = [one for one in known if one.loan_id is None and one.quoted_at + house.settings.offer_lasts > now]
    if len(standing) >= QUOTES_OPEN_MAX:
        raise QuotesExhausted("There are many open quotes already; take one of them, or ask again in some days.")


def _write(
    tx: Transaction,
    house: House,
    person_id: UUID,
    offer_id: UUID,
    product: AutoProduct,
    contract_hash: str,
    wish: CarWish,
    price: CarPrice,
    decision_id: UUID,
) -> None:
    now, cell = house.clock.now(), tx.cell_of(person_id)
    line = Facility(
        facility_id=house.id_for(person_id),
        person_id=person_id,
        product_id=product.product.id,
        product_version=product.product.version,
        lender_id=product.product.lender_id,
        decision_id=decision_id,
        currency=CURRENCY,
        granted_fen=price.amount_fen,
        rate_year_ppm=price.rate_year_ppm,
        created_at=now,
        purpose_bound=True,
    )
    tx.together([offer.facility_inserted(cell=cell, facility=line)])
    _grant(tx, house, cell=cell, line=line)
    offer_at(
        tx,
        house,
        person_id=person_id,
        facility_id=line.facility_id,
        rate_year_ppm=price.rate_year_ppm,
        amount_fen=price.amount_fen,
        instalments=wish.instalments,
        method=wish.method,
        offer_id=offer_id,
        expires_at=now + house.settings.offer_lasts,
    )
    quoted = PurposeLoan(
        offer_id=offer_id,
        person_id=person_id,
        facility_id=line.facility_id,
        product_id=product.product.id,
        product_version=product.product.version,
        way=product.way,
        contract_hash=contract_hash,
        merchant=wish.merchant,
        price_fen=wish.price_fen,
        down_payment_fen=wish.down_payment_fen,
        amount_fen=price.amount_fen,
        rate_year_ppm=price.rate_year_ppm,
        papers=tuple(sorted(wish.papers)),
        quoted_at=now,
    )
    purpose_loan.insert(tx, quoted=quoted)
    sealed = {paper_field(offer_id, kind): number for kind, number in wish.papers.items()}
    if sealed:
        vault.seal_all(tx, keyring=house.keyring, person_id=person_id, values=sealed, at=now)
    _witness(tx, house, quoted, price)


def _witness(tx: Transaction, house: House, quoted: PurposeLoan, price: CarPrice) -> None:
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(quoted.person_id),
        person_id=quoted.person_id,
        kind=LeafKind.CAR_QUOTE,
        subject_id=quoted.offer_id,
        at=quoted.quoted_at,
        facts={
            "product": f"{quoted.product_id} {quoted.product_version}",
            "contract": quoted.contract_hash,
            "amount_fen": price.amount_fen,
            "down_payment_ppm": price.down_payment_ppm,
            "papers": list(quoted.papers),
            "rate_year_ppm": price.rate_year_ppm,
        },
    )


def _grant(tx: Transaction, house: House, *, cell: int, line: Facility) -> None:
    accounts = [Account(owner=line.facility_id, code=code, currency=CURRENCY) for code in LIMIT_ACCOUNTS]
    ledger.open_accounts(tx, cell=cell, accounts=accounts)
    on = house.booking_date(tx, cell=cell)
    grant = Transfer(
        id=derived(line.facility_id, 1),
        debit=Account(owner=line.facility_id, code=AccountCode.LIMIT_GRANTED, currency=CURRENCY),
        credit=Account(owner=line.facility_id, code=AccountCode.LIMIT_AVAILABLE, currency=CURRENCY),
        amount_fen=line.granted_fen,
        reason=Reason.LIMIT_GRANT,
        value_date=on,
        posted_on=on,
        reference=line.facility_id,
    )
    ledger.post(tx, cell=cell, transfers=[grant])
