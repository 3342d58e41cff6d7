"""Loans against what was signed: the contract, the offer and cost table behind it, the line it is drawn from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from mingqu.domain.loan import LoanTerms
from mingqu.domain.rate import Rate
from mingqu.store.ledgers import accrual
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.offer import AS_OFFERED, stored_terms_hash
from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

_LINKS: Final[LiteralString] = """
    SELECT format('loan %%s and its contract, offer, cost table and line do not belong together',
                  coalesce(l.loan_id, c.loan_id))
    FROM loan l
    FULL JOIN contract c ON c.cell = l.cell AND c.contract_id = l.contract_id AND c.loan_id = l.loan_id
                        AND c.person_id = l.person_id
    LEFT JOIN offer o ON o.cell = l.cell AND o.offer_id = c.offer_id AND o.person_id = l.person_id
                     AND o.facility_id = l.facility_id
    LEFT JOIN disclosure d ON d.cell = l.cell AND d.disclosure_id = c.disclosure_id AND d.offer_id = c.offer_id
                          AND d.person_id = l.person_id AND d.confirmed_at <= c.signed_at
    LEFT JOIN facility f ON f.cell = l.cell AND f.facility_id = l.facility_id AND f.person_id = l.person_id
                        AND f.product_id = l.product_id AND f.lender_id = l.lender_id AND f.currency = l.currency
    WHERE l.loan_id IS NULL
       OR ((f.facility_id IS NULL OR c.contract_id IS NULL OR o.offer_id IS NULL OR d.disclosure_id IS NULL)
           -- Contract and line of a loan that was taken over are the other book's.
           AND NOT ((l.contract_id, l.facility_id) = (l.loan_id, l.loan_id) AND EXISTS (
               SELECT FROM loan_event e WHERE e.cell = l.cell AND e.loan_id = l.loan_id AND e.kind = 'migrated_in')))"""

# The line as it was when the offer was made: a later assessment lends by other terms. An offer that rests on a lender's
# own answer has a price that this lender named by then, and the lender confirmed it before the contract.
_SIGNED: Final[LiteralString] = f"""
    SELECT l.loan_id, s.terms::text, o.terms::text, c.body, c.contract_id, d.body, d.offer_id,
           coalesce(answered.rates, ARRAY[coalesce(changed.rate_year_ppm, f.rate_year_ppm)]),
           coalesce(changed.product_version, f.product_version)
    FROM loan l
    JOIN loan_snapshot s ON s.cell = l.cell AND s.loan_id = l.loan_id
    JOIN contract c ON c.cell = l.cell AND c.contract_id = l.contract_id
    JOIN offer o ON o.cell = l.cell AND o.offer_id = c.offer_id
    JOIN disclosure d ON d.cell = l.cell AND d.disclosure_id = c.disclosure_id
    JOIN facility f ON f.cell = l.cell AND f.facility_id = l.facility_id {AS_OFFERED}
    LEFT JOIN LATERAL (
        SELECT coalesce(
            array_agg(w.rate_year_ppm) FILTER (WHERE w.rate_year_ppm IS NOT NULL AND w.at <= o.created_at AND EXISTS (
                SELECT FROM lender_word s WHERE s.cell = w.cell AND s.question_id = w.question_id
                                            AND s.said = 'confirmed' AND s.at <= c.signed_at)),
            '{{}}') AS rates
        FROM lender_offer lo LEFT JOIN lender_word w ON w.cell = lo.cell AND w.question_id = lo.question_id
        WHERE lo.cell = o.cell AND lo.offer_id = o.offer_id GROUP BY lo.offer_id
    ) answered ON true
    WHERE l.cell = %s AND l.loan_id = ANY (%s)"""  # noqa: S608  Only our own join is put in.

_terms: Final = msgspec.json.Decoder(LoanTerms)


def contracts(tx: Transaction) -> list[str]:
    """Return a sentence for each loan without its contract, offer, confirmed cost table or line, and the reverse."""
    return [sentence for (sentence,) in tx.execute(_LINKS, ()).fetchmany(FINDINGS_MAX)]


def differing_terms(tx: Transaction, *, loans: Sequence[Loan]) -> Iterator[str]:
    """Yield a sentence for each loan of a cell that has other terms than its contract, offer or line say."""
    known = {loan.loan_id: loan for loan in loans}
    for loan_id, *row in tx.execute(_SIGNED, (loans[0].cell, list(known))):
        if not _is_signed(known[loan_id], *row):
            yield f"loan {loan_id} has other terms than were signed"


def _is_signed(
    loan: Loan,
    terms: str,
    offered: str,
    body: bytes,
    contract_id: UUID,
    table: bytes,
    offer_id: UUID,
    rates_year_ppm: Sequence[int],
    product_version: int,
) -> bool:
    try:
        said, shown, offered_terms = json.loads(bytes(body)), json.loads(bytes(table)), _terms.decode(offered)
    except (ValueError, msgspec.DecodeError):
        return False
    signed = {
        "contract_id": contract_id.hex,
        "loan_id": loan.loan_id.hex,
        "product": loan.product_id,
        "product_version": product_version,
        "terms_hash": stored_terms_hash(terms),
        "cost_table_hash": hashlib.sha256(bytes(table)).hexdigest(),
    }
    group = accrual.group_id(lender_id=loan.lender_id, product_id=loan.product_id, currency=loan.currency)
    return (
        isinstance(said, dict)
        and isinstance(shown, dict)
        and signed.items() <= said.items()
        and shown.get("offer_id") == offer_id.hex
        and offered_terms == loan.terms
        and any(loan.terms.rate == Rate.per_year(ppm=rate) for rate in rates_year_ppm)
        and (loan.terms.currency, loan.group_id) == (loan.currency, group)
    )
