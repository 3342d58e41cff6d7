"""The settlement certificate (结清证明): that a loan is settled, said by the ledger, with its proof."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical, read
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import ChargedBack, OverpaymentReturned, Receipt, Repaid, Reversed, Stage
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.people.keep_for_the_law import keep_for_the_law
from mingqu.store import evidence
from mingqu.store.loans import certificate, loan
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import CONCEDED
from mingqu.store.server.database import Transaction


class NotSettled(Refusal):
    """The loan is not settled; the message names what is left."""

    code: ClassVar[str] = "not_settled"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The certificate's content and the hash that its evidence leaf carries."""

    certificate_id: UUID
    body: dict[str, Canonical]
    body_hash: bytes


def issue_certificate(house: House, *, person_id: UUID, loan_id: UUID) -> Certificate:
    """Issue the certificate of a loan that is settled; asked again, the same one. Errors: NotFound, NotSettled."""

    def issue(tx: Transaction) -> Certificate:
        cell, now = tx.cell_of(loan_id), house.clock.now()
        tx.lock_cell(cell)
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        if of.state.stage is not Stage.SETTLED:
            left = of.state.payable.total_fen + of.state.principal_unbilled_fen
            raise NotSettled("This loan is not settled yet.", left_fen=left)
        if of.state.guarantor_claim_fen:
            raise NotSettled("The guarantor who paid is not paid back yet.", left_fen=of.state.guarantor_claim_fen)
        assert of.state.last_key is not None
        history = of.state.last_key[2]  # a loan told again and settled anew gets a certificate anew
        known = certificate.of_loan(tx, loan_id=loan_id, history=history)
        if known is not None:
            body = read(known.body)
            assert isinstance(body, dict)
            return Certificate(
                certificate_id=known.certificate_id, body=body, body_hash=hashlib.sha256(known.body).digest()
            )
        keep_for_the_law(tx, house, person_id=person_id, on=of.state.settled_on or house.clock.business_date())
        certificate_id = house.id_for(person_id)
        facts = _facts(tx, of, certificate_id)
        written = canonical(facts)
        certificate.insert(
            tx,
            certificate_id=certificate_id,
            loan_id=loan_id,
            person_id=person_id,
            history=history,
            body=written,
            at=now,
        )
        body_hash = hashlib.sha256(written).digest()
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=cell,
            person_id=person_id,
            kind=LeafKind.CERTIFICATE,
            subject_id=certificate_id,
            at=now,
            facts={"certificate_hash": body_hash.hex(), "loan_id": loan_id.hex},
        )
        return Certificate(certificate_id=certificate_id, body=facts, body_hash=body_hash)

    return house.database.run(issue)


def _facts(tx: Transaction, of: Loan, certificate_id: UUID) -> dict[str, Canonical]:
    """State facts only, the late ones included: when it was paid out, what was repaid, when it ended."""
    history = loan.events(tx, loan=of)
    undone = {event.target for event in history if isinstance(event, Reversed)}
    received = [event for event in history if isinstance(event, Repaid) and event.event_id not in undone]
    # What a guarantor paid its borrower did not, who paid the guarantor instead.
    repaid = [event for event in received if event.receipt not in CONCEDED | {Receipt.COMPENSATION}]
    went_back = [event for event in history if isinstance(event, OverpaymentReturned | ChargedBack)]
    late_days = max(
        ((line.paid_on - line.due).days for line in of.state.instalments if line.paid_on is not None), default=0
    )
    first = of.state.instalments[0]
    assert of.state.settled_on is not None
    return {
        "certificate_id": certificate_id.hex,
        "loan_id": of.loan_id.hex,
        "contract_id": of.contract_id.hex,
        "currency": of.currency,
        "principal_fen": of.state.disbursed_fen,
        "disbursed_on": first.start.isoformat(),
        "repaid_fen": sum(event.amount_fen for event in repaid) - sum(event.amount_fen for event in went_back),
        "settled_on": of.state.settled_on.isoformat(),
        "late_days_max": max(0, late_days),
    }
