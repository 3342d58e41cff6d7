"""Applications and decisions in the book. The part of a record about the person arrives here already sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.identifier import slot_of
from mingqu.domain.ownership import NotFound, require_owner
from mingqu.domain.refusal import Refusal
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction


class DecisionNotFound(Refusal):
    """The person has no such application or decision; another person's answers the same."""

    code: ClassVar[str] = "decision_not_found"
    status: ClassVar[int] = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApplication:
    """One application as the book holds it."""

    application_id: UUID
    person_id: UUID
    requested_amount_fen: int
    applied_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """One decision as the book holds it.

    `record` is the public part in canonical bytes, `sealed` the sealed part, `record_hash` the SHA-256 of the
    whole record's canonical bytes, `versions_hash` the digest of its versions.
    """

    decision_id: UUID
    application_id: UUID
    person_id: UUID
    decided_at: datetime
    business_date: date
    outcome: str
    record: bytes
    record_hash: bytes
    sealed: bytes
    versions_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The decision on an application, and the amount that this asked for."""

    decision_id: UUID
    requested_amount_fen: int


_INSERT_APPLICATION: Final = """
    INSERT INTO application (cell, application_id, person_id, requested_amount_fen, applied_at)
    VALUES ($1::smallint, $2::uuid, $3::uuid, $4::bigint, $5::timestamptz)"""
_INSERT_DECISION: Final = """
    INSERT INTO decision (cell, decision_id, application_id, person_id, decided_at, business_date, outcome, record,
                          record_hash, sealed, versions_hash)
    VALUES ($1::smallint, $2::uuid, $3::uuid, $4::uuid, $5::timestamptz, $6::date, $7::text, $8::bytea, $9::bytea,
            $10::bytea, $11::text)"""
_OF_APPLICATION: Final = """
    SELECT application.person_id, decision.decision_id, application.requested_amount_fen FROM application
    LEFT JOIN decision ON decision.cell = application.cell AND decision.application_id = application.application_id
    WHERE application.cell = $1::smallint AND application.application_id = $2::uuid"""
_SELECT: Final = """
    SELECT decision_id, person_id, application_id, decided_at, business_date, outcome, record, record_hash, sealed,
        versions_hash
    FROM decision"""
_LATEST: Final = (
    _SELECT + " WHERE cell = $1::smallint AND person_id = $2::uuid ORDER BY decided_at DESC, decision_id DESC LIMIT 1"
)


def application_inserted(*, cell: int, application: StoredApplication) -> Statement:
    """Return the statement that stores an application in its person's cell."""
    values = (
        application.application_id.bytes,
        application.person_id.bytes,
        column.bigint(application.requested_amount_fen),
        column.moment(application.applied_at),
    )
    return Statement(_INSERT_APPLICATION, (column.smallint(cell), *values))


def load_application(tx: Transaction, *, person_id: UUID, application_id: UUID) -> StoredApplication:
    """Return an application of this person. Errors: DecisionNotFound, also for another person's."""
    row = tx.execute(
        """
        SELECT requested_amount_fen, applied_at FROM application
        WHERE cell = %s AND application_id = %s AND person_id = %s
        """,
        (tx.cell_of(person_id), application_id, person_id),
    ).fetchone()
    if row is None:
        raise DecisionNotFound("There is no such application.")
    return StoredApplication(
        application_id=application_id, person_id=person_id, requested_amount_fen=row[0], applied_at=row[1]
    )


def decision_inserted(*, cell: int, decision: StoredDecision) -> Statement:
    """Return the statement that stores a decision beside its application; the leaf is the caller's, in the same
    transaction."""
    values = (
        decision.decision_id.bytes,
        decision.application_id.bytes,
        decision.person_id.bytes,
        column.moment(decision.decided_at),
        column.day(decision.business_date),
        decision.outcome.encode(),
        decision.record,
        decision.record_hash,
        decision.sealed,
        decision.versions_hash.encode(),
    )
    return Statement(_INSERT_DECISION, (column.smallint(cell), *values))


def load_decision(tx: Transaction, *, person_id: UUID, decision_id: UUID) -> StoredDecision:
    """Return a decision about this person. Errors: DecisionNotFound, also for another person's."""
    row = tx.execute(
        _SELECT + " WHERE cell = %s AND decision_id = %s AND person_id = %s",
        (tx.cell_of(person_id), decision_id, person_id),
    ).fetchone()
    if row is None:
        raise DecisionNotFound("There is no such decision.")
    return _decision(row)


def latest_decision(tx: Transaction, *, person_id: UUID) -> StoredDecision | None:
    """Return the newest decision about a person, or None when there is none yet."""
    return latest_in(tx.together([latest_asked(cell=tx.cell_of(person_id), person_id=person_id)])[0])


def latest_asked(*, cell: int, person_id: UUID) -> Statement:
    """Return the statement of `latest_decision`, whose answer `latest_in` reads."""
    return Statement(_LATEST, (column.smallint(cell), person_id.bytes))


def latest_in(answer: Answer) -> StoredDecision | None:
    """Return the newest decision from the answer to `latest_asked`."""
    row = answer.fetchone()
    return None if row is None else _decision(row)


def _decision(row: TupleRow) -> StoredDecision:
    return StoredDecision(
        decision_id=row[0],
        person_id=row[1],
        application_id=row[2],
        decided_at=row[3],
        business_date=row[4],
        outcome=row[5],
        record=bytes(row[6]),
        record_hash=bytes(row[7]),
        sealed=bytes(row[8]),
        versions_hash=row[9],
    )


def of_application_asked(*, cell: int, person_id: UUID, application_id: UUID) -> Statement:
    """Return the statement that asks for the decision on an application; `of_application_in` reads its answer.

    Whoever applies makes the id, so it may be somebody else's: that answers as if it did not exist.
    Errors: NotFound, for an id that does not route to this person.
    """
    if slot_of(application_id) != slot_of(person_id):
        raise NotFound
    return Statement(_OF_APPLICATION, (column.smallint(cell), application_id.bytes))


def of_application_in(answer: Answer, *, person_id: UUID) -> Decided | None:
    """Return the decision on an application of this person, or None when it is not decided.

    Errors: NotFound, for an id that is another person's.
    """
    row = answer.fetchone()
    if row is None:
        return None
    require_owner(owner_id=row[0], person_id=person_id)
    return None if row[1] is None else Decided(decision_id=row[1], requested_amount_fen=row[2])


def owner_of(tx: Transaction, *, decision_id: UUID) -> UUID:
    """Return the person whom a decision is about. Errors: DecisionNotFound."""
    row = tx.execute(
        "SELECT person_id FROM decision WHERE cell = %s AND decision_id = %s", (tx.cell_of(decision_id), decision_id)
    ).fetchone()
    if row is None:
        raise DecisionNotFound("There is no such decision.")
    person_id: UUID = row[0]
    return person_id
