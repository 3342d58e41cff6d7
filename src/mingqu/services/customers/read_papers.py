"""Papers a person holds: offers, contracts, certificates, and the proof that each stands in the evidence log."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.canonical import Canonical, read
from mingqu.domain.loan import LoanTerms
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal, mask_id_number
from mingqu.domain.schedule import build
from mingqu.services.house import House
from mingqu.services.offers.disclose_cost import live_offer
from mingqu.services.offers.price_offer import Offered, Payment, payments_of
from mingqu.store import evidence
from mingqu.store.evidence.proof import EvidencePending as EvidencePending
from mingqu.store.loans import certificate, offer, repayment
from mingqu.store.parties import party
from mingqu.store.people import instrument, vault
from mingqu.store.purposes import payee
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper in its canonical content; `body_hash` (SHA-256) is what its leaf in the evidence log says."""

    paper_id: UUID
    body: Mapping[str, Canonical]
    body_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPaper:
    """A signed contract, and the cost table and loan that belong to it."""

    paper: Paper
    disclosure_id: UUID
    loan_id: UUID
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractView:
    """A signed contract with the cost table that was read before it, and the offer it rests on."""

    contract: Paper
    cost_table: Paper
    loan_id: UUID
    offer_id: UUID
    signed_at: datetime
    terms: LoanTerms
    payments: tuple[Payment, ...]  # as shown at signing: dates move with the arrival of the money
    bank_zh: str
    bank_en: str
    card_tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Whom a paper names: the full name, the ID number masked."""

    name: Personal[str]
    id_number: str


def offer_view(house: House, *, person_id: UUID, offer_id: UUID) -> Offered:
    """Return an offer that can still be taken. Errors: NotFound, OfferStale, CostAboveCap."""
    with house.database.transaction() as tx:
        return live_offer(tx, house, person_id=person_id, offer_id=offer_id)[1]


def contract_view(house: House, *, person_id: UUID, contract_id: UUID) -> ContractView:
    """Return a person's contract. Errors: NotFound."""
    with house.database.transaction() as tx:
        signed = offer.load_contract(tx, person_id=person_id, contract_id=contract_id)
        table = offer.load_disclosure(tx, person_id=person_id, disclosure_id=signed.disclosure_id)
        taken = offer.load_offer(tx, person_id=person_id, offer_id=signed.offer_id)
        instrument_id = repayment.payout_instrument(tx, cell=tx.cell_of(signed.loan_id), loan_id=signed.loan_id)
        paid_to = _paid_to(tx, house, person_id=person_id, loan_id=signed.loan_id, instrument_id=instrument_id)
    return ContractView(
        contract=_paper(contract_id, signed.body),
        cost_table=_paper(table.disclosure_id, table.body),
        loan_id=signed.loan_id,
        offer_id=signed.offer_id,
        signed_at=signed.signed_at,
        terms=taken.terms,
        payments=payments_of(build(terms=taken.terms.schedule_terms(start=taken.created_on)), taken.terms),
        bank_zh=paid_to[0],
        bank_en=paid_to[1],
        card_tail=paid_to[2],
    )


def _paid_to(
    tx: Transaction, house: House, *, person_id: UUID, loan_id: UUID, instrument_id: UUID | None
) -> tuple[str, str, str]:
    """Return where a loan's money goes: bank or company in both languages, and the last digits of the number."""
    if instrument_id is None:
        company = payee.as_signed(tx, keyring=house.keyring, loan_id=loan_id, person_id=person_id)
        assert company is not None, "a contract is signed with the order of its payout, to a card or to a payee"
        return company.name.reveal(), company.name.reveal(), company.account.reveal()[-4:]
    card = instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
    number = instrument.open_number(tx, keyring=house.keyring, person_id=person_id, instrument_id=instrument_id)
    bank = next((one for one in house.bins if one.issuer == card.issuer), None)
    return bank.name_zh if bank else card.issuer, bank.name_en if bank else card.issuer, number.reveal()[-4:]


def signed_paper(house: House, *, person_id: UUID, contract_id: UUID) -> SignedPaper:
    """Return a person's contract by itself: neither its card is opened nor its schedule made. Errors: NotFound."""
    with house.database.transaction() as tx:
        signed = offer.load_contract(tx, person_id=person_id, contract_id=contract_id)
    return SignedPaper(
        paper=_paper(contract_id, signed.body),
        disclosure_id=signed.disclosure_id,
        loan_id=signed.loan_id,
        signed_at=signed.signed_at,
    )


def party_of(house: House, *, person_id: UUID) -> Party:
    """Return how a paper names its person. Errors: NotFound, PersonErased."""
    with house.database.transaction() as tx:
        known = vault.open_all(tx, keyring=house.keyring, person_id=person_id)
    return Party(name=known[party.FIELD_NAME], id_number=mask_id_number(known[party.FIELD_ID_NUMBER]))


def certificate_view(house: House, *, person_id: UUID, certificate_id: UUID) -> Paper:
    """Return a person's certificate of settlement. Errors: NotFound."""
    with house.database.transaction() as tx:
        return _paper(certificate_id, certificate.load(tx, person_id=person_id, certificate_id=certificate_id).body)


def proof_of(house: House, *, person_id: UUID, subject_id: UUID) -> dict[str, Canonical]:
    """Return the proof that what was written about a subject (a contract, a consent …) stands in the evidence log.

    Of several leaves about it, the newest. docs/howto/verify-a-proof.md checks the answer offline.
    Errors: NotFound (also for another person's), EvidencePending when no checkpoint covers it yet.
    """
    with house.database.transaction() as tx:
        leaves = evidence.leaves_of(tx, person_id=person_id, subject_id=subject_id)
        if not leaves:
            raise NotFound
        proof = evidence.inclusion_proof(tx, keyring=house.keyring, leaf=leaves[-1])
        return evidence.document(proof)


def is_proven(house: House, *, person_id: UUID, subject_id: UUID) -> bool:
    """Return whether `proof_of` has a proof by now. Errors: NotFound."""
    with house.database.transaction() as tx:
        leaves = evidence.leaves_of(tx, person_id=person_id, subject_id=subject_id)
        if not leaves:
            raise NotFound
        return evidence.is_covered(tx, leaf=leaves[-1])


def _paper(paper_id: UUID, body: bytes) -> Paper:
    content = read(body)
    assert isinstance(content, dict)
    return Paper(paper_id=paper_id, body=content, body_hash=hashlib.sha256(body).digest())
