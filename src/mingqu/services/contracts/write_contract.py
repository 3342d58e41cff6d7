"""Write what was signed, once it is known who pays for the loan: the contract in its canonical content and its leaf."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import LoanTerms
from mingqu.services.contracts.name_parties import parties_of
from mingqu.services.house import House
from mingqu.services.offers.price_offer import Offered
from mingqu.store import evidence
from mingqu.store.loans import offer
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.offer import Contract, Disclosure
from mingqu.store.server.database import Transaction


def write_contract(
    tx: Transaction,
    house: House,
    *,
    of: Loan,
    offered: Offered,
    read: Disclosure,
    said: Mapping[str, Canonical],
    at: datetime,
) -> None:
    """Store the contract of a loan that was just made and routed; `said` is what else it says. The caller commits."""
    body: dict[str, Canonical] = {
        "contract_id": of.contract_id.hex,
        "loan_id": of.loan_id.hex,
        "lender": offered.lender_name_zh,
        "parties": parties_of(tx, house, of=of, offered=offered),
        "product": offered.product.id,
        "product_version": offered.product.version,
        "terms_hash": offer.terms_hash(of.terms),
        "cost_table_hash": hashlib.sha256(read.body).hexdigest(),
        "prohibited_uses": list(offered.product.prohibited_uses),
        "signed_at": at.isoformat(),
        "signed_with": "one_time_code",
        **_guarantee_of(of.terms),
        **said,
    }
    written = canonical(body)
    offer.insert_contract(
        tx,
        contract=Contract(
            contract_id=of.contract_id,
            offer_id=offered.offer.offer_id,
            disclosure_id=read.disclosure_id,
            person_id=of.person_id,
            loan_id=of.loan_id,
            body=written,
            signed_at=at,
        ),
    )
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=of.cell,
        person_id=of.person_id,
        kind=LeafKind.CONTRACT,
        subject_id=of.contract_id,
        at=at,
        facts={"contract_hash": hashlib.sha256(written).hexdigest(), "loan_id": of.loan_id.hex},
    )


def _guarantee_of(terms: LoanTerms) -> dict[str, Canonical]:
    """Return how the guarantor pays late bills one by one, nothing where it does not."""
    agreed = terms.bill_guarantee
    if agreed is None:
        return {}
    return {"bill_guarantee": {"after_days": agreed.after_days, "whole_after_bills": agreed.whole_after_bills}}
