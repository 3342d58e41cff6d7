"""Papers and releases of loans that are paid out stage by stage. The caller holds the lock of the person's cell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper of one kind for one stage; `file_hash` is over the file that was shown, if one was."""

    paper_id: UUID
    person_id: UUID
    loan_id: UUID
    stage: str
    kind: str
    file_hash: bytes | None
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A stage that two people released, with the order that pays it."""

    order_id: UUID
    person_id: UUID
    loan_id: UUID
    stage: str
    proposal_id: UUID
    released_at: datetime


def insert_paper(tx: Transaction, *, keyring: Keyring, paper: Paper, number: Personal[str]) -> bool:
    """Store a paper with its number sealed; return whether there was none of its kind before."""
    added = tx.execute(
        """
        INSERT INTO milestone_paper (cell, paper_id, person_id, loan_id, stage, kind, file_hash, given_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (cell, loan_id, stage, kind) DO NOTHING
        """,
        (
            tx.cell_of(paper.loan_id),
            paper.paper_id,
            paper.person_id,
            paper.loan_id,
            paper.stage,
            paper.kind,
            paper.file_hash,
            paper.given_at,
        ),
    )
    if added.rowcount == 0:
        return False
    values = {_number_field(paper.paper_id): number}
    vault.seal_all(tx, keyring=keyring, person_id=paper.person_id, values=values, at=paper.given_at)
    return True


def papers_of(tx: Transaction, *, loan_id: UUID) -> list[Paper]:
    """Return the papers of a loan, in the order in which they were given."""
    rows = tx.execute(
        """
        SELECT paper_id, person_id, loan_id, stage, kind, file_hash, given_at FROM milestone_paper
        WHERE cell = %s AND loan_id = %s ORDER BY given_at, paper_id
        """,
        (tx.cell_of(loan_id), loan_id),
    )
    return [
        Paper(
            paper_id=row[0],
            person_id=row[1],
            loan_id=row[2],
            stage=row[3],
            kind=row[4],
            file_hash=None if row[5] is None else bytes(row[5]),
            given_at=row[6],
        )
        for row in rows
    ]


def loans_with_papers(tx: Transaction, *, lender_id: UUID | None, limit: int) -> list[UUID]:
    """Return running loans that were given papers, the newest paper first; of one lender, if one is named."""
    rows = tx.execute(
        """
        SELECT p.loan_id FROM milestone_paper p JOIN loan l ON l.cell = p.cell AND l.loan_id = p.loan_id
        WHERE l.stage IN ('planned', 'active') AND (%(lender_id)s::uuid IS NULL OR l.lender_id = %(lender_id)s)
        GROUP BY p.cell, p.loan_id ORDER BY max(p.given_at) DESC, p.loan_id LIMIT %(limit)s
        """,
        {"lender_id": lender_id, "limit": limit},
    )
    return [row[0] for row in rows]


def open_number(tx: Transaction, *, keyring: Keyring, paper: Paper) -> Personal[str]:
    """Return a paper's number. Errors: PersonErased, SealBroken."""
    return vault.open_field(tx, keyring=keyring, person_id=paper.person_id, field=_number_field(paper.paper_id))


def insert_release(tx: Transaction, *, release: Release) -> None:
    """Store a release beside its order."""
    tx.execute(
        """
        INSERT INTO milestone_release (cell, order_id, person_id, loan_id, stage, proposal_id, released_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            tx.cell_of(release.loan_id),
            release.order_id,
            release.person_id,
            release.loan_id,
            release.stage,
            release.proposal_id,
            release.released_at,
        ),
    )


def releases_of(tx: Transaction, *, loan_id: UUID) -> list[Release]:
    """Return the releases of a loan, the oldest first; of a stage whose payment failed there may be several."""
    rows = tx.execute(
        """
        SELECT order_id, person_id, loan_id, stage, proposal_id, released_at FROM milestone_release
        WHERE cell = %s AND loan_id = %s ORDER BY released_at, order_id
        """,
        (tx.cell_of(loan_id), loan_id),
    )
    return [
        Release(
            order_id=row[0],
            person_id=row[1],
            loan_id=row[2],
            stage=row[3],
            proposal_id=row[4],
            released_at=row[5],
        )
        for row in rows
    ]


def _number_field(paper_id: UUID) -> str:
    return f"milestone_paper.{paper_id.hex}"
