"""Publish funds contracts, open cards that their people agreed on, take the papers that are owed, and freeze."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.policy_file import Document, canonical
from mingqu.domain.purpose import FundsContract, read_contract
from mingqu.domain.purpose.contract import EVIDENCE
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.once import Response, id_of_key, once
from mingqu.services.purpose.move_on_card import CURRENCY
from mingqu.services.purpose.spend_card import contract_of, looks_at_end, looks_before_end
from mingqu.store import evidence
from mingqu.store.ledgers import ledger
from mingqu.store.parties import party
from mingqu.store.purposes import purpose
from mingqu.store.server import work
from mingqu.store.server.database import Transaction


class ContractPublished(Refusal):
    """This version was published with another text: what somebody agreed to never changes."""

    code: ClassVar[str] = "funds_contract_published"
    status: ClassVar[int] = 409


class ContractDiffers(Refusal):
    """What the person agreed to is not what is published."""

    code: ClassVar[str] = "funds_contract_differs"
    status: ClassVar[int] = 409


class CardLimitOutside(Refusal):
    """A card's limit is above zero and within its contract's total."""

    code: ClassVar[str] = "card_limit_outside"


class EvidenceUnknown(Refusal):
    """A kind of paper that no funds contract asks for."""

    code: ClassVar[str] = "purpose_evidence_unknown"


class EvidenceThere(Refusal):
    """The paper of this kind is on file already."""

    code: ClassVar[str] = "purpose_evidence_there"
    status: ClassVar[int] = 409


def publish_contract(house: House, *, document: Document) -> FundsContract:
    """Publish a funds contract for good and return it; published before with the same text, it stays.

    Errors: PolicyFault, ContractPublished.
    """
    read = read_contract(document)
    body = canonical(document.body)

    def deed(tx: Transaction) -> None:
        now = house.clock.now()
        purpose.publish(tx, contract_id=read.id, version=read.version, body=body, contract_hash=read.hash, at=now)
        known = purpose.published_hash(tx, contract_id=read.id, version=read.version)
        if known != read.hash:
            raise ContractPublished("This version was published with another text: give the new one a new version.")

    house.database.run(deed)
    return read


def open_card(
    house: House, *, person_id: UUID, contract_id: str, version: int, agreed_hash: str, limit_fen: int, key: str
) -> UUID:
    """Open a card on the contract its person agreed to, by the hash of the text they saw; return its id.

    The limit is that of the loan it spends. Errors: NotFound, ContractDiffers, CardLimitOutside, and those of the key.
    """
    card_id = id_of_key(scope=person_id, command="open_card", key=key)

    def deed(tx: Transaction) -> Response:
        party.load_person(tx, person_id=person_id)
        known = purpose.published_hash(tx, contract_id=contract_id, version=version)
        if known is None:
            raise NotFound
        if known != agreed_hash:
            raise ContractDiffers("The text that was agreed is not the one published: show it anew.")
        contract = contract_of(tx, contract_hash=known).contract
        if not 0 < limit_fen <= contract.total_fen:
            raise CardLimitOutside("A card's limit is above zero and within its contract.", most_fen=contract.total_fen)
        open_in(tx, house, person_id=person_id, card_id=card_id, contract=contract, limit_fen=limit_fen)
        return {"card_id": card_id.hex}

    request: dict[str, Canonical] = {
        "contract_id": contract_id,
        "version": version,
        "hash": agreed_hash,
        "limit_fen": limit_fen,
    }
    once(house, person_id=person_id, command="open_card", key=key, request=request, work=deed)
    return card_id


def open_in(
    tx: Transaction, house: House, *, person_id: UUID, card_id: UUID, contract: FundsContract, limit_fen: int
) -> None:
    """Open a card on a contract that its person agreed to; the caller holds the cell's lock and commits."""
    cell, now = tx.cell_of(person_id), house.clock.now()
    purpose.insert_card(
        tx, card_id=card_id, person_id=person_id, contract_hash=contract.hash, limit_fen=limit_fen, at=now
    )
    codes = (AccountCode.PURPOSE_GRANTED, AccountCode.PURPOSE_AVAILABLE, AccountCode.PURPOSE_SPENT)
    granted, free, spent = (Account(owner=card_id, code=code, currency=CURRENCY) for code in codes)
    ledger.open_accounts(tx, cell=cell, accounts=(granted, free, spent))
    on = house.booking_date(tx, cell=cell)
    grant = Transfer(
        id=derived(card_id, 1),
        debit=granted,
        credit=free,
        amount_fen=limit_fen,
        reason=Reason.PURPOSE_GRANT,
        value_date=on,
        posted_on=on,
        reference=card_id,
    )
    ledger.post(tx, cell=cell, transfers=[grant])
    looks = [looks_before_end(card_id, contract.ends_on), looks_at_end(card_id, contract.ends_on)]
    work.enqueue_many(tx, cell=cell, rows=looks)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=cell,
        person_id=person_id,
        kind=LeafKind.PURPOSE_CARD,
        subject_id=card_id,
        at=now,
        facts={
            "contract": contract.hash,
            "contract_id": contract.id,
            "version": contract.version,
            "limit_fen": limit_fen,
        },
    )


