"""From limit to contract: facilities, offers, disclosures and contracts at rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import TupleRow

from mingqu.domain.canonical import canonical
from mingqu.domain.loan import LoanTerms
from mingqu.domain.ownership import NotFound
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """A person's line with one product as the last assessment left it; what is available of it is in the ledger."""

    facility_id: UUID
    person_id: UUID
    product_id: str
    product_version: int
    lender_id: UUID
    decision_id: UUID
    currency: str
    granted_fen: int
    rate_year_ppm: int
    created_at: datetime
    purpose_bound: bool = False  # of a loan whose money is bound to a purpose, priced by its own product


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Terms offered under a facility until `expires_at`; `created_on` is the day its schedule is counted from.

    `loan_id` is the loan that was signed on it, or None.
    """

    offer_id: UUID
    person_id: UUID
    facility_id: UUID
    terms: LoanTerms
    created_on: date
    created_at: datetime
    expires_at: datetime
    loan_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """The cost table as shown for an offer, in canonical bytes, and when the person confirmed having read it."""

    disclosure_id: UUID
    offer_id: UUID
    person_id: UUID
    body: bytes
    shown_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The signed contract in canonical bytes."""

    contract_id: UUID
    offer_id: UUID
    disclosure_id: UUID
    person_id: UUID
    loan_id: UUID
    body: bytes
    signed_at: datetime


_terms: Final = msgspec.json.Decoder(LoanTerms)
_FACILITY: Final[LiteralString] = """
    f.facility_id, f.person_id, f.product_id, coalesce(changed.product_version, f.product_version), f.lender_id,
    coalesce(changed.decision_id, f.decision_id), f.currency, coalesce(changed.after_fen, f.granted_fen),
    coalesce(changed.rate_year_ppm, f.rate_year_ppm), f.created_at,
    f.purpose_bound"""
# What a line became by the last assessment up to a moment: an offer stands as it was made.
_CHANGED: Final[LiteralString] = """
    LEFT JOIN LATERAL (
        SELECT product_version, decision_id, after_fen, rate_year_ppm FROM limit_change
        WHERE cell = f.cell AND owner = f.facility_id {until} ORDER BY changed_at DESC, decision_id DESC LIMIT 1
    ) changed ON true"""
_NOW: Final[LiteralString] = _CHANGED.replace("{until}", "")
AS_OFFERED: Final[LiteralString] = _CHANGED.replace("{until}", "AND changed_at <= o.created_at")
_FACILITIES: Final = f"""
    SELECT {_FACILITY} FROM facility f {_NOW}
    WHERE f.cell = $1::smallint AND f.person_id = $2::uuid AND (NOT f.purpose_bound OR $3::boolean)
    ORDER BY f.product_id"""  # noqa: S608
_INSERT_FACILITY: Final = """
    INSERT INTO facility (cell, facility_id, person_id, product_id, product_version, lender_id, decision_id, currency,
                          granted_fen, rate_year_ppm, created_at, purpose_bound)
    VALUES ($1::smallint, $2::uuid, $3::uuid, $4::text, $5::bigint, $6::uuid, $7::uuid, $8::text, $9::bigint,
            $10::bigint, $11::timestamptz, $12::boolean)"""
_DISCLOSURE: Final = "SELECT disclosure_id, offer_id, person_id, body, shown_at, confirmed_at FROM disclosure"


def terms_hash(terms: LoanTerms) -> str:
    """Return what a contract says of its loan's terms: the SHA-256 of their canonical JSON, in hexadecimal."""
    return stored_terms_hash(msgspec.json.encode(terms).decode())


def stored_terms_hash(text: str) -> str:
    """Return the hash of terms as a row holds them, so that terms to which a later version adds still hash the same."""
    return hashlib.sha256(canonical(json.loads(text))).hexdigest()


def facility_inserted(*, cell: int, facility: Facility) -> Statement:
    """Return the statement that stores a new facility in its person's cell."""
    values = (
        facility.facility_id.bytes,
        facility.person_id.bytes,
        facility.product_id.encode(),
        column.bigint(facility.product_version),
        facility.lender_id.bytes,
        facility.decision_id.bytes,
        facility.currency.encode(),
        column.bigint(facility.granted_fen),
        column.bigint(facility.rate_year_ppm),
        column.moment(facility.created_at),
        b"\x01" if facility.purpose_bound else b"\x00",
    )
    return Statement(_INSERT_FACILITY, (column.smallint(cell), *values))


def facilities(tx: Transaction, *, person_id: UUID, bound_too: bool = False) -> list[Facility]:
    """Return the facilities that an assessment gave a person, by product; those bound to a purpose only if asked."""
    asked = facilities_asked(cell=tx.cell_of(person_id), person_id=person_id, bound_too=bound_too)
    return facilities_in(tx.together([asked])[0])


def facilities_asked(*, cell: int, person_id: UUID, bound_too: bool = False) -> Statement:
    """Return the statement of `facilities`, whose answer `facilities_in` reads."""
    return Statement(_FACILITIES, (column.smallint(cell), person_id.bytes, b"\x01" if bound_too else b"\x00"))


def facilities_in(answer: Answer) -> list[Facility]:
    """Return facilities from the answer to `facilities_asked`."""
    return [_facility(row) for row in answer]


