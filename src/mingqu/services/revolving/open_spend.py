"""Open a revolving account under a person's assessed limit: its share of it, its terms agreed by their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from mingqu.domain.canonical import canonical
from mingqu.domain.cost import AnnualCost
from mingqu.domain.evidence import LeafKind
from mingqu.domain.funding import JointSource
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import SpendTerms, open_account, yearly_cost
from mingqu.domain.spend.product import SpendProduct
from mingqu.services.funding.name_lenders import joint_sources
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.limits.grant_limits import CURRENCY, LIMIT_ACCOUNTS
from mingqu.services.offers.make_offers import NoLimit
from mingqu.services.once import Response, once
from mingqu.services.revolving.tell_account import promise_notice
from mingqu.store import evidence
from mingqu.store.ledgers import ledger
from mingqu.store.loans import offer
from mingqu.store.parties import erasure
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

OWN_CODES: Final = (
    AccountCode.SPEND_PRINCIPAL,
    AccountCode.SPEND_INTEREST_DUE,
    AccountCode.SPEND_FEE_DUE,
    AccountCode.SPEND_PENALTY_DUE,
    AccountCode.SPEND_CREDIT,
)
LENDER_CODES: Final = (
    AccountCode.LENDER_CASH,
    AccountCode.COLLECTION_CLEARING,
    AccountCode.SPEND_INTEREST_INCOME,
    AccountCode.SPEND_PENALTY_INCOME,
    AccountCode.SPEND_FEE_INCOME,
)


class SpendAccountExists(Refusal):
    """There is an account of this product already; a person has one of each."""

    code: ClassVar[str] = "spend_account_exists"
    status: ClassVar[int] = 409


class TermsNotShown(Refusal):
    """What was agreed to is not what is offered now; read the terms again and agree to those."""

    code: ClassVar[str] = "terms_not_shown"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendOffer:
    """A revolving product as it is offered to a person: its part of their limit, and the hash of its terms.

    `named` are the joint sources that may fund it; their lenders and shares are agreed to with the terms. `parts` are
    the counts of instalments with what the fee of each is a year.
    """

    product: SpendProduct
    limit_fen: int
    terms_hash: str
    lender_zh: str
    lender_en: str
    named: tuple[JointSource, ...]
    parts: tuple[tuple[int, AnnualCost], ...]


def spend_terms_hash(terms: SpendTerms, *, named: tuple[JointSource, ...]) -> str:
    """Return what a person agrees to by: the SHA-256 of the terms in canonical JSON, in hexadecimal.

    Where joint lenders are named, it is that of {"joint": …, "terms": …}.
    """
    agreed = msgspec.json.decode(msgspec.json.encode({"joint": named, "terms": terms} if named else terms))
    return hashlib.sha256(canonical(agreed)).hexdigest()


def spend_offers(house: House, *, person_id: UUID) -> list[SpendOffer]:
    """Return the revolving products that a person with limits can open, those opened already left out."""
    with house.database.transaction() as tx:
        granted_fen = granted_limit(tx, person_id=person_id)
        held = {account.product_id for account in spend.of_person(tx, person_id=person_id)}
    found = []
    for product in house.pack.spend_offered(business_date=house.clock.business_date()):
        limit_fen = product.limit_of(person_fen=granted_fen)
        if limit_fen and product.id not in held:
            found.append(offered(house, product=product, limit_fen=limit_fen))
    return found


def offered(house: House, *, product: SpendProduct, limit_fen: int) -> SpendOffer:
    """Return a product with what is shown beside it."""
    lender = house.pack.lender(lender_id=product.lender_id)
    named, today = joint_sources(house, product_id=product.id), house.clock.business_date()
    counts = [count for count, _ in product.terms.instalment_fees]
    return SpendOffer(
        product=product,
        limit_fen=limit_fen,
        terms_hash=spend_terms_hash(product.terms, named=named),
        lender_zh=lender.name_zh,
        lender_en=lender.name_en,
        named=named,
        parts=tuple((count, yearly_cost(terms=product.terms, count=count, on=today)) for count in counts),
    )


def granted_limit(tx: Transaction, *, person_id: UUID) -> int:
    """Return the limit that a person was granted over all products, in fen; 0 without one."""
    code = AccountCode.LIMIT_GRANTED
    held = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=[person_id])
    balance = held.get(Account(owner=person_id, code=code, currency=CURRENCY))
    return 0 if balance is None else balance.normal_fen(code)


def open_spend(house: House, *, person_id: UUID, product_id: str, terms_hash: str, key: str) -> UUID:
    """Open a revolving account and return its id. What was agreed to is named by the hash of the terms shown.

    Errors: NoLimit, DrawingFrozen, DrawingStopped, AssessmentExpired, SpendProductNotOffered, SpendAccountExists,
    TermsNotShown, and those of the key.
    """

    def work(tx: Transaction) -> Response:
        house.policies.refresh(tx)
        today = house.clock.business_date()
        product = house.pack.spend_product(product_id=product_id, business_date=today)
        require_drawing_open(tx, house, person_id=person_id)
        if any(one.product_id == product_id for one in spend.of_person(tx, person_id=person_id)):
            raise SpendAccountExists("There is an account of this product already.")
        if terms_hash != spend_terms_hash(product.terms, named=joint_sources(house, product_id=product_id)):
            raise TermsNotShown("The terms have changed; please read them again.")
        lines = offer.facilities(tx, person_id=person_id)
        limit_fen = product.limit_of(person_fen=granted_limit(tx, person_id=person_id))
        if not lines or not limit_fen:
            raise NoLimit("There is no limit for this product.", amount_fen=product.limit_min_fen)
        account = _opened(tx, house, person_id, product, lines[0].decision_id, limit_fen, today)
        if erasure.withdraw(tx, person_id=person_id):  # who agrees to an account wants to be known, and is told so
            promise_notice(tx, house, account=account, template=erasure.WITHDRAWN, amount_fen=limit_fen)
        return {"account_id": account.account_id.hex}

    answer = once(
        house,
        person_id=person_id,
        command="open_spend",
        key=key,
        request={"product_id": product_id, "terms_hash": terms_hash},
        work=work,
    )
    return UUID(str(answer["account_id"]))


def _opened(
    tx: Transaction,
    house: House,
    person_id: UUID,
    product: SpendProduct,
    decision_id: UUID,
    limit_fen: int,
    today: date,
) -> SpendAccount:
    cell, now = tx.cell_of(person_id), house.clock.now()
    account = SpendAccount(
        cell=cell,
        account_id=house.id_for(person_id),
        person_id=person_id,
        product_id=product.id,
        product_version=product.version,
        lender_id=product.lender_id,
        decision_id=decision_id,
        currency=CURRENCY,
        granted_fen=limit_fen,
        terms=product.terms,
        opened_on=today,
        opened_at=now,
        state=open_account(terms=product.terms, on=today, limit_fen=limit_fen),
        events=0,
        named=joint_sources(house, product_id=product.id),
    )
    spend.insert(tx, account=account)
    own = [Account(owner=account.account_id, code=code, currency=CURRENCY) for code in (*OWN_CODES, *LIMIT_ACCOUNTS)]
    lenders = [Account(owner=account.lender_id, code=code, currency=CURRENCY) for code in LENDER_CODES]
    ledger.open_accounts(tx, cell=cell, accounts=[*own, *lenders])
    booked = house.booking_date(tx, cell=cell)
    grant = Transfer(
        id=derived(account.account_id, 1),
        debit=Account(owner=account.account_id, code=AccountCode.LIMIT_GRANTED, currency=CURRENCY),
        credit=Account(owner=account.account_id, code=AccountCode.LIMIT_AVAILABLE, currency=CURRENCY),
        amount_fen=limit_fen,
        reason=Reason.LIMIT_GRANT,
        value_date=booked,
        posted_on=booked,
        reference=account.account_id,
    )
    ledger.post(tx, cell=cell, transfers=[grant])
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=cell,
        person_id=person_id,
        kind=LeafKind.SPEND_ACCOUNT,
        subject_id=account.account_id,
        at=now,
        facts={
            "product_id": product.id,
            "product_version": product.version,
            "limit_fen": limit_fen,
            "terms_hash": spend_terms_hash(product.terms, named=account.named),
        },
    )
    return account