def bring_evidence(house: House, *, person_id: UUID, card_id: UUID, kind: str, number: Personal[str], key: str) -> UUID:
    """Take the number of a paper that shows what money was spent on; return the id of the evidence.

    Only a keyed hash of the number is kept. Errors: NotFound (another's card too), EvidenceUnknown, EvidenceThere.
    """
    if kind not in EVIDENCE:
        raise EvidenceUnknown(f"A paper is one of: {', '.join(EVIDENCE)}.")
    evidence_id = id_of_key(scope=person_id, command="bring_evidence", key=key)
    number_hash = house.keyring.lookup_hash(kind=f"purpose {kind}", value=number)

    def deed(tx: Transaction) -> Response:
        _own(tx, person_id=person_id, card_id=card_id)
        if kind in purpose.kinds_of(tx, card_id=card_id):
            raise EvidenceThere("This paper is on file already.")
        bring_in(tx, house, person_id=person_id, card_id=card_id, kind=kind, number=number, evidence_id=evidence_id)
        return {"evidence_id": evidence_id.hex}

    request = {"card_id": card_id.hex, "kind": kind, "number_hash": number_hash.hex()}
    once(house, person_id=person_id, command="bring_evidence", key=key, request=request, work=deed)
    return evidence_id


def bring_in(
    tx: Transaction,
    house: House,
    *,
    person_id: UUID,
    card_id: UUID,
    kind: str,
    number: Personal[str],
    evidence_id: UUID,
) -> None:
    """Store that a paper was brought, with its leaf; the caller holds the cell's lock and commits."""
    now, number_hash = house.clock.now(), house.keyring.lookup_hash(kind=f"purpose {kind}", value=number)
    purpose.bring(tx, evidence_id=evidence_id, card_id=card_id, kind=kind, number_hash=number_hash, at=now)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(person_id),
        person_id=person_id,
        kind=LeafKind.PURPOSE_EVIDENCE,
        subject_id=evidence_id,
        at=now,
        facts={"card_id": card_id.hex, "kind": kind},
        private={"number": number},
    )


def freeze_card(house: House, *, card_id: UUID, reason: str | None) -> None:
    """Stop every further spend of a card for a reason; what is held may still be captured. Errors: NotFound."""

    def deed(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(card_id))
        purpose.owner_of(tx, card_id=card_id)
        purpose.freeze(tx, card_id=card_id, reason=reason)

    house.database.run(deed)


def _own(tx: Transaction, *, person_id: UUID, card_id: UUID) -> None:
    if purpose.owner_of(tx, card_id=card_id) != person_id:
        raise NotFound