def insert_offer(tx: Transaction, *, offer: Offer) -> None:
    """Store a new offer."""
    tx.execute(
        """INSERT INTO offer (cell, offer_id, person_id, facility_id, terms, created_on, created_at, expires_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(offer.person_id),
            offer.offer_id,
            offer.person_id,
            offer.facility_id,
            msgspec.json.encode(offer.terms).decode(),
            offer.created_on,
            offer.created_at,
            offer.expires_at,
        ),
    )


def load_offer(tx: Transaction, *, person_id: UUID, offer_id: UUID) -> Offer:
    """Return a person's own offer. Errors: NotFound, also for another person's."""
    return load_offer_with_line(tx, person_id=person_id, offer_id=offer_id)[0]


def load_offer_with_line(tx: Transaction, *, person_id: UUID, offer_id: UUID) -> tuple[Offer, Facility]:
    """Return a person's own offer with the facility it is made under. Errors: NotFound, also for another person's."""
    row = tx.execute(
        f"""
        SELECT {_FACILITY}, o.terms::text, o.created_on, o.created_at, o.expires_at, s.loan_id FROM offer o
        JOIN facility f ON f.cell = o.cell AND f.facility_id = o.facility_id AND f.person_id = o.person_id {AS_OFFERED}
        LEFT JOIN contract s ON s.cell = o.cell AND s.offer_id = o.offer_id AND s.person_id = o.person_id
        WHERE o.cell = %s AND o.offer_id = %s AND o.person_id = %s
        """,  # noqa: S608  Only our own list of columns is put in.
        (tx.cell_of(person_id), offer_id, person_id),
    ).fetchone()
    if row is None:
        raise NotFound
    *columns, terms, created_on, created_at, expires_at, loan_id = row
    line = _facility(columns)
    made = Offer(
        offer_id=offer_id,
        person_id=person_id,
        facility_id=line.facility_id,
        terms=_terms.decode(terms),
        created_on=created_on,
        created_at=created_at,
        expires_at=expires_at,
        loan_id=loan_id,
    )
    return made, line


def _facility(row: Sequence[Any]) -> Facility:
    return Facility(
        facility_id=row[0],
        person_id=row[1],
        product_id=row[2],
        product_version=row[3],
        lender_id=row[4],
        decision_id=row[5],
        currency=row[6],
        granted_fen=row[7],
        rate_year_ppm=row[8],
        created_at=row[9],
        purpose_bound=row[10],
    )


def insert_disclosure(tx: Transaction, *, disclosure: Disclosure) -> None:
    """Store a cost table that is about to be shown."""
    tx.execute(
        """INSERT INTO disclosure (cell, disclosure_id, offer_id, person_id, body, shown_at)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(disclosure.person_id),
            disclosure.disclosure_id,
            disclosure.offer_id,
            disclosure.person_id,
            disclosure.body,
            disclosure.shown_at,
        ),
    )


def load_disclosure(tx: Transaction, *, person_id: UUID, disclosure_id: UUID) -> Disclosure:
    """Return a person's own disclosure. Errors: NotFound, also for another person's."""
    row = tx.execute(
        _DISCLOSURE + " WHERE cell = %s AND disclosure_id = %s AND person_id = %s",
        (tx.cell_of(person_id), disclosure_id, person_id),
    ).fetchone()
    if row is None:
        raise NotFound
    return _disclosure(row)


def confirmed_disclosure(tx: Transaction, *, person_id: UUID, offer_id: UUID) -> Disclosure | None:
    """Return the last disclosure of an offer that the person confirmed, or None."""
    row = tx.execute(
        _DISCLOSURE
        + """ WHERE cell = %s AND offer_id = %s AND person_id = %s AND confirmed_at IS NOT NULL
              ORDER BY confirmed_at DESC LIMIT 1""",
        (tx.cell_of(person_id), offer_id, person_id),
    ).fetchone()
    return None if row is None else _disclosure(row)


def _disclosure(row: TupleRow) -> Disclosure:
    return Disclosure(
        disclosure_id=row[0],
        offer_id=row[1],
        person_id=row[2],
        body=bytes(row[3]),
        shown_at=row[4],
        confirmed_at=row[5],
    )


def confirm_disclosure(tx: Transaction, *, disclosure: Disclosure, at: datetime) -> None:
    """Store that a disclosure was read and confirmed."""
    tx.execute(
        "UPDATE disclosure SET confirmed_at = %s WHERE cell = %s AND disclosure_id = %s",
        (at, tx.cell_of(disclosure.person_id), disclosure.disclosure_id),
    )


def insert_contract(tx: Transaction, *, contract: Contract) -> None:
    """Store a signed contract; an offer is signed once."""
    tx.execute(
        """INSERT INTO contract (cell, contract_id, offer_id, disclosure_id, person_id, loan_id, body, signed_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(contract.person_id),
            contract.contract_id,
            contract.offer_id,
            contract.disclosure_id,
            contract.person_id,
            contract.loan_id,
            contract.body,
            contract.signed_at,
        ),
    )


def load_contract(tx: Transaction, *, person_id: UUID, contract_id: UUID) -> Contract:
    """Return a person's own contract. Errors: NotFound, also for another person's."""
    row = tx.execute(
        """SELECT offer_id, disclosure_id, loan_id, body, signed_at FROM contract
           WHERE cell = %s AND contract_id = %s AND person_id = %s""",
        (tx.cell_of(person_id), contract_id, person_id),
    ).fetchone()
    if row is None:
        raise NotFound
    return Contract(
        contract_id=contract_id,
        offer_id=row[0],
        disclosure_id=row[1],
        person_id=person_id,
        loan_id=row[2],
        body=bytes(row[3]),
        signed_at=row[4],
    )
